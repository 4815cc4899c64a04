#include <string>
#include <utility>

#include <mpf/task/queue.hpp>

namespace mpf::task {

namespace {

using orm::Column;
using orm::ColumnType;

Column column(std::string name, ColumnType type, std::optional<std::size_t> max_length = std::nullopt) {
  Column column;
  column.name = std::move(name);
  column.type = type;
  column.max_length = max_length;
  return column;
}
Column primary_key() {
  Column column;
  column.name = "id";
  column.type = ColumnType::id;
  column.primary_key = true;
  return column;
}
Column nullable(Column column) {
  column.nullable = true;
  return column;
}

}  // namespace

std::vector<orm::Table> tables() {
  using enum ColumnType;
  orm::Table task;
  task.name = "mpf_task";
  task.columns = {
      primary_key(),
      column("name", text, 200),
      column("queue", text, 100),
      column("state", text, 20),
      column("rank", bigint),     // the negative priority: what comes first is lowest
      column("site_id", bigint),  // 0: of no site
      nullable(column("job_id", bigint)),
      column("payload", json),
      nullable(column("unique_key", text)),  // only while it keeps others out
      column("until_started", boolean),
      column("run_at", timestamp),
      column("attempt", integer),
      column("max_attempts", integer),
      column("crashes", integer),
      column("lease", bigint),  // counts claims: the fencing number
      nullable(column("worker_id", bigint)),
      column("cancel_requested", boolean),
      column("progress_done", bigint),
      column("progress_total", bigint),
      column("progress_note", text),
      column("furthest", bigint),  // highest progress_done of all attempts
      column("last_error", text),
      column("result", json),
      column("created_at", timestamp),
      nullable(column("started_at", timestamp)),
      nullable(column("finished_at", timestamp)),
  };
  task.indexes = {
      {"mpf_task_job_id_state_idx", {"job_id", "state"}, false},
      {"mpf_task_state_queue_rank_site_id_id_idx", {"state", "queue", "rank", "site_id", "id"}, false},
      {"mpf_task_state_run_at_idx", {"state", "run_at"}, false},
      {"mpf_task_unique_key_key", {"unique_key"}, true},
      {"mpf_task_worker_id_idx", {"worker_id"}, false},
  };

  orm::Table job;
  job.name = "mpf_task_job";
  job.columns = {
      primary_key(),
      column("kind", text, 200),
      nullable(column("unique_key", text)),
      column("site_id", bigint),
      column("state", text, 20),
      column("announced", bigint),
      column("made", bigint),
      column("finished", bigint),
      column("failed", bigint),
      column("closed", boolean),
      nullable(column("finaliser_name", text, 200)),
      column("finaliser_queue", text, 100),
      column("finaliser_payload", json),
      column("finaliser_max_attempts", integer),
      nullable(column("finaliser_id", bigint)),
      column("created_at", timestamp),
      nullable(column("finished_at", timestamp)),
  };
  job.indexes = {{"mpf_task_job_unique_key_key", {"unique_key"}, true}};

  orm::Table worker;
  worker.name = "mpf_task_worker";
  worker.columns = {
      primary_key(),
      column("name", text, 200),
      column("process", text),  // tells workers on the same machine whether it still lives
      column("started_at", timestamp),
      column("seen_at", timestamp),
      column("expires_at", timestamp),
  };
  return {std::move(task), std::move(job), std::move(worker)};
}

}  // namespace mpf::task
