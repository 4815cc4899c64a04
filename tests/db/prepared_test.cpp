#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "db/postgres.hpp"

using namespace mpf;
using namespace mpf::test;

namespace {

constexpr std::int64_t cached = 4;

/// One connection outside of transactions, one for them, few statements on each.
db::PostgresOptions few_statements() {
  auto options = Postgres::shared().fresh();
  options.pipelines = 1;
  options.owned = 1;
  options.cached_statements = cached;
  return options;
}

/// On the connection that serves the question; one more may be on its way out.
void check_bounded(db::Database& db) {
  CHECK(number(db, "SELECT count(*) FROM pg_prepared_statements") <= cached + 1);
}

void twice(const std::function<void()>& work) {
  for (int i = 0; i < 2; ++i) work();
}

}  // namespace

TEST_CASE("postgres: the server forgets what migrations have made of statements") {
  fiber::run([] {
    const ItemDatabase world(few_statements());
    world.add("a");
    for (int i = 0; i < 20; ++i) {
      world.db.execute_script("ALTER TABLE item ADD COLUMN c" + std::to_string(i) + " text");
      twice([&] {
        std::size_t columns = 0;
        world.db.execute(read("SELECT * FROM item"), [&](const db::Row& row) { columns = row.columns(); });
        CHECK(columns == static_cast<std::size_t>(i) + 5);
      });
    }
    check_bounded(world.db);
  });
}

TEST_CASE("postgres: the server forgets statements that fell out where a transaction had failed") {
  fiber::run([] {
    const Opened world(few_statements());
    for (int i = 0; i < 20; ++i) {
      CHECK_THROWS_AS(world.db.transaction([&](db::Transaction&) {
        for (int k = 0; k < 3; ++k) {
          const int n = 10 * i + k;
          twice([&] { CHECK(number(world.db, "SELECT " + std::to_string(n) + "::bigint") == n); });
        }
        number(world.db, "SELECT 1 / (SELECT 0)");
      }),
                      Error);
    }
    world.db.transaction([&](db::Transaction&) { check_bounded(world.db); });
  });
}

TEST_CASE("postgres: a batch of more statements than are cached leaves no more than that") {
  fiber::run([] {
    const Opened world(few_statements());
    for (int i = 0; i < 5; ++i) {
      std::vector<db::Statement> batch;
      for (int k = 0; k < 20; ++k) {
        twice([&] { batch.push_back(read("SELECT " + std::to_string(100 * i + k))); });
      }
      world.db.execute_batch(batch);
    }
    check_bounded(world.db);
  });
}
