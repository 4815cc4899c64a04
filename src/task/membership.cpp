#include "task/membership.hpp"

#include <utility>
#include <vector>

#include <mpf/telemetry/log.hpp>

#include "task/process.hpp"
#include "task/store.hpp"

namespace mpf::task {

Membership::Membership(Queue& queue, std::string name, std::chrono::milliseconds lease)
    : queue_(queue),
      name_(name.empty() ? process_name() : std::move(name)),
      process_(process_identity()),
      lease_(lease) {}

void Membership::join() {
  const Timestamp now = queue_.clock().now();
  queue_.db().execute(
      {"INSERT INTO mpf_task_worker (name, process, started_at, seen_at, expires_at) VALUES (?, "
       "?, ?, ?, ?) RETURNING id",
       {name_, process_, now, now, now + lease_},
       db::Access::write},
      [&](const db::Row& row) { id_ = Id(row.integer(0)); });
}

bool Membership::renew() {
  const Timestamp now = queue_.clock().now();
  return queue_.db().execute({"UPDATE mpf_task_worker SET seen_at = ?, expires_at = ? WHERE id = ?",
                              {now, now + lease_, id_.value},
                              db::Access::write}) == 1;
}

void Membership::leave() {
  queue_.db().execute({"DELETE FROM mpf_task_worker WHERE id = ?", {id_.value}, db::Access::write});
}

/// Removes the rows of the dead.
void Membership::bury(Timestamp now) {
  struct Worker {
    Id id;
    std::string name;
    std::string process;
    bool expired;
  };
  std::vector<Worker> others;
  queue_.db().execute(
      {"SELECT id, name, process, expires_at FROM mpf_task_worker WHERE id <> ?", {id_.value}},
      [&](const db::Row& row) {
        others.push_back(
            {Id(row.integer(0)), std::string(row.text(1)), std::string(row.text(2)), row.timestamp(3) < now});
      });
  for (const Worker& other : others) {
    if (!other.expired && !process_is_dead(other.process)) continue;
    if (queue_.db().execute({"DELETE FROM mpf_task_worker WHERE id = ? AND (expires_at < ? OR ?)",
                             {other.id.value, now, !other.expired},
                             db::Access::write}) != 1) {
      continue;  // it has just renewed its lease, or another worker was faster
    }
    queue_.db().on_commit([name = other.name, id = other.id.value] {
      log::warning("worker {} ({}) is dead; its tasks go back to the queue", name, id);
    });
  }
}

std::uint64_t Membership::rescue() {
  const Timestamp now = queue_.clock().now();
  bury(now);
  struct Orphan {
    store::Hold hold;
    std::string name;
    int crashes;
    bool cancel;
  };
  std::vector<Orphan> orphans;
  queue_.db().execute(
      {"SELECT id, lease, worker_id, job_id, name, crashes, cancel_requested FROM mpf_task WHERE "
       "state = 'running' AND worker_id NOT IN (SELECT id FROM mpf_task_worker)",
       {}},
      [&](const db::Row& row) {
        Orphan orphan{{Id(row.integer(0)), row.integer(1), Id(row.integer(2)), std::nullopt},
                      std::string(row.text(4)),
                      static_cast<int>(row.integer(5)) + 1,
                      row.boolean(6)};
        if (!row.is_null(3)) orphan.hold.job = Id(row.integer(3));
        orphans.push_back(std::move(orphan));
      });
  for (const Orphan& orphan : orphans) {
    const Registry::Entry* const entry = queue_.registry().find(orphan.name);
    // A task of a name unknown here is not judged here: it waits for a worker that knows its limit.
    const bool poison = entry != nullptr && orphan.crashes >= entry->options.max_crashes;
    std::string error = "its process died";
    if (poison) error += " " + std::to_string(orphan.crashes) + " times: taken for poison";
    const char* state = orphan.cancel ? "cancelled" : poison ? "failed" : "suspect";
    const bool again = !orphan.cancel && !poison;
    const auto changed = queue_.db().execute(
        {"UPDATE mpf_task SET state = ?, crashes = ?, attempt = attempt - 1, worker_id = NULL, "
         "last_error = ?, unique_key = CASE WHEN ? THEN unique_key ELSE NULL END, finished_at = ? "
         "WHERE id = ? AND lease = ? AND state = 'running'",
         {std::string(state), std::int64_t{orphan.crashes}, error, again,
          again ? db::Param(nullptr) : db::Param(now), orphan.hold.task.value, orphan.hold.lease},
         db::Access::write});
    if (changed != 1) continue;  // another worker was faster
    if (!again && orphan.hold.job) store::count_finished(queue_.db(), *orphan.hold.job, poison, now);
    if (poison) log::error("task {} {}: {}", orphan.name, orphan.hold.task.value, error);
  }
  return orphans.size();
}

}  // namespace mpf::task
