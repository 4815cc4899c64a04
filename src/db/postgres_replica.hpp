#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "db/postgres_pools.hpp"

namespace mpf::db::postgres {

/// A server that follows the primary, and until when it is known to lag no more than it may. From any thread.
class Replica : public std::enable_shared_from_this<Replica> {
 public:
  Replica(fiber::Runtime& runtime, std::shared_ptr<const PostgresOptions> options, const std::string& url);

  bool fresh(fiber::TimePoint now) const noexcept { return now.time_since_epoch().count() < fresh_until_; }
  /// Begins to compare it with the primary, aside, if that is due.
  void look_after(const std::shared_ptr<LoopPool>& primary, fiber::TimePoint now);
  /// It could not be reached: not to be used before it has been looked at again.
  void failed(const std::string& why) noexcept;

  ServerPools& pools() noexcept { return pools_; }

 private:
  /// A position of the primary's log, and when it was known to be at least there.
  struct Mark {
    fiber::TimePoint at;
    std::int64_t position;
  };

  void compare(LoopPool& primary, LoopPool& own);
  void tell(bool usable, const std::string& why) noexcept;

  const std::shared_ptr<const PostgresOptions> options_;
  ServerPools pools_;
  std::atomic<fiber::Duration::rep> fresh_until_{0};
  std::atomic<fiber::Duration::rep> next_look_{0};
  std::mutex mutex_;
  std::deque<Mark> marks_;  ///< not replayed yet, oldest first
  fiber::TimePoint replayed_{};
  std::optional<bool> told_;
};

class Replicas {
 public:
  Replicas(fiber::Runtime& runtime, const std::shared_ptr<const PostgresOptions>& options);

  bool none() const noexcept { return all_.empty(); }
  /// One that may be read from, each in turn, or null. On a loop.
  std::shared_ptr<Replica> pick(const std::shared_ptr<LoopPool>& primary);

 private:
  std::vector<std::shared_ptr<Replica>> all_;
  std::atomic<std::size_t> turn_{0};
};

}  // namespace mpf::db::postgres
