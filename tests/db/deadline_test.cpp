#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>

#include "db/database.hpp"
#include "db/errors.hpp"
#include "db/postgres.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

TEST_CASE("what never ends by itself ends with its fiber's deadline, or its fiber, and leaves nothing") {
  struct Case {
    std::string name;
    std::function<void(db::Database&)> run;
  };
  const std::string numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT ";
  const std::vector<Case> cases{
      {"a read", [](db::Database& db) { number(db, endless_query); }},
      {"a read in a transaction",
       [](db::Database& db) {
         db.transaction([&](db::Transaction&) {
           db.execute(write("INSERT INTO item (name) VALUES ('undone')"));
           number(db, endless_query);
         });
       }},
      {"a write",
       [&](db::Database& db) {
         db.execute(write("INSERT INTO item (name) " + numbers + "'n' || i FROM n"));
       }},
      {"a script", [&](db::Database& db) { db.execute_script("CREATE TABLE n AS " + numbers + "i FROM n"); }},
  };
  on_each_database([&](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    for (const Case& each : cases) {
      CAPTURE(each.name);
      const Error late = error_of([&] {
        const fiber::DeadlineScope limit(20ms);
        each.run(world.db);
      });
      CHECK(late.kind() == ErrorKind::timeout);
      auto fiber = fiber::spawn([&] { each.run(world.db); });
      fiber::yield();
      fiber.cancel();
      CHECK_THROWS_AS(fiber.get(), fiber::Cancelled);
      CHECK(world.count() == 0);
      CHECK(number(world.db, "SELECT 7") == 7);
      if (dialect == db::Dialect::postgres) {  // on the server too, though who reads does not wait for that
        const fiber::DeadlineScope limit(20s);
        while (active(world.db) > 0) fiber::yield();
      }
    }
    world.add("next");
    CHECK(world.count() == 1);
    CHECK(error_of([&] { number(world.db, "SELECT count(*) FROM n"); }).kind() == ErrorKind::internal);
  });
}
