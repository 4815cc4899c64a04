#pragma once

#include <span>

#include <mpf/db/database.hpp>
#include <mpf/db/query_log.hpp>
#include <mpf/fiber/fiber.hpp>

namespace mpf::db {

/// Counts statements when they have ended, however that is; costs next to nothing without a log. Those that
/// ran together share the time.
class QueryTimer {
 public:
  explicit QueryTimer(std::span<const Statement> statements) noexcept
      : statements_(statements), active_(QueryLog::active()) {
    if (active_) begun_ = fiber::SteadyClock::now();
  }
  explicit QueryTimer(const Statement& statement) noexcept : QueryTimer(std::span(&statement, 1)) {}
  explicit QueryTimer(const BulkInsert& insert) noexcept : QueryTimer(std::span<const Statement>()) {
    bulk_ = &insert.origin;
  }
  ~QueryTimer() {
    if (!active_) return;
    const auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(fiber::SteadyClock::now() - begun_);
    try {
      if (bulk_) QueryLog::note(*bulk_, took);
      std::chrono::microseconds each(0);
      if (!statements_.empty()) each = took / static_cast<std::int64_t>(statements_.size());
      for (const Statement& statement : statements_) {
        QueryLog::note(statement.origin, each, statement.counted ? 1 : 0);
      }
    } catch (...) {  // no memory: not counted
    }
  }
  QueryTimer(const QueryTimer&) = delete;
  QueryTimer& operator=(const QueryTimer&) = delete;

 private:
  const std::span<const Statement> statements_;
  const std::source_location* bulk_ = nullptr;
  const bool active_;
  fiber::TimePoint begun_{};
};

}  // namespace mpf::db
