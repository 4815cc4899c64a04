#include "task/store.hpp"

#include <algorithm>

namespace mpf::task::store {

namespace {

db::Param nullable(const std::optional<Id>& id) { return id ? db::Param(id->value) : db::Param(nullptr); }
db::Param nullable(const std::optional<std::string>& text) {
  return text ? db::Param(*text) : db::Param(nullptr);
}

constexpr std::size_t rows_per_statement = 100;

void insert_some(db::Database& db, const NewTask& task, const std::string* payloads, std::size_t count,
                 std::vector<Id>& ids) {
  db::Statement statement;
  statement.access = db::Access::write;
  statement.sql =
      "INSERT INTO mpf_task (name, queue, state, rank, site_id, job_id, payload, unique_key, until_started, "
      "run_at, max_attempts, created_at, attempt, crashes, lease, cancel_requested, progress_done, "
      "progress_total, progress_note, furthest, last_error, result) VALUES ";
  statement.params.reserve(count * 12);
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) statement.sql += ", ";
    statement.sql += "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, FALSE, 0, 0, '', 0, '', 'null')";
    statement.params.insert(
        statement.params.end(),
        {task.name, task.queue, std::string(task.state), std::int64_t{-task.priority}, task.site,
         nullable(task.job), db::JsonText{payloads[i]}, nullable(task.unique_key), task.until_started,
         task.run_at, std::int64_t{task.max_attempts}, task.created_at});
  }
  if (task.unique_key) statement.sql += " ON CONFLICT (unique_key) DO NOTHING";
  statement.sql += " RETURNING id";
  const auto before = static_cast<std::ptrdiff_t>(ids.size());
  db.execute(statement, [&](const db::Row& row) { ids.emplace_back(row.integer(0)); });
  // RETURNING promises no order; ids rise in the order of the rows.
  std::sort(ids.begin() + before, ids.end());
}

}  // namespace

std::vector<Id> insert(db::Database& db, const NewTask& task, const std::vector<std::string>& payloads) {
  std::vector<Id> ids;
  ids.reserve(payloads.size());
  for (std::size_t at = 0; at < payloads.size(); at += rows_per_statement) {
    insert_some(db, task, payloads.data() + at, std::min(rows_per_statement, payloads.size() - at), ids);
  }
  return ids;
}

bool holds(db::Database& db, const Hold& hold) {
  // In a transaction the update keeps the row, so that nobody can take it until the end.
  const bool lock = db.current() != nullptr;
  const char* const sql =
      lock ? "UPDATE mpf_task SET lease = lease WHERE id = ? AND lease = ? AND worker_id = ? AND "
             "state = 'running'"
           : "SELECT 1 FROM mpf_task WHERE id = ? AND lease = ? AND worker_id = ? AND state = 'running'";
  bool found = false;
  const std::uint64_t changed = db.execute(
      {sql, {hold.task.value, hold.lease, hold.worker.value}, lock ? db::Access::write : db::Access::read},
      [&](const db::Row&) { found = true; });
  return lock ? changed == 1 : found;
}

bool end_attempt(db::Database& db, const Hold& hold, const Ending& ending, Timestamp now) {
  const bool again = ending.run_at.has_value();
  db::Statement statement;
  statement.access = db::Access::write;
  statement.sql = "UPDATE mpf_task SET state = ";
  if (ending.state == "queued") {
    statement.sql += "CASE WHEN crashes > 0 THEN 'suspect' ELSE 'queued' END";
  } else {
    statement.sql += "?";
    statement.params.emplace_back(std::string(ending.state));
  }
  statement.sql += ", worker_id = NULL, progress_done = ?, progress_total = ?, progress_note = ?, result = ?";
  statement.params.insert(statement.params.end(), {ending.progress.done, ending.progress.total,
                                                   ending.progress.note, db::JsonText{ending.result}});
  if (!ending.count_attempt) statement.sql += ", attempt = attempt - 1";
  if (ending.error) {
    statement.sql += ", last_error = ?";
    statement.params.emplace_back(*ending.error);
  }
  if (again) {
    statement.sql += ", run_at = ?";
    statement.params.emplace_back(*ending.run_at);
  } else {
    statement.sql += ", finished_at = ?, unique_key = NULL";
    statement.params.emplace_back(now);
  }
  statement.sql += " WHERE id = ? AND lease = ? AND worker_id = ? AND state = 'running'";
  statement.params.insert(statement.params.end(), {hold.task.value, hold.lease, hold.worker.value});
  if (db.execute(statement) != 1) return false;
  if (!again && hold.job) count_finished(db, *hold.job, ending.state == "failed", now);
  return true;
}

void count_finished(db::Database& db, Id job, bool failed, Timestamp now) {
  const auto changed =
      db.execute({"UPDATE mpf_task_job SET finished = finished + 1, failed = failed + ? WHERE "
                  "id = ? AND state = 'running'",
                  {std::int64_t{failed ? 1 : 0}, job.value},
                  db::Access::write});
  if (changed == 1) end_job_if_complete(db, job, now);
}

void end_job_if_complete(db::Database& db, Id job, Timestamp now) {
  std::optional<NewTask> finaliser;
  std::string payload;
  bool complete = false;
  db.execute(
      {"SELECT finaliser_name, finaliser_queue, finaliser_payload, finaliser_max_attempts, site_id FROM "
       "mpf_task_job WHERE id = ? AND state = 'running' AND closed AND finished >= announced AND "
       "finished >= made",
       {job.value}},
      [&](const db::Row& row) {
        complete = true;
        if (row.is_null(0)) return;
        finaliser.emplace();
        finaliser->name = row.text(0);
        finaliser->queue = row.text(1);
        payload = row.json(2);
        finaliser->max_attempts = static_cast<int>(row.integer(3));
        finaliser->site = row.integer(4);
      });
  if (!complete) return;
  db::Param finaliser_id = nullptr;
  if (finaliser) {
    finaliser->run_at = finaliser->created_at = now;
    finaliser_id = insert(db, *finaliser, {payload}).front().value;
  }
  db.execute(
      {"UPDATE mpf_task_job SET state = 'done', unique_key = NULL, finished_at = ?, finaliser_id = ? "
       "WHERE id = ?",
       {now, finaliser_id, job.value},
       db::Access::write});
}

}  // namespace mpf::task::store
