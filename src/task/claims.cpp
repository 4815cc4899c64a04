#include "task/claims.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "task/store.hpp"

namespace mpf::task {

namespace {

std::vector<std::string> queues_of(const Registry& registry, std::vector<std::string> queues) {
  if (!queues.empty()) return queues;
  std::set<std::string> all;
  for (const std::string& name : registry.names()) all.insert(registry.find(name)->options.queue);
  return {all.begin(), all.end()};
}

std::string places(std::size_t count) {
  std::string text = "(";
  for (std::size_t i = 0; i < count; ++i) text += i == 0 ? "?" : ", ?";
  return text + ")";
}

}  // namespace

Claims::Claims(Queue& queue, std::vector<std::string> queues)
    : queue_(queue),
      names_(queue.registry().names()),
      queues_(queues_of(queue.registry(), std::move(queues))),
      name_places_(places(names_.size())),
      queue_places_(places(queues_.size())) {}

std::string Claims::named(std::vector<db::Param>& params) const {
  params.insert(params.end(), names_.begin(), names_.end());
  return " AND name IN " + name_places_;
}

bool Claims::any_waiting() const {
  if (idle()) return false;
  db::Statement statement{
      "SELECT 1 WHERE EXISTS (SELECT 1 FROM mpf_task WHERE state = 'scheduled' AND run_at <= ?)",
      {queue_.clock().now()}};
  for (const char* state : {"queued", "suspect"}) {
    statement.sql += " OR EXISTS (SELECT 1 FROM mpf_task WHERE state = '" + std::string(state) +
                     "' AND queue IN " + queue_places_;
    statement.params.insert(statement.params.end(), queues_.begin(), queues_.end());
    statement.sql += named(statement.params) + ")";
  }
  bool any = false;
  queue_.db().execute(statement, [&](const db::Row&) { any = true; });
  return any;
}

/// A condition for the rows that a SELECT picks, once; on PostgreSQL passing over those that another worker
/// is about to change: what was read of them may be wrong by the time their lock is free.
std::string Claims::chosen(const std::string& condition) const {
  const std::string select = "SELECT id FROM mpf_task WHERE " + condition;
  if (queue_.db().dialect() == db::Dialect::sqlite) return "id IN (" + select + ")";
  return "id = ANY (ARRAY(" + select + " FOR UPDATE SKIP LOCKED))";
}

void Claims::promote() {
  queue_.db().execute(
      {"UPDATE mpf_task SET state = CASE WHEN crashes > 0 THEN 'suspect' ELSE 'queued' END WHERE " +
           chosen("state = 'scheduled' AND run_at <= ? ORDER BY run_at LIMIT 1000"),
       {queue_.clock().now()},
       db::Access::write});
}

std::size_t Claims::take(Id worker, const std::string& condition, std::vector<db::Param> params,
                         std::size_t count, std::vector<std::shared_ptr<Attempt>>& taken) {
  const Timestamp now = queue_.clock().now();
  std::vector<db::Param> all{worker.value, now};
  all.insert(all.end(), std::make_move_iterator(params.begin()), std::make_move_iterator(params.end()));
  const std::string known = named(all);
  all.emplace_back(static_cast<std::int64_t>(count));
  const std::size_t before = taken.size();
  std::vector<std::shared_ptr<Attempt>> unwanted;
  queue_.db().execute(
      {"UPDATE mpf_task SET state = 'running', worker_id = ?, lease = lease + 1, attempt = attempt + 1, "
       "started_at = ?, unique_key = CASE WHEN until_started THEN NULL ELSE unique_key END WHERE " +
           chosen(condition + known + " ORDER BY rank, id LIMIT ?") +
           " RETURNING id, lease, name, payload, attempt, max_attempts, site_id, job_id, crashes, "
           "cancel_requested",
       std::move(all), db::Access::write},
      [&](const db::Row& row) {
        auto attempt = std::make_shared<Attempt>();
        attempt->hold = {Id(row.integer(0)), row.integer(1), worker, std::nullopt};
        attempt->name = row.text(2);
        attempt->payload = row.json(3);
        attempt->number = static_cast<int>(row.integer(4));
        attempt->max_attempts = static_cast<int>(row.integer(5));
        if (row.integer(6) != 0) attempt->site = Id(row.integer(6));
        if (!row.is_null(7)) attempt->hold.job = Id(row.integer(7));
        attempt->suspect = row.integer(8) > 0;
        attempt->entry = queue_.registry().find(attempt->name);
        (row.boolean(9) ? unwanted : taken).push_back(std::move(attempt));
      });
  std::sort(taken.begin() + static_cast<std::ptrdiff_t>(before), taken.end(),
            [](const auto& a, const auto& b) { return a->hold.task < b->hold.task; });
  for (const auto& attempt : unwanted) {
    store::end_attempt(queue_.db(), attempt->hold, {"cancelled", false, {}, {}, "null", {}}, now);
  }
  return taken.size() - before + unwanted.size();
}

std::vector<std::int64_t> Claims::sites_in_turn(const std::string& queue, std::int64_t rank,
                                                std::size_t count) {
  // Steps through the index from site to site instead of reading all tasks of each.
  std::vector<std::int64_t> sites;
  const auto walk = [&](std::int64_t after, std::int64_t up_to, std::size_t limit) {
    const std::string next =
        "SELECT min(site_id) FROM mpf_task WHERE state = 'queued' AND queue = ? AND rank = ?";
    std::vector<db::Param> params{queue, rank, after};
    const std::string first = next + " AND site_id > ?" + named(params);
    params.insert(params.end(), {queue, rank});
    const std::string rest = next + " AND site_id > turn.site" + named(params);
    params.insert(params.end(), {up_to, static_cast<std::int64_t>(limit)});
    queue_.db().execute(
        {"WITH RECURSIVE turn (site) AS (SELECT (" + first + ") UNION ALL SELECT (" + rest +
             ") FROM turn WHERE turn.site IS NOT NULL) SELECT site FROM turn WHERE site IS NOT "
             "NULL AND site <= ? LIMIT ?",
         std::move(params)},
        [&](const db::Row& row) { sites.push_back(row.integer(0)); });
  };
  constexpr std::int64_t highest = std::int64_t{1} << 62;
  const auto last = last_site_.try_emplace(queue, -1).first->second;
  walk(last, highest, count);
  if (sites.size() < count && last >= 0) walk(-1, last, count - sites.size());
  return sites;
}

void Claims::take_from(Id worker, const std::string& queue, std::size_t wanted,
                       std::vector<std::shared_ptr<Attempt>>& taken) {
  while (taken.size() < wanted) {
    std::optional<std::int64_t> rank;
    std::vector<db::Param> params{queue};
    const std::string known = named(params);
    queue_.db().execute(
        {"SELECT rank FROM mpf_task WHERE state = 'queued' AND queue = ?" + known + " ORDER BY rank LIMIT 1",
         std::move(params)},
        [&](const db::Row& row) { rank = row.integer(0); });
    if (!rank) return;
    const auto sites = sites_in_turn(queue, *rank, wanted - taken.size());
    std::size_t met = 0;
    for (std::size_t i = 0; i < sites.size() && taken.size() < wanted; ++i) {
      const std::size_t shares = sites.size() - i;
      const std::size_t share = (wanted - taken.size() + shares - 1) / shares;
      met += take(worker, "state = 'queued' AND queue = ? AND rank = ? AND site_id = ?",
                  {queue, *rank, sites[i]}, share, taken);
      last_site_[queue] = sites[i];
    }
    if (met == 0) return;  // others are just taking them; waiting here, two could wait for each other
  }
}

std::vector<std::shared_ptr<Attempt>> Claims::claim(Id worker, std::size_t count, bool suspect) {
  std::vector<std::shared_ptr<Attempt>> taken;
  if (idle() || count == 0) return taken;
  promote();
  if (suspect) {
    take(worker, "state = 'suspect' AND queue IN " + queue_places_,
         std::vector<db::Param>(queues_.begin(), queues_.end()), 1, taken);
  }
  // Queues in turn: each gets an equal part of the free places, the next one first the next time.
  for (std::size_t i = 0; i < queues_.size() && taken.size() < count; ++i) {
    const std::size_t shares = queues_.size() - i;
    const std::size_t share = (count - taken.size() + shares - 1) / shares;
    take_from(worker, queues_[(first_queue_ + i) % queues_.size()], taken.size() + share, taken);
  }
  for (std::size_t i = 0; i < queues_.size() && taken.size() < count; ++i) {
    take_from(worker, queues_[(first_queue_ + i) % queues_.size()], count, taken);
  }
  first_queue_ = (first_queue_ + 1) % queues_.size();
  return taken;
}

std::optional<Timestamp> Claims::next_due() const {
  if (idle()) return std::nullopt;
  std::optional<Timestamp> due;
  queue_.db().execute({"SELECT run_at FROM mpf_task WHERE state = 'scheduled' ORDER BY run_at LIMIT 1", {}},
                      [&](const db::Row& row) { due = row.timestamp(0); });
  return due;
}

std::vector<std::string> Claims::unknown_names() const {
  if (queues_.empty()) return {};
  db::Statement statement{
      "SELECT DISTINCT name FROM mpf_task WHERE state IN ('queued', 'suspect') AND queue IN " +
          queue_places_ + " AND name NOT IN " + name_places_ + " LIMIT 20",
      {}};
  statement.params.insert(statement.params.end(), queues_.begin(), queues_.end());
  statement.params.insert(statement.params.end(), names_.begin(), names_.end());
  std::vector<std::string> unknown;
  queue_.db().execute(statement, [&](const db::Row& row) { unknown.emplace_back(row.text(0)); });
  return unknown;
}

}  // namespace mpf::task
