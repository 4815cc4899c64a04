#include <mpf/db/sqlite.hpp>

#include <doctest/doctest.h>

#include <time.h>

#include <atomic>
#include <chrono>
#include <thread>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

#include "db/database.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

TEST_CASE("every kind of value is bound and read back") {
  fiber::run([] {
    const ItemDatabase world;
    world.db.execute_script(
        "CREATE TABLE v (b INTEGER, i INTEGER, d REAL, t TEXT, x BLOB, w INTEGER, n TEXT) STRICT");
    const db::Bytes bytes{std::byte{0}, std::byte{7}, std::byte{255}};
    const auto now = Timestamp::now();
    const std::string text("quote ' \" ; -- \0 nul 🦊", 25);
    CHECK(world.db.execute(write("INSERT INTO v VALUES (?, ?, ?, ?, ?, ?, ?)",
                                 {true, INT64_MIN, 0.1, text, bytes, now, nullptr})) == 1);
    int rows = 0;
    world.db.execute(read("SELECT * FROM v"), [&](const db::Row& row) {
      ++rows;
      CHECK(row.columns() == 7);
      CHECK(row.column_name(3) == "t");
      CHECK(row.boolean(0));
      CHECK(row.integer(1) == INT64_MIN);
      CHECK(row.real(2) == 0.1);
      CHECK(row.text(3) == text);
      CHECK(std::ranges::equal(row.bytes(4), bytes));
      CHECK(row.timestamp(5) == now);
      CHECK(row.is_null(6));
      CHECK_THROWS_WITH_AS(row.integer(6), "column 'n' holds NULL and was read as an integer", Error);
      CHECK_THROWS_WITH_AS(row.integer(3), "column 't' holds text and was read as an integer", Error);
      CHECK_THROWS_AS(row.text(9), Error);
    });
    CHECK(rows == 1);
  });
}

TEST_CASE("a long read lets the others of its loop run") {
  fiber::run(
      [] {
        const ItemDatabase world;
        std::atomic<bool> done{false};
        int turns = 0;
        auto other = fiber::spawn([&] {
          while (!done) {
            ++turns;
            fiber::yield();
          }
        });
        CHECK(number(world.db, long_query) == 3'000'000);
        done = true;
        other.get();
        CHECK(turns > 100);
      },
      {.loops = 1});
}

TEST_CASE("a read that sorts does it beside its loop, the second time too") {
  // Time of the processor, so that it does not matter how busy the machine is.
  const auto worked = [](clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  fiber::run(
      [&] {
        const ItemDatabase world;
        const auto by_loop = [&] { return worked(CLOCK_THREAD_CPUTIME_ID); };
        const auto by_others = [&] { return worked(CLOCK_PROCESS_CPUTIME_ID) - by_loop(); };
        bool done = false;
        std::chrono::nanoseconds longest{0};
        auto other = fiber::spawn([&] {
          auto last = by_loop();
          while (!done) {
            fiber::sleep_for(100us);
            const auto now = by_loop();
            longest = std::max<std::chrono::nanoseconds>(longest, now - last);
            last = now;
          }
        });
        // SQLite sorts at one go. It is no table, so that nothing is read from a disk.
        const std::string sorting =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT max(x) "
            "FROM "
            "(SELECT row_number() OVER (ORDER BY random()) AS x FROM n)";
        for (int time = 0; time < 2; ++time) {
          CAPTURE(time);
          longest = {};
          const auto before = by_others();
          CHECK(number(world.db, sorting) == 200'000);
          fiber::sleep_for(1ms);
          CHECK(longest * 5 < by_others() - before);
        }
        done = true;
        other.get();
      },
      {.loops = 1});
}

TEST_CASE("readers of all loops run beside the writer, more of them than connections") {
  fiber::run(
      [] {
        const ItemDatabase world({.readers = 2});
        std::vector<fiber::Fiber<>> fibers;
        for (int i = 0; i < 40; ++i) {
          fibers.push_back(fiber::spawn(
              [&world, i] {
                for (int k = 0; k < 10; ++k) {
                  if (i % 4 == 0) world.add(std::to_string(i) + "-" + std::to_string(k));
                  CHECK(number(world.db, "SELECT count(*) + ? FROM item", {std::int64_t{1}}) >= 1);
                }
              },
              {.loop = &fiber::Loop::current()->runtime().next_loop()}));
        }
        for (auto& each : fibers) each.get();
        CHECK(world.count() == 100);
      },
      {.loops = 2});
}

TEST_CASE("the cache of statements is bounded, and a used one comes again") {
  fiber::run([] {
    const ItemDatabase world({.readers = 1, .cached_statements = 2});
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 5; ++i) CHECK(number(world.db, "SELECT " + std::to_string(i)) == i);
    }
  });
}

