#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <mpf/db/copy.hpp>
#include <mpf/fiber/fiber.hpp>

#include "db/database.hpp"
#include "db/errors.hpp"
#include "db/gate.hpp"

/// Servers that say nothing more, on connections that stay open.
using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {

using Steady = fiber::SteadyClock;

db::PostgresOptions through_quickly(const Gate& gate, const db::PostgresOptions& options) {
  db::PostgresOptions by_gate = through(gate, options);
  by_gate.statement_timeout = 0ms;  // nothing else ends what is waited for
  by_gate.silence_timeout = 300ms;
  by_gate.connect_timeout = 300ms;
  by_gate.acquire_timeout = 300ms;
  return by_gate;
}

/// Once the work is at the server, that falls silent.
template <class Work>
void fall_silent_during(Gate& gate, db::Database& witness, const Work& work) {
  auto waiting = fiber::spawn(work);
  const fiber::DeadlineScope limit(30s);
  while (number(witness,
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = "
                "current_database()") == 0) {
    fiber::checkpoint();
  }
  gate.swallow(true);
  waiting.get();
}

}  // namespace

TEST_CASE(
    "postgres: who waits for a server that has fallen silent hears of it in time, whatever he waits for") {
  fiber::run([] {
    Gate gate(Postgres::shared().port());
    const auto options = Postgres::shared().fresh();
    const auto witness = db::open_postgres(options);
    witness->execute_script("CREATE TABLE t (n bigint, s text GENERATED ALWAYS AS ('x') STORED)");
    const auto db = db::open_postgres(through_quickly(gate, options));
    const std::string slow = "SELECT n FROM (SELECT 1::bigint AS n) AS one, pg_sleep(60)";
    auto stream = read(slow);
    stream.stream = true;
    struct Case {
      std::string name;
      std::function<void()> work;
    };
    for (const Case& each : std::vector<Case>{
             {"a read", [&] { db->execute(read(slow)); }},
             {"a write", [&] { db->execute(write("INSERT INTO t " + slow)); }},
             {"a batch",
              [&] {
                db->execute_batch(std::vector{read("SELECT 1"), read(slow)});
              }},
             {"a stream", [&] { db->execute(stream); }},
             {"a transaction", [&] { db->transaction([&](db::Transaction&) { db->execute(read(slow)); }); }},
             {"a script", [&] { db->execute_script(slow); }},
             {"a long script", [&] { db->execute_long(slow); }},
         }) {
      CAPTURE(each.name);
      const auto began = Steady::now();
      CHECK_THROWS_AS(fall_silent_during(gate, *witness, each.work), db::ConnectionLost);
      CHECK(Steady::now() - began < 10s);
      // New statements don't wait for longer than a connection may take.
      const auto next = Steady::now();
      CHECK_THROWS_AS(db->execute(read("SELECT 1")), Error);
      CHECK(Steady::now() - next < 5s);
      gate.swallow(false);
      const fiber::DeadlineScope limit(30s);
      while (true) {
        try {
          CHECK(number(*db, "SELECT 1::bigint") == 1);
          break;
        } catch (const db::ConnectionLost&) {  // not tried again yet
          fiber::checkpoint();
        }
      }
    }
  });
}

TEST_CASE("postgres: what takes long at a server that answers others is not disturbed") {
  fiber::run([] {
    auto options = Postgres::shared().fresh();
    options.silence_timeout = 100ms;
    const auto db = db::open_postgres(options);
    std::vector<fiber::Fiber<>> all;
    for (int i = 0; i < 3; ++i)
      all.push_back(fiber::spawn([&] { db->execute(read("SELECT pg_sleep(1.5)")); }));
    all.push_back(fiber::spawn([&] { db->execute_script("SELECT pg_sleep(1.5)"); }));
    for (auto& each : all) CHECK_NOTHROW(each.get());
  });
}

TEST_CASE("postgres: a read that was moved from a silent replica to a silent primary ends in time") {
  fiber::run([] {
    Postgres server;
    Gate replica(server.add_replica());
    Gate primary(server.port());
    auto options = through_quickly(primary, server.options());
    options.replicas.emplace_back("postgres://postgres@127.0.0.1:" + std::to_string(replica.port()) +
                                  "/postgres");
    options.replica_lag = 5min;
    options.replica_timeout = 300ms;
    options.statement_timeout = 30s;
    const auto db = db::open_postgres(options);
    const auto by_replica = [&] {
      bool there = false;
      auto statement = read("SELECT pg_is_in_recovery()");
      statement.replica = true;
      db->execute(statement, [&](const db::Row& row) { there = row.boolean(0); });
      return there;
    };
    const auto wait_until_read_from = [&] {
      const fiber::DeadlineScope limit(30s);
      for (bool there = false; !there;) {
        try {
          there = by_replica();
        } catch (const db::ConnectionLost&) {  // not tried again yet
        }
        fiber::checkpoint();
      }
    };
    for (int round = 0; round < 2; ++round) {
      wait_until_read_from();
      replica.swallow(true);
      primary.swallow(true);
      const auto began = Steady::now();
      CHECK_THROWS_AS(by_replica(), db::ConnectionLost);
      CHECK(Steady::now() - began < 10s);  // long before statement_timeout
      replica.swallow(false);
      primary.swallow(false);
    }
    wait_until_read_from();
  });
}

TEST_CASE("postgres: a copy of a whole table through a connection that falls silent ends with its fiber") {
  fiber::run([] {
    Gate gate(Postgres::shared().port());
    const auto options = Postgres::shared().fresh();
    const auto witness = db::open_postgres(options);
    witness->execute_script("CREATE TABLE t (n bigint); INSERT INTO t SELECT generate_series(1, 200000)");
    const auto db = db::open_postgres(through_quickly(gate, options));
    const auto began = Steady::now();
    const Error late = error_of([&] {
      const fiber::DeadlineScope limit(500ms);
      std::int64_t rows = 0;
      db->copy_out({.table = "t", .columns = {{"n", db::ColumnType::bigint}}, .on_row = [&](const db::Row&) {
                      gate.swallow(++rows >= 1'000);
                    }});
    });
    CHECK(late.kind() == ErrorKind::timeout);
    CHECK(Steady::now() - began < 10s);
  });
}
