#include <mpf/db/database.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>
#include <mpf/telemetry/logger.hpp>

#include "db/database.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {
struct Undo : std::runtime_error {
  Undo() : std::runtime_error("undo") {}
};
}  // namespace

TEST_CASE("a transaction sees its own writes, others after the commit only") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    const int given = world.db.transaction([&](db::Transaction& tx) {
      CHECK(tx.depth() == 1);
      CHECK(world.db.current() == &tx);
      world.add("a");
      CHECK(world.count() == 1);
      CHECK(fiber::spawn([&] { return world.count(); }).get() == 0);
      CHECK(fiber::spawn([&] { return world.db.current() == nullptr; }).get());
      return 5;
    });
    CHECK(given == 5);
    CHECK(world.db.current() == nullptr);
    CHECK(world.count() == 1);
  });
}

TEST_CASE("an exception rolls back, an inner one only to its savepoint") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    CHECK_THROWS_AS(world.db.transaction([&](db::Transaction&) {
      world.add("a");
      throw Undo();
    }),
                    Undo);
    CHECK(world.count() == 0);
    world.db.transaction([&](db::Transaction&) {
      world.add("outer");
      CHECK_THROWS_AS(world.db.transaction([&](db::Transaction& inner) {
        CHECK(inner.depth() == 2);
        world.add("inner");
        world.db.transaction([&](db::Transaction& third) {
          CHECK(third.depth() == 3);
          world.add("third");
        });
        CHECK(world.count() == 3);
        throw Undo();
      }),
                      Undo);
      CHECK(world.count() == 1);
      CHECK_THROWS_AS(world.db.transaction([&](db::Transaction&) { world.add("outer"); }),
                      db::ConstraintError);
      world.add("after");
    });
    CHECK(world.count() == 2);
  });
}

TEST_CASE("hooks run after the outermost end, in order, and those of undone savepoints never") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    std::vector<std::string> ran;
    const auto note = [&](std::string what) { return [&ran, what] { ran.push_back(what); }; };
    world.db.on_commit(note("at once"));
    world.db.transaction([&](db::Transaction& tx) {
      tx.on_commit(note("1"));
      tx.on_rollback(note("never"));
      world.db.transaction([&](db::Transaction& inner) { inner.on_commit(note("2")); });
      try {
        world.db.transaction([&](db::Transaction& inner) {
          inner.on_commit(note("dropped"));
          inner.on_rollback(note("inner undone"));
          throw Undo();
        });
      } catch (const Undo&) {
      }
      world.db.on_commit([&] {
        CHECK(world.db.current() == nullptr);
        world.add("by a hook");
        ran.push_back("3");
      });
      CHECK(ran == std::vector<std::string>{"at once", "inner undone"});
    });
    CHECK(ran == std::vector<std::string>{"at once", "inner undone", "1", "2", "3"});
    CHECK(world.count() == 1);
    ran.clear();
    CHECK_THROWS_AS(world.db.transaction([&](db::Transaction& tx) {
      tx.on_commit(note("never"));
      world.db.transaction([&](db::Transaction& inner) { inner.on_rollback(note("released, then undone")); });
      tx.on_rollback(note("undone"));
      throw Undo();
    }),
                    Undo);
    CHECK(ran == std::vector<std::string>{"released, then undone", "undone"});
  });
}

TEST_CASE("a hook that throws is logged and the others run") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    const auto lines = std::make_shared<telemetry::MemoryLogger>();
    const auto scope = telemetry::use(lines);
    bool second = false;
    world.db.transaction([&](db::Transaction& tx) {
      tx.on_commit([] { throw std::runtime_error("the hook's own trouble"); });
      tx.on_commit([&] { second = true; });
    });
    CHECK(second);
    CHECK(lines->contains("the hook's own trouble"));
  });
}

TEST_CASE("before_commit is part of the transaction, once for a key") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    static const char key = 0;
    int calls = 0;
    world.db.transaction([&](db::Transaction& tx) {
      tx.before_commit([&] { ++calls; }, &key);
      world.db.transaction([&](db::Transaction& inner) { inner.before_commit([&] { ++calls; }, &key); });
      tx.before_commit([&] {
        world.add("in the transaction");
        world.db.current()->before_commit([&] { world.add("by a later one"); });
      });
    });
    CHECK(calls == 1);
    CHECK(world.count() == 2);
    CHECK_THROWS_AS(world.db.transaction([&](db::Transaction& tx) {
      world.add("undone by the hook");
      tx.before_commit([] { throw Undo(); });
    }),
                    Undo);
    CHECK(world.count() == 2);
    // Registered in a savepoint that was undone: not registered.
    calls = 0;
    world.db.transaction([&](db::Transaction& tx) {
      CHECK_THROWS_AS(world.db.transaction([&](db::Transaction& inner) {
        inner.before_commit([&] { ++calls; }, &key);
        throw Undo();
      }),
                      Undo);
      tx.before_commit([&] { calls += 10; }, &key);
    });
    CHECK(calls == 10);
  });
}

