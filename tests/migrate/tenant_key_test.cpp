#include <doctest/doctest.h>

#include "migrate/state.hpp"
#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;

namespace {

/// Models as they were before references compared tenants, and as they are since.
struct Sites {
  test::Modules modules;
  std::vector<orm::Table> before{
      test::table("site", {test::id_col()}),
      test::table("user", {test::id_col(), test::ref_col("site_id", "site"), test::col("name")},
                  {test::index("user", {"site_id"})}),
      test::table("note",
                  {test::id_col(), test::ref_col("site_id", "site"),
                   test::ref_col("user_id", "user", orm::OnDelete::set_null, true)},
                  {test::index("note", {"site_id"}), test::index("note", {"user_id"})})};
  std::vector<orm::Table> after = before;

  Sites() {
    after[1].columns[2].byte_order = true;
    after[1].indexes = {test::index("user", {"site_id", "id"}, true)};
    auto& to = *after[2].columns[2].references;
    to.tenant = to.target_tenant = "site_id";
  }

  /// In two modules: the one must wait for the other's index.
  std::vector<migrate::ModuleModels> models(const std::vector<orm::Table>& tables) const {
    return {modules.models("a.notes", {tables[2]}), modules.models("users", {tables[0], tables[1]})};
  }
  /// With rows of two sites, applied.
  void prepare(db::Database& database) const {
    Migrator migrator(&database, models(before));
    migrator.make();
    migrator.apply();
    database.execute_script(
        "INSERT INTO site DEFAULT VALUES; INSERT INTO site DEFAULT VALUES;"
        "INSERT INTO \"user\" (site_id, name) VALUES (1, 'b'), (1, 'Zoe'), (2, 'x');"
        "INSERT INTO note (site_id, user_id) VALUES (1, 1), (1, NULL), (2, 3)");
  }
};

bool refused(db::Database& database, const std::string& sql) {
  try {
    database.execute({sql, {}, db::Access::write});
    return false;
  } catch (const db::ConstraintError&) {
    return true;
  }
}

}  // namespace

TEST_CASE("references of existing databases learn to compare tenants") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      const Sites sites;
      const test::FreshDatabase database(dialect);
      sites.prepare(*database);
      const auto catalog = test::catalog(*database);
      CHECK_FALSE(refused(*database, "UPDATE note SET user_id = 3 WHERE id = 2"));
      CHECK_FALSE(refused(*database, "UPDATE note SET user_id = NULL WHERE id = 2"));

      Migrator migrator(&*database, sites.models(sites.after));
      migrator.make();
      CHECK(migrator.make().empty());
      const auto applied = migrator.apply();
      CHECK(migrator.check().catalog.empty());
      CHECK(refused(*database, "UPDATE note SET user_id = 3 WHERE id = 2"));
      CHECK_FALSE(refused(*database, "DELETE FROM \"user\" WHERE id = 1"));
      CHECK(test::number(*database, "SELECT count(*) FROM note WHERE site_id = 1 AND user_id IS NULL") == 2);

      for (auto id = applied.rbegin(); id != applied.rend(); ++id) migrator.rollback(id->module, id->name);
      CHECK(test::catalog(*database) == catalog);
      CHECK_FALSE(refused(*database, "UPDATE note SET user_id = 3 WHERE id = 2"));
    });
  }
}

TEST_CASE("rows that refer to another tenant are found before anything is changed") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      const Sites sites;
      const test::FreshDatabase database(dialect);
      sites.prepare(*database);
      database->execute_script("UPDATE note SET user_id = 3 WHERE site_id = 1");
      Migrator migrator(&*database, sites.models(sites.after));
      migrator.make();
      const auto error = test::error_of([&] { migrator.apply(); });
      CHECK(test::contains(error, "2"));
      CHECK(test::contains(error, "refer by note.user_id to a row of another tenant; correct them first"));
      database->execute_script("UPDATE note SET user_id = NULL WHERE site_id = 1");
      migrator.apply();
      CHECK(migrator.check().catalog.empty());
    });
  }
}

TEST_CASE("text of an existing database that speaks English is compared byte by byte from then on") {
  test::run([] {
    const Sites sites;
    const auto database = db::open_postgres(test::Postgres::shared().fresh_in_english());
    sites.prepare(*database);
    const auto first = [&] {
      return test::texts(*database, "SELECT name FROM \"user\" ORDER BY name LIMIT 1").at(0);
    };
    REQUIRE(first() == "b");
    Migrator migrator(database.get(), sites.models(sites.after));
    migrator.make();
    migrator.apply();
    CHECK(first() == "Zoe");
    CHECK(migrator.check().catalog.empty());
  });
}

TEST_CASE("what a reference within a tenant needs cannot be taken away before it") {
  const Sites sites;
  migrate::State state;
  for (const auto& table : sites.after) state.apply(migrate::CreateTable{table}, "m");
  const auto fails = [&](const migrate::Operation& operation, const std::string& message) {
    CHECK(test::contains(test::error_of([&] {
                           try {
                             state.apply(operation, "m");
                           } catch (const migrate::StateError& error) {
                             fail(ErrorKind::internal, error.what());
                           }
                         }),
                         message));
  };
  fails(migrate::DropIndex{"user", "user_site_id_id_key"}, "the column 'note.user_id' refers by it");
  fails(migrate::DropColumn{"note", "site_id"}, "index");
  auto alone = sites.after[2].columns[2];
  alone.references->target_tenant.clear();
  fails(migrate::AlterColumn{"note", alone}, "one side does not say");
  alone.references->target_tenant = "name";
  fails(migrate::AlterColumn{"note", alone}, "no unique index on 'name' and 'id'");
  state.apply(migrate::RenameColumn{"user", "site_id", "home_id"}, "m");
  CHECK(state.table("note").columns[2].references->target_tenant == "home_id");
  state.apply(migrate::RenameColumn{"note", "site_id", "place_id"}, "m");
  CHECK(state.table("note").columns[2].references->tenant == "place_id");
}
