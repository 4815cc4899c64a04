#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <mpf/db/own_writes.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/telemetry/logger.hpp>

#include "db/database.hpp"
#include "db/errors.hpp"
#include "db/gate.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {

Secret url_of(std::uint16_t port) {
  return Secret("postgres://postgres@127.0.0.1:" + std::to_string(port) + "/postgres");
}

db::Statement may_lag(std::string sql) {
  db::Statement statement = read(std::move(sql));
  statement.replica = true;
  return statement;
}

bool by_replica(db::Database& db) {
  bool answer = false;
  db.execute(may_lag("SELECT pg_is_in_recovery()"), [&](const db::Row& row) { answer = row.boolean(0); });
  return answer;
}

std::int64_t count(db::Database& db) {
  std::int64_t rows = -1;
  db.execute(may_lag("SELECT count(*) FROM t"), [&](const db::Row& row) { rows = row.integer(0); });
  return rows;
}

/// As another request would.
template <class Work>
void elsewhere(const Work& work) {
  fiber::spawn([&] {
    const db::OwnWritesScope request;
    work();
  }).get();
}

/// Each look is a statement; the deadline ends it.
template <class Condition>
void wait_until(const Condition& holds) {
  const fiber::DeadlineScope limit(60s);
  while (!holds()) fiber::checkpoint();
}

/// A primary with a table t(n), and one server that follows it.
struct World {
  Postgres server;
  std::uint16_t port = server.add_replica();
  Gate gate{port};  ///< to the replica
  std::unique_ptr<db::Database> db;

  explicit World(std::chrono::milliseconds lag, std::chrono::milliseconds timeout = 60s) {
    db::PostgresOptions options = server.options();
    options.replicas.push_back(url_of(gate.port()));
    options.replica_lag = lag;
    options.replica_timeout = timeout;
    db = db::open_postgres(options);
    elsewhere([&] { db->execute_script("CREATE TABLE t (n bigint)"); });
    add(1);
  }
  void add(std::int64_t n) const {
    elsewhere([&] { db->execute(write("INSERT INTO t VALUES ($1)", {n})); });
  }
};

}  // namespace

TEST_CASE(
    "postgres: what may lag is read from a replica, but for what belongs to a transaction or to a writer") {
  fiber::run([] {
    const World world(10s);
    db::Database& db = *world.db;
    wait_until([&] { return by_replica(db) && count(db) == 1; });
    {  // batches, streams and read-only transactions too
      const std::vector batch{may_lag("SELECT pg_is_in_recovery()"), may_lag("SELECT pg_is_in_recovery()")};
      int there = 0;
      const auto note = [&](const db::Row& row) { there += row.boolean(0) ? 1 : 0; };
      db.execute_batch(batch, [&](std::size_t, const db::Row& row) { note(row); });
      CHECK(there == 2);
      auto stream = may_lag("SELECT pg_is_in_recovery() FROM generate_series(1, 2500)");
      stream.stream = true;
      db.execute(stream, note);
      CHECK(there == 2502);
      const auto here = read("SELECT pg_is_in_recovery()");
      db.transaction([&](db::Transaction&) { db.execute(here, note); }, {.read_only = true, .replica = true});
      CHECK(there == 2503);
      db.transaction([&](db::Transaction&) { db.execute(here, note); }, {.read_only = true});
      db.transaction([&](db::Transaction&) { CHECK(!by_replica(db)); });
      db.execute(here, note);
      db.execute_batch(std::vector{may_lag("SELECT pg_is_in_recovery()"), here},
                       [&](std::size_t, const db::Row& row) { note(row); });
      CHECK(there == 2503);
    }
    {  // who has written reads what he wrote, and so do the fibers of his request
      elsewhere([&] {
        CHECK(by_replica(db));
        db.execute(write("INSERT INTO t VALUES (2)"));
        CHECK(!by_replica(db));
        CHECK(count(db) == 2);
        fiber::spawn([&] { CHECK(count(db) == 2); }).get();
      });
      elsewhere([&] {
        fiber::spawn([&] {
          db.transaction([&](db::Transaction&) { db.execute(write("INSERT INTO t VALUES (3)")); });
        }).get();
        CHECK(!by_replica(db));
        CHECK(count(db) == 3);
      });
      fiber::spawn([&] {  // of no request
        db.execute_batch(std::vector{write("INSERT INTO t VALUES (4)")});
        CHECK(count(db) == 4);
      })
          .get();
      elsewhere([&] { CHECK(by_replica(db)); });
    }
    // A mistake is the statement's own.
    CHECK_THROWS_AS(db.execute(may_lag("SELECT nothing FROM nowhere")), db::SqlError);
    CHECK_THROWS_AS(db.execute(may_lag("SELECT 1 / (n - n) FROM t")), Error);
    CHECK(by_replica(db));
  });
}

