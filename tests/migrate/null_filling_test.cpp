#include <doctest/doctest.h>

#include <atomic>
#include <functional>

#include "migrate/two_releases.hpp"

using namespace mpf;
using migrate::Migrator;
using orm::ColumnType;
using test::pass;
using test::stop;

namespace {

/// A table in use, with columns that may be null, and no longer may in the next release.
struct Notes {
  test::Modules modules;
  test::FreshDatabase database;
  std::vector<orm::Table> tables{
      test::table("item", {test::id_col(), test::col("title"), test::null_col("note"),
                           test::null_col("token", ColumnType::uuid)})};

  explicit Notes(db::Dialect dialect) : database(dialect) {
    migrator().make();
    migrator().apply();
    run("INSERT INTO item (title, note) VALUES ('a', NULL), ('b', 'x')");
    columns()[2] = test::with_default(test::col("note"), "'-'");
    columns()[3].nullable = false;
    columns()[3].computed_default = orm::SqlText{"randomblob(16)", "gen_random_uuid()"};
  }
  Migrator migrator() { return Migrator(&*database, {modules.models("m", tables)}); }
  std::vector<orm::Column>& columns() { return tables[0].columns; }
  void run(const std::string& sql) { database->execute_script(sql); }
  std::vector<std::string> notes() { return test::texts(*database, "SELECT note FROM item ORDER BY title"); }
};

}  // namespace

TEST_CASE("null becomes not null in two steps: the release before may still write it") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      Notes f(dialect);
      const auto before = test::catalog(*f.database);
      const auto made = f.migrator().make();
      REQUIRE(made.size() == 2);
      CHECK(made[0].operations == std::vector<std::string>{"alter column item.note, and fill nulls",
                                                           "alter column item.token, and fill nulls"});
      CHECK(test::contains(made[0].content, "fill_nulls: true"));
      CHECK_FALSE(made[0].border);
      CHECK(made[1].border);
      CHECK_FALSE(test::contains(made[1].content, "fill_nulls"));
      CHECK(f.migrator().make().empty());
      CHECK(f.migrator().lint().empty());

      CHECK(f.migrator().apply(stop()).size() == 1);
      CHECK(f.notes() == std::vector<std::string>{"-", "x"});
      CHECK(test::number(*f.database, "SELECT count(*) FROM item WHERE token IS NULL") == 0);
      CHECK(f.migrator().check().catalog.empty());
      if (dialect == db::Dialect::postgres) {
        f.run("INSERT INTO item (title, note, token) VALUES ('c', NULL, NULL), ('d', 'y', NULL)");
        f.run("UPDATE item SET note = NULL WHERE title = 'b'");
        CHECK(f.notes() == std::vector<std::string>{"-", "-", "-", "y"});
        CHECK(test::number(*f.database, "SELECT count(DISTINCT token) FROM item") == 4);
      }
      const std::string null = "INSERT INTO item (title, note) VALUES ('e', NULL)";
      CHECK(f.migrator().apply(pass()).size() == 1);
      CHECK_FALSE(test::error_of([&] { f.run(null); }).empty());
      CHECK(f.migrator().check().catalog.empty());
      CHECK(test::catalog(*f.database) == test::wanted_catalog(f.tables, dialect));

      f.migrator().rollback("m", "0003");
      if (dialect == db::Dialect::postgres) f.run(null);  // that release may run again
      f.migrator().rollback("m", "0002");
      f.run(null);
      CHECK(test::catalog(*f.database) == before);
    });
  }
}

TEST_CASE("the release before writes null all the while, and nothing of it fails") {
  test::run([] {
    Notes f(db::Dialect::postgres);
    constexpr int rows = 12'000;
    f.run("INSERT INTO item (title) SELECT 'r' || g FROM generate_series(1, " + std::to_string(rows) + ") g");
    f.migrator().make();
    std::atomic<bool> runs{true};
    int writes = 0;
    auto old_release = fiber::spawn([&] {
      while (runs) {
        f.database->execute({"INSERT INTO item (title, note, token) VALUES ($1, NULL, NULL)",
                             {"o" + std::to_string(writes)},
                             db::Access::write});
        f.database->execute({"UPDATE item SET note = NULL, token = NULL WHERE title = $1",
                             {"r" + std::to_string(1 + writes * 977 % rows)},
                             db::Access::write});
        ++writes;
      }
    });
    while (writes < 3) fiber::yield();
    CHECK(f.migrator().apply().size() == 1);
    const int then = writes;
    while (writes < then + 3) fiber::yield();
    runs = false;
    old_release.get();
    CHECK(test::number(*f.database, "SELECT count(*) FROM item WHERE title LIKE 'o%' AND note = '-'") ==
          writes);
    CHECK(test::number(*f.database, "SELECT count(*) FROM item WHERE token IS NULL") == 0);
  });
}

TEST_CASE("without a default nothing can be put in the place of null: it is told, and done at once") {
  test::run([] {
    Notes f(db::Dialect::postgres);
    f.columns()[2].default_value.reset();
    f.columns()[3] = test::null_col("token", ColumnType::uuid);
    const auto made = f.migrator().make();
    REQUIRE(made.size() == 1);
    CHECK_FALSE(made[0].border);
    const auto findings = f.migrator().lint();
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].rule == "narrow-rule");
    CHECK_FALSE(findings[0].refused);
  });
}

