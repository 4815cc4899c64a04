#include <mpf/task/queue.hpp>

#include <algorithm>
#include <list>
#include <mutex>
#include <utility>

#include "task/store.hpp"

namespace mpf::task {

struct Queue::Listeners {
  std::mutex mutex;
  std::list<std::function<void()>> wakes;

  void wake_all() {
    const std::scoped_lock lock(mutex);
    for (const auto& wake : wakes) wake();
  }
};

namespace {

constexpr std::string_view status_columns =
    "id, name, queue, state, attempt, max_attempts, crashes, progress_done, progress_total, progress_note, "
    "last_error, result, site_id, job_id, created_at, run_at, started_at, finished_at";

State state_of(std::string_view text) {
  if (text == "running") return State::running;
  if (text == "done") return State::done;
  if (text == "failed") return State::failed;
  if (text == "cancelled") return State::cancelled;
  return State::queued;
}

std::optional<Timestamp> optional_time(const db::Row& row, std::size_t column) {
  if (row.is_null(column)) return std::nullopt;
  return row.timestamp(column);
}

TaskStatus read_status(const db::Row& row) {
  TaskStatus status;
  status.id = Id(row.integer(0));
  status.name = row.text(1);
  status.queue = row.text(2);
  status.state = state_of(row.text(3));
  status.attempts = static_cast<int>(row.integer(4));
  status.max_attempts = static_cast<int>(row.integer(5));
  status.crashes = static_cast<int>(row.integer(6));
  status.progress = {row.integer(7), row.integer(8), std::string(row.text(9))};
  status.last_error = row.text(10);
  status.result = Json::parse(row.json(11));
  if (row.integer(12) != 0) status.site = Id(row.integer(12));
  if (!row.is_null(13)) status.job = Id(row.integer(13));
  status.created_at = row.timestamp(14);
  status.run_at = row.timestamp(15);
  status.started_at = optional_time(row, 16);
  status.finished_at = optional_time(row, 17);
  return status;
}

store::NewTask describe(const Registry::Entry& entry, const EnqueueOptions& options, Timestamp now) {
  store::NewTask task;
  task.name = entry.name;
  task.queue = options.queue.empty() ? entry.options.queue : options.queue;
  task.state = options.delay.count() > 0 ? "scheduled" : "queued";
  task.priority = options.priority;
  task.site = options.site ? options.site->value : 0;
  task.job = options.job;
  if (!options.unique_key.empty()) {
    task.unique_key = entry.name + "|" + std::to_string(task.site) + "|" + options.unique_key;
  }
  task.until_started = options.unique_until == UniqueUntil::started;
  task.run_at = now + std::max(options.delay, std::chrono::milliseconds(0));
  task.max_attempts = std::max(1, options.max_attempts.value_or(entry.options.max_attempts));
  task.created_at = now;
  return task;
}

/// In a transaction with the insertion of its sub-tasks.
void add_to_job(db::Database& db, Id job, std::size_t count) {
  const auto changed =
      db.execute({"UPDATE mpf_task_job SET made = made + ? WHERE id = ? AND state = 'running'",
                  {static_cast<std::int64_t>(count), job.value},
                  db::Access::write});
  if (changed != 1) {
    throw Error(ErrorKind::conflict,
                "no sub-tasks can be added to job " + job.to_string() + ": it has ended or never was");
  }
}

}  // namespace

Queue::Queue(db::Database& db, const Registry& registry, const Clock& clock)
    : db_(db), registry_(registry), clock_(clock), listeners_(std::make_shared<Listeners>()) {}

Queue::~Queue() = default;

std::shared_ptr<void> Queue::on_change(std::function<void()> wake) {
  const std::scoped_lock lock(listeners_->mutex);
  const auto place = listeners_->wakes.insert(listeners_->wakes.end(), std::move(wake));
  return {nullptr, [listeners = listeners_, place](std::nullptr_t) {
            const std::scoped_lock leave(listeners->mutex);
            listeners->wakes.erase(place);
          }};
}

void Queue::changed() {
  db_.on_commit([listeners = listeners_] { listeners->wake_all(); });
}

Id Queue::enqueue_text(const Registry::Entry& entry, std::string payload, const EnqueueOptions& options) {
  const store::NewTask task = describe(entry, options, clock_.now());
  const std::vector<std::string> payloads{std::move(payload)};
  const auto insert = [&] {
    const auto ids = store::insert(db_, task, payloads);
    return ids.empty() ? Id() : ids.front();
  };
  if (!task.unique_key && !task.job) {
    const Id id = insert();
    changed();
    return id;
  }
  const Id id = db_.transaction([&](db::Transaction&) {
    for (int tries = 0; tries < 10; ++tries) {
      if (const Id made = insert()) {
        if (task.job) add_to_job(db_, *task.job, 1);
        return made;
      }
      Id other;
      db_.execute({"SELECT id FROM mpf_task WHERE unique_key = ?", {*task.unique_key}},
                  [&](const db::Row& row) { other = Id(row.integer(0)); });
      if (other) return other;
    }
    throw Error(ErrorKind::conflict,
                "the unique key of task \"" + entry.name + "\" changes hands all the time");
  });
  changed();
  return id;
}

std::vector<Id> Queue::enqueue_texts(const Registry::Entry& entry, const std::vector<std::string>& payloads,
                                     const EnqueueOptions& options) {
  if (!options.unique_key.empty()) {
    throw Error(ErrorKind::internal, "enqueue_many() takes no unique key: use enqueue()");
  }
  if (payloads.empty()) return {};
  const store::NewTask task = describe(entry, options, clock_.now());
  auto ids = db_.transaction([&](db::Transaction&) {
    if (task.job) add_to_job(db_, *task.job, payloads.size());
    return store::insert(db_, task, payloads);
  });
  changed();
  return ids;
}

std::optional<TaskStatus> Queue::find(Id task) const {
  std::optional<TaskStatus> status;
  db_.execute({"SELECT " + std::string(status_columns) + " FROM mpf_task WHERE id = ?", {task.value}},
              [&](const db::Row& row) { status = read_status(row); });
  return status;
}

TaskStatus Queue::status(Id task) const {
  if (auto found = find(task)) return std::move(*found);
  throw Error(ErrorKind::not_found, "there is no task " + task.to_string());
}

std::vector<TaskStatus> Queue::list(const ListOptions& options) const {
  db::Statement statement{"SELECT " + std::string(status_columns) + " FROM mpf_task WHERE TRUE", {}};
  if (options.state == State::queued) {
    statement.sql += " AND state IN ('queued', 'scheduled', 'suspect')";
  } else if (options.state) {
    statement.sql += " AND state = ?";
    statement.params.emplace_back(std::string(enum_name(*options.state)));
  }
  if (options.site) {
    statement.sql += " AND site_id = ?";
    statement.params.emplace_back(options.site->value);
  }
  if (options.job) {
    statement.sql += " AND job_id = ?";
    statement.params.emplace_back(options.job->value);
  }
  statement.sql += " ORDER BY id DESC LIMIT ?";
  statement.params.emplace_back(static_cast<std::int64_t>(options.limit));
  std::vector<TaskStatus> tasks;
  db_.execute(statement, [&](const db::Row& row) { tasks.push_back(read_status(row)); });
  return tasks;
}

bool Queue::cancel(Id task) {
  const Timestamp now = clock_.now();
  const bool found = db_.transaction([&](db::Transaction&) {
    bool waiting = false;
    std::optional<Id> job;
    db_.execute(
        {"UPDATE mpf_task SET state = 'cancelled', finished_at = ?, unique_key = NULL WHERE id = ? AND "
         "state IN ('queued', 'scheduled', 'suspect') RETURNING job_id",
         {now, task.value},
         db::Access::write},
        [&](const db::Row& row) {
          waiting = true;
          if (!row.is_null(0)) job = Id(row.integer(0));
        });
    if (job) store::count_finished(db_, *job, false, now);
    return waiting ||
           db_.execute({"UPDATE mpf_task SET cancel_requested = TRUE WHERE id = ? AND state = 'running'",
                        {task.value},
                        db::Access::write}) == 1;
  });
  if (found) changed();
  return found;
}

bool Queue::retry(Id task) {
  const bool found = db_.transaction([&](db::Transaction&) {
    std::optional<Id> job;
    bool failed = false;
    bool ended = false;
    db_.execute({"SELECT job_id, state FROM mpf_task WHERE id = ? AND state IN ('failed', 'cancelled')",
                 {task.value}},
                [&](const db::Row& row) {
                  ended = true;
                  failed = row.text(1) == "failed";
                  if (!row.is_null(0)) job = Id(row.integer(0));
                });
    if (!ended || db_.execute({"UPDATE mpf_task SET state = 'queued', attempt = 0, crashes = 0, run_at = ?, "
                               "finished_at = NULL, cancel_requested = FALSE WHERE id = ? AND state IN "
                               "('failed', 'cancelled')",
                               {clock_.now(), task.value},
                               db::Access::write}) != 1) {
      return false;
    }
    if (job) {
      db_.execute(
          {"UPDATE mpf_task_job SET finished = finished - 1, failed = failed - ? WHERE id = ? AND "
           "state = 'running'",
           {std::int64_t{failed ? 1 : 0}, job->value},
           db::Access::write});
    }
    return true;
  });
  if (found) changed();
  return found;
}

Queue::Counts Queue::counts() const {
  Counts counts;
  db_.execute({"SELECT state, count(*) FROM mpf_task GROUP BY state", {}}, [&](const db::Row& row) {
    switch (state_of(row.text(0))) {
      case State::queued:
        counts.queued += row.integer(1);
        break;
      case State::running:
        counts.running += row.integer(1);
        break;
      case State::failed:
        counts.failed += row.integer(1);
        break;
      case State::done:
      case State::cancelled:
        break;
    }
  });
  return counts;
}

}  // namespace mpf::task
