#include <doctest/doctest.h>

#include "migrate/killing_database.hpp"
#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;
using orm::ColumnType;

namespace {

constexpr int rows = 100;

/// A table in use whose text is put into another order: byte by byte.
struct Order {
  test::Modules modules;
  orm::Table before = test::table(
      "t", {test::id_col(), test::col("name"), test::with_default(test::col("n", ColumnType::integer), "0")},
      {test::index("t", {"name"}, true), test::index("t", {"n", "name"})});
  orm::Table after;

  Order() {
    before.columns[1].max_length = 50;
    before.indexes[1].descending = {"name"};
    before.checks = {{"t_named", {"\"name\" <> ''", "\"name\" <> ''"}}};
    after = before;
    after.columns[1].byte_order = true;
  }

  Migrator migrator(db::Database* database) const {
    return Migrator(database, {modules.models("m", {after})});
  }
  void make() const {
    Migrator(nullptr, {modules.models("m", {before})}).make();
    migrator(nullptr).make();
  }
  void fill(db::Database& database) const {
    migrator(&database).apply({.module = "m", .name = "0001"});
    database.execute_script("INSERT INTO t (name, n) SELECT 'r' || g, g FROM generate_series(1, " +
                            std::to_string(rows) + ") g");
  }
};

/// The files that hold the table and the indexes of these names.
std::vector<std::string> files(db::Database& database, const std::string& prefix) {
  return test::texts(database, "SELECT relfilenode::text FROM pg_class WHERE relname IN ('t', '" + prefix +
                                   "t_name_key', '" + prefix +
                                   "t_n_name_idx') ORDER BY relname = 't', "
                                   "relname");
}

}  // namespace

TEST_CASE("text gets another order by indexes made beforehand; nothing is written anew under the lock") {
  test::run([] {
    const Order order;
    order.make();
    const test::FreshDatabase database(db::Dialect::postgres);
    order.fill(*database);
    auto migrator = order.migrator(&*database);
    CHECK(migrator.lint().empty());
    auto sql = migrator.plan().at(0).sql;
    CHECK(test::contains(sql,
                         "CREATE UNIQUE INDEX CONCURRENTLY \"mpf_next_t_name_key\" ON \"t\" (\"name\" "
                         "COLLATE \"C\")"));
    // No rule is asked of all rows when the column is changed.
    for (const auto* rule : {"t_name_length", "t_named"}) {
      CAPTURE(rule);
      const auto name = "\"" + std::string(rule) + "\"";
      const auto changed = sql.find("TYPE text COLLATE");
      REQUIRE(changed != std::string::npos);
      CHECK(sql.find("DROP CONSTRAINT " + name) < changed);
      const auto added = sql.find("ADD CONSTRAINT " + name);
      CHECK(added != std::string::npos);
      CHECK(sql.find("NOT VALID", added) < sql.find('\n', added));
      CHECK(sql.find("VALIDATE CONSTRAINT " + name, added) != std::string::npos);
    }
    // Step by step: what lies on disk is what was built before.
    const std::string next = "-- committed; then:\n";
    std::vector<std::string> built;
    for (auto end = sql.find(next);; end = sql.find(next)) {
      const auto step = sql.substr(0, end);
      if (test::contains(step, "TYPE text")) built = files(*database, "mpf_next_");
      if (test::contains(step, "CONCURRENTLY")) {
        database->execute_long(step.substr(0, step.rfind(';')));
      } else {
        database->execute_script(step);
      }
      if (test::contains(step, "TYPE text")) CHECK(files(*database, "") == built);
      if (end == std::string::npos) break;
      sql.erase(0, end + next.size());
    }
    CHECK(built.size() == 3);
    migrator.fake({"m", migrator.show().at(1).id.name});
    CHECK(migrator.check().catalog.empty());
    CHECK(test::texts(*database, "SELECT name FROM t ORDER BY name LIMIT 2") ==
          std::vector<std::string>{"r1", "r10"});
  });
}

TEST_CASE("there and back the order of text gives the same catalog, on both databases") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      const Order order;
      order.make();
      const test::FreshDatabase database(dialect);
      auto migrator = order.migrator(&*database);
      migrator.apply({.module = "m", .name = "0001"});
      const auto before = test::catalog(*database);
      for (int i = 0; i < 2; ++i) {
        migrator.apply();
        CHECK(test::catalog(*database) == test::wanted_catalog({order.after}, dialect));
        CHECK(migrator.check().catalog.empty());
        migrator.rollback("m", "0002");
        CHECK(test::catalog(*database) == before);
      }
    });
  }
}

TEST_CASE("killed before any write, text gets its other order, and the one before, from there") {
  const Order order;
  test::run([&] { order.make(); });
  for (const bool back : {false, true}) {
    CAPTURE(back);
    std::string model;
    std::set<std::string> wanted;
    test::run([&] {
      const auto options = test::Postgres::shared().fresh();
      const auto database = db::open_postgres(options);
      order.fill(*database);
      if (back) order.migrator(database.get()).apply();
      model = options.database;
      wanted = test::wanted_catalog({back ? order.before : order.after}, db::Dialect::postgres);
    });
    const auto go_on = [&](db::Database& database) {
      auto migrator = order.migrator(&database);
      if (!back) {
        migrator.apply();
      } else if (migrator.show().at(1).state != migrate::MigrationState::pending) {
        migrator.rollback("m", "0002");
      }
    };
    const int points = test::killed_everywhere(model, go_on, [&](db::Database& database) {
      go_on(database);
      CHECK(test::catalog(database) == wanted);
      CHECK(test::number(database, "SELECT count(*) FROM t") == rows);
      CHECK(test::number(database, "SELECT count(*) FROM mpf_migration_progress") == 0);
    });
    CHECK(points > 10);
  }
}

TEST_CASE("what is made of text is left to people when its order changes") {
  struct Case {
    const char* what;
    std::function<void(orm::Table&)> change;
    const char* safe;
  };
  const std::vector<Case> cases{
      {"a condition",
       [](orm::Table& table) {
         table.indexes[0].where = orm::SqlText{"\"name\" <> 'x'", "\"name\" <> 'x'"};
       },
       "drop those indexes"},
      {"an expression",
       [](orm::Table& table) {
         table.indexes[0].columns.clear();
         table.indexes[0].expressions = {{"lower(\"name\")", "lower(\"name\")"}};
       },
       "drop those indexes"},
      {"a generated column",
       [](orm::Table& table) {
         table.columns.push_back(test::null_col("twice"));
         table.columns.back().generated = orm::SqlText{"\"name\" || \"name\"", "\"name\" || \"name\""};
       },
       "drop the generated columns"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.what);
    test::run([&] {
      Order order;
      each.change(order.before);
      each.change(order.after);
      order.make();
      const test::FreshDatabase database(db::Dialect::postgres);
      order.fill(*database);
      auto migrator = order.migrator(&*database);
      const auto findings = migrator.lint();
      REQUIRE(findings.size() == 1);
      CHECK(findings[0].rule == "collation");
      CHECK(test::contains(findings[0].safe, each.safe));
      CHECK(test::contains(test::error_of([&] { migrator.apply(); }), "refused to alter column t.name"));
      // With a reason it is done all the same.
      const auto file = order.modules.folder("m") / "0002_alter_name.yaml";
      write_file_atomic(file, read_file(file) + "      reason: \"nobody is here\"\n");
      order.modules.accept("m");
      CHECK(migrator.apply().size() == 1);
      CHECK(migrator.check().catalog.empty());
      CHECK(test::catalog(*database) == test::wanted_catalog({order.after}, db::Dialect::postgres));
    });
  }
}