TEST_CASE("a read-only transaction reads one moment, and refuses writes") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    world.add("a");
    world.db.transaction(
        [&](db::Transaction&) {
          CHECK(world.count() == 1);
          fiber::spawn([&] { world.add("meanwhile"); }).get();
          CHECK(world.count() == 1);
          try {
            world.add("b");
            FAIL("it was written");
          } catch (const Error& error) {
            CHECK(std::string(error.what()).starts_with("a write inside a read-only transaction: INSERT"));
          }
          CHECK_THROWS_AS(world.db.execute_script("DELETE FROM item"), Error);
          CHECK(world.count() == 1);
        },
        {.read_only = true});
    CHECK(world.count() == 2);
  });
}

TEST_CASE("a cancelled or late fiber rolls back and lets the next one write") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    fiber::Semaphore entered(0);
    bool undone = false;
    auto writer = fiber::spawn([&] {
      world.db.transaction([&](db::Transaction& tx) {
        tx.on_rollback([&] { undone = true; });
        world.add("a");
        entered.release();
        fiber::sleep_for(1h);
      });
    });
    entered.acquire();
    auto next = fiber::spawn([&] { world.add("b"); });
    fiber::yield();
    if (dialect == db::Dialect::sqlite) CHECK(!next.done());
    writer.cancel();
    CHECK_THROWS_AS(writer.get(), fiber::Cancelled);
    next.get();
    CHECK(undone);
    CHECK(number(world.db, "SELECT count(*) FROM item WHERE name = 'a'") == 0);
    try {
      const fiber::DeadlineScope limit(5ms);
      world.db.transaction([&](db::Transaction&) {
        world.add("c");
        fiber::sleep_for(1h);
      });
      FAIL("it ended");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::timeout);
    }
    CHECK(world.count() == 1);
    if (dialect != db::Dialect::sqlite) return;
    // While waiting for the writer's turn, too.
    world.db.transaction([&](db::Transaction&) {
      auto waiting = fiber::spawn([&] { world.add("d"); });
      fiber::yield();
      waiting.cancel();
      CHECK_THROWS_AS(waiting.get(), fiber::Cancelled);
    });
    CHECK(world.count() == 1);
  });
}

TEST_CASE("a transaction that SQLite undid says so until it ends") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    try {
      world.db.transaction([&](db::Transaction&) {
        world.add("a");
        try {
          const fiber::DeadlineScope limit(10ms);
          world.db.execute(
              write("INSERT INTO item (name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + "
                    "1 FROM n) SELECT 'n' || i FROM n"));
        } catch (const Error& error) {
          CHECK(error.kind() == ErrorKind::timeout);
        }
        CHECK_THROWS_AS(world.add("b"), Error);
      });
      FAIL("it was committed");
    } catch (const Error& error) {
      CHECK(std::string(error.what()).starts_with("this transaction has been rolled back"));
    }
    CHECK(world.count() == 0);
    world.add("c");
    CHECK(world.count() == 1);
    CHECK_THROWS_AS(world.db.transaction([&](db::Transaction&) { world.db.execute(write("COMMIT")); }),
                    Error);
    world.add("d");
  });
}

TEST_CASE("a statement inside a row callback of the same transaction is refused") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    world.add("a");
    CHECK_THROWS_WITH_AS(world.db.transaction([&](db::Transaction&) {
      world.db.execute(read("SELECT 1"), [&](const db::Row&) { world.count(); });
    }),
                         "a statement inside the row callback of another one in the same transaction: SELECT "
                         "count(*) FROM item",
                         Error);
  });
}

TEST_CASE("writers take turns in the order they came, over loops") {
  fiber::run(
      [] {
        const ItemDatabase world;
        world.db.execute_script(
            "CREATE TABLE counter (value INTEGER NOT NULL) STRICT; INSERT INTO counter VALUES (0)");
        std::vector<fiber::Fiber<>> fibers;
        for (int i = 0; i < 16; ++i) {
          fibers.push_back(fiber::spawn(
              [&] {
                for (int k = 0; k < 20; ++k) {
                  world.db.transaction([&](db::Transaction&) {
                    const auto value = number(world.db, "SELECT value FROM counter");
                    fiber::yield();
                    world.db.execute(write("UPDATE counter SET value = ?", {value + 1}));
                  });
                }
              },
              {.loop = &fiber::Loop::current()->runtime().next_loop()}));
        }
        for (auto& each : fibers) each.get();
        CHECK(number(world.db, "SELECT value FROM counter") == 320);
      },
      {.loops = 2});
}
