#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

/// Files below a folder, reached without ever leaving it or following a symbolic link, whoever changes the
/// tree meanwhile. Everything here blocks and returns errors as errno does.
namespace mpf::storage {

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

  /// Closes now; false, with errno set, when the last writes did not reach the disk.
  bool close() noexcept;

 private:
  int fd_ = -1;
};

/// How to keep a path below its folder: by the kernel in one call, or by opening segment after segment.
enum class Walk : std::uint8_t { by_kernel_if_it_can, by_segments };

/// Opens `name` below `folder`. Invalid, with errno set, on failure: ELOOP or EXDEV where the name leads
/// through a symbolic link or out of the folder.
Descriptor open_below(int folder, std::string_view name, int flags, Walk walk = Walk::by_kernel_if_it_can);

/// Opens the folder `name` below `folder`, making what is missing of it (readable by the owner only). With
/// `sync`, each new folder's entry reaches the disk. `name` may be empty.
Descriptor make_folder_below(int folder, std::string_view name, bool sync);

}  // namespace mpf::storage
