#include <mpf/orm/inherit.hpp>

#include <doctest/doctest.h>

#include <mpf/orm/model.hpp>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;

namespace {

struct Thing {
  orm::Id id;
  std::string kind;
  std::string name;

  static constexpr auto model() {
    return orm::model<Thing>("thing", orm::field<&Thing::kind>(orm::row_kind), orm::field<&Thing::name>());
  }
};
struct Machine : Thing {
  std::int64_t power = 0;

  static constexpr auto model() {
    return orm::model<Machine>("machine", orm::extends<Thing>("machine"), orm::field<&Machine::power>());
  }
};
struct Robot : Machine {
  std::int64_t arms = 0;

  static constexpr auto model() {
    return orm::model<Robot>("robot", orm::extends<Machine>("robot"), orm::field<&Robot::arms>());
  }
};

/// Three levels with two robots, and what is in each table.
struct World {
  test::Modules modules;
  test::FreshDatabase database;
  std::vector<orm::Table> tables{orm::table_of<Thing>(), orm::table_of<Machine>()};
  std::vector<std::string> begins;  ///< names of the first migrations of each migrate()

  explicit World(db::Dialect dialect) : database(dialect) {}

  Migrator migrator() { return Migrator(&*database, {modules.models("m", tables)}); }
  /// Leads to the tables as they are now, and no further; returns the catalog.
  std::set<std::string> migrate() {
    const auto made = migrator().make();
    REQUIRE_FALSE(made.empty());
    begins.push_back(made.front().id.name);
    CHECK(migrator().make().empty());
    CHECK(std::ranges::none_of(migrator().lint(), &migrate::LintFinding::refused));
    CHECK_FALSE(migrator().apply({.borders = migrate::Borders::pass}).empty());
    CHECK(test::catalog(*database) == test::wanted_catalog(tables, database->dialect()));
    CHECK(migrator().check().catalog.empty());
    return test::catalog(*database);
  }
  std::vector<std::string> rows() {
    return test::texts(*database,
                       "SELECT t.id || '|' || t.name || '|' || m.power || '|' || r.arms FROM thing t JOIN "
                       "machine m ON m.id = t.id JOIN "
                       "robot r ON r.id = t.id ORDER BY t.id");
  }
};

}  // namespace

TEST_CASE("models that extend others: levels come, change and go, with their rows, on both databases") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      World world(dialect);
      auto& database = *world.database;
      std::vector<std::set<std::string>> catalogs{world.migrate()};

      // A level more.
      world.tables.push_back(orm::table_of<Robot>());
      catalogs.push_back(world.migrate());
      database.execute_script(
          "INSERT INTO thing (kind, name) VALUES ('robot', 'a'), ('', 'plain'), ('robot', 'b');"
          "INSERT INTO machine (id, power) VALUES (1, 10), (3, 30);"
          "INSERT INTO robot (id, arms) VALUES (1, 2), (3, 4);");

      // Each level changes; SQLite makes all three anew.
      const std::vector<std::string> kept{"1|a|10|2", "3|b|30|4"};
      for (auto& table : world.tables) {
        auto column = test::with_default(test::col("state"), "'on'");
        column.choices = {"on", "off"};
        table.columns.push_back(column);
        table.checks.push_back({table.name + "_id_check", {"\"id\" > 0", "\"id\" > 0"}});
      }
      catalogs.push_back(world.migrate());
      CHECK(world.rows() == kept);
      CHECK_THROWS_AS(database.execute_script("INSERT INTO robot (id, arms) VALUES (2, 0)"),
                      db::ConstraintError);

      // The level between goes for robots: they extend things now.
      auto& id = world.tables[2].columns[0];
      REQUIRE(id.references);
      CHECK(id.references->table == "machine");
      id.references->table = "thing";
      catalogs.push_back(world.migrate());
      CHECK(world.rows() == kept);

      for (std::size_t at = catalogs.size() - 1; at > 1; --at) {
        world.migrator().rollback("m", world.begins[at]);
        CHECK(test::catalog(database) == catalogs[at - 1]);
        CHECK(world.rows() == kept);
      }
      world.migrator().apply({.borders = migrate::Borders::pass});
      CHECK(test::catalog(database) == catalogs.back());
      CHECK(world.rows() == kept);

      // And gone altogether; a thing takes what it is with it.
      world.tables.pop_back();
      world.migrate();
      database.execute_script("DELETE FROM thing WHERE id = 1");
      CHECK(test::texts(database, "SELECT CAST(id AS text) FROM machine") == std::vector<std::string>{"3"});
      world.migrator().rollback("m", "0001");
      CHECK(test::catalog(database).empty());
    });
  }
}
