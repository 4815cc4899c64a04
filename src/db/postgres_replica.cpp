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

/// Nobody waits longer for a connection than for an answer.
std::shared_ptr<const PostgresOptions> options_for_reads(PostgresOptions options) {
  options.connect_timeout = std::min(options.connect_timeout, options.replica_timeout);
  options.acquire_timeout = std::min(options.acquire_timeout, options.replica_timeout);
  options.silence_timeout = std::chrono::milliseconds(0);  // it is looked at
  return std::make_shared<const PostgresOptions>(std::move(options));
}

/// One attempt to connect, which the look's own deadline ends.
std::shared_ptr<const PostgresOptions> options_for_looks(PostgresOptions options) {
  options.pipelines = 1;
  options.owned = 1;
  options.cached_statements = 4;
  options.connect_timeout = std::max(options.connect_timeout, options.replica_timeout);
  options.acquire_timeout = std::chrono::milliseconds(0);
  options.silence_timeout = std::chrono::milliseconds(0);
  return std::make_shared<const PostgresOptions>(std::move(options));
}

}  // namespace

Replica::Replica(fiber::Runtime& runtime, const PostgresOptions& options, const std::string& url,
                 std::shared_ptr<LoopPool> primary)
    : options_(options_for_reads(options)),
      look_options_(options_for_looks(options)),
      home_(*fiber::Loop::current()),
      logger_(telemetry::current_logger()),
      primary_(std::move(primary)),
      pools_(runtime, options_, Address(*options_, url)),
      looks_(runtime, look_options_, Address(*look_options_, url)) {}

void Replica::look_after() {
  if (!asked_) asked_ = true;
  if (looking_ || looking_.exchange(true)) return;
  try {
    const auto look_on = [self = shared_from_this()] { self->look_on(); };
    if (fiber::start(home_, "looking at a replica", look_on)) return;
  } catch (...) {
    looking_ = false;
    throw;
  }
  looking_ = false;
}

void Replica::look_on() {
  const auto use = telemetry::use(logger_);
  for (;;) {
    while (asked_.exchange(false) || reading_ > 0) {
      try {
        if (stopped_.acquire_until(next_look_)) return;
        compare();
      } catch (const std::exception& error) {
        failed(error.what());
      } catch (...) {
        return;  // the runtime is stopping
      }
      // Several times within the lag, so that a replica that keeps up stays fresh.
      const auto pause = std::max<fiber::Duration>(
          std::min<fiber::Duration>(options_->replica_lag / 4, options_->replica_timeout / 2),
          std::chrono::milliseconds(5));
      next_look_ = SteadyClock::now() + pause;
    }
    looking_ = false;
    // Who has come meanwhile took it for running still.
    if ((!asked_ && reading_ == 0) || looking_.exchange(true)) return;
  }
}

/// What the replica has replayed after the primary was asked is compared with what the primary had written
/// before: of a replica that lags, the newest mark that it has passed tells by how much.
void Replica::compare() {
  const auto asked = SteadyClock::now();
  Position there;
  std::exception_ptr primary_lost;
  try {
    const fiber::DeadlineScope limit(asked + options_->replica_timeout);
    there = position_of(*primary_);
  } catch (const Error&) {  // it may be gone as well: who waits for the replica must not wait for that
    primary_lost = std::current_exception();
  }
  const auto until = SteadyClock::now() + options_->replica_timeout;
  Position here;
  try {
    const fiber::DeadlineScope limit(until);
    here = position_of(*looks_.here());
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::timeout || SteadyClock::now() < until) throw;
    return fell_silent();
  }
  if (primary_lost) std::rethrow_exception(primary_lost);
  if (!here.following) return failed("it follows no other server");
  if (here.system != there.system) return failed("it follows another server than " + primary_->where());
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

/// Whoever waits for it gets ConnectionLost, and goes to the primary.
void Replica::fell_silent() {
  const std::string why = fmt::format("it has not answered for {} ms", options_->replica_timeout.count());
  failed(why);
  const std::weak_ptr<Replica> self = weak_from_this();
  pools_.break_links(self, why);
  looks_.break_links(self, why);
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

Replicas::Replicas(fiber::Runtime& runtime, const PostgresOptions& options, ServerPools& primary) {
  if (options.replicas.empty()) return;
  if (options.replica_timeout.count() <= 0) {
    throw Error(ErrorKind::configuration, fmt::format("replica_timeout is {} ms: it must be longer than 0",
                                                      options.replica_timeout.count()));
  }
  for (const Secret& url : options.replicas) {
    if (url.reveal().empty()) throw Error(ErrorKind::configuration, "the URL of a replica is empty");
    all_.push_back(std::make_shared<Replica>(runtime, options, url.reveal(), primary.here()));
  }
}

Replicas::~Replicas() {
  for (const auto& each : all_) each->stop();
}

std::shared_ptr<Replica> Replicas::pick() {
  const auto now = SteadyClock::now();
  for (const auto& each : all_) each->look_after();
  const std::size_t first = turn_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < all_.size(); ++i) {
    const auto& each = all_[(first + i) % all_.size()];
    if (each->fresh(now)) return each;
  }
  return nullptr;
}

}  // namespace mpf::db::postgres
