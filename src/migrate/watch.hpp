#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include <mpf/db/database.hpp>

namespace mpf::migrate {

/// What a statement on PostgreSQL is at that takes its time.
struct LongWork {
  std::string
      waits_for;     ///< who is in its way: "process 17 (portal, idle in transaction since …)", or nobody
  std::string part;  ///< of an index that is built: "building index: scanning table"
  std::int64_t done = 0;  ///< blocks of that part
  std::int64_t total = 0;
  std::chrono::milliseconds took{0};  ///< so far
};

/// Runs `work`, which sends the statement, and looks meanwhile what it is at: first after `first_look`, then
/// each second. `tell` is called on this loop, and no more when this has returned.
void watched(db::Database& database, const std::string& statement, std::chrono::milliseconds first_look,
             const std::function<void(const LongWork&)>& tell, const std::function<void()>& work);

/// In the open transaction on PostgreSQL: waits until nobody vacuums or analyzes the table, and keeps it so
/// until the transaction ends. Others read and write meanwhile, who would queue up behind a statement that
/// changes the table and waits for the same. An autovacuum gives way after the server's deadlock_timeout,
/// which is longer than such a statement may wait. Then nothing waits for longer than `lock_timeout` again.
struct Maintenance {
  std::chrono::milliseconds wait;
  std::chrono::milliseconds lock_timeout;
  std::chrono::milliseconds first_look;
};
void keep_maintenance_out(db::Database& database, const std::string& table, const Maintenance& limits,
                          const std::function<void(const LongWork&)>& tell);

}  // namespace mpf::migrate
