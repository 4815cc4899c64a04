#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "content/item/models.hpp"

namespace portal::content {

/// What a file ending means for an import.
struct FileType {
  std::string_view content_type;  ///< without charset
  std::optional<Kind> kind;       ///< nothing: an asset, shown only as part of pages
};

/// Nothing for endings that the portal does not show: such files are left out.
std::optional<FileType> file_type(std::string_view file_name);

/// A file found below a folder.
struct FoundFile {
  std::string path;  ///< below the folder, with '/'
  std::int64_t size = 0;
  std::int64_t modified = 0;  ///< ns since the epoch
};

/// Something that an import does not take.
struct LeftOut {
  std::string path;  ///< below the folder, as it is, which may be no UTF-8
  std::string reason;
};

/// A folder held open, so that "this file is gone" can't mean "the folder is". Its calls block.
class OpenFolder {
 public:
  /// Errors as check_folder().
  explicit OpenFolder(const std::filesystem::path& folder);
  ~OpenFolder();
  OpenFolder(const OpenFolder&) = delete;
  OpenFolder& operator=(const OpenFolder&) = delete;

  /// The folder's inode: the same on all machines that share it, another one where it has been replaced, or
  /// unmounted and only the mount point is left.
  std::int64_t identity() const noexcept { return identity_; }

  /// Size and time of one file, or nothing when it is gone or no regular file any more. Error(denied) or
  /// Error(unavailable) when nobody can tell.
  std::optional<FoundFile> look_at(const std::string& path) const;

  /// Error(unavailable), saying what to do, unless the folder at this path is the one with that identity.
  static void require_same(const std::filesystem::path& folder, std::int64_t identity);

 private:
  int descriptor_;
  std::int64_t identity_;
};

/// Walks a folder in steps, the files of each folder before the folders in it: index pages first, then in the
/// order people sort names. Symbolic links, hidden files and what is no regular file are left out, as are
/// names that are not UTF-8, contain control characters or backslashes, or are too long. What it holds is the
/// names of one folder and of the folders beside those above it. Blocks, tell() included.
class FolderWalk {
 public:
  struct File {
    std::string path;
    std::int64_t position = 0;  ///< among the files of its folder
  };

  enum class Why : std::uint8_t {
    unfit,       ///< by its name or kind, or because it is a link
    unreadable,  ///< could be taken if it could be read
  };
  using Tell = std::function<void(const LeftOut& left_out, Why why)>;

  /// Goes on behind the file `after`, an empty one: from the beginning. Each thing that is left out is told
  /// once in a walk, also one that goes on. Error(not_found), Error(invalid) or Error(denied), saying what to
  /// do, when the folder itself cannot be read.
  FolderWalk(const std::filesystem::path& folder, const std::string& after, Tell tell);
  ~FolderWalk();
  FolderWalk(const FolderWalk&) = delete;
  FolderWalk& operator=(const FolderWalk&) = delete;

  std::int64_t identity() const noexcept { return opened_.identity(); }  ///< of the folder

  /// The next files, as many as are wanted or, at the end, fewer. Error(unavailable) when the folder has gone
  /// away or become another one meanwhile.
  std::vector<File> next(std::size_t files);

 private:
  struct Level;

  void enter(const std::string& path, const std::string& after);
  void list(Level& level, bool tell);

  std::filesystem::path root_;
  OpenFolder opened_;
  Tell tell_;
  std::vector<Level> levels_;  // from the folder itself to where the walk is
};

/// A path for people: what is no UTF-8, and control characters, as \xNN.
std::string printable(std::string_view path);

/// The folder's canonical path; errors as FolderWalk().
std::filesystem::path check_folder(const std::filesystem::path& folder);

}  // namespace portal::content
