#include <doctest/doctest.h>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Borders;
using migrate::Migrator;
using orm::ColumnType;

namespace {

orm::Table parent() { return test::table("parent", {test::id_col(), test::col("name")}); }
orm::Table item() {
  return test::table(
      "item", {test::id_col(), test::col("title"), test::col("teaser"), test::ref_col("parent_id", "parent")},
      {test::index("item", {"teaser"}), test::index("item", {"parent_id"})});
}

/// A table in use, two of whose columns the new release does without.
struct Release {
  test::Modules modules;
  test::FreshDatabase database;
  std::vector<orm::Table> tables{parent(), item()};

  explicit Release(db::Dialect dialect) : database(dialect) {
    migrator().make();
    migrator().apply();
    database->execute_script(
        "INSERT INTO parent (name) VALUES ('p'); INSERT INTO item (title, teaser, parent_id) VALUES ('t', "
        "'x', 1)");
    tables[1].columns.resize(2);
    tables[1].indexes.clear();
  }
  Migrator migrator() { return Migrator(&*database, {modules.models("m", tables)}); }
};

}  // namespace

TEST_CASE("what a release no longer uses goes in two steps, the second behind a release border") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      Release release(dialect);
      const auto before = test::catalog(*release.database);
      const auto made = release.migrator().make();
      REQUIRE(made.size() == 2);
      CHECK_FALSE(made[0].border);
      CHECK(made[0].operations ==
            std::vector<std::string>{"alter column item.teaser", "alter column item.parent_id"});
      CHECK(made[0].losses.empty());
      CHECK(made[1].border);
      CHECK(test::contains(made[1].content, "border: true  # apply when no release before this one runs"));
      CHECK(made[1].losses ==
            std::vector<std::string>{"drop column item.teaser", "drop column item.parent_id"});
      CHECK(made[0].unsafe.empty());
      CHECK(made[1].unsafe.empty());
      CHECK(release.migrator().make().empty());
      CHECK(release.migrator().lint().empty());

      auto plan = release.migrator().plan();
      REQUIRE(plan.size() == 2);
      CHECK_FALSE(plan[0].border);
      CHECK(plan[1].border);
      CHECK(plan[1].held == (dialect == db::Dialect::postgres));

      CHECK(release.migrator().apply({.borders = Borders::stop}).size() == 1);
      // Both releases write now, and the new one deletes what the old one refers to.
      release.database->execute_script("INSERT INTO item (title, teaser, parent_id) VALUES ('old', 'x', 1)");
      release.database->execute_script("INSERT INTO item (title) VALUES ('new'); DELETE FROM parent");
      CHECK(release.migrator().apply({.borders = Borders::stop}).empty());
      const auto statuses = release.migrator().show();
      CHECK(statuses.at(2).border);
      CHECK(statuses.at(2).state == migrate::MigrationState::pending);
      if (dialect == db::Dialect::postgres) {
        // Waiting is no reason not to start, and no difference.
        CHECK(release.migrator().pending().empty());
        CHECK(release.migrator().apply().empty());
        const auto report = release.migrator().check();
        CHECK(report.files.empty());
        CHECK(report.catalog.empty());
        CHECK(report.held.size() == 1);
      }
      CHECK(release.migrator().apply({.borders = Borders::pass}).size() == 1);
      CHECK(release.migrator().check().catalog.empty());
      CHECK(test::number(*release.database, "SELECT count(*) FROM item") == 3);
      release.database->execute_script("DELETE FROM item");
      release.migrator().rollback("m", "0002");
      CHECK(test::catalog(*release.database) == before);
    });
  }
}

TEST_CASE("a database that knows nothing of the module passes its borders: no older release runs there") {
  test::run([] {
    Release release(db::Dialect::postgres);
    release.migrator().make();
    const test::FreshDatabase fresh(db::Dialect::postgres);
    Migrator migrator(&*fresh, {release.modules.models("m", release.tables)});
    CHECK(migrator.apply().size() == 3);
    CHECK(migrator.check().catalog.empty());
  });
}

