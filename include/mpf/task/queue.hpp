#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <typeindex>
#include <vector>

#include <mpf/base/embedded.hpp>
#include <mpf/base/id.hpp>
#include <mpf/base/json.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/schema.hpp>
#include <mpf/task/options.hpp>
#include <mpf/task/registry.hpp>

/// Work that is done later, elsewhere, and for sure: tasks kept in the application's database.
namespace mpf::task {

enum class State : std::uint8_t {
  queued,     ///< waits for a worker, its time, or its next attempt
  running,    ///<
  done,       ///<
  failed,     ///< dead letter: no attempt left, a permanent error, or poison. retry() revives it
  cancelled,  ///<
};

struct Progress {
  std::int64_t done = 0;
  std::int64_t total = 0;  ///< 0: not known
  std::string note;
};

struct TaskStatus {
  Id id;
  std::string name;
  std::string queue;
  State state = State::queued;
  int attempts = 0;  ///< begun so far
  int max_attempts = 0;
  int crashes = 0;  ///< processes that died under it since it last got further
  Progress progress;
  std::string last_error;  ///< of the last attempt that failed, or empty
  Json result;
  std::optional<Id> site;
  std::optional<Id> job;
  Timestamp created_at;
  Timestamp run_at;  ///< not before
  std::optional<Timestamp> started_at;
  std::optional<Timestamp> finished_at;
};

enum class JobState : std::uint8_t { running, done, cancelled };

struct JobStatus {
  Id id;
  std::string kind;
  JobState state = JobState::running;
  std::int64_t total = 0;     ///< sub-tasks announced or, if more, made
  std::int64_t finished = 0;  ///< of them: done, failed or cancelled
  std::int64_t failed = 0;
  std::optional<Id> site;
  std::optional<Id> finaliser;  ///< the task that ran at the end
  Timestamp created_at;
  std::optional<Timestamp> finished_at;
};

struct ListOptions {
  std::optional<State> state;
  std::optional<Id> site;
  std::optional<Id> job;
  std::size_t limit = 100;
};

/// Enqueues and asks. Everything it writes belongs to the caller's open transaction, if there is one: a task
/// then exists when, and only when, that commits. For any fiber.
class Queue {
 public:
  /// All must outlive it.
  Queue(db::Database& db, const Registry& registry, const Clock& clock = Clock::system());
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /// Payload types must be in the registry; Error(internal) otherwise.
  template <class P>
  Id enqueue(const P& payload, const EnqueueOptions& options = {}) {
    return enqueue_text(registry_.of(typeid(P)), to_json(payload), options);
  }

  /// Many at once, much cheaper than one by one. No unique keys (Error(internal)). Ids in the payloads'
  /// order.
  template <class P>
  std::vector<Id> enqueue_many(std::span<const P> payloads, const EnqueueOptions& options = {}) {
    std::vector<std::string> texts;
    texts.reserve(payloads.size());
    for (const P& payload : payloads) texts.push_back(to_json(payload));
    return enqueue_texts(registry_.of(typeid(P)), texts, options);
  }
  template <class P>
  std::vector<Id> enqueue_many(const std::vector<P>& payloads, const EnqueueOptions& options = {}) {
    return enqueue_many(std::span<const P>(payloads), options);
  }

  /// Error(not_found) for an id that never was, or finished so long ago that it has been removed.
  TaskStatus status(Id task) const;
  std::optional<TaskStatus> find(Id task) const;
  std::vector<TaskStatus> list(const ListOptions& options = {}) const;  ///< newest first

  /// A waiting task is cancelled at once; a running one is asked to stop (Context::cancelled). False if it
  /// had finished, or never was.
  bool cancel(Id task);

  /// Gives a failed or cancelled task a fresh set of attempts. False for tasks in another state.
  bool retry(Id task);

  /// A job is a set of sub-tasks (EnqueueOptions::job) and, when they have all finished, `finaliser`: a task
  /// enqueued in the transaction of the last one. Gives the id of the running job if there is one with that
  /// unique key; see active_job().
  template <class P>
  Id create_job(const JobOptions& options, const P& finaliser) {
    const Registry::Entry& entry = registry_.of(typeid(P));
    return create_job_with(options, &entry, to_json(finaliser));
  }
  Id create_job(const JobOptions& options) { return create_job_with(options, nullptr, {}); }

  /// No sub-tasks come any more, except from sub-tasks still running: the job ends when none is left.
  void close_job(Id job);

  /// Cancels its sub-tasks; the finaliser does not run. False if it had finished.
  bool cancel_job(Id job);

  JobStatus job_status(Id job) const;  ///< Error(not_found)
  std::optional<Id> active_job(std::string_view kind, std::string_view unique_key,
                               std::optional<Id> site = std::nullopt) const;

  struct Counts {
    std::int64_t queued = 0;
    std::int64_t running = 0;
    std::int64_t failed = 0;
  };
  Counts counts() const;

  db::Database& db() const noexcept { return db_; }
  const Registry& registry() const noexcept { return registry_; }
  const Clock& clock() const noexcept { return clock_; }

  /// For workers of this process: `wake` is called (any thread; must not wait or throw) when tasks have been
  /// committed or cancelled through this queue, until the result goes.
  [[nodiscard]] std::shared_ptr<void> on_change(std::function<void()> wake);

 private:
  Id enqueue_text(const Registry::Entry& entry, std::string payload, const EnqueueOptions& options);
  std::vector<Id> enqueue_texts(const Registry::Entry& entry, const std::vector<std::string>& payloads,
                                const EnqueueOptions& options);
  Id create_job_with(const JobOptions& options, const Registry::Entry* finaliser, std::string payload);
  void changed();

  struct Listeners;

  db::Database& db_;
  const Registry& registry_;
  const Clock& clock_;
  std::shared_ptr<Listeners> listeners_;
};

/// The tables mpf_task, mpf_task_worker and mpf_task_job.
std::vector<orm::Table> tables();
const EmbeddedFiles& migrations();

}  // namespace mpf::task
