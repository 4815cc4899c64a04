#include <mpf/db/postgres.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <set>
#include <thread>

#include <mpf/base/decimal.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

#include "db/database.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {

struct Opened {
  std::unique_ptr<db::Database> owned;
  db::Database& db;
  explicit Opened(const db::PostgresOptions& options = Postgres::shared().fresh())
      : owned(db::open_postgres(options)), db(*owned) {}
};

Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  throw std::logic_error("unreachable");
}

bool mentions(const Error& error, const std::string& text) {
  return std::string(error.what()).find(text) != std::string::npos;
}

/// Sessions of this database that do something now, but for the one that asks.
std::int64_t active(db::Database& db) {
  return number(
      db,
      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND "
      "pid <> pg_backend_pid()");
}

}  // namespace

TEST_CASE("postgres: every kind of value is bound and read back, in binary") {
  fiber::run([] {
    const Opened world;
    world.db.execute_script(
        "CREATE TABLE v (b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, n "
        "numeric(18,4), t text, x bytea, d date, ts timestamptz, iv interval, u uuid, j jsonb, ip inet, ai "
        "bigint[], at text[], ab boolean[], af double precision[], au uuid[], ats timestamptz[], ad date[], "
        "ri "
        "int8range, rt tstzrange, rd daterange, nothing text)");
    const db::Bytes bytes{std::byte{0}, std::byte{7}, std::byte{255}};
    const std::string text = "quote ' \" ; -- $1 ? 🦊";
    const auto now = Timestamp::now();
    const auto day = *Date::parse("2026-11-21");
    const auto uuid = Uuid::v4();
    const auto net = *IpNetwork::parse("2001:db8::5/32");
    using Element = db::ElementType;
    const db::Array ai{Element::integer, {std::int64_t{1}, nullptr, INT64_MIN}};
    const db::Array at{Element::text, {std::string("a"), std::string(""), std::string("ü\"{,}")}};
    const db::Array ab{Element::boolean, {true, false}};
    const db::Array af{Element::real, {0.5, -1e300}};
    const db::Array au{Element::uuid, {uuid}};
    const db::Array ats{Element::timestamp, {now}};
    const db::Array ad{Element::date, {day}};
    const db::RangeValue ri{Element::integer, false, true, false, 1, 6};
    const db::RangeValue rt{Element::timestamp, false, true, true, now.micros(), now.micros() + 5};
    const db::RangeValue rd{Element::date, false, true, false, day.days(), std::nullopt};
    const auto insert = write(
        "INSERT INTO v VALUES "
        "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,"
        "$23,$24,$25,$26)",
        {true,
         std::int64_t{-32768},
         std::int64_t{INT32_MIN},
         INT64_MIN,
         1.5,
         0.1,
         db::Numeric{-1234567890123456789 / 10, 4},
         text,
         bytes,
         day,
         now,
         Microseconds(-90'061'000'001),
         uuid,
         db::JsonText{R"({"a": [1, null]})"},
         net,
         ai,
         at,
         ab,
         af,
         au,
         ats,
         ad,
         ri,
         rt,
         rd,
         nullptr});
    // The third time it is a prepared statement.
    for (int i = 0; i < 3; ++i) CHECK(world.db.execute(insert) == 1);
    int rows = 0;
    for (int round = 0; round < 3; ++round) {
      world.db.execute(read("SELECT * FROM v"), [&](const db::Row& row) {
        ++rows;
        CHECK(row.columns() == 26);
        CHECK(row.column_name(7) == "t");
        CHECK(row.boolean(0));
        CHECK(row.integer(1) == -32768);
        CHECK(row.integer(2) == INT32_MIN);
        CHECK(row.integer(3) == INT64_MIN);
        CHECK(row.real(4) == 1.5);
        CHECK(row.real(5) == 0.1);
        CHECK(row.numeric(6, 4) == db::Numeric{-123456789012345678, 4});
        CHECK(row.numeric(6, 4).coefficient == -123456789012345678);
        CHECK_THROWS_AS(row.numeric(6, 3), Error);
        CHECK(row.text(7) == text);
        CHECK(std::ranges::equal(row.bytes(8), bytes));
        CHECK(row.date(9) == day);
        CHECK(row.timestamp(10) == now);
        CHECK(row.duration(11) == Microseconds(-90'061'000'001));
        CHECK(row.uuid(12) == uuid);
        CHECK(row.json(13) == R"({"a": [1, null]})");
        CHECK(row.network(14) == net);
        std::vector<std::int64_t> numbers;
        int nulls = 0;
        row.array(15, [&](const db::Row& element) {
          if (element.is_null(0)) {
            ++nulls;
          } else {
            numbers.push_back(element.integer(0));
          }
        });
        CHECK(nulls == 1);
        CHECK(numbers == std::vector<std::int64_t>{1, INT64_MIN});
        std::vector<std::string> texts;
        row.array(16, [&](const db::Row& element) { texts.emplace_back(element.text(0)); });
        CHECK(texts == std::vector<std::string>{"a", "", "ü\"{,}"});
        row.array(19, [&](const db::Row& element) { CHECK(element.uuid(0) == uuid); });
        row.array(20, [&](const db::Row& element) { CHECK(element.timestamp(0) == now); });
        row.array(21, [&](const db::Row& element) { CHECK(element.date(0) == day); });
        CHECK(row.range(22, Element::integer) == ri);
        CHECK(row.range(23, Element::timestamp) == rt);
        CHECK(row.range(24, Element::date) == rd);
        CHECK(row.is_null(25));
        CHECK_THROWS_WITH_AS(row.integer(25), "column 'nothing' holds NULL and was read as an integer",
                             Error);
        CHECK_THROWS_WITH_AS(row.integer(7), "column 't' holds text and was read as an integer", Error);
        CHECK_THROWS_AS(row.text(99), Error);
      });
    }
    CHECK(rows == 9);
  });
}

TEST_CASE("postgres: decimals of every size keep every digit") {
  fiber::run([] {
    const Opened world;
    for (const int scale : {0, 1, 2, 3, 4, 5, 8, 17, 18}) {
      for (const std::int64_t coefficient :
           {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{10}, std::int64_t{9'999},
            std::int64_t{10'000}, std::int64_t{123'456'789}, std::int64_t{100'000'000'000'000'000},
            std::int64_t{-999'999'999'999'999'999}}) {
        CAPTURE(scale);
        CAPTURE(coefficient);
        bool seen = false;
        world.db.execute(read("SELECT $1, $1::text", {db::Numeric{coefficient, scale}}),
                         [&](const db::Row& row) {
                           seen = true;
                           CHECK(row.numeric(0, scale).coefficient == coefficient);
                           CHECK(std::string(row.text(1)).find("e") == std::string::npos);
                         });
        CHECK(seen);
      }
    }
    world.db.execute(read("SELECT 1.25::numeric, 'NaN'::numeric, 1e30::numeric, sum(i)::numeric, sum(i) FROM "
                          "generate_series(1, 4::bigint) AS s(i)"),
                     [&](const db::Row& row) {
                       CHECK(row.real(0) == 1.25);
                       CHECK(row.numeric(0, 2).coefficient == 125);
                       CHECK_THROWS_AS(row.numeric(1, 2), Error);
                       CHECK(std::isnan(row.real(1)));
                       CHECK_THROWS_AS(row.numeric(2, 0), Error);
                       CHECK(row.real(2) == 1e30);
                       CHECK(row.integer(4) == 10);
                     });
  });
}

TEST_CASE("postgres: \"?\" stands for a parameter where no \"$1\" does, but not in quotes and comments") {
  fiber::run([] {
    const Opened world;
    std::string text;
    const auto first = [&](const db::Row& row) { text = row.text(0); };
    world.db.execute(
        read("SELECT '?' || \"x?\" || $$?$$ || E'\\'?' || ?::text /* ? /* ? */ */ -- ?\n FROM (SELECT "
             "'c'::text AS \"x?\") s WHERE 1 = ?",
             {std::string("p"), std::int64_t{1}}),
        first);
    CHECK(text == "?c?'?p");
    world.db.execute(read("SELECT ('{\"a\":1}'::jsonb ? $1)::text", {std::string("a")}), first);
    CHECK(text == "true");
  });
}

TEST_CASE("postgres: mistakes in SQL are told with the statement") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    const auto message = [&](const db::Statement& statement) -> std::string {
      try {
        world.db.execute(statement);
      } catch (const db::SqlError& error) {
        CHECK(error.kind() == ErrorKind::internal);
        return error.what();
      }
      return "no error";
    };
    for (int round = 0; round < 3; ++round) {
      CHECK(message(read("SELEKT 1")).find("SELEKT 1") != std::string::npos);
      CHECK(message(read("SELECT $1::bigint", {})) == "0 values for the 1 parameters of: SELECT $1::bigint");
      CHECK(message(read("SELECT 1; SELECT 2")).find("multiple commands") != std::string::npos);
      CHECK(
          message(read("DELETE FROM item")).starts_with("this statement writes, so it needs Access::write"));
      CHECK(message(read(" ")).starts_with("an empty SQL statement"));
      CHECK(message(write("BEGIN")).starts_with("a statement cannot begin or end a transaction"));
      CHECK(message(write("SET statement_timeout = 0")).starts_with("a statement cannot change the session"));
      CHECK(message(read("SELECT nope FROM item")).find("42703") != std::string::npos);
      CHECK(message(write("COPY item FROM STDIN")).starts_with("COPY is run by Database::bulk_insert()"));
    }
    CHECK(error_of([&] { world.db.execute(read("SELECT $1", {std::string("a\0b", 3)})); }).kind() ==
          ErrorKind::invalid);
    CHECK(error_of([&] { world.db.execute(read("SELECT $1", {std::string("\xff\xfe")})); }).kind() ==
          ErrorKind::invalid);
    world.add("still works");
    CHECK(world.count() == 1);
  });
}

TEST_CASE("postgres: broken constraints tell which") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    world.add("a");
    using Type = db::ConstraintError::Type;
    const auto broken = [&](const std::string& sql) {
      try {
        world.db.execute(write(sql));
      } catch (const db::ConstraintError& error) {
        return error;
      }
      FAIL("no constraint was broken by: " << sql);
      throw std::logic_error("unreachable");
    };
    const auto unique = broken("INSERT INTO item (name) VALUES ('a')");
    CHECK(unique.type() == Type::unique);
    CHECK(unique.kind() == ErrorKind::conflict);
    CHECK(unique.constraint() == "item_name_key");
    CHECK(unique.table() == "item");
    CHECK(unique.columns() == std::vector<std::string>{"item.name"});
    const auto null = broken("INSERT INTO item (name) VALUES (NULL)");
    CHECK(null.type() == Type::not_null);
    CHECK(null.columns() == std::vector<std::string>{"item.name"});
    const auto check = broken("INSERT INTO item (name, amount) VALUES ('b', 0)");
    CHECK(check.type() == Type::check);
    CHECK(check.constraint() == "item_amount_check");
    const auto foreign = broken("INSERT INTO item (name, parent_id) VALUES ('b', 99)");
    CHECK(foreign.type() == Type::foreign_key);
    CHECK(foreign.columns() == std::vector<std::string>{"item.parent_id"});
    CHECK(world.count() == 1);
  });
}

