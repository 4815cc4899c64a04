#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <mpf/task/worker.hpp>

#include "task/attempt.hpp"
#include "task/claims.hpp"
#include "task/membership.hpp"
#include "task/signal.hpp"

namespace mpf::task {

/// One fiber, the coordinator, runs coordinate() and is the only one to touch what has no lock.
class Worker::Impl : public std::enable_shared_from_this<Worker::Impl> {
 public:
  Impl(fiber::Runtime& runtime, Queue& queue, WorkerOptions options);

  void start();
  void stop(std::chrono::milliseconds grace);
  std::size_t run_due();
  WorkerStats stats() const;

 private:
  using AttemptPtr = std::shared_ptr<Attempt>;
  static constexpr std::chrono::milliseconds progress_interval{500};

  void coordinate(bool until_idle);
  void work(bool until_idle);
  bool cycle();
  void collect();
  bool transact();
  void settle(const AttemptPtr& attempt, Timestamp now);
  void write_progress();
  void tidy();
  void look_for_cancelled();
  void lose_all();
  void stop_all(Stop reason);
  void launch(std::vector<AttemptPtr> attempts);
  void report(const AttemptPtr& attempt);
  std::size_t free_places() const { return options_.concurrency - running_.size(); }
  bool suspect_runs() const;
  bool progress_waits() const;
  fiber::TimePoint next_wake() const;
  void depart() noexcept;
  double random() noexcept;

  fiber::Runtime& runtime_;
  Queue& queue_;
  const WorkerOptions options_;
  Claims claims_;
  Membership membership_;
  std::uint64_t random_;

  Signal signal_;
  std::atomic<bool> queue_changed_{true};
  std::atomic<bool> stopping_{false};
  std::atomic<fiber::TimePoint> stop_at_{fiber::TimePoint::max()};
  std::mutex reported_mutex_;
  std::vector<AttemptPtr> reported_;  // have run, and wait to be written

  std::vector<AttemptPtr> running_;  // those in ended_ too, until they are written
  std::vector<AttemptPtr> ended_;    // taken out of reported_, not yet written
  bool member_ = false;
  bool look_for_work_ = true;
  std::uint64_t counter_ = 0;
  fiber::TimePoint poll_at_{};
  fiber::TimePoint renew_at_{};
  fiber::TimePoint lease_until_{};
  fiber::TimePoint progress_at_{};
  fiber::TimePoint tidy_at_{};
  fiber::TimePoint failing_until_{};
  static constexpr std::chrono::milliseconds first_retry{500};
  std::chrono::milliseconds retry_after_ = first_retry;  // doubles while the database fails
  std::optional<Timestamp> next_due_;
  std::set<std::string> reported_unknown_;

  mutable std::mutex stats_mutex_;
  WorkerStats stats_;

  std::mutex fiber_mutex_;
  std::optional<fiber::Fiber<>> coordinator_;
};

}  // namespace mpf::task
