#include <doctest/doctest.h>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;

namespace {

/// With everything that gets a name from that of the table.
orm::Table plan(const std::string& name) {
  auto table = test::table(name, {test::id_col(), test::col("kind"), test::ref_col("team_id", "team")},
                           {test::index(name, {"kind"})});
  table.columns[1].choices = {"old", "new"};
  table.columns[1].max_length = 10;
  return table;
}

const orm::Table team = test::table("team", {test::id_col()});

}  // namespace

TEST_CASE("a renamed table takes all its names along, and the next one of its old name is like any other") {
  const std::string letters(50, 'x');
  struct Case {
    std::string from;
    std::string to;
  };
  for (const auto& [from, to] :
       {Case{"plan", "scheme"}, Case{letters + "_first", letters + "_second"},
        Case{"Plan \u00e4", std::string(29, 'y') + "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"}}) {
    CAPTURE(from);
    for (const auto dialect : test::databases()) {
      test::run([&, from = from, to = to] {
        const test::Modules modules;
        const test::FreshDatabase database(dialect);
        std::set<std::string> catalogs[3];
        auto renamed = plan(to);
        renamed.renamed_from = from;
        const std::vector<std::vector<orm::Table>> steps{
            {team, plan(from)}, {team, renamed}, {team, plan(to), plan(from)}};
        for (std::size_t i = 0; i < steps.size(); ++i) {
          Migrator migrator(&*database, {modules.models("m", steps[i])});
          migrator.make({.name = {}, .dry_run = false, .reason = "a test"});
          migrator.apply();
          catalogs[i] = test::catalog(*database);
          CHECK(catalogs[i] == test::wanted_catalog(steps[i], dialect));
          CHECK(migrator.check().catalog.empty());
        }
        Migrator migrator(&*database, {modules.models("m", steps[2])});
        for (const std::size_t left : {1, 0}) {
          migrator.rollback("m");
          CHECK(test::catalog(*database) == catalogs[left]);
        }
      });
    }
  }
}

TEST_CASE("a name that something else has is left to it when a table is renamed") {
  test::run([] {
    const test::Modules modules;
    const test::FreshDatabase database(db::Dialect::postgres);
    auto renamed = plan("scheme");
    renamed.renamed_from = "plan";
    for (const auto& tables : {std::vector{team, plan("plan")}, std::vector{team, renamed}}) {
      Migrator migrator(&*database, {modules.models("m", tables)});
      migrator.make({.name = {}, .dry_run = false, .reason = "a test"});
      migrator.apply();
      CHECK(migrator.check().catalog.empty());
      if (tables[1].name == "scheme") break;
      database->execute_script("CREATE TABLE scheme_pkey (x int); CREATE VIEW scheme_id_seq AS SELECT 1");
    }
    CHECK(test::texts(*database,
                      "SELECT conname::text FROM pg_constraint WHERE contype = 'p' AND conrelid = "
                      "'scheme'::regclass") == std::vector<std::string>{"plan_pkey"});
    database->execute_script(
        "INSERT INTO team DEFAULT VALUES; INSERT INTO scheme (kind, team_id) VALUES ('new', 1)");
  });
}
