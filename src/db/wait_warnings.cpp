#include "db/wait_warnings.hpp"

#include <cstddef>

#include <mpf/telemetry/log.hpp>

namespace mpf::db {

namespace {
constexpr std::size_t most = 1000;  // what waits may be named by input: an address
}

void WaitWarnings::warn(const std::source_location& origin, std::string_view what) noexcept {
  try {
    {
      const std::scoped_lock lock(mutex_);
      if (told_.size() >= most) return;
      if (!told_.emplace(origin.file_name(), origin.line(), what).second) return;
    }
    log::warning(
        "a transaction that began at {}:{} waits for {} and holds its locks and its connection meanwhile: do "
        "that before the transaction or after it (Transaction::on_commit)",
        origin.file_name(), origin.line(), what);
  } catch (...) {  // no memory: not told
  }
}

}  // namespace mpf::db
