#include <mpf/base/random.hpp>

#include <cerrno>
#include <string_view>

#include <sys/random.h>

#include <mpf/base/error.hpp>
#include <mpf/base/text.hpp>

namespace mpf {

void random_bytes(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      fail_errno(errno, "reading random bytes");
    }
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

std::string random_token(std::size_t bytes) {
  std::string raw(bytes, '\0');
  random_bytes(std::as_writable_bytes(std::span(raw)));
  return base64url_encode(raw);
}

}  // namespace mpf