TEST_CASE("postgres: a replica that lags too much is left alone until it has caught up") {
  fiber::run([] {
    constexpr auto lag = 300ms;
    const World world(lag);
    db::Database& db = *world.db;
    wait_until([&] { return by_replica(db) && count(db) == 1; });
    db::PostgresOptions options = world.server.options();
    options.port = world.port;
    const auto replica = db::open_postgres(options);
    replica->execute(read("SELECT pg_wal_replay_pause()"));
    world.add(2);
    const auto written = fiber::SteadyClock::now();
    bool seen_by_replica = false;
    while (fiber::SteadyClock::now() < written + lag) seen_by_replica = seen_by_replica || by_replica(db);
    CHECK(seen_by_replica);  // that much it may lag
    CHECK(!by_replica(db));
    CHECK(count(db) == 2);
    replica->execute(read("SELECT pg_wal_replay_resume()"));
    wait_until([&] { return by_replica(db); });
    CHECK(count(db) == 2);
  });
}

TEST_CASE("postgres: when the replica goes the primary serves, until it is back") {
  fiber::run([] {
    World world(1s);
    db::Database& db = *world.db;
    wait_until([&] { return by_replica(db) && count(db) == 1; });
    world.server.stop_replica(world.port);
    for (int i = 0; i < 20; ++i) CHECK(count(db) == 1);
    CHECK(!by_replica(db));
    elsewhere([&] {
      db.transaction([&](db::Transaction&) { CHECK(count(db) == 1); }, {.read_only = true, .replica = true});
    });
    world.server.start_replica(world.port);
    wait_until([&] { return by_replica(db); });
    CHECK(count(db) == 1);
  });
}

