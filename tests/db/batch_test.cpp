#include <sys/socket.h>

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>

#include "db/database.hpp"
#include "db/errors.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {
std::atomic<int> sends{0};
}

/// Stands before the C library's, so that what libpq sends is counted.
extern "C" ssize_t send(int socket, const void* data, size_t size, int flags) {
  ++sends;
  return ::sendto(socket, data, size, flags, nullptr, 0);
}

namespace {

std::vector<db::Statement> numbers(std::int64_t count) {
  std::vector<db::Statement> batch;
  for (std::int64_t i = 0; i < count; ++i) {
    batch.push_back(read("SELECT CAST(? AS bigint) + amount FROM item WHERE name = 'a'", {i}));
  }
  return batch;
}

}  // namespace

TEST_CASE("a batch shows each statement's rows by its number") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    world.db.execute(write("INSERT INTO item (name, amount) VALUES ('a', 100)"));
    const auto batch = numbers(50);
    for (int round = 0; round < 3; ++round) {  // prepared from the second time on
      std::vector<std::int64_t> seen(50, -1);
      world.db.execute_batch(batch, [&](std::size_t i, const db::Row& row) { seen[i] = row.integer(0); });
      for (std::size_t i = 0; i < 50; ++i) CHECK(seen[i] == static_cast<std::int64_t>(i) + 100);
    }
    CHECK(world.db.execute_batch({}) == 0);
  });
}

TEST_CASE("a batch that writes is all or none, and nothing runs behind an error") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    const auto add = [](const char* name) {
      return write("INSERT INTO item (name) VALUES (?)", {std::string(name)});
    };
    CHECK(world.db.execute_batch(std::vector{add("a"), add("b"), read("SELECT count(*) FROM item")}) == 2);
    const std::vector wrong{add("c"), add("a"), add("d")};
    CHECK_THROWS_AS(world.db.execute_batch(wrong), db::ConstraintError);
    CHECK(world.count() == 2);
    world.db.transaction([&](db::Transaction&) {
      world.add("e");
      CHECK_THROWS_AS(world.db.transaction([&](db::Transaction&) { world.db.execute_batch(wrong); }),
                      db::ConstraintError);
      CHECK(world.db.execute_batch(std::vector{add("f"), add("g")}) == 2);
    });
    CHECK(world.count() == 5);
  });
}

TEST_CASE("postgres: a batch goes out with one send, in a transaction together with its BEGIN") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    world.db.execute(write("INSERT INTO item (name, amount) VALUES ('a', 100)"));
    const auto sent_by = [](const std::function<void()>& work) {
      const int before = sends;
      work();
      return sends - before;
    };
    const auto batch = numbers(20);
    for (int i = 0; i < 3; ++i) world.db.execute_batch(batch);
    CHECK(sent_by([&] { world.db.execute_batch(batch); }) == 1);
    const auto in_transaction = [&] {
      world.db.transaction([&](db::Transaction&) { world.db.execute_batch(batch); });
    };
    for (int i = 0; i < 3; ++i) in_transaction();
    CHECK(sent_by(in_transaction) == 2);  // COMMIT
    CHECK(sent_by([&] { world.count(); }) == 1);
  });
}

TEST_CASE("postgres: a batch with something that cannot be sent does nothing") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    const auto add = [](std::string name) {
      return write("INSERT INTO item (name) VALUES ($1)", {std::move(name)});
    };
    const std::string nul("a\0b", 3);
    CHECK(error_of([&] {
            world.db.execute_batch(std::vector{add("a"), add(nul)});
          }).kind() == ErrorKind::invalid);
    CHECK_THROWS_AS(world.db.execute_batch(std::vector{add("a"), write("COMMIT")}), db::SqlError);
    CHECK_THROWS_AS(
        world.db.execute_batch(std::vector{add("a"), write("INSERT INTO item (name) VALUES ($1)")}),
        db::SqlError);
    CHECK(world.count() == 0);
  });
}

TEST_CASE("postgres: a batch that is late is cancelled as a whole, and harms nobody") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    for (const bool writes : {false, true}) {
      std::vector<db::Statement> slow;
      if (writes) slow.push_back(write("INSERT INTO item (name) VALUES ('late')"));
      for (int i = 0; i < 5; ++i) slow.push_back(read("SELECT pg_sleep(60)"));
      auto others = fiber::spawn([&] {
        for (int i = 0; i < 50; ++i) CHECK(number(world.db, "SELECT 1") == 1);
      });
      CHECK(error_of([&] {
              const fiber::DeadlineScope limit(30ms);
              world.db.execute_batch(slow);
            }).kind() == ErrorKind::timeout);
      others.get();
      CHECK(world.count() == 0);
    }
  });
}

TEST_CASE("postgres: a migration under a batch that is prepared is not noticed") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    world.add("a");
    const std::vector batch{read("SELECT * FROM item"),
                            write("UPDATE item SET amount = amount + 1 RETURNING *")};
    for (int i = 0; i < 4; ++i) world.db.execute_batch(batch);
    world.db.execute_script("ALTER TABLE item ADD COLUMN more text");
    std::size_t columns = 0;
    world.db.execute_batch(batch, [&](std::size_t, const db::Row& row) { columns += row.columns(); });
    CHECK(columns == 10);
  });
}
