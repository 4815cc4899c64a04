#include <mpf/db/query_log.hpp>

#include <doctest/doctest.h>

#include "db/database.hpp"

using namespace mpf;
using namespace mpf::test;

TEST_CASE("statements are counted with their origin, those of spawned fibers too") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase world(dialect);
    world.count();  // before: not counted
    const db::QueryLogScope queries(3);
    CHECK(queries->statements() == 0);
    const auto ask = read("SELECT 1");
    const auto line = std::to_string(ask.origin.line());
    for (int i = 0; i < 3; ++i) world.db.execute(ask);
    CHECK(queries->statements() == 3);
    CHECK(!queries->over_budget());
    CHECK(queries->summary().starts_with("3 statements, "));
    fiber::spawn([&] {
      world.db.transaction(
          [&](db::Transaction&) { world.db.execute(write("INSERT INTO item (name) VALUES ('a')")); });
    }).get();
    CHECK(queries->statements() == 4);
    CHECK(queries->over_budget());
    const auto origins = queries->origins();
    REQUIRE(!origins.empty());
    CHECK(origins.front().statements >= 3);
    CHECK(origins.front().where.ends_with("database.hpp:" + line));
    CHECK(queries->summary().find("(budget 3): ") != std::string::npos);
    {
      const db::QueryLogScope inner;
      world.count();
      CHECK(inner->statements() == 1);
    }
    CHECK(queries->statements() == 4);
    // An error counts as well.
    CHECK_THROWS_AS(world.db.execute(read("SELECT nothing FROM nowhere")), Error);
    CHECK(queries->statements() == 5);
  });
}
