#include "storage/folder.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace mpf::storage {
namespace {

constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

int open_by_kernel(int folder, const std::string& name, int flags) noexcept {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  // EAGAIN: something in the tree was renamed meanwhile and the kernel could not be sure.
  for (int attempt = 0; attempt < 16; ++attempt) {
    const auto fd = ::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno != EAGAIN && errno != EINTR) return -1;
  }
  return -1;
}

int open_segment(int folder, const std::string& segment, int flags) noexcept {
  for (;;) {
    const int fd = ::openat(folder, segment.c_str(), flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

/// Opening a symbolic link as a folder gives ENOTDIR; callers want to know what it was.
void explain_enotdir(int folder, const std::string& segment) noexcept {
  if (errno != ENOTDIR) return;
  struct stat status {};
  const bool link =
      ::fstatat(folder, segment.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
  errno = link ? ELOOP : ENOTDIR;
}

Descriptor open_by_segments(int folder, std::string_view name, int flags) {
  Descriptor current;
  int at = folder;
  for (std::size_t begin = 0;;) {
    const auto end = std::min(name.find('/', begin), name.size());
    const std::string segment(name.substr(begin, end - begin));
    if (segment.empty() || segment == "." || segment == "..") {
      errno = EXDEV;
      return {};
    }
    const bool last = end == name.size();
    Descriptor next(open_segment(at, segment, last ? flags : folder_flags));
    if (!next) {
      explain_enotdir(at, segment);
      return {};
    }
    current = std::move(next);
    if (last) return current;
    at = current.get();
    begin = end + 1;
  }
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

bool Descriptor::close() noexcept { return ::close(std::exchange(fd_, -1)) == 0; }

Descriptor open_below(int folder, std::string_view name, int flags, Walk walk) {
  if (walk == Walk::by_kernel_if_it_can) {
    const int fd = open_by_kernel(folder, std::string(name), flags);
    // Old kernels lack the call (ENOSYS), sandboxes forbid it (EPERM).
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return Descriptor(fd);
  }
  return open_by_segments(folder, name, flags);
}

Descriptor make_folder_below(int folder, std::string_view name, bool sync) {
  Descriptor current(::openat(folder, ".", folder_flags));
  for (std::size_t begin = 0; current && begin < name.size();) {
    const auto end = std::min(name.find('/', begin), name.size());
    const std::string segment(name.substr(begin, end - begin));
    Descriptor next(open_segment(current.get(), segment, folder_flags));
    if (!next && errno == ENOENT) {
      const bool made = ::mkdirat(current.get(), segment.c_str(), 0700) == 0;
      if (!made && errno != EEXIST) return {};
      if (made && sync && ::fsync(current.get()) != 0) return {};
      next = Descriptor(open_segment(current.get(), segment, folder_flags));
    }
    if (!next) explain_enotdir(current.get(), segment);
    current = std::move(next);
    begin = end + 1;
  }
  return current;
}

}  // namespace mpf::storage
