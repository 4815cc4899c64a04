#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/task/queue.hpp>

/// The statements that queue and worker share. States in the database are finer than State: what waits is
/// "queued" (due), "scheduled" (not yet due) or "suspect" (due, and a process died under it), so that looking
/// for work never walks over tasks that cannot run.
namespace mpf::task::store {

struct NewTask {
  std::string name;
  std::string queue;
  std::string_view state = "queued";
  int priority = 0;
  std::int64_t site = 0;
  std::optional<Id> job;
  std::optional<std::string> unique_key;
  bool until_started = false;
  Timestamp run_at;
  int max_attempts = 0;
  Timestamp created_at;
};

/// One row a payload. Ids in the payloads' order; empty when the unique key is taken (one payload only).
std::vector<Id> insert(db::Database& db, const NewTask& task, const std::vector<std::string>& payloads);

/// A task as its attempt holds it.
struct Hold {
  Id task;
  std::int64_t lease = 0;
  Id worker;
  std::optional<Id> job;
};

/// What an attempt leaves in the row.
struct Ending {
  std::string_view state;  ///< in the database
  bool count_attempt = true;
  std::optional<Timestamp> run_at;  ///< when it is to run again
  std::optional<std::string> error;
  std::string result = "null";
  Progress progress;
};

/// False, and nothing is changed, when the hold is lost. Counts finished sub-tasks; must be in a transaction.
bool end_attempt(db::Database& db, const Hold& hold, const Ending& ending, Timestamp now);

bool holds(db::Database& db, const Hold& hold);

/// A sub-task of the job has finished. Ends the job, and enqueues its finaliser, if it was the last.
void count_finished(db::Database& db, Id job, bool failed, Timestamp now);

/// Ends the job if nothing is left to wait for.
void end_job_if_complete(db::Database& db, Id job, Timestamp now);

}  // namespace mpf::task::store
