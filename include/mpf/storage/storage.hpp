#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <mpf/base/error.hpp>
#include <mpf/base/timestamp.hpp>

/// Files that people put into an application: kept under names that nobody can guess, out of reach of path
/// tricks, whole or not at all.
namespace mpf::storage {

/// Where a new file goes. Its name becomes "<folder>/ab/<32 random hex digits>.<extension>".
struct PutOptions {
  std::string folder = {};     ///< "sites/7/items"; empty: the storage's root
  std::string extension = {};  ///< "pdf", "PDF" or ".pdf"; left out of the name unless 1 to 10 of a-z, 0-9
};

/// A file that has been put.
struct StoredFile {
  std::string name;
  std::uint64_t size = 0;
  std::string sha256;  ///< of the content, 64 hex digits
};

struct FileInfo {
  std::string name;
  std::uint64_t size = 0;
  Timestamp modified;
};

/// A file on its way into a storage. Nobody sees it before commit(); without commit() nothing of it stays.
/// After kill -9 neither, or, on a file system that has no unnamed files, until the next each() a day later.
/// Belongs to one fiber at a time.
class Upload {
 public:
  virtual ~Upload() = default;

  /// Appends. Error(unavailable) when the disk is full; the upload is then of no more use.
  virtual void write(std::span<const std::byte> bytes) = 0;
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Makes the file durable and visible, all at once. Call it at most once.
  virtual StoredFile commit() = 0;
};

/// A storage of files. Safe to use from any fiber; what blocks runs off the loops, the fiber suspended.
///
/// Names have 1 to 1024 bytes of UTF-8, in segments of 1 to 255 bytes parted by '/'. A name with a segment
/// that starts with '.', a backslash or a control character is Error(invalid), whichever call it is given to;
/// so is one that leads through a symbolic link. Files are never changed: new content gets a new name.
class Storage {
 public:
  virtual ~Storage() = default;

  /// Where it is, without secrets: for logs and messages.
  virtual std::string description() const = 0;

  virtual std::unique_ptr<Upload> begin(const PutOptions& options) = 0;

  /// Size and time of a file, or nothing when there is no such file.
  virtual std::optional<FileInfo> find(std::string_view name) const = 0;

  /// The whole content. Error(not_found), or Error(too_large) for more than max_bytes.
  virtual std::string read(std::string_view name, std::uint64_t max_bytes) const = 0;

  /// Where the file lies on this machine's disk, for serving it; nothing when it does not lie there.
  /// Error(not_found) when there is no such file.
  virtual std::optional<std::filesystem::path> local_path(std::string_view name) const = 0;

  /// False when there is no such file.
  virtual bool remove(std::string_view name) = 0;

  /// Calls visit with every file below `folder` (empty: all), sorted by name, until it returns false. It
  /// runs in the caller's fiber, and may suspend and remove files. For finding files that no row mentions:
  /// leave those alone that are younger than the longest transaction that may be about to mention them.
  virtual void each(std::string_view folder, const std::function<bool(const FileInfo&)>& visit) const = 0;

  bool exists(std::string_view name) const { return find(name).has_value(); }

  /// Puts a copy of a file of this machine, in constant memory. Error(not_found) when it is not there,
  /// Error(denied) when this process may not read it; Error(invalid) for what is no regular file, a symbolic
  /// link included (resolve it if it is trusted).
  StoredFile put_file(const std::filesystem::path& source, const PutOptions& options);

  StoredFile put(std::string_view content, const PutOptions& options);
};

struct LocalOptions {
  std::filesystem::path root = {};  ///< made if it is not there; only its owner may read it

  /// full: a file that has been put survives power loss. normal: it survives the end of the process, even
  /// by kill -9, and costs no wait for the disk.
  enum class Durability { full, normal };
  Durability durability = Durability::full;
};

/// A storage in a folder of this machine, which several processes may share. Error(configuration) when the
/// folder cannot be made or written.
std::unique_ptr<Storage> open_local(LocalOptions options);

}  // namespace mpf::storage
