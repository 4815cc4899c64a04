#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <vector>

#include <mpf/base/hash.hpp>
#include <mpf/base/random.hpp>
#include <mpf/base/text.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/storage/storage.hpp>

#include "storage/folder.hpp"
#include "storage/name.hpp"

namespace mpf::storage {
namespace {

constexpr std::size_t buffer_bytes = 256 * 1024;
constexpr std::string_view partial_prefix = ".partial-";
constexpr std::chrono::hours partial_lives{24};

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void fail_write(const std::filesystem::path& root, int error) {
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    throw Error(ErrorKind::unavailable,
                "cannot write a file in " + root.string() + ": the disk is full (" + reason(error) +
                    "); free space there or raise the quota, then try again",
                "The storage is full. Please try again later.");
  }
  throw Error(ErrorKind::unavailable, "cannot write a file in " + root.string() + ": " + reason(error),
              "The file could not be stored. Please try again later.");
}

[[noreturn]] void fail_read(const std::filesystem::path& root, std::string_view name, int error) {
  const std::string where = "'" + std::string(name) + "' in " + root.string();
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      throw Error(ErrorKind::not_found, "no stored file " + where);
    case ELOOP:
    case EXDEV:
      throw Error(ErrorKind::invalid, "the stored file " + where + " leads through a symbolic link",
                  "This is not the name of a stored file.");
    default:
      throw Error(ErrorKind::unavailable, "cannot read the stored file " + where + ": " + reason(error));
  }
}

Timestamp modified(const struct stat& status) {
  return Timestamp(Microseconds(status.st_mtim.tv_sec * 1'000'000LL + status.st_mtim.tv_nsec / 1000));
}

