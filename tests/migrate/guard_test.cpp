#include <doctest/doctest.h>

#include <functional>

#include <mpf/db/postgres.hpp>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;
using orm::ColumnType;

namespace {

orm::Table person() {
  return test::table("person", {test::id_col(), test::col("name"), test::null_col("nick")});
}
orm::Table team() { return test::table("team", {test::id_col()}); }

}  // namespace

TEST_CASE("rows in the way are counted before anything is changed") {
  struct Case {
    const char* rows;  ///< that are in the way
    std::function<void(orm::Table&)> change;
    const char* message;
  };
  const std::vector<Case> cases{
      {"INSERT INTO item (name, team_id) VALUES ('x', 7), ('y', 8)",
       [](orm::Table& item) {
         item.columns[2] = test::ref_col("team_id", "team", orm::OnDelete::restrict, true);
       },
       "2 rows refer by item.team_id to rows of team that do not exist; correct or delete them first"},
      {"INSERT INTO item (name) VALUES ('x'), ('x'), ('x'), (NULL), (NULL), ('y')",
       [](orm::Table& item) { item.indexes.push_back(test::index("item", {"name"}, true)); },
       "3 rows of item have the same name as others, which item_name_key forbids; correct them first"},
      {"INSERT INTO item (name) VALUES ('x'), (NULL)",
       [](orm::Table& item) { item.columns[1].nullable = false; }, "1 rows have no value in item.name"},
      {"INSERT INTO item (name, team_id) VALUES ('x', 7)",
       [](orm::Table& item) {
         item.checks.push_back({"item_team_id_check", {"\"team_id\" < 5", "\"team_id\" < 5"}});
       },
       "1 rows break the new rule item_team_id_check"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.message);
    test::run([&] {
      const test::Modules modules;
      const test::FreshDatabase database(db::Dialect::postgres);
      auto item = test::table(
          "item", {test::id_col(), test::null_col("name"), test::null_col("team_id", ColumnType::id)});
      const auto migrator = [&] { return Migrator(&*database, {modules.models("m", {item, team()})}); };
      migrator().make();
      migrator().apply();
      database->execute_script(each.rows);
      // Something that would be done before.
      item.columns.push_back(test::null_col("a"));
      item.indexes.push_back(test::index("item", {"id", "name"}));
      each.change(item);
      const auto made = migrator().make({.name = "change", .dry_run = false, .reason = {}});
      const migrate::ApplyOptions pass{.borders = migrate::Borders::pass};
      if (made.back().border) migrator().apply();  // what comes before the new rule
      const auto before = test::catalog(*database);
      CHECK(test::contains(test::error_of([&] { migrator().apply(pass); }), each.message));
      CHECK(migrator().show().at(made.size()).state == migrate::MigrationState::pending);
      CHECK(test::catalog(*database) == before);
      database->execute_script("TRUNCATE item");
      CHECK(migrator().apply(pass).size() == 1);
      CHECK(migrator().check().catalog.empty());
    });
  }
}

TEST_CASE("rows that a migration itself corrects are not counted before it does") {
  test::run([] {
    const test::Modules modules;
    const test::FreshDatabase database(db::Dialect::postgres);
    Migrator migrator(&*database, {modules.models("m", {person()})});
    migrator.make();
    migrator.apply();
    database->execute_script("INSERT INTO person (name) VALUES ('x')");
    modules.write("m", "0002_nick",
                  "migration:\n  module: m\n  name: 0002_nick\n  depends: [m/0001_initial]\noperations:\n"
                  "  - backfill: {table: person, set: {nick: \"name\"}, irreversible: true}\n"
                  "  - alter_column:\n      table: person\n      column: {name: nick, type: text}\n");
    CHECK(migrator.apply().size() == 1);
  });
}

TEST_CASE("a database that lends one connection only is told apart from one that is busy") {
  test::run([] {
    const test::Modules modules;
    auto options = test::Postgres::shared().fresh();
    options.owned = 1;
    options.acquire_timeout = std::chrono::milliseconds(200);
    const auto database = db::open_postgres(options);
    Migrator migrator(database.get(), {modules.models("m", {person()})});
    migrator.make();
    ErrorKind kind{};
    const auto message = test::error_of([&] { migrator.apply(); }, &kind);
    CHECK(kind == ErrorKind::unavailable);
    CHECK(test::contains(message, "migrations need two connections at once"));
    CHECK(test::contains(message, "database.owned_connections"));
  });
}