TEST_CASE("lint tells how a file by hand lets the release before write null") {
  test::run([] {
    Notes f(db::Dialect::postgres);
    f.modules.write("m", "0002_x",
                    "migration:\n  module: m\n  name: 0002_x\n  depends: [m/0001_initial]\noperations:\n"
                    "  - alter_column: {table: item, column: {name: note, type: text, default: \"'-'\"}}\n");
    const auto findings = f.migrator().lint();
    REQUIRE(findings.size() == 1);
    CHECK(test::contains(findings[0].message, "may write null"));
    CHECK(test::contains(findings[0].safe, "fill_nulls: true"));
  });
}

TEST_CASE("check sees that nulls are not filled any more") {
  test::run([] {
    Notes f(db::Dialect::postgres);
    f.migrator().make();
    f.migrator().apply();
    f.run("ALTER TABLE item DISABLE TRIGGER USER");
    const auto found = f.migrator().check().catalog;
    REQUIRE(found.size() == 4);
    CHECK(test::contains(found[0], "trigger mpf_fill_"));
  });
}

TEST_CASE("what fills nulls has to go before the column does") {
  const std::string fill =
      "  - alter_column: {table: t, column: {name: a, type: text, default: \"''\"}, fill_nulls: true}\n";
  struct Case {
    std::string operations;
    const char* message;
  };
  const std::vector<Case> cases{
      {fill + "  - drop_column: {table: t, column: a}\n", "'alter_column' without 'fill_nulls' comes before"},
      {fill + "  - rename_column: {table: t, from: a, to: b}\n", "'alter_column' without 'fill_nulls'"},
      {fill + "  - expand_column: {table: t, from: a, column: {name: b, type: text}}\n",
       "'alter_column' without 'fill_nulls'"},
      {fill + "  - drop_table: {table: t}\n", "nulls of 't.a' are being filled"},
      {fill + "  - rename_table: {from: t, to: u}\n", "nulls of 't.a' are being filled"},
      {"  - alter_column: {table: t, column: {name: a, type: text}, fill_nulls: true}\n", "has no default"},
      {"  - alter_column: {table: t, column: {name: a, type: text, nullable: true, default: \"''\"}, "
       "fill_nulls: true}\n",
       "may be null"},
      {"  - alter_column: {table: t, column: {name: a, type: text, default: \"''\"}, fill_nulls: 1}\n",
       "fill_nulls"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.operations);
    test::run([&] {
      const test::Modules modules;
      const auto database = modules.open();
      Migrator migrator(database.get(),
                        {modules.models("m", {test::table("t", {test::id_col(), test::null_col("a")})})});
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

TEST_CASE("squashed up to the border, nulls are still filled before it") {
  test::run([] {
    Notes f(db::Dialect::postgres);
    f.migrator().make();
    f.migrator().apply(stop());
    f.migrator().squash("m", "0001", "0002");
    CHECK(f.migrator().check().catalog.empty());
    const test::FreshDatabase fresh(db::Dialect::postgres);
    Migrator migrator(&*fresh, {f.modules.models("m", f.tables)});
    migrator.apply({.module = "m", .name = "0001"});
    fresh->execute_script("INSERT INTO item (title, note) VALUES ('a', NULL)");
    CHECK(migrator.check().catalog.empty());
  });
}

TEST_CASE("a new check waits for the border, unless it is about what the release before does not know") {
  struct Case {
    const char* what;
    std::function<void(orm::Table&)> change;
    std::vector<bool> borders;
  };
  const orm::Check check{"item_title_check", {"\"title\" <> ''", "\"title\" <> ''"}};
  const std::vector<Case> cases{
      {"a column that both write", [&](orm::Table& item) { item.checks = {check}; }, {true}},
      {"a new column",
       [&](orm::Table& item) {
         item.columns.push_back(test::with_default(test::col("state"), "'draft'"));
         item.checks = {{"item_state_check", {"\"state\" <> ''", "\"state\" <> ''"}}};
       },
       {false}},
      {"a renamed one",
       [&](orm::Table& item) {
         item.columns[1] = test::renamed(item.columns[1], "headline");
         item.checks = {{"item_title_check", {"\"headline\" <> ''", "\"headline\" <> ''"}}};
       },
       {false, true}},
  };
  for (const auto& each : cases) {
    CAPTURE(each.what);
    test::run([&] {
      Notes f(db::Dialect::postgres);
      f.tables[0] = test::table("item", {test::id_col(), test::col("title"), test::null_col("note"),
                                         test::null_col("token", ColumnType::uuid)});
      each.change(f.tables[0]);
      const auto made = f.migrator().make();
      std::vector<bool> borders;
      for (const auto& one : made) borders.push_back(one.border);
      CHECK(borders == each.borders);
      CHECK(f.migrator().make().empty());
      f.migrator().apply();
      CHECK(f.migrator().pending().empty());
      if (!made[0].border) CHECK(f.migrator().show().at(1).state == migrate::MigrationState::applied);
      f.migrator().apply(pass());
      CHECK(f.migrator().check().catalog.empty());
      CHECK(test::catalog(*f.database) == test::wanted_catalog(f.tables, db::Dialect::postgres));
    });
  }
}

TEST_CASE("killed before any write while null is forbidden, apply goes on from there, and so does rollback") {
  test::TwoReleases releases{
      .before = test::table("t", {test::id_col(), test::null_col("c")}),
      .after = {},
      .rows = "INSERT INTO t (c) SELECT NULL FROM generate_series(1, 6000) g",
      .kills = 5,
  };
  releases.after = releases.before;
  releases.after.columns[1] = test::with_default(test::col("c"), "'-'");
  test::check_killed_both_ways(releases, [](db::Database& database, bool) {
    CHECK(test::number(database, "SELECT count(*) FROM t WHERE c = '-'") == 6000);
  });
}
