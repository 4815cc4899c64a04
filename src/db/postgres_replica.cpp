#include "db/postgres_replica.hpp"

#include <algorithm>
#include <exception>

#include <fmt/core.h>

#include <mpf/db/error.hpp>
#include <mpf/telemetry/log.hpp>

#include "db/postgres_session.hpp"
#include "fiber/loop_impl.hpp"

namespace mpf::db::postgres {

using fiber::SteadyClock;

namespace {

/// While it is looked at, nobody else does.
constexpr auto never = fiber::TimePoint::max().time_since_epoch().count();

struct Position {
  std::string system;
  std::int64_t at = 0;
  bool following = false;
};

Position position_of(LoopPool& pool) {
  Position position;
  const Statement asked{
      "SELECT (SELECT system_identifier::text FROM pg_control_system()), pg_is_in_recovery(), "
      "((CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END) "
      "- '0/0')::bigint",
      {},
      Access::read};
  deliver(run_alone(pool, asked), [&](const Row& row) {
    position.system = row.text(0);
    position.following = row.boolean(1);
    if (!row.is_null(2)) position.at = row.integer(2);
  });
  // The next record of the primary begins behind the header of a page, the last one replayed ends before it.
  constexpr std::int64_t page = 8192;
  constexpr std::int64_t longest_header = 40;
  if (position.at % page <= longest_header) position.at -= position.at % page;
  return position;
}

}  // namespace

Replica::Replica(fiber::Runtime& runtime, std::shared_ptr<const PostgresOptions> options,
                 const std::string& url)
    : options_(options), pools_(runtime, std::move(options), Address(*options_, url)) {}

void Replica::look_after(const std::shared_ptr<LoopPool>& primary, fiber::TimePoint now) {
  fiber::Duration::rep due = next_look_;
  if (now.time_since_epoch().count() < due || !next_look_.compare_exchange_strong(due, never)) return;
  const auto look = [self = shared_from_this(), primary, own = pools_.here()] {
    try {
      self->compare(*primary, *own);
    } catch (const std::exception& error) {
      self->failed(error.what());
    } catch (...) {  // the runtime is stopping
    }
    // Several times within the lag, so that a replica that keeps up stays fresh.
    const auto pause =
        std::max<fiber::Duration>(self->options_->replica_lag / 4, std::chrono::milliseconds(5));
    self->next_look_ = (SteadyClock::now() + pause).time_since_epoch().count();
  };
  if (!fiber::start(*fiber::Loop::current(), "looking at a replica", look)) next_look_ = due;
}

/// What the replica has replayed after the primary was asked is compared with what the primary had written
/// before: of a replica that lags, the newest mark that it has passed tells by how much.
void Replica::compare(LoopPool& primary, LoopPool& own) {
  const auto asked = SteadyClock::now();
  const Position there = position_of(primary);
  const Position here = position_of(own);
  if (!here.following) return failed("it follows no other server");
  if (here.system != there.system) return failed("it follows another server than " + primary.where());
  bool usable = false;
  std::string why = "it has not caught up yet";
  {
    const std::scoped_lock lock(mutex_);
    marks_.push_back({asked, there.at});
    while (!marks_.empty() && marks_.front().position <= here.at) {
      replayed_ = marks_.front().at;
      marks_.pop_front();
    }
    if (marks_.size() > 1000) marks_.erase(marks_.begin() + 1, marks_.end() - 500);  // far behind
    fresh_until_ = (replayed_ + options_->replica_lag).time_since_epoch().count();
    const auto now = SteadyClock::now();
    usable = fresh(now);
    if (replayed_ != fiber::TimePoint{}) {
      why = fmt::format("it is {} ms behind",
                        std::chrono::duration_cast<std::chrono::milliseconds>(now - replayed_).count());
    }
  }
  tell(usable, why);
}

void Replica::failed(const std::string& why) noexcept {
  fresh_until_ = 0;
  tell(false, why);
}

void Replica::tell(bool usable, const std::string& why) noexcept {
  try {
    const std::scoped_lock lock(mutex_);
    if (told_ == usable) return;
    told_ = usable;
    if (usable) {
      log::info("replica {} is read from", pools_.where());
    } else {
      log::warning("replica {} is not read from: {}; reads go to the primary", pools_.where(), why);
    }
  } catch (...) {  // nobody is told, then
  }
}

Replicas::Replicas(fiber::Runtime& runtime, const std::shared_ptr<const PostgresOptions>& options) {
  for (const Secret& url : options->replicas) {
    if (url.reveal().empty()) throw Error(ErrorKind::configuration, "the URL of a replica is empty");
    all_.push_back(std::make_shared<Replica>(runtime, options, url.reveal()));
  }
}

std::shared_ptr<Replica> Replicas::pick(const std::shared_ptr<LoopPool>& primary) {
  const auto now = SteadyClock::now();
  for (const auto& each : all_) each->look_after(primary, now);
  const std::size_t first = turn_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < all_.size(); ++i) {
    const auto& each = all_[(first + i) % all_.size()];
    if (each->fresh(now)) return each;
  }
  return nullptr;
}

}  // namespace mpf::db::postgres