TEST_CASE("what depends on something behind a border waits too, and only that") {
  test::run([] {
    Release release(db::Dialect::postgres);
    release.migrator().make();
    release.tables[0].columns.push_back(test::null_col("later"));
    const auto made = release.migrator().make();
    REQUIRE(made.size() == 1);
    const auto other = test::table("other", {test::id_col()});
    Migrator both(&*release.database,
                  {release.modules.models("m", release.tables), release.modules.models("n", {other})});
    both.make();
    const auto applied = both.apply();
    REQUIRE(applied.size() == 2);
    CHECK(applied[0].name.starts_with("0002_alter_teaser"));
    CHECK(applied[1].module == "n");
    // The models need what is built on the border: nothing starts without.
    CHECK(both.pending().size() == 2);
    CHECK(both.held().size() == 2);
    CHECK(both.check().files.size() == 2);
    CHECK(both.apply({.borders = Borders::pass}).size() == 2);
  });
}

TEST_CASE("dropping before the border is refused, with what to do instead") {
  test::run([] {
    Release release(db::Dialect::postgres);
    release.modules.write(
        "m", "0002_drop",
        "migration:\n  module: m\n  name: 0002_drop\n  depends: [m/0001_initial]\noperations:\n"
        "  - drop_index: {table: item, index: item_teaser_idx}\n"
        "  - drop_column: {table: item, column: teaser}\n");
    const auto findings = release.migrator().lint();
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].rule == "drop-column");
    CHECK(test::contains(findings[0].safe, "border: true"));
    CHECK(test::contains(test::error_of([&] { release.migrator().apply(); }),
                         "refused to drop column item.teaser"));
    release.modules.write("m", "0002_drop",
                          "migration:\n  module: m\n  name: 0002_drop\n  depends: [m/0001_initial]\n  "
                          "border: true\noperations:\n"
                          "  - drop_index: {table: item, index: item_teaser_idx}\n"
                          "  - drop_column: {table: item, column: teaser}\n");
    CHECK(release.migrator().lint().empty());
    CHECK(release.migrator().apply({.borders = Borders::pass}).size() == 1);
  });
}

TEST_CASE("apply takes a module, and one of its migrations, with what they need") {
  test::run([] {
    const test::Modules modules;
    const auto database = modules.open();
    auto a = test::table("a", {test::id_col()});
    const auto b = test::table("b", {test::id_col(), test::ref_col("a_id", "a")});
    const auto migrator = [&] {
      return Migrator(database.get(), {modules.models("a", {a}), modules.models("b", {b})});
    };
    migrator().make();
    a.columns.push_back(test::null_col("x"));
    migrator().make();
    a.columns.push_back(test::null_col("y"));
    migrator().make();
    CHECK(migrator().apply({.module = "b"}).size() == 2);
    CHECK(migrator().apply({.module = "a", .name = "0002"}).size() == 1);
    CHECK(migrator().pending().size() == 1);
    ErrorKind kind{};
    CHECK(test::contains(test::error_of([&] { migrator().apply({.module = "c"}); }, &kind),
                         "there is no module 'c'; did you mean"));
    CHECK(kind == ErrorKind::not_found);
    CHECK(test::contains(test::error_of([&] { migrator().apply({.module = "a", .name = "0009"}); }),
                         "there is no migration a/0009"));
    CHECK(migrator().apply({.module = "a"}).size() == 1);
  });
}

TEST_CASE("a table that goes holds nothing back before it does") {
  test::run([] {
    Release release(db::Dialect::postgres);
    release.tables = {parent()};
    const auto made = release.migrator().make();
    REQUIRE(made.size() == 2);
    CHECK(made[0].operations == std::vector<std::string>{"alter column item.parent_id"});
    CHECK(made[1].operations == std::vector<std::string>{"drop table item"});
    CHECK(made[1].border);
    // With a reason all of it is done at once.
    Release now(db::Dialect::postgres);
    now.tables = {parent()};
    CHECK(now.migrator().make({.name = {}, .dry_run = false, .reason = "nobody is here"}).size() == 1);
    CHECK(now.migrator().apply().size() == 1);
  });
}
