#include <mpf/task/worker.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include <mpf/base/error.hpp>
#include <mpf/telemetry/log.hpp>

#include "task/attempt.hpp"
#include "task/claims.hpp"
#include "task/membership.hpp"
#include "task/signal.hpp"
#include "task/store.hpp"

namespace mpf::task {

namespace {

using fiber::SteadyClock;
using fiber::TimePoint;
using std::chrono::milliseconds;

constexpr milliseconds progress_interval{500};
constexpr milliseconds housekeeping_interval{60'000};
constexpr milliseconds retry_after_error{500};
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

/// One fiber, the coordinator, runs coordinate() and is the only one to touch what has no lock.
class Worker::Impl : public std::enable_shared_from_this<Worker::Impl> {
 public:
  Impl(fiber::Runtime& runtime, Queue& queue, WorkerOptions options)
      : runtime_(runtime),
        queue_(queue),
        options_(checked(std::move(options))),
        claims_(queue, options_.queues),
        membership_(queue, options_.name, options_.lease),
        random_(static_cast<std::uint64_t>(SteadyClock::now().time_since_epoch().count())) {}

  void start();
  void stop(milliseconds grace);
  std::size_t run_due();
  WorkerStats stats() const;

 private:
  using AttemptPtr = std::shared_ptr<Attempt>;

  void coordinate(bool until_idle);
  void work(bool until_idle);
  bool cycle();
  void collect();
  bool transact();
  void settle(const AttemptPtr& attempt, Timestamp now);
  void write_progress();
  void keep_lease();
  void tidy();
  void look_for_cancelled();
  void lose_all();
  void stop_all(Stop reason);
  void launch(std::vector<AttemptPtr> attempts);
  void report(const AttemptPtr& attempt);
  std::size_t free_places() const { return options_.concurrency - running_.size(); }
  bool suspect_runs() const;
  bool progress_waits() const;
  TimePoint next_wake() const;
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
  std::atomic<TimePoint> stop_at_{TimePoint::max()};
  std::mutex reported_mutex_;
  std::vector<AttemptPtr> reported_;  // have run, and wait to be written

  std::map<Id, AttemptPtr> running_;
  std::vector<AttemptPtr> ended_;  // taken out of reported_, not yet written
  bool member_ = false;
  bool stopped_running_ = false;
  bool look_for_work_ = true;
  std::uint64_t counter_ = 0;
  TimePoint poll_at_{};
  TimePoint renew_at_{};
  TimePoint lease_until_{};
  TimePoint progress_at_{};
  TimePoint tidy_at_{};
  TimePoint failing_until_{};
  std::optional<Timestamp> next_due_;
  std::set<std::string> reported_unknown_;

  mutable std::mutex stats_mutex_;
  WorkerStats stats_;

  std::mutex fiber_mutex_;
  std::optional<fiber::Fiber<>> coordinator_;
};

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

double Worker::Impl::random() noexcept {
  random_ ^= random_ << 13U;
  random_ ^= random_ >> 7U;
  random_ ^= random_ << 17U;
  return static_cast<double>(random_ >> 11U) * 0x1.0p-53;
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
  bool stop_asked = false;
  for (;;) {
    bool idle = cycle();
    if (stopping_) {
      if (!stop_asked && SteadyClock::now() >= stop_at_.load()) {
        stop_all(Stop::stopping);
        stop_asked = true;
      }
      if (running_.empty() && ended_.empty()) break;
      if (SteadyClock::now() > stop_at_.load() + last_flush && running_.empty()) {
        log::error("task worker: {} finished tasks could not be written; others will run them again",
                   ended_.size());
        break;
      }
    } else if (until_idle && idle && running_.empty() && ended_.empty()) {
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
  if (next_due_ && free_places() > 0) {
    const auto until_due = std::max(*next_due_ - queue_.clock().now(), Microseconds(0));
    if (until_due < options_.poll) wake = std::min(wake, now + until_due);
  }
  return std::max(wake, now);
}

bool Worker::Impl::progress_waits() const {
  return std::any_of(running_.begin(), running_.end(),
                     [](const auto& item) { return item.second->progress_waits(); });
}

/// Whether a task that a process died under runs already.
bool Worker::Impl::suspect_runs() const {
  return std::any_of(running_.begin(), running_.end(), [&](const auto& item) {
    return item.second->suspect && std::find(ended_.begin(), ended_.end(), item.second) == ended_.end();
  });
}

/// Takes over the attempts that have reported.
void Worker::Impl::collect() {
  std::vector<AttemptPtr> reported;
  {
    const std::scoped_lock lock(reported_mutex_);
    reported.swap(reported_);
  }
  ended_.insert(ended_.end(), reported.begin(), reported.end());
  const fiber::ShieldScope shield;  // they are about to end
  for (const AttemptPtr& attempt : reported) {
    // Other suspects may have waited for this one; the last of a job brings its finaliser.
    look_for_work_ = look_for_work_ || attempt->suspect || attempt->hold.job;
    if (attempt->fiber) std::exchange(attempt->fiber, std::nullopt)->get();
  }
}

/// Does what is due. True when nothing was found to run.
bool Worker::Impl::cycle() {
  const TimePoint now = SteadyClock::now();
  if (now < failing_until_) return false;
  collect();
  if (member_ && now >= lease_until_) lose_all();
  try {
    bool look = queue_changed_.exchange(false);
    if (now >= poll_at_ || look) {
      // Read before looking, so that what is committed meanwhile is seen the next time.
      const std::uint64_t counter = queue_.db().change_counter();
      look = look || counter != std::exchange(counter_, counter);
      poll_at_ = now + options_.poll;
    }
    if (look) look_for_cancelled();
    look_for_work_ = look_for_work_ || look || (next_due_ && *next_due_ <= queue_.clock().now());
    const bool may_claim = !stopping_ && look_for_work_ && free_places() + ended_.size() > 0;
    const bool writes = !ended_.empty() || (!member_ && !stopping_) || (member_ && now >= renew_at_) ||
                        (now >= progress_at_ && progress_waits());
    bool idle = true;
    if (writes || (may_claim && claims_.any_waiting())) {
      idle = !transact();
    } else if (may_claim) {
      look_for_work_ = false;
      next_due_ = claims_.next_due();
    }
    if (now >= tidy_at_ && !stopping_) tidy();
    return idle;
  } catch (const std::exception& error) {
    log::warning("task worker: {}; trying again", error.what());
    failing_until_ = later(retry_after_error);
    queue_changed_ = true;
    return false;
  }
}

/// One transaction for all that is to be written: what has ended, the lease, progress, and what starts next.
/// True when tasks were started.
bool Worker::Impl::transact() {
  const TimePoint now = SteadyClock::now();
  std::vector<AttemptPtr> claimed;
  std::uint64_t rescued = 0;
  std::size_t wanted = 0;
  std::optional<Timestamp> next_due;
  bool renewed = false;
  bool dead = false;
  const bool flush_progress = now >= progress_at_;
  queue_.db().transaction([&](db::Transaction&) {
    const Timestamp time = queue_.clock().now();
    if (member_ && now >= renew_at_) {
      dead = !membership_.renew();
      renewed = true;
      if (dead) return;
    }
    if (!member_) {
      membership_.join();
      renewed = true;
    }
    for (const AttemptPtr& attempt : ended_) settle(attempt, time);
    if (flush_progress) write_progress();
    if (renewed) rescued = membership_.rescue();
    if (!stopping_ && (look_for_work_ || rescued > 0)) {
      wanted = free_places() + ended_.size();
      claimed = claims_.claim(membership_.id(), wanted, !suspect_runs());
      if (claimed.size() < wanted) next_due = claims_.next_due();
    }
  });
  if (dead) {
    lose_all();
    signal_.raise();
    return true;
  }
  member_ = true;
  if (renewed) {
    renew_at_ = now + options_.heartbeat;
    lease_until_ = now + options_.lease;
  }
  if (flush_progress) progress_at_ = now + progress_interval;
  for (const AttemptPtr& attempt : ended_) running_.erase(attempt->hold.task);
  ended_.clear();
  if (wanted > 0) {
    // A full claim says that there may be more.
    look_for_work_ = claimed.size() == wanted;
    if (!look_for_work_) next_due_ = next_due;
  }
  const bool any = !claimed.empty();
  {
    const std::scoped_lock lock(stats_mutex_);
    stats_.rescued += rescued;
    stats_.started += claimed.size();
    stats_.running = running_.size() + claimed.size();
  }
  launch(std::move(claimed));
  return any;
}

/// Writes how an attempt ended.
void Worker::Impl::settle(const AttemptPtr& attempt, Timestamp now) {
  const auto counted = [&](std::uint64_t WorkerStats::*which) {
    queue_.db().on_commit([self = shared_from_this(), which] {
      const std::scoped_lock lock(self->stats_mutex_);
      ++(self->stats_.*which);
    });
  };
  if (attempt->completed) return counted(&WorkerStats::done);
  if (attempt->stop() == Stop::lost) return counted(&WorkerStats::lost);

  const Outcome& outcome = attempt->outcome;
  Attempt::Report report = attempt->report();
  store::Ending ending;
  ending.progress = std::move(report.progress);
  ending.result = std::move(report.result);
  std::uint64_t WorkerStats::*which = &WorkerStats::done;
  switch (outcome.type) {
    case Outcome::Type::done:
      ending.state = "done";
      break;
    case Outcome::Type::snoozed:
      ending.state = "scheduled";
      ending.run_at = now + outcome.snooze;
      ending.count_attempt = false;
      which = nullptr;
      break;
    case Outcome::Type::stopped:
      which = nullptr;
      ending.count_attempt = false;
      if (attempt->stop() == Stop::cancelled) {
        ending.state = "cancelled";
      } else {
        ending.state = "queued";
        ending.run_at = now;
      }
      break;
    case Outcome::Type::failed:
      which = &WorkerStats::failed_attempts;
      ending.error = outcome.error;
      if (attempt->stop() == Stop::cancelled) {
        ending.state = "cancelled";
      } else if (outcome.permanent || attempt->number >= attempt->max_attempts) {
        ending.state = "failed";
        log::error("task {} {} failed for good: {}", attempt->name, attempt->hold.task.value, outcome.error);
      } else {
        ending.state = "scheduled";
        ending.run_at = now + attempt->entry->options.backoff.delay(attempt->number, random());
        log::warning("task {} {} failed in attempt {} of {}: {}", attempt->name, attempt->hold.task.value,
                     attempt->number, attempt->max_attempts, outcome.error);
      }
      break;
  }
  if (!store::end_attempt(queue_.db(), attempt->hold, ending, now)) which = &WorkerStats::lost;
  if (ending.run_at && (!next_due_ || *ending.run_at < *next_due_)) next_due_ = ending.run_at;
  if (which != nullptr) counted(which);
}

void Worker::Impl::write_progress() {
  for (const auto& [id, attempt] : running_) {
    const auto progress = attempt->take_progress();
    if (!progress) continue;
    // Further than ever: whatever killed a process before, the task has got past it.
    queue_.db().execute(
        {"UPDATE mpf_task SET progress_done = ?, progress_total = ?, progress_note = ?, crashes = "
         "CASE WHEN ? > furthest THEN 0 ELSE crashes END, furthest = CASE WHEN ? > furthest THEN "
         "? ELSE furthest END WHERE id = ? AND lease = ? AND worker_id = ? AND state = 'running'",
         {progress->done, progress->total, progress->note, progress->done, progress->done, progress->done,
          id.value, attempt->hold.lease, attempt->hold.worker.value},
         db::Access::write});
  }
}

/// Removes what finished long ago and reports what nobody here knows.
void Worker::Impl::tidy() {
  tidy_at_ = later(housekeeping_interval);
  const Timestamp old = queue_.clock().now() - options_.keep_done;
  for (const char* state : {"done", "cancelled"}) {
    queue_.db().execute(
        {"DELETE FROM mpf_task WHERE id IN (SELECT id FROM mpf_task WHERE state = ? AND run_at < ? "
         "AND finished_at < ? LIMIT 1000)",
         {std::string(state), old, old},
         db::Access::write});
  }
  queue_.db().execute(
      {"DELETE FROM mpf_task_job WHERE state <> 'running' AND finished_at < ?", {old}, db::Access::write});
  const auto unknown = claims_.unknown_names();
  for (const std::string& name : unknown) {
    if (reported_unknown_.insert(name).second) {
      log::warning("tasks named \"{}\" wait, but this program does not know them; they are left to others",
                   name);
    }
  }
  const std::scoped_lock lock(stats_mutex_);
  stats_.unknown = unknown;
}

void Worker::Impl::look_for_cancelled() {
  if (running_.empty()) return;
  std::vector<Id> cancelled;
  queue_.db().execute(
      {"SELECT id FROM mpf_task WHERE worker_id = ? AND state = 'running' AND cancel_requested",
       {membership_.id().value}},
      [&](const db::Row& row) { cancelled.emplace_back(row.integer(0)); });
  for (const Id id : cancelled) {
    const auto found = running_.find(id);
    if (found != running_.end()) found->second->ask_to_stop(Stop::cancelled);
  }
}

/// Others have taken this worker for dead, or may have by now: it starts anew.
void Worker::Impl::lose_all() {
  log::error("task worker: the lease was lost; {} running tasks are given up", running_.size());
  stop_all(Stop::lost);
  member_ = false;
  queue_changed_ = true;
}

void Worker::Impl::stop_all(Stop reason) {
  for (const auto& [id, attempt] : running_) attempt->ask_to_stop(reason);
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
    running_.emplace(attempt->hold.task, attempt);
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
