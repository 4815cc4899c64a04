#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

#include "db/errors.hpp"
#include "db/postgres.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

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

TEST_CASE("postgres: the server's own limits are typed errors") {
  fiber::run([] {
    auto options = Postgres::shared().fresh();
    const ItemDatabase world(options);  // on a busy machine making tables takes longer than the limits
    world.add("a");
    options.statement_timeout = 500ms;
    options.lock_timeout = 20ms;
    options.idle_in_transaction_timeout = 50ms;
    const Opened limited(options);
    CHECK_THROWS_AS(number(limited.db, endless_query), db::StatementTimeout);
    world.db.transaction([&](db::Transaction&) {
      world.db.execute(write("UPDATE item SET amount = 2"));
      fiber::spawn([&] {
        CHECK_THROWS_AS(limited.db.execute(write("UPDATE item SET amount = 3")), db::LockTimeout);
      }).get();
    });
    CHECK_THROWS_AS(limited.db.transaction([&](db::Transaction&) {
      limited.db.execute(write("INSERT INTO item (name) VALUES ('b')"));
      fiber::sleep_for(300ms);
      limited.db.execute(write("INSERT INTO item (name) VALUES ('c')"));
    }),
                    db::ConnectionLost);
    CHECK(world.count() == 1);
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

TEST_CASE("postgres: what takes too long is not run again when a neighbour was cancelled before") {
  fiber::run(
      [] {
        auto options = Postgres::shared().fresh();
        options.pipelines = 1;
        options.owned = 1;
        options.statement_timeout = 500ms;
        const Opened world(options);
        world.db.execute_script("CREATE SEQUENCE runs");
        world.db.transaction([&](db::Transaction&) {  // nobody gets another connection
          CHECK(number(world.db, "SELECT 1") == 1);
          auto cancelled = fiber::spawn([&] {
            const fiber::DeadlineScope limit(50ms);
            CHECK_THROWS_AS(number(world.db, endless_query), Error);
          });
          auto slow = fiber::spawn([&] {
            CHECK_THROWS_AS(world.db.execute(read("SELECT nextval('runs'), pg_sleep(60)")),
                            db::StatementTimeout);
          });
          cancelled.get();
          slow.get();
        });
        CHECK(number(world.db, "SELECT last_value FROM runs") == 1);
      },
      {.loops = 1});
}
