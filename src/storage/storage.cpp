#include <mpf/storage/storage.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include <mpf/fiber/fiber.hpp>

#include "storage/folder.hpp"

namespace mpf::storage {
namespace {

constexpr std::size_t copy_bytes = 256 * 1024;

[[noreturn]] void fail_source(const std::filesystem::path& source, int error) {
  if (error == ELOOP) {
    fail(ErrorKind::invalid, "cannot store " + source.string() + ": it is a symbolic link");
  }
  const auto kind = error == ENOENT || error == ENOTDIR ? ErrorKind::not_found
                    : error == EACCES || error == EPERM ? ErrorKind::denied
                                                        : ErrorKind::unavailable;
  fail(kind, "cannot read " + source.string() + ": " + std::generic_category().message(error));
}

}  // namespace

StoredFile Storage::put_file(const std::filesystem::path& source, const PutOptions& options) {
  // One trip off the loop for the whole file: the upload's own calls run in place there.
  return fiber::offload([&] {
    // O_NONBLOCK: opening a FIFO would wait for its writer.
    const Descriptor file(::open(source.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file) fail_source(source, errno);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) fail_source(source, errno);
    if (!S_ISREG(status.st_mode)) {
      fail(ErrorKind::invalid, "cannot store " + source.string() + ": it is not a regular file");
    }
    const auto upload = begin(options);
    std::vector<std::byte> buffer(copy_bytes);
    for (;;) {
      const auto count = ::read(file.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail_source(source, errno);
      if (count == 0) break;
      upload->write(std::span<const std::byte>(buffer).first(static_cast<std::size_t>(count)));
    }
    return upload->commit();
  });
}

StoredFile Storage::put(std::string_view content, const PutOptions& options) {
  return fiber::offload([&] {
    const auto upload = begin(options);
    upload->write(content);
    return upload->commit();
  });
}

}  // namespace mpf::storage
