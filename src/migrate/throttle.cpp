#include "migrate/throttle.hpp"

#include <algorithm>
#include <cmath>

namespace mpf::migrate {
namespace {

/// Rows are locked until their portion is done: nobody should wait for longer.
constexpr std::chrono::milliseconds good_time{500};
constexpr std::chrono::milliseconds shortest{1};
constexpr std::chrono::milliseconds next_look{500};
/// Of the time that a portion took, before the next one.
constexpr int rest_part = 2;
constexpr double smallest_share = 1e-4;

}  // namespace

std::size_t Throttle::rows(std::size_t most) const {
  const auto some = std::llround(static_cast<double>(most) * share_);
  return std::clamp<std::size_t>(static_cast<std::size_t>(some), 1, most);
}

void Throttle::rest(fiber::Duration took, std::chrono::milliseconds pause,
                    const std::function<void(const std::string&)>& tell) {
  const auto fits = std::chrono::duration<double>(good_time) / std::max<fiber::Duration>(took, shortest);
  share_ = std::clamp(share_ * std::min(fits, 2.0), smallest_share, 1.0);
  const bool postgres = database_.dialect() == db::Dialect::postgres;
  const auto rest = postgres ? std::max<fiber::Duration>(pause, took / rest_part) : fiber::Duration(pause);
  if (rest.count() > 0) fiber::sleep_for(rest);
  if (!postgres || options_.replica_lag.count() == 0) return;
  std::string told;
  while (const auto replica = lagging_replica()) {
    if (*replica != told) tell(told = *replica);
    fiber::sleep_for(next_look);
  }
}

/// One that follows this server, as far as the role may see that.
std::optional<std::string> Throttle::lagging_replica() {
  std::optional<std::string> result;
  database_.execute(
      {"SELECT 'replica ' || coalesce(nullif(application_name, ''), pid::text) || coalesce(' at ' || "
       "host(client_addr), '') FROM pg_stat_replication WHERE state IN ('streaming', 'catchup') AND "
       "(replay_lag > "
       "interval '" +
           std::to_string(options_.replica_lag.count()) +
           " milliseconds' OR pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > " +
           std::to_string(options_.replica_bytes) + ") ORDER BY 1 LIMIT 1",
       {},
       db::Access::read},
      [&](const db::Row& row) { result = std::string(row.text(0)); });
  return result;
}

}  // namespace mpf::migrate