TEST_CASE("postgres: statements of many fibers are under way at once on few connections") {
  fiber::run(
      [] {
        auto options = Postgres::shared().fresh();
        options.pipelines = 1;
        options.cached_statements = 4;
        const Opened world(options);
        std::vector<fiber::Fiber<>> fibers;
        std::set<std::int64_t> backends;
        for (int i = 0; i < 200; ++i) {
          fibers.push_back(fiber::spawn([&, i] {
            for (int k = 0; k < 10; ++k) {
              // Errors stay with their statement; more texts than the cache holds.
              if ((i + k) % 7 == 0) {
                CHECK_THROWS_AS(number(world.db, "SELECT 1 / (SELECT 0)"), Error);
              } else {
                CHECK(number(world.db, "SELECT $1 + " + std::to_string(k % 6), {std::int64_t{i}}) ==
                      i + k % 6);
              }
            }
            backends.insert(number(world.db, "SELECT pg_backend_pid()::bigint"));
          }));
        }
        for (auto& each : fibers) each.get();
        // While one statement takes long, others may use a connection that is for transactions.
        CHECK(backends.size() <= 9);
      },
      {.loops = 1});
}

TEST_CASE("postgres: a late or cancelled fiber has its statement cancelled on the server, and harms nobody") {
  fiber::run(
      [] {
        auto options = Postgres::shared().fresh();
        options.pipelines = 1;
        options.owned = 1;
        const Opened world(options);
        const Opened witness(options);
        world.db.execute_script("CREATE TABLE t (x bigint)");
        std::atomic<bool> stop{false};
        std::vector<fiber::Fiber<>> neighbours;
        std::int64_t written = 0;
        for (int i = 0; i < 20; ++i) {
          neighbours.push_back(fiber::spawn([&] {
            while (!stop) {
              CHECK(number(world.db, "SELECT 5::bigint") == 5);
              world.db.execute(write("INSERT INTO t VALUES (1)"));
              ++written;
            }
          }));
        }
        for (int round = 0; round < 20; ++round) {
          try {
            const fiber::DeadlineScope limit(5ms);
            number(world.db, endless_query);
            FAIL("it ended");
          } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::timeout);
          }
          auto reader = fiber::spawn([&] { number(world.db, endless_query); });
          fiber::yield();
          reader.cancel();
          CHECK_THROWS_AS(reader.get(), fiber::Cancelled);
          fiber::sleep_for(1ms);
        }
        stop = true;
        for (auto& each : neighbours) each.get();
        CHECK(number(world.db, "SELECT count(*) FROM t") == written);
        // Soon nothing of it runs any more.
        const fiber::DeadlineScope limit(20s);
        while (active(witness.db) > 0) fiber::yield();
      },
      {.loops = 1});
}

