#pragma once

#include <cstdint>
#include <filesystem>
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

struct Scan {
  std::int64_t identity = 0;         ///< of the folder: see OpenFolder
  std::vector<std::string> folders;  ///< with files to import in or below them, parents first, "" the first
  std::vector<FoundFile> files;      ///< index pages first, then in the order people sort names
  std::vector<LeftOut> left_out;     ///< by their names, kinds, or because they are links
  std::vector<LeftOut> unreadable;   ///< folders and files that could be taken if they could be read
};

/// Walks a folder. Symbolic links, hidden files and what is no regular file are left out, as are names that
/// are not UTF-8, contain control characters or backslashes, or are too long; the reasons are told.
/// Error(not_found), Error(invalid) or Error(denied), saying what to do, when the folder itself cannot be
/// read; Error(unavailable) when it goes away meanwhile. Blocks.
Scan scan_folder(const std::filesystem::path& folder);

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

/// A path for people: what is no UTF-8, and control characters, as \xNN.
std::string printable(std::string_view path);

/// Order of files in a source: index pages first, then as people sort names.
bool import_order(std::string_view a, std::string_view b);

/// The folder's canonical path; errors as scan_folder().
std::filesystem::path check_folder(const std::filesystem::path& folder);

}  // namespace portal::content
