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

#include <mpf/fiber/sync.hpp>
#include <mpf/telemetry/logger.hpp>

#include "db/postgres_pools.hpp"

namespace mpf::db::postgres {

/// A server that follows the primary, and until when it is known to lag no more than it may. While somebody
/// reads from it, a fiber looks at it now and then, on a connection of its own: how far it is behind, and
/// whether it answers at all. From any thread.
class Replica : public std::enable_shared_from_this<Replica> {
 public:
  /// Looked at on the current loop, which `primary` is of.
  Replica(fiber::Runtime& runtime, const PostgresOptions& options, const std::string& url,
          std::shared_ptr<LoopPool> primary);

  bool fresh(fiber::TimePoint now) const noexcept { return now.time_since_epoch().count() < fresh_until_; }
  /// Somebody would like to read from it: it is looked at soon.
  void look_after();
  /// It could not be reached: not to be used before it has been looked at again.
  void failed(const std::string& why) noexcept;
  /// It is looked at no more.
  void stop() noexcept { stopped_.release(); }

  ServerPools& pools() noexcept { return pools_; }

  /// Somebody reads from it: for as long as that takes it is looked at.
  class Reading {
   public:
    explicit Reading(Replica& replica) : replica_(replica) {
      ++replica_.reading_;
      try {
        replica_.look_after();
      } catch (...) {
        --replica_.reading_;
        throw;
      }
    }
    ~Reading() { --replica_.reading_; }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    Replica& replica_;
  };

 private:
  /// A position of the primary's log, and when it was known to be at least there.
  struct Mark {
    fiber::TimePoint at;
    std::int64_t position;
  };

  void look_on();
  void compare();
  void fell_silent();
  void tell(bool usable, const std::string& why) noexcept;

  const std::shared_ptr<const PostgresOptions> options_;  ///< of its connections for reads
  const std::shared_ptr<const PostgresOptions> look_options_;
  fiber::Loop& home_;
  const std::shared_ptr<telemetry::Logger> logger_;  ///< of who opened the database
  const std::shared_ptr<LoopPool> primary_;
  ServerPools pools_;
  ServerPools looks_;  ///< one connection, which no read can keep busy
  std::atomic<fiber::Duration::rep> fresh_until_{0};

  std::atomic<bool> looking_{false};  ///< there is a fiber
  std::atomic<bool> asked_{false};    ///< since its last look
  std::atomic<int> reading_{0};
  fiber::TimePoint next_look_{};  ///< the fiber's
  fiber::Semaphore stopped_{0};

  std::mutex mutex_;
  std::deque<Mark> marks_;  ///< not replayed yet, oldest first
  fiber::TimePoint replayed_{};
  std::optional<bool> told_;
};

class Replicas {
 public:
  Replicas(fiber::Runtime& runtime, const PostgresOptions& options, ServerPools& primary);
  ~Replicas();
  Replicas(const Replicas&) = delete;
  Replicas& operator=(const Replicas&) = delete;

  bool none() const noexcept { return all_.empty(); }
  /// One that may be read from, each in turn, or null. On a loop.
  std::shared_ptr<Replica> pick();

 private:
  std::vector<std::shared_ptr<Replica>> all_;
  std::atomic<std::size_t> turn_{0};
};

}  // namespace mpf::db::postgres
