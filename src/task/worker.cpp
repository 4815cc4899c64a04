#include <mpf/task/worker.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <mpf/base/error.hpp>
#include <mpf/telemetry/log.hpp>

#include "task/worker_impl.hpp"

namespace mpf::task {

namespace {

using fiber::SteadyClock;
using fiber::TimePoint;
using std::chrono::milliseconds;

constexpr milliseconds last_flush{5'000};  // how long a stopping worker tries to reach a failing database

TimePoint later(milliseconds duration) { return SteadyClock::now() + duration; }

WorkerOptions checked(WorkerOptions options) {
  if (options.concurrency == 0) throw Error(ErrorKind::configuration, "a task worker runs at least one task");
  if (options.heartbeat * 2 > options.lease) {
    throw Error(ErrorKind::configuration, "a task worker's lease lasts at least two of its heartbeats");
  }
  return options;
}

}  // namespace

Worker::Impl::Impl(fiber::Runtime& runtime, Queue& queue, WorkerOptions options)
    : runtime_(runtime),
      queue_(queue),
      options_(checked(std::move(options))),
      claims_(queue, options_.queues),
      membership_(queue, options_.name, options_.lease),
      random_(static_cast<std::uint64_t>(SteadyClock::now().time_since_epoch().count())) {}

void Worker::Impl::start() {
  const std::scoped_lock lock(fiber_mutex_);
  if (coordinator_ || stopping_) throw Error(ErrorKind::internal, "a task worker is started once");
  coordinator_ = fiber::spawn(runtime_, [self = shared_from_this()] { self->coordinate(false); },
                              {.name = "task worker", .loop = &runtime_.next_loop(), .inherit = false});
}

void Worker::Impl::stop(milliseconds grace) {
  const TimePoint at = later(grace);
  if (at < stop_at_.load()) stop_at_ = at;
  stopping_ = true;
  signal_.raise();
  std::optional<fiber::Fiber<>> coordinator;
  {
    const std::scoped_lock lock(fiber_mutex_);
    coordinator = std::exchange(coordinator_, std::nullopt);
  }
  if (coordinator) coordinator->get();
}

std::size_t Worker::Impl::run_due() {
  const std::uint64_t before = stats().started;
  coordinate(true);
  return static_cast<std::size_t>(stats().started - before);
}

WorkerStats Worker::Impl::stats() const {
  const std::scoped_lock lock(stats_mutex_);
  return stats_;
}

void Worker::Impl::coordinate(bool until_idle) {
  const auto listening = queue_.on_change([self = this] {
    self->queue_changed_ = true;
    self->signal_.raise();
  });
  try {
    work(until_idle);
  } catch (...) {
    // Cancelled by a runtime that stops, or out of time: what runs is given back.
    const fiber::ShieldScope shield;
    stopping_ = true;
    stop_at_ = SteadyClock::now();
    work(until_idle);
    throw;
  }
}

void Worker::Impl::work(bool until_idle) {
  queue_changed_ = true;
  bool stop_seen = false;
  bool stop_asked = false;
  std::optional<TimePoint> flush_until;
  for (;;) {
    if (stopping_ && !std::exchange(stop_seen, true)) {
      // A database that was down may be back, and nobody waits long for this.
      failing_until_ = SteadyClock::now();
      retry_after_ = first_retry;
    }
    const bool idle = cycle();
    if (stopping_) {
      if (!stop_asked && SteadyClock::now() >= stop_at_.load()) {
        stop_all(Stop::stopping);
        stop_asked = true;
      }
      if (running_.empty()) break;
      // The grace is for tasks that run, not for a database that takes no writes.
      if (running_.size() != ended_.size()) {
        flush_until.reset();
      } else if (!flush_until) {
        flush_until = later(last_flush);
      } else if (SteadyClock::now() > *flush_until) {
        log::error("task worker: {} finished tasks could not be written; others will run them again",
                   ended_.size());
        break;
      }
    } else if (until_idle && idle && running_.empty()) {
      break;
    }
    signal_.wait_until(next_wake());
  }
  depart();
}

void Worker::Impl::depart() noexcept {
  if (!std::exchange(member_, false)) return;
  const fiber::ShieldScope shield;
  try {
    queue_.db().transaction([&](db::Transaction&) { membership_.leave(); });
  } catch (const std::exception& error) {
    log::warning("task worker: cannot sign off ({}); its lease runs out by itself", error.what());
  }
}

TimePoint Worker::Impl::next_wake() const {
  const TimePoint now = SteadyClock::now();
  if (failing_until_ > now) return failing_until_;
  TimePoint wake = std::min(poll_at_, renew_at_);
  if (stopping_) wake = std::min(wake, std::max(stop_at_.load(), now + milliseconds(10)));
  if (!running_.empty()) wake = std::min(wake, std::max(progress_at_, now + progress_interval));
  if (next_due_ && free_places() > 0 && !stopping_) {
    const auto until_due = std::max(*next_due_ - queue_.clock().now(), Microseconds(0));
    if (until_due < options_.poll) wake = std::min(wake, now + until_due);
  }
  return std::max(wake, now);
}

void Worker::Impl::stop_all(Stop reason) {
  for (const AttemptPtr& attempt : running_) attempt->ask_to_stop(reason);
}

/// From the fiber of an attempt, as its last word.
void Worker::Impl::report(const AttemptPtr& attempt) {
  {
    const std::scoped_lock lock(reported_mutex_);
    reported_.push_back(attempt);
  }
  signal_.raise();
}

void Worker::Impl::launch(std::vector<AttemptPtr> attempts) {
  for (AttemptPtr& attempt : attempts) {
    running_.push_back(attempt);
    try {
      attempt->fiber =
          fiber::spawn(runtime_,
                       [self = shared_from_this(), attempt] {
                         attempt->run(self->queue_);
                         self->report(attempt);
                       },
                       {.name = "task " + attempt->name, .loop = &runtime_.next_loop(), .inherit = false});
    } catch (const std::exception& error) {
      log::warning("task {} {} cannot be started: {}", attempt->name, attempt->hold.task.value, error.what());
      attempt->outcome.type = Outcome::Type::stopped;
      report(attempt);
    }
  }
}

Worker::Worker(fiber::Runtime& runtime, Queue& queue, WorkerOptions options)
    : impl_(std::make_shared<Impl>(runtime, queue, std::move(options))) {}

Worker::~Worker() {
  std::optional<fiber::ShieldScope> shield;
  if (fiber::in_fiber()) shield.emplace();
  try {
    impl_->stop(milliseconds(0));
  } catch (const std::exception& error) {
    log::error("task worker: {}", error.what());
  } catch (const fiber::Cancelled&) {
    log::debug("task worker: its runtime has stopped before it");
  }
}

void Worker::start() { impl_->start(); }

void Worker::stop(milliseconds grace) { impl_->stop(grace); }

std::size_t Worker::run_due() { return impl_->run_due(); }

WorkerStats Worker::stats() const { return impl_->stats(); }

}  // namespace mpf::task