TEST_CASE("postgres: a late write leaves nothing, or counts") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    try {
      const fiber::DeadlineScope limit(20ms);
      world.db.execute(write(
          "INSERT INTO item (name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "
          "'n' || i FROM n"));
      FAIL("it ended");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::timeout);
    }
    CHECK(world.count() == 0);
    CHECK(active(world.db) == 0);
    CHECK(error_of([&] {
            const fiber::DeadlineScope limit(20ms);
            world.db.execute_script("SELECT pg_sleep(60)");
          }).kind() == ErrorKind::timeout);
    CHECK(active(world.db) == 0);
    world.add("next");
    CHECK(world.count() == 1);
  });
}

TEST_CASE("postgres: the server's own limits are typed errors") {
  fiber::run([] {
    auto options = Postgres::shared().fresh();
    options.statement_timeout = 50ms;
    options.lock_timeout = 20ms;
    options.idle_in_transaction_timeout = 50ms;
    const ItemDatabase world(options);
    CHECK_THROWS_AS(number(world.db, endless_query), db::StatementTimeout);
    world.add("a");
    world.db.transaction([&](db::Transaction&) {
      world.db.execute(write("UPDATE item SET amount = 2"));
      fiber::spawn([&] {
        CHECK_THROWS_AS(world.db.execute(write("UPDATE item SET amount = 3")), db::LockTimeout);
      }).get();
    });
    CHECK_THROWS_AS(world.db.transaction([&](db::Transaction&) {
      world.add("b");
      fiber::sleep_for(300ms);
      world.add("c");
    }),
                    db::ConnectionLost);
    CHECK(world.count() == 1);
  });
}

