#include <algorithm>
#include <utility>

#include <mpf/task/queue.hpp>

#include "task/store.hpp"

namespace mpf::task {

namespace {

std::string job_key(std::string_view kind, std::int64_t site, std::string_view key) {
  return std::string(kind) + "|" + std::to_string(site) + "|" + std::string(key);
}

JobState job_state_of(std::string_view text) {
  if (text == "done") return JobState::done;
  return text == "cancelled" ? JobState::cancelled : JobState::running;
}

}  // namespace

Id Queue::create_job_with(const JobOptions& options, const Registry::Entry* finaliser, std::string payload) {
  const Timestamp now = clock_.now();
  const std::int64_t site = options.site ? options.site->value : 0;
  db::Param key = nullptr;
  if (!options.unique_key.empty()) key = job_key(options.kind, site, options.unique_key);
  db::Param finaliser_name = nullptr;
  std::string finaliser_queue;
  std::int64_t max_attempts = 1;
  if (finaliser != nullptr) {
    finaliser_name = finaliser->name;
    finaliser_queue = finaliser->options.queue;
    max_attempts = finaliser->options.max_attempts;
  } else {
    payload = "null";
  }
  const Id job = db_.transaction([&](db::Transaction&) {
    Id made;
    db_.execute(
        {"INSERT INTO mpf_task_job (kind, unique_key, site_id, state, announced, made, finished, failed, "
         "closed, finaliser_name, finaliser_queue, finaliser_payload, finaliser_max_attempts, "
         "created_at) VALUES (?, ?, ?, 'running', ?, 0, 0, 0, ?, ?, ?, ?, ?, ?) ON CONFLICT (unique_key) "
         "DO NOTHING RETURNING id",
         {options.kind, key, site, options.total.value_or(0), options.total.has_value(), finaliser_name,
          finaliser_queue, db::JsonText{payload}, max_attempts, now},
         db::Access::write},
        [&](const db::Row& row) { made = Id(row.integer(0)); });
    if (!made) {
      const auto other = active_job(options.kind, options.unique_key, options.site);
      if (other) return *other;
      throw Error(ErrorKind::conflict, "the job's unique key changed hands meanwhile; try again");
    }
    if (options.total) store::end_job_if_complete(db_, made, now);
    return made;
  });
  changed();
  return job;
}

void Queue::close_job(Id job) {
  db_.transaction([&](db::Transaction&) {
    db_.execute({"UPDATE mpf_task_job SET closed = TRUE WHERE id = ? AND state = 'running'",
                 {job.value},
                 db::Access::write});
    store::end_job_if_complete(db_, job, clock_.now());
  });
  changed();
}

bool Queue::cancel_job(Id job) {
  const Timestamp now = clock_.now();
  const bool found = db_.transaction(
      [&](db::Transaction&) {
        if (db_.execute(
                {"UPDATE mpf_task_job SET state = 'cancelled', unique_key = NULL, finished_at = ? WHERE id = "
                 "? AND state = 'running'",
                 {now, job.value},
                 db::Access::write}) != 1) {
          return false;
        }
        const auto waiting =
            db_.execute({"UPDATE mpf_task SET state = 'cancelled', finished_at = ?, unique_key = "
                         "NULL WHERE job_id = ? AND state IN ('queued', 'scheduled', 'suspect')",
                         {now, job.value},
                         db::Access::write});
        db_.execute({"UPDATE mpf_task_job SET finished = finished + ? WHERE id = ?",
                     {static_cast<std::int64_t>(waiting), job.value},
                     db::Access::write});
        db_.execute({"UPDATE mpf_task SET cancel_requested = TRUE WHERE job_id = ? AND state = 'running'",
                     {job.value},
                     db::Access::write});
        return true;
      },
      {.retries = 5});  // tasks that end meanwhile take the same locks in the other order
  if (found) changed();
  return found;
}

JobStatus Queue::job_status(Id job) const {
  std::optional<JobStatus> status;
  db_.execute(
      {"SELECT id, kind, state, announced, made, finished, failed, site_id, finaliser_id, created_at, "
       "finished_at FROM mpf_task_job WHERE id = ?",
       {job.value}},
      [&](const db::Row& row) {
        status.emplace();
        status->id = Id(row.integer(0));
        status->kind = row.text(1);
        status->state = job_state_of(row.text(2));
        status->total = std::max(row.integer(3), row.integer(4));
        status->finished = row.integer(5);
        status->failed = row.integer(6);
        if (row.integer(7) != 0) status->site = Id(row.integer(7));
        if (!row.is_null(8)) status->finaliser = Id(row.integer(8));
        status->created_at = row.timestamp(9);
        if (!row.is_null(10)) status->finished_at = row.timestamp(10);
      });
  if (!status) throw Error(ErrorKind::not_found, "there is no job " + job.to_string());
  return std::move(*status);
}

std::optional<Id> Queue::active_job(std::string_view kind, std::string_view unique_key,
                                    std::optional<Id> site) const {
  std::optional<Id> job;
  db_.execute({"SELECT id FROM mpf_task_job WHERE unique_key = ?",
               {job_key(kind, site ? site->value : 0, unique_key)}},
              [&](const db::Row& row) { job = Id(row.integer(0)); });
  return job;
}

}  // namespace mpf::task
