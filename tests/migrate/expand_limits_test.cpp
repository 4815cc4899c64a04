#include <doctest/doctest.h>

#include <functional>

#include "migrate/two_releases.hpp"

using namespace mpf;
using migrate::Migrator;
using orm::ColumnType;
using test::pass;
using test::Release;
using test::renamed;

TEST_CASE("a rename that cannot go in two steps is refused without a reason, and with one done at once") {
  struct Case {
    const char* what;
    std::function<void(orm::Table&)> change;  ///< of the table with a column "c", which then is called "d"
    std::function<void(orm::Column&)> also = {};
  };
  const auto as_text = [](orm::Table& table) { table.columns[1] = test::col("c"); };
  const std::vector<Case> cases{
      {"a key",
       [](orm::Table& table) {
         table.columns[0].name = "c";
         table.columns[1].name = "x";
       }},
      {"whose rows they are", [](orm::Table& table) { table.tenant_column = "c"; }},
      {"another one is generated from it",
       [](orm::Table& table) {
         auto made = test::null_col("made", ColumnType::bigint);
         made.generated = orm::SqlText{"\"c\" + 1", "\"c\" + 1"};
         table.columns.push_back(made);
       }},
      {"a type that does not hold every value", as_text,
       [](orm::Column& column) { column.type = ColumnType::integer; }},
      {"a type that rounds", [](orm::Table& table) { table.columns[1].type = ColumnType::real; },
       [](orm::Column& column) { column.type = ColumnType::integer; }},
      {"a default of the database that null cannot be told from",
       [](orm::Table& table) {
         table.columns[1].nullable = true;
         table.columns[1].computed_default = orm::SqlText{"1 + 1", "1 + 1"};
       }},
  };
  for (const auto& each : cases) {
    CAPTURE(each.what);
    test::run([&] {
      const test::Modules modules;
      const test::FreshDatabase database(db::Dialect::postgres);
      auto table = test::table("t", {test::id_col(), test::col("c", ColumnType::integer)});
      each.change(table);
      const auto migrator = [&] { return Migrator(&*database, {modules.models("m", {table})}); };
      migrator().make();
      migrator().apply();
      for (auto& column : table.columns) {
        if (column.name != "c") continue;
        column = renamed(column, "d");
        if (each.also) each.also(column);
      }
      if (!table.tenant_column.empty()) table.tenant_column = "d";
      for (auto& column : table.columns) {
        if (column.generated) column.generated = orm::SqlText{"\"d\" + 1", "\"d\" + 1"};
      }
      auto made = migrator().make({.name = {}, .dry_run = true, .reason = {}});
      REQUIRE(made.size() == 1);
      REQUIRE_FALSE(made[0].unsafe.empty());
      CHECK(test::contains(made[0].unsafe[0], "rename column t.c to d"));
      made = migrator().make({.name = {}, .dry_run = false, .reason = "nobody is here"});
      CHECK(made.at(0).unsafe.empty());
      CHECK(migrator().apply().size() == 1);
      CHECK(migrator().check().catalog.empty());
    });
  }
}

TEST_CASE("with a reason a column is renamed at once") {
  test::run([] {
    Release release(db::Dialect::postgres);
    const auto made = release.migrator().make({.name = {}, .dry_run = false, .reason = "nobody is here"});
    REQUIRE(made.size() == 1);
    CHECK(std::ranges::count(made[0].operations, "rename column item.title to headline") == 1);
    CHECK(release.migrator().apply().size() == 1);
    CHECK(test::catalog(*release.database) == test::wanted_catalog(release.after, db::Dialect::postgres));
  });
}

TEST_CASE("files by hand that contradict it are refused, with line and remedy") {
  const std::string expand =
      "  - expand_column: {table: t, from: a, column: {name: b, type: text, nullable: true}}\n";
  struct Case {
    std::string operations;
    const char* message;
  };
  const std::vector<Case> cases{
      {"  - contract_column: {table: t, from: a, to: b}\n", "'expand_column' comes before it"},
      {expand + "  - drop_column: {table: t, column: a}\n", "'contract_column' comes before it"},
      {expand + "  - rename_column: {table: t, from: b, to: c}\n", "'contract_column' comes before it"},
      {expand + "  - drop_table: {table: t}\n", "'contract_column' comes before it"},
      {expand + "  - rename_table: {from: t, to: u}\n", "'contract_column' comes before it"},
      {expand + "  - alter_column: {table: t, column: {name: a, type: integer, nullable: true}}\n",
       "'contract_column' comes before it"},
      {expand +
           "  - alter_column: {table: t, column: {name: b, type: text, nullable: true, default: \"'x'\"}}\n",
       "give it one by 'alter_column' after the 'contract_column'"},
      {"  - expand_column: {table: t, from: id, column: {name: b, type: id}}\n", "that is the primary key"},
      {"  - expand_column: {table: t, from: a, column: {name: b, type: text}}\n", "may not be null"},
      {"  - expand_column: {table: t, from: x, column: {name: b, type: text}}\n", "has no column 'x'"},
      {"  - expand_column: {table: t, from: a, column: {name: id, type: text, nullable: true}}\n",
       "has a column 'id' already"},
      {"  - expand_column: {table: t, from: a, column: {name: b, type: text}, back: true}\n", "'back'"},
      {"  - rename_index: {table: t, from: i, to: j}\n", "has no index 'i'"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.operations);
    test::run([&] {
      const test::Modules modules;
      const auto database = modules.open();
      const auto table = test::table("t", {test::id_col(), test::null_col("a")});
      Migrator migrator(database.get(), {modules.models("m", {table})});
      migrator.make();
      modules.write("m", "0002_x",
                    "migration:\n  module: m\n  name: 0002_x\n  depends: [m/0001_initial]\noperations:\n" +
                        each.operations);
      const auto message = test::error_of([&] { migrator.apply(); });
      CHECK(test::contains(message, "0002_x.yaml:"));
      CHECK(test::contains(message, each.message));
    });
  }
}

TEST_CASE("killed before any write of a rename, apply goes on from there, and so does rollback") {
  test::TwoReleases releases{
      .before =
          test::table("t", {test::id_col(), test::with_default(test::col("c", ColumnType::integer), "1")},
                      {test::index("t", {"c"})}),
      .after = {},
      .rows = "INSERT INTO t (c) SELECT g FROM generate_series(1, 6000) g",
      .kills = 25,
  };
  releases.after = releases.before;
  auto& column = releases.after.columns[1];
  column = renamed(column, "d");
  column.type = ColumnType::text;
  column.default_value = "'1'";
  releases.after.indexes = {test::index("t", {"d"})};
  test::check_killed_both_ways(releases, [](db::Database& database, bool back) {
    const std::string whole = back ? "c = id" : "d = id::text";
    CHECK(test::number(database, "SELECT count(*) FROM t WHERE " + whole) == 6000);
    CHECK(test::number(database, "SELECT count(*) FROM pg_proc WHERE proname LIKE 'mpf\\_same\\_%'") == 0);
  });
}