TEST_CASE("postgres: when the replica falls silent the primary serves, also the reads that wait already") {
  fiber::run([] {
    World world(60s, 1s);  // so fresh that only its silence tells
    db::Database& db = *world.db;
    const db::TransactionOptions lagging{.read_only = true, .replica = true};
    const auto wait_until_read_from = [&] { wait_until([&] { return by_replica(db) && count(db) == 1; }); };
    db::PostgresOptions there_options = world.server.options();
    there_options.port = world.port;
    const auto witness = db::open_postgres(there_options);
    const auto last_look = [&] {
      return number(
          *witness,
          "SELECT max(extract(epoch FROM query_start) * 1000000)::bigint FROM pg_stat_activity WHERE "
          "query LIKE '%pg_control_system%' AND pid <> pg_backend_pid()");
    };
    // What it does is at the replica when that falls silent, and nobody else asks for it meanwhile.
    const auto meanwhile = [&](const std::function<void()>& work, int looks = 0) {
      auto reader = fiber::spawn(work);
      fiber::yield();
      for (; looks > 0; --looks) {
        const std::int64_t before = last_look();
        wait_until([&] { return last_look() != before; });
      }
      world.gate.swallow(true);
      reader.get();
    };
    bool there = true;
    const db::RowSink note = [&](const db::Row& row) { there = row.boolean(0); };
    const db::Database::BatchSink note_each = [&](std::size_t, const db::Row& row) { note(row); };
    const std::string slow =
        "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN pg_sleep(20) END";
    auto stream = may_lag(slow);
    stream.stream = true;
    struct Case {
      std::string name;
      std::function<void()> work;
    };
    const std::vector<Case> by_primary{
        {"a statement", [&] { meanwhile([&] { db.execute(may_lag(slow), note); }); }},
        {"a statement that takes long", [&] { meanwhile([&] { db.execute(may_lag(slow), note); }, 3); }},
        {"a batch",
         [&] { meanwhile([&] {
                 db.execute_batch(std::vector{may_lag(slow), may_lag(slow)}, note_each);
               }); }},
        {"a stream of which nothing has come", [&] { meanwhile([&] { db.execute(stream, note); }); }},
        {"statements that begin when it is silent",
         [&] {
           world.gate.swallow(true);
           for (int i = 0; i < 20; ++i) there = there && by_replica(db);
           there = by_replica(db);
         }},
        {"the first statement of a transaction, whose body is not run twice",
         [&] {
           int runs = 0;
           meanwhile([&] {
             db.transaction(
                 [&](db::Transaction&) {
                   ++runs;
                   db.transaction([&](db::Transaction&) { db.execute(read(slow), note); });
                   CHECK(number(db, "SELECT n FROM t") == 1);
                 },
                 lagging);
           });
           CHECK(runs == 1);
         }},
        {"a batch that begins a transaction",
         [&] {
           meanwhile([&] {
             db.transaction([&](db::Transaction&) { db.execute_batch(std::vector{read(slow)}, note_each); },
                            lagging);
           });
         }},
    };
    for (const Case& each : by_primary) {
      CAPTURE(each.name);
      wait_until_read_from();
      const auto began = fiber::SteadyClock::now();
      there = true;
      each.work();
      CHECK(!there);
      CHECK(fiber::SteadyClock::now() - began < 10s);  // long before statement_timeout
      world.gate.swallow(false);
    }
    const std::vector<Case> lost{
        {"a stream of which rows have been shown",
         [&] {
           stream.sql =
               "SELECT CASE WHEN i > 1000 THEN pg_sleep(0.1) END FROM generate_series(1, 1001) AS s(i)";
           int rows = 0;
           db.execute(stream, [&](const db::Row&) { world.gate.swallow(++rows == 1000); });
         }},
        {"a transaction in which a statement was answered",
         [&] {
           db.transaction(
               [&](db::Transaction&) {
                 db.execute(read("SELECT pg_is_in_recovery()"), note);
                 CHECK(there);
                 world.gate.swallow(true);
                 number(db, "SELECT 1::bigint");
               },
               lagging);
         }},
    };
    for (const Case& each : lost) {
      CAPTURE(each.name);
      wait_until_read_from();
      const auto began = fiber::SteadyClock::now();
      CHECK_THROWS_AS(each.work(), db::ConnectionLost);
      CHECK(fiber::SteadyClock::now() - began < 10s);
      world.gate.swallow(false);
    }
    // Whose fiber does not want to wait so long does not.
    wait_until_read_from();
    const Error late = error_of([&] {
      meanwhile([&] {
        const fiber::DeadlineScope limit(100ms);
        db.execute(may_lag("SELECT pg_sleep(60)"));
      });
    });
    CHECK(late.kind() == ErrorKind::timeout);
    world.gate.swallow(false);
    wait_until_read_from();
  });
}

TEST_CASE("postgres: a replica that is busy is not taken for silent") {
  fiber::run([] {
    const World world(60s, 300ms);
    db::Database& db = *world.db;
    wait_until([&] { return by_replica(db) && count(db) == 1; });
    std::vector<fiber::Fiber<>> busy;
    for (int i = 0; i < 3; ++i) {  // on every connection that is shared, and for much longer than the limit
      busy.push_back(fiber::spawn([&] {
        db.execute(may_lag("SELECT pg_is_in_recovery() FROM pg_sleep(1)"),
                   [](const db::Row& row) { CHECK(row.boolean(0)); });
      }));
    }
    for (auto& each : busy) each.get();
  });
}

TEST_CASE("postgres: a server that follows nobody, or another one, is no replica") {
  fiber::run([] {
    Postgres other({}, {}, Postgres::Identity::own);
    Postgres server;
    db::PostgresOptions options = server.options();
    options.replicas = {url_of(other.add_replica()), url_of(server.port())};
    const auto logger = std::make_shared<telemetry::MemoryLogger>();
    const auto logging = telemetry::use(logger);
    const auto db = db::open_postgres(options);
    wait_until([&] {
      CHECK(!by_replica(*db));
      return std::ranges::count_if(logger->lines(), [](const auto& line) {
               return line.message.find("is not read from") != std::string::npos;
             }) == 2;
    });
    for (int i = 0; i < 200; ++i) CHECK(!by_replica(*db));
    options.replicas = {Secret("")};
    CHECK(mentions(error_of([&] { db::open_postgres(options); }), "the URL of a replica is empty"));
  });
}
