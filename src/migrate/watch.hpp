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

}  // namespace mpf::migrate