TEST_CASE("postgres: deadlocks and serialization failures are typed, and retried when asked") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    world.add("a");
    world.add("b");
    const auto update = [&](const char* name) {
      world.db.execute(write("UPDATE item SET amount = amount + 1 WHERE name = $1", {std::string(name)}));
    };
    int runs = 0;
    const auto cross = [&](const char* first, const char* second, fiber::Semaphore& mine,
                           fiber::Semaphore& other) {
      world.db.transaction(
          [&, again = false](db::Transaction&) mutable {
            ++runs;
            update(first);
            if (!std::exchange(again, true)) {
              mine.release();
              other.acquire();
            }
            update(second);
          },
          {.retries = 5});
    };
    fiber::Semaphore one(0);
    fiber::Semaphore two(0);
    auto left = fiber::spawn([&] { cross("a", "b", one, two); });
    auto right = fiber::spawn([&] { cross("b", "a", two, one); });
    left.get();
    right.get();
    CHECK(runs >= 3);
    CHECK(number(world.db, "SELECT sum(amount)::bigint FROM item") == 6);
    const auto conflict = [&](int retries) {
      int attempts = 0;
      world.db.transaction(
          [&](db::Transaction&) {
            const auto before = number(world.db, "SELECT amount FROM item WHERE name = 'a'");
            if (attempts++ == 0) fiber::spawn([&] { update("a"); }).get();
            world.db.execute(write("UPDATE item SET amount = $1 WHERE name = 'a'", {before + 10}));
          },
          {.isolation = db::Isolation::repeatable_read, .retries = retries});
      return attempts;
    };
    CHECK_THROWS_AS(conflict(0), db::SerializationError);
    CHECK(conflict(3) == 2);
  });
}

