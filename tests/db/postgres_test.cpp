#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

#include "db/errors.hpp"
#include "db/postgres.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

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

TEST_CASE("postgres: a stream brings many rows at constant memory") {
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

TEST_CASE("postgres: what the server does not support is a mistake each time, also within a transaction") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    const auto wrong = read("SELECT name, count(*) FROM item GROUP BY name FOR UPDATE");
    int tried = 0;
    for (int i = 0; i < 4; ++i) {
      CHECK_THROWS_AS(world.db.execute(wrong), db::SqlError);
      CHECK_THROWS_AS(world.db.transaction(
                          [&](db::Transaction&) {
                            ++tried;
                            world.db.execute(wrong);
                          },
                          {.retries = 3}),
                      db::SqlError);
    }
    CHECK(tried == 4);
  });
}

TEST_CASE("postgres: a stream that is left by an exception leaves nothing behind in its transaction") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    world.db.execute(write("INSERT INTO item (name) SELECT i::text FROM generate_series(1, 5000) i"));
    auto all = read("SELECT name FROM item");
    all.stream = true;
    world.db.transaction([&](db::Transaction&) {
      for (int i = 0; i < 2; ++i) {
        CHECK_THROWS_AS(world.db.execute(all, [](const db::Row&) { throw std::runtime_error("enough"); }),
                        std::runtime_error);
      }
      CHECK_THROWS_AS(world.db.transaction([&](db::Transaction&) {
        world.db.execute(all, [](const db::Row&) { throw std::runtime_error("enough"); });
      }),
                      std::runtime_error);
      // The query that looks is one itself, without a name.
      CHECK(number(world.db, "SELECT count(*) FROM pg_cursors WHERE name <> ''") == 0);
      world.db.execute_script("ALTER TABLE item ADD COLUMN more text");
    });
    CHECK(world.count() == 5000);
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
