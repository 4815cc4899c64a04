#pragma once

#include <mpf/db/query_log.hpp>
#include <mpf/fiber/fiber.hpp>

namespace mpf::db {

/// Counts a statement when it has ended, however that is; costs next to nothing without a log.
class QueryTimer {
 public:
  explicit QueryTimer(const std::source_location& origin, std::size_t statements = 1) noexcept
      : origin_(origin), statements_(statements), active_(QueryLog::active()) {
    if (active_) begun_ = fiber::SteadyClock::now();
  }
  ~QueryTimer() {
    if (!active_) return;
    try {
      QueryLog::note(
          origin_, std::chrono::duration_cast<std::chrono::microseconds>(fiber::SteadyClock::now() - begun_),
          statements_);
    } catch (...) {  // no memory: not counted
    }
  }
  QueryTimer(const QueryTimer&) = delete;
  QueryTimer& operator=(const QueryTimer&) = delete;

 private:
  const std::source_location& origin_;
  const std::size_t statements_;
  const bool active_;
  fiber::TimePoint begun_{};
};

}  // namespace mpf::db