TEST_CASE("postgres: what a transaction's error leaves") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    world.add("a");
    try {
      world.db.transaction([&](db::Transaction&) {
        CHECK_THROWS_AS(world.add("a"), db::ConstraintError);
        CHECK_THROWS_AS(world.add("b"), Error);
      });
      FAIL("it was committed");
    } catch (const Error& error) {
      CHECK(
          mentions(error, "this transaction has been rolled back, because an error in it was not passed on"));
    }
    CHECK(world.count() == 1);
    // Deferred constraints speak at the commit.
    world.db.execute_script(
        "CREATE TABLE d (x bigint, CONSTRAINT d_x UNIQUE (x) DEFERRABLE INITIALLY DEFERRED)");
    bool undone = false;
    CHECK_THROWS_AS(world.db.transaction([&](db::Transaction& tx) {
      tx.on_rollback([&] { undone = true; });
      world.db.execute(write("INSERT INTO d VALUES (1), (1)"));
    }),
                    db::ConstraintError);
    CHECK(undone);
    CHECK(number(world.db, "SELECT count(*) FROM d") == 0);
  });
}

TEST_CASE("postgres: the pool hands connections out fairly, in time, and never more than it has") {
  fiber::run(
      [] {
        auto options = Postgres::shared().fresh();
        options.owned = 2;
        options.acquire_timeout = 50ms;
        const ItemDatabase world(options);
        fiber::Semaphore entered(0);
        fiber::Semaphore leave(0);
        std::vector<fiber::Fiber<>> holders;
        for (int i = 0; i < 2; ++i) {
          holders.push_back(fiber::spawn([&, i] {
            world.db.transaction([&](db::Transaction&) {
              world.add(std::to_string(i));
              entered.release();
              leave.acquire();
            });
          }));
        }
        entered.acquire();
        entered.acquire();
        const auto full = error_of([&] { world.db.transaction([&](db::Transaction&) { world.add("x"); }); });
        CHECK(full.kind() == ErrorKind::unavailable);
        CHECK(mentions(full, "all connections to postgres:"));
        CHECK(error_of([&] {
                const fiber::DeadlineScope limit(5ms);
                world.db.transaction([&](db::Transaction&) {});
              }).kind() == ErrorKind::timeout);
        std::vector<int> order;
        std::vector<fiber::Fiber<>> waiting;
        for (int i = 0; i < 5; ++i) {
          waiting.push_back(
              fiber::spawn([&, i] { world.db.transaction([&](db::Transaction&) { order.push_back(i); }); }));
          fiber::yield();
        }
        leave.release();
        leave.release();
        for (auto& each : holders) each.get();
        for (auto& each : waiting) each.get();
        CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
        CHECK(world.count() == 2);
      },
      {.loops = 1});
}