std::string random_digits() {
  std::array<std::byte, 16> bytes{};
  random_bytes(bytes);
  return hex_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// What storage and uploads share; uploads may outlive the storage.
struct Place {
  std::filesystem::path root;
  Descriptor folder;
  bool sync = true;
  bool unnamed_files = true;  ///< the file system has O_TMPFILE, and /proc to link such files by
};

class LocalUpload final : public Upload {
 public:
  LocalUpload(std::shared_ptr<const Place> place, const PutOptions& options) : place_(std::move(place)) {
    const auto digits = random_digits();
    const auto extension = clean_extension(options.extension);
    leaf_ = extension.empty() ? digits : digits + "." + extension;
    folder_name_ = options.folder.empty() ? std::string() : options.folder + "/";
    folder_name_ += digits.substr(0, 2);
    check_name(folder_name_ + "/" + leaf_);
    fiber::offload([&] { open(); });
    buffer_.reserve(buffer_bytes);
  }

  ~LocalUpload() override { discard(); }

  void write(std::span<const std::byte> bytes) override {
    if (!file_) fail(ErrorKind::internal, "an upload was written to after it had failed or been committed");
    const bool fits = buffer_.size() + bytes.size() < buffer_bytes;
    if (fits) {
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
      return;
    }
    fiber::offload([&] {
      flush();
      if (bytes.size() < buffer_bytes) {
        buffer_.assign(bytes.begin(), bytes.end());
      } else {
        write_out(bytes);
      }
    });
  }

  StoredFile commit() override {
    if (!file_) fail(ErrorKind::internal, "an upload was committed after it had failed or been committed");
    fiber::offload([&] {
      flush();
      publish();
    });
    return {folder_name_ + "/" + leaf_, size_, hash_.finish()};
  }

 private:
  void open() {
    folder_ = make_folder_below(place_->folder.get(), folder_name_, place_->sync);
    if (!folder_) {
      if (errno == ELOOP || errno == EXDEV) fail_read(place_->root, folder_name_, errno);
      fail_write(place_->root, errno);
    }
    if (place_->unnamed_files) {
      file_ = Descriptor(::openat(folder_.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
    } else {
      partial_ = std::string(partial_prefix) + leaf_;
      file_ = Descriptor(::openat(folder_.get(), partial_.c_str(),
                                  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    }
    if (!file_) fail_write(place_->root, errno);
  }

  void flush() {
    write_out(buffer_);
    buffer_.clear();
  }

  void write_out(std::span<const std::byte> bytes) {
    hash_.update({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    size_ += bytes.size();
    while (!bytes.empty()) {
      const auto count = ::write(file_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) give_up(errno);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  void publish() {
    if (place_->sync && ::fsync(file_.get()) != 0) give_up(errno);
    // Linking refuses a name that exists, renaming would replace it.
    const auto linked = partial_.empty()
                            ? ::linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(file_.get())).c_str(),
                                       folder_.get(), leaf_.c_str(), AT_SYMLINK_FOLLOW)
                            : ::linkat(folder_.get(), partial_.c_str(), folder_.get(), leaf_.c_str(), 0);
    if (linked != 0) give_up(errno);
    const int error = !file_.close() || (place_->sync && ::fsync(folder_.get()) != 0) ? errno : 0;
    if (error != 0) {
      ::unlinkat(folder_.get(), leaf_.c_str(), 0);
      give_up(error);
    }
    discard();
  }

  [[noreturn]] void give_up(int error) {
    discard();
    fail_write(place_->root, error);
  }

  void discard() noexcept {
    file_ = Descriptor();
    if (!partial_.empty() && folder_) ::unlinkat(folder_.get(), partial_.c_str(), 0);
    partial_.clear();
    buffer_.clear();
  }

  const std::shared_ptr<const Place> place_;
  std::string folder_name_;
  std::string leaf_;
  std::string partial_;  ///< the file's name until commit() where it must have one
  Descriptor folder_;
  Descriptor file_;
  std::vector<std::byte> buffer_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
};

class LocalStorage final : public Storage {
 public:
  explicit LocalStorage(std::shared_ptr<const Place> place) : place_(std::move(place)) {}

  std::string description() const override { return "folder " + place_->root.string(); }

  std::unique_ptr<Upload> begin(const PutOptions& options) override {
    return std::make_unique<LocalUpload>(place_, options);
  }

  std::optional<FileInfo> find(std::string_view name) const override {
    check_name(name);
    return fiber::offload([&]() -> std::optional<FileInfo> {
      struct stat status {};
      if (!open(name, O_PATH, status)) return std::nullopt;
      return FileInfo{std::string(name), static_cast<std::uint64_t>(status.st_size), modified(status)};
    });
  }

  std::string read(std::string_view name, std::uint64_t max_bytes) const override {
    check_name(name);
    return fiber::offload([&] {
      struct stat status {};
      const auto file = open(name, O_RDONLY | O_NONBLOCK, status);
      if (!file) fail_read(place_->root, name, ENOENT);
      const auto size = static_cast<std::uint64_t>(status.st_size);
      if (size > max_bytes) {
        throw Error(ErrorKind::too_large, "the stored file '" + std::string(name) + "' has " +
                                              std::to_string(size) + " bytes; at most " +
                                              std::to_string(max_bytes) + " were asked for");
      }
      std::string content(size, '\0');
      for (std::size_t done = 0; done < content.size();) {
        const auto count = ::read(file.get(), content.data() + done, content.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail_read(place_->root, name, errno);
        if (count == 0) fail(ErrorKind::corrupt, "the stored file '" + std::string(name) + "' got shorter");
        done += static_cast<std::size_t>(count);
      }
      return content;
    });
  }

  std::optional<std::filesystem::path> local_path(std::string_view name) const override {
    if (!find(name)) fail_read(place_->root, name, ENOENT);
    return place_->root / name;
  }

  bool remove(std::string_view name) override {
    check_name(name);
    return fiber::offload([&] {
      struct stat status {};
      if (!open(name, O_PATH, status)) return false;
      const auto slash = name.rfind('/');
      const auto folder_name = slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
      const std::string leaf(slash == std::string_view::npos ? name : name.substr(slash + 1));
      const auto folder = folder_name.empty()
                              ? Descriptor(::openat(place_->folder.get(), ".", O_RDONLY | O_CLOEXEC))
                              : open_below(place_->folder.get(), folder_name, O_RDONLY | O_DIRECTORY);
      if (!folder || ::unlinkat(folder.get(), leaf.c_str(), 0) != 0) {
        if (errno == ENOENT) return false;
        fail_write(place_->root, errno);
      }
      if (place_->sync) ::fsync(folder.get());
      return true;
    });
  }

  void each(std::string_view folder, const std::function<bool(const FileInfo&)>& visit) const override {
    if (!folder.empty()) check_name(folder);
    visit_folder(std::string(folder), visit);
  }

 private:
  struct Entry {
    std::string name;
    bool folder;
    std::uint64_t size;
    Timestamp modified;
  };

  /// An invalid descriptor when there is no such regular file.
  Descriptor open(std::string_view name, int flags, struct stat& status) const {
    auto file = open_below(place_->folder.get(), name, flags | O_NOFOLLOW);
    if (!file) {
      if (errno == ENOENT || errno == ENOTDIR) return {};
      fail_read(place_->root, name, errno);
    }
    if (::fstat(file.get(), &status) != 0) fail_read(place_->root, name, errno);
    // O_PATH with O_NOFOLLOW opens a symbolic link itself.
    if (S_ISLNK(status.st_mode)) fail_read(place_->root, name, ELOOP);
    return S_ISREG(status.st_mode) ? std::move(file) : Descriptor();
  }

  bool visit_folder(const std::string& folder, const std::function<bool(const FileInfo&)>& visit) const {
    const auto entries = fiber::offload([&] { return list(folder); });
    for (const auto& entry : entries) {
      auto name = folder.empty() ? entry.name : folder + "/" + entry.name;
      const bool more =
          entry.folder ? visit_folder(name, visit) : visit({std::move(name), entry.size, entry.modified});
      if (!more) return false;
    }
    return true;
  }

  /// Folders sort as if their names ended in '/', so that whole names come out sorted.
  std::vector<Entry> list(const std::string& folder) const {
    auto opened = folder.empty() ? Descriptor(::openat(place_->folder.get(), ".", O_RDONLY | O_CLOEXEC))
                                 : open_below(place_->folder.get(), folder, O_RDONLY | O_DIRECTORY);
    if (!opened) {
      if (errno == ENOENT || errno == ENOTDIR) return {};
      fail_read(place_->root, folder, errno);
    }
    const int copy = ::fcntl(opened.get(), F_DUPFD_CLOEXEC, 0);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(copy < 0 ? nullptr : ::fdopendir(copy), ::closedir);
    if (!stream) fail_read(place_->root, folder, errno);
    std::vector<Entry> entries;
    for (;;) {
      errno = 0;
      const dirent* found = ::readdir(stream.get());
      if (!found) break;
      const std::string_view name = found->d_name;
      struct stat status {};
      if (name == "." || name == ".." ||
          ::fstatat(opened.get(), found->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        continue;
      }
      if (name.starts_with(partial_prefix)) {
        if (Timestamp::now() - modified(status) > partial_lives) {
          ::unlinkat(opened.get(), found->d_name, 0);
        }
        continue;
      }
      if (!is_segment(name) || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) continue;
      entries.push_back({std::string(name), S_ISDIR(status.st_mode),
                         static_cast<std::uint64_t>(status.st_size), modified(status)});
    }
    if (errno != 0) fail_read(place_->root, folder, errno);
    const auto key = [](const Entry& e) { return e.folder ? e.name + "/" : e.name; };
    std::ranges::sort(entries, {}, key);
    return entries;
  }

  const std::shared_ptr<const Place> place_;
};

[[noreturn]] void fail_open(const std::filesystem::path& root, const std::string& why) {
  fail(ErrorKind::configuration, "cannot use the folder " + root.string() + " as storage: " + why +
                                     "; name another one or let this user write there");
}

}  // namespace

std::unique_ptr<Storage> open_local(LocalOptions options) {
  return fiber::offload([&]() -> std::unique_ptr<Storage> {
    if (options.root.empty()) fail(ErrorKind::configuration, "the storage's folder is not set");
    auto place = std::make_shared<Place>();
    std::error_code error;
    place->root = std::filesystem::absolute(options.root, error).lexically_normal();
    place->sync = options.durability == LocalOptions::Durability::full;
    if (!std::filesystem::is_directory(place->root, error)) {
      std::filesystem::create_directories(place->root, error);
      if (error) fail_open(place->root, error.message());
      std::filesystem::permissions(place->root, std::filesystem::perms::owner_all, error);
    }
    place->folder = Descriptor(::open(place->root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!place->folder) fail_open(place->root, reason(errno));
    if (::faccessat(place->folder.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
      fail_open(place->root, reason(errno));
    }
    const Descriptor probe(::openat(place->folder.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
    const bool can = probe || errno == ENOSPC || errno == EDQUOT;
    place->unnamed_files = can && ::access("/proc/self/fd", X_OK) == 0;
    return std::make_unique<LocalStorage>(std::move(place));
  });
}

}  // namespace mpf::storage