TEST_CASE("a callback may throw: nothing of the statement stays") {
  fiber::run([] {
    const ItemDatabase world;
    const auto insert = write("INSERT INTO item (name) VALUES ('x') RETURNING id");
    CHECK_THROWS_AS(world.db.execute(insert, [](const db::Row&) { throw std::runtime_error("no"); }),
                    std::runtime_error);
    CHECK(world.count() == 0);
    std::int64_t id = 0;
    CHECK(world.db.execute(insert, [&](const db::Row& row) { id = row.integer(0); }) == 1);
    CHECK(id > 0);
  });
}

TEST_CASE("the change counter moves with every commit, and only then") {
  fiber::run([] {
    const ItemDatabase world;
    auto before = world.db.change_counter();
    CHECK(world.db.change_counter() == before);
    world.add("a");
    CHECK(world.db.change_counter() != before);
    before = world.db.change_counter();
    CHECK(world.count() == 1);
    CHECK_THROWS(world.db.transaction([&](db::Transaction&) {
      world.add("b");
      throw std::runtime_error("rolled back");
    }));
    CHECK(world.db.change_counter() == before);
    // Another opening of the same file stands for another process: the lock and the log are the same.
    const auto other = ItemDatabase::open(world.folder, {});
    other->execute(write("INSERT INTO item (name) VALUES ('c')"));
    CHECK(world.db.change_counter() != before);
  });
}

TEST_CASE("ping sees a file that was replaced") {
  fiber::run([] {
    const ItemDatabase world;
    world.db.ping();
    std::filesystem::rename(world.folder / "item.db", world.folder / "old.db");
    try {
      world.db.ping();
      FAIL("it answered");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::unavailable);
      CHECK(std::string(error.what()).find("item.db") != std::string::npos);
    }
  });
}

TEST_CASE("a backup is the database of one moment, made while others write") {
  fiber::run([] {
    const ItemDatabase world;
    world.db.execute_script("CREATE TABLE pair (x INTEGER, y INTEGER) STRICT");
    std::atomic<bool> stop{false};
    auto writer = fiber::spawn([&] {
      for (std::int64_t i = 0; !stop; ++i) {
        world.db.transaction([&](db::Transaction&) {
          world.db.execute(write("INSERT INTO pair VALUES (?, 0)", {i}));
          world.db.execute(write("INSERT INTO pair VALUES (0, ?)", {i}));
        });
      }
    });
    const TempDir folder;
    for (int round = 0; round < 3; ++round) {
      const auto file = folder / ("copy" + std::to_string(round) + ".db");
      const auto least = number(world.db, "SELECT count(*) FROM pair");
      world.db.backup(file);
      const auto copy = db::open_sqlite({.file = file});
      const auto rows = number(*copy, "SELECT count(*) FROM pair");
      CHECK(rows >= least);
      CHECK(rows % 2 == 0);
      CHECK_THROWS_AS(world.db.backup(file), Error);
    }
    CHECK_THROWS_AS(world.db.backup(folder / "none/copy.db"), Error);
    stop = true;
    writer.get();
  });
}