TEST_CASE("postgres: a stream brings many rows at constant memory, a batch many statements at once") {
  fiber::run([] {
    const Opened world;
    auto big =
        read("SELECT i, repeat('x', 1000) FROM generate_series(1, $1) AS s(i)", {std::int64_t{20'000}});
    big.stream = true;
    std::int64_t sum = 0;
    world.db.execute(big, [&](const db::Row& row) { sum += row.integer(0); });
    CHECK(sum == 200'010'000);
    CHECK_THROWS_AS(world.db.execute(big, [&](const db::Row&) { throw std::runtime_error("enough"); }),
                    std::runtime_error);
    world.db.transaction([&](db::Transaction&) {
      std::int64_t rows = 0;
      world.db.execute(big, [&](const db::Row&) { ++rows; });
      CHECK(rows == 20'000);
    });
    std::vector<db::Statement> batch;
    for (std::int64_t i = 0; i < 50; ++i) batch.push_back(read("SELECT $1::bigint", {i}));
    std::vector<std::int64_t> seen(50, -1);
    const auto note = [&](std::size_t i, const db::Row& row) { seen[i] = row.integer(0); };
    world.db.execute_batch(batch, note);
    for (std::int64_t i = 0; i < 50; ++i) CHECK(seen[static_cast<std::size_t>(i)] == i);
    world.db.execute_script("CREATE TABLE t (x bigint PRIMARY KEY)");
    const std::vector<db::Statement> inserts{write("INSERT INTO t VALUES (1)"),
                                             write("INSERT INTO t VALUES (1)"),
                                             write("INSERT INTO t VALUES (2), (3)")};
    CHECK_THROWS_AS(world.db.execute_batch(inserts), db::ConstraintError);
    CHECK(number(world.db, "SELECT count(*) FROM t") == 3);
    CHECK_THROWS_AS(world.db.transaction([&](db::Transaction&) { world.db.execute_batch(inserts); }), Error);
    CHECK(number(world.db, "SELECT count(*) FROM t") == 3);
  });
}

TEST_CASE("postgres: rows are inserted in bulk, all or none") {
  fiber::run([] {
    const Opened world;
    world.db.execute_script(
        "CREATE TABLE b (id bigint PRIMARY KEY, s smallint, i integer, f real, t text, j jsonb, n "
        "numeric(18,2))");
    db::BulkInsert insert;
    insert.table = "b";
    for (const char* name : {"id", "s", "i", "f", "t", "j", "n"}) insert.columns.push_back({name});
    insert.rows = 30'000;
    insert.write = [](std::size_t row, db::RowWriter& writer) {
      const auto n = static_cast<std::int64_t>(row);
      writer.integer(n);
      writer.integer(n % 100);
      writer.null();
      writer.real(0.5);
      writer.text("row " + std::to_string(n));
      writer.json("[1]");
      writer.numeric({n, 2});
    };
    CHECK(world.db.bulk_insert(insert) == 30'000);
    CHECK(number(world.db,
                 "SELECT count(*) FROM b WHERE i IS NULL AND n = id / 100.0 AND t = 'row ' || id") == 30'000);
    CHECK_THROWS_AS(world.db.bulk_insert(insert), db::ConstraintError);
    auto failing = insert;
    failing.write = [&](std::size_t row, db::RowWriter& writer) {
      if (row == 20'000) throw std::runtime_error("no more");
      insert.write(row + 100'000, writer);
    };
    CHECK_THROWS_AS(world.db.bulk_insert(failing), std::runtime_error);
    CHECK(number(world.db, "SELECT count(*) FROM b") == 30'000);
    insert.columns[0].name = "nope";
    CHECK_THROWS_AS(world.db.bulk_insert(insert), db::SqlError);
    CHECK(number(world.db, "SELECT 1") == 1);
  });
}

TEST_CASE("postgres: a migration under prepared statements is noticed by none outside of transactions") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    world.add("a");
    const auto columns = [&] {
      std::size_t count = 0;
      world.db.execute(read("SELECT * FROM item"), [&](const db::Row& row) { count = row.columns(); });
      return count;
    };
    for (int i = 0; i < 3; ++i) CHECK(columns() == 4);
    world.db.execute_script("ALTER TABLE item ADD COLUMN more text");
    CHECK(columns() == 5);
    CHECK(columns() == 5);
  });
}

TEST_CASE("postgres: the change counter moves with every commit of anybody, and not with reads") {
  fiber::run([] {
    const auto options = Postgres::shared().fresh();
    const ItemDatabase world(options);
    const Opened other(options);
    auto before = world.db.change_counter();
    CHECK(world.db.change_counter() == before);
    CHECK(other.db.change_counter() == before);
    CHECK(world.count() == 0);
    CHECK(world.db.change_counter() == before);
    for (int i = 0; i < 100; ++i) {
      other.db.execute(write("INSERT INTO item (name) VALUES ($1)", {std::to_string(i)}));
      const auto now = world.db.change_counter();
      CHECK(now != before);
      before = now;
    }
    world.db.transaction([&](db::Transaction&) {
      world.add("mine");
      const auto inside = world.db.change_counter();
      fiber::spawn([&] { world.add("theirs"); }).get();
      CHECK(world.db.change_counter() != inside);
    });
  });
}

TEST_CASE("postgres: it can be used from any loop, from offload() and from plain threads") {
  fiber::run(
      [] {
        const ItemDatabase world(db::Dialect::postgres);
        std::vector<fiber::Fiber<>> fibers;
        for (int i = 0; i < 40; ++i) {
          fibers.push_back(fiber::spawn(
              [&, i] {
                world.db.transaction([&](db::Transaction&) {
                  world.add("t" + std::to_string(i));
                  fiber::offload([&] { world.add("o" + std::to_string(i)); });
                });
                fiber::offload([&] { CHECK(world.count() > 0); });
              },
              {.loop = &fiber::Loop::current()->runtime().next_loop()}));
        }
        for (auto& each : fibers) each.get();
        fiber::offload([&] { std::thread([&] { CHECK(world.count() == 80); }).join(); });
      },
      {.loops = 3});
}

TEST_CASE("postgres: who cannot be reached or refuses is told, without the password") {
  fiber::run([] {
    auto options = Postgres::shared().options();
    options.acquire_timeout = 100ms;
    options.password = Secret("hush-hush");
    auto nobody = options;
    nobody.port = Postgres::free_port();
    const auto gone = error_of([&] { db::open_postgres(nobody); });
    CHECK(gone.kind() == ErrorKind::unavailable);
    CHECK(mentions(gone, "cannot connect to postgres:"));
    auto absent = options;
    absent.database = "there_is_none";
    CHECK(error_of([&] { db::open_postgres(absent); }).kind() == ErrorKind::configuration);
    auto malformed = options;
    malformed.url = Secret("postgres://user:hush-hush@[::1");
    const auto bad = error_of([&] { db::open_postgres(malformed); });
    CHECK(bad.kind() == ErrorKind::configuration);
    CHECK(!mentions(bad, "hush"));
    db::PostgresOptions by_url;
    by_url.url =
        Secret("postgres://postgres@127.0.0.1:" + std::to_string(Postgres::shared().port()) + "/postgres");
    const auto db = db::open_postgres(by_url);
    CHECK(number(*db, "SELECT 1") == 1);
    CHECK(db->description() ==
          "postgres:127.0.0.1:" + std::to_string(Postgres::shared().port()) + "/postgres");
  });
}
