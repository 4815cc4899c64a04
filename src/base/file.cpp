#include <mpf/base/file.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mpf/base/error.hpp>
#include <mpf/base/random.hpp>

namespace mpf {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

  /// Some file systems report a failed write only here.
  bool close() noexcept { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

/// Removes the file unless it has been renamed away.
struct Leftover {
  std::string path;
  ~Leftover() {
    if (!path.empty()) ::unlink(path.c_str());
  }
};

std::string read_all(int fd, const std::filesystem::path& path, std::size_t max_bytes) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail_errno(errno, "reading " + path.string());
  if (S_ISDIR(status.st_mode)) fail_errno(EISDIR, "reading " + path.string());
  // The size is only a hint: files grow, and those in /proc claim to be empty.
  const auto hint = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
  std::string content;
  std::size_t size = 0;
  for (;;) {
    if (size > max_bytes) {
      throw Error(ErrorKind::too_large,
                  path.string() + " is larger than " + std::to_string(max_bytes) + " bytes");
    }
    if (size == content.size()) {
      content.resize(std::min(max_bytes, std::max({hint, size * 2, std::size_t{4096}})) + 1);
    }
    const ssize_t got = ::read(fd, content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(errno, "reading " + path.string());
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  content.resize(size);
  return content;
}

void write_all(int fd, std::string_view content, const std::string& what) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_errno(errno, what);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) fail_errno(errno, "reading " + path.string());
  return read_all(file.get(), path, max_bytes);
}

std::optional<std::string> read_file_if_exists(const std::filesystem::path& path, std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!file) fail_errno(errno, "reading " + path.string());
  return read_all(file.get(), path, max_bytes);
}

void write_file_atomic(const std::filesystem::path& path, std::string_view content) {
  const std::string what = "writing " + path.string();
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  Leftover temporary{(folder / ("." + path.filename().string() + "." + random_token(9))).string()};
  Descriptor file(::open(temporary.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file) {
    const int error = errno;
    temporary.path.clear();
    fail_errno(error, what);
  }
  write_all(file.get(), content, what);
  if (::fsync(file.get()) != 0 || !file.close()) fail_errno(errno, what);
  if (::rename(temporary.path.c_str(), path.c_str()) != 0) fail_errno(errno, what);
  temporary.path.clear();

  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) fail_errno(errno, what);
}

}  // namespace mpf
