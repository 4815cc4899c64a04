#include <algorithm>
#include <utility>

#include <mpf/base/error.hpp>
#include <mpf/telemetry/log.hpp>

#include "task/store.hpp"
#include "task/worker_impl.hpp"

/// What the coordinator of a worker does in one round.
namespace mpf::task {

namespace {

using fiber::SteadyClock;
using fiber::TimePoint;
using std::chrono::milliseconds;

constexpr milliseconds housekeeping_interval{60'000};
constexpr milliseconds longest_retry{10'000};

}  // namespace

double Worker::Impl::random() noexcept {
  random_ ^= random_ << 13U;
  random_ ^= random_ >> 7U;
  random_ ^= random_ << 17U;
  return static_cast<double>(random_ >> 11U) * 0x1.0p-53;
}

bool Worker::Impl::progress_waits() const {
  return std::any_of(running_.begin(), running_.end(),
                     [](const AttemptPtr& attempt) { return attempt->progress_waits(); });
}

/// Whether a task that a process died under runs already.
bool Worker::Impl::suspect_runs() const {
  return std::any_of(running_.begin(), running_.end(), [&](const AttemptPtr& attempt) {
    return attempt->suspect && std::find(ended_.begin(), ended_.end(), attempt) == ended_.end();
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
    retry_after_ = first_retry;
    return idle;
  } catch (const std::exception& error) {
    log::warning("task worker: {}; trying again", error.what());
    failing_until_ = SteadyClock::now() + retry_after_;
    retry_after_ = std::min(retry_after_ * 2, longest_retry);
    queue_changed_ = true;
    return false;
  }
}

/// One transaction for all that is to be written: what has ended, the lease, progress, and what starts next.
/// True when tasks were started.
bool Worker::Impl::transact() {
  const fiber::ShieldScope shield;  // what is claimed must be known to be claimed
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
  for (const AttemptPtr& attempt : ended_) std::erase(running_, attempt);
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
  for (const AttemptPtr& attempt : running_) {
    const auto progress = attempt->take_progress();
    if (!progress) continue;
    // Further than ever: whatever killed a process before, the task has got past it.
    queue_.db().execute(
        {"UPDATE mpf_task SET progress_done = ?, progress_total = ?, progress_note = ?, crashes = "
         "CASE WHEN ? > furthest THEN 0 ELSE crashes END, furthest = CASE WHEN ? > furthest THEN "
         "? ELSE furthest END WHERE id = ? AND lease = ? AND worker_id = ? AND state = 'running'",
         {progress->done, progress->total, progress->note, progress->done, progress->done, progress->done,
          attempt->hold.task.value, attempt->hold.lease, attempt->hold.worker.value},
         db::Access::write});
  }
}

/// Removes what finished long ago and reports what nobody here knows.
void Worker::Impl::tidy() {
  tidy_at_ = SteadyClock::now() + housekeeping_interval;
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
    for (const AttemptPtr& attempt : running_) {
      if (attempt->hold.task == id) attempt->ask_to_stop(Stop::cancelled);
    }
  }
}

/// Others have taken this worker for dead, or may have by now: it starts anew.
void Worker::Impl::lose_all() {
  log::error("task worker: the lease was lost; {} running tasks are given up", running_.size());
  stop_all(Stop::lost);
  member_ = false;
  queue_changed_ = true;
}

}  // namespace mpf::task
