#include "migrate/watch.hpp"

#include <optional>

#include <mpf/fiber/fiber.hpp>

#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

constexpr std::chrono::milliseconds next_look{1'000};

/// Nothing when the statement is not running, or the server does not say.
std::optional<LongWork> look(db::Database& database, const std::string& statement) {
  std::optional<LongWork> result;
  database.execute(
      {"SELECT coalesce((SELECT string_agg('process ' || b.pid || ' (' || "
       "coalesce(nullif(b.application_name, "
       "''), b.backend_type, 'of another role') || CASE WHEN b.xact_start IS NOT NULL THEN ', ' || b.state "
       "|| "
       "' since ' || to_char(b.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ') ELSE '' END || ')', ', ' ORDER BY "
       "b.pid) "
       "FROM pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(a.pid))), ''), coalesce(p.phase, ''), "
       "coalesce(p.blocks_done, 0), coalesce(p.blocks_total, 0) FROM pg_stat_activity a LEFT JOIN "
       "pg_stat_progress_create_index p ON p.pid = a.pid WHERE a.datname = current_database() AND a.state = "
       "'active' AND a.pid <> pg_backend_pid() AND left(a.query, 500) = left($1, 500) LIMIT 1",
       {statement},
       db::Access::read},
      [&](const db::Row& row) {
        result = LongWork{.waits_for = std::string(row.text(0)),
                          .part = std::string(row.text(1)),
                          .done = row.integer(2),
                          .total = row.integer(3)};
      });
  return result;
}

}  // namespace

void watched(db::Database& database, const std::string& statement, std::chrono::milliseconds first_look,
             const std::function<void(const LongWork&)>& tell, const std::function<void()>& work) {
  const auto beside = fiber::spawn(
      [&] {
        const auto begun = fiber::SteadyClock::now();
        try {
          for (auto pause = first_look;; pause = next_look) {
            fiber::sleep_for(pause);
            auto now = look(database, statement);
            if (!now) continue;
            now->took =
                std::chrono::duration_cast<std::chrono::milliseconds>(fiber::SteadyClock::now() - begun);
            tell(*now);
          }
        } catch (const std::exception&) {  // whoever watches must not break what is watched
        }
      },
      {.name = "migrate progress"});
  work();
}

void keep_maintenance_out(db::Database& database, const std::string& table, const Maintenance& limits,
                          const std::function<void(const LongWork&)>& tell) {
  const auto name = orm::ddl::quote(table);
  bool there = false;
  database.execute({"SELECT to_regclass($1) IS NOT NULL", {name}, db::Access::read},
                   [&](const db::Row& row) { there = row.boolean(0); });
  if (!there) return;
  const auto limit = [&](std::chrono::milliseconds time) {
    database.execute_script("SET LOCAL lock_timeout = " + std::to_string(time.count()));
  };
  limit(limits.wait);
  const auto statement = "LOCK TABLE " + name + " IN SHARE UPDATE EXCLUSIVE MODE";
  watched(database, statement, limits.first_look, tell, [&] { database.execute_script(statement); });
  limit(limits.lock_timeout);
}

}  // namespace mpf::migrate
