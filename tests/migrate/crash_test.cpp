#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/killing_database.hpp"
#include "migrate/support.hpp"

using namespace mpf;
using migrate::Migrator;
using orm::ColumnType;

namespace {

/// Migrations that make, rebuild, rename and drop.
std::vector<orm::Table> history(const test::Modules& modules) {
  auto a = test::table("a", {test::id_col(), test::col("x")});
  auto b = test::table("b", {test::id_col(), test::ref_col("a_id", "a", orm::OnDelete::cascade)});
  const auto make = [&](const std::vector<orm::Table>& tables) {
    Migrator(nullptr, {modules.models("m", tables)}).make({.name = {}, .dry_run = false, .reason = "a test"});
  };
  make({a, b});
  modules.write(
      "m", "0002_rows",
      "migration:\n  module: m\n  name: 0002_rows\n  depends: [m/0001_initial]\noperations:\n  - sql:\n"
      "      sqlite: \"INSERT INTO a (x) VALUES ('1'), ('2'); INSERT INTO b (a_id) SELECT id FROM a;\"\n"
      "      reverse_sqlite: \"DELETE FROM a;\"\n");
  a.columns[1].type = ColumnType::integer;
  a.columns.push_back(test::with_default(test::col("y"), "'y'"));
  a.indexes.push_back(test::index("a", {"x"}));
  make({a, b});
  b.name = "bb";
  b.renamed_from = "b";
  a.columns.pop_back();
  make({a, b});
  return {a, b};
}

}  // namespace

TEST_CASE("killed before any write, apply goes on from there") {
  const test::Modules modules;
  const auto tables = history(modules);
  const auto models = [&] { return std::vector{modules.models("m", tables)}; };
  int points = 0;
  for (bool more = true; more; ++points) {
    CAPTURE(points);
    const auto name = "db" + std::to_string(points);
    more = test::was_killed(test::in_process([&] {
      test::KillingDatabase database(modules.open(name), points);
      Migrator(&database, models()).apply();
    }));
    test::run([&] {
      const auto database = modules.open(name);
      Migrator migrator(database.get(), models());
      migrator.apply();
      CHECK(test::catalog(*database) == test::catalog_of(tables));
      CHECK(test::texts(*database, "SELECT a.x FROM a JOIN bb ON a_id = a.id ORDER BY 1").size() == 2);
      CHECK(test::texts(*database, "PRAGMA integrity_check") == std::vector<std::string>{"ok"});
      CHECK(migrator.rollback("m", "0001").size() == 4);
      CHECK(test::catalog(*database).empty());
    });
  }
  // Several statements a migration: the loop has seen the middle of every one.
  CHECK(points > 20);
}

TEST_CASE("killed before any write, rollback goes on from there, tables made anew included") {
  const test::Modules modules;
  const auto tables = history(modules);
  const auto models = [&] { return std::vector{modules.models("m", tables)}; };
  test::run([&] { Migrator(modules.open("model").get(), models()).apply(); });
  int points = 0;
  for (bool more = true; more; ++points) {
    CAPTURE(points);
    const auto name = "db" + std::to_string(points);
    std::filesystem::copy_file(modules.file("model"), modules.file(name));
    more = test::was_killed(test::in_process([&] {
      test::KillingDatabase database(modules.open(name), points);
      Migrator(&database, models()).rollback("m", "0003");
    }));
    test::run([&] {
      const auto database = modules.open(name);
      Migrator migrator(database.get(), models());
      const auto statuses = migrator.show();
      if (statuses.at(2).state != migrate::MigrationState::pending) migrator.rollback("m", "0003");
      CHECK(migrator.pending().size() == 2);
      CHECK(migrator.check().catalog.empty());
      CHECK(test::texts(*database, "SELECT typeof(a.x), a.x FROM a JOIN b ON a_id = a.id ORDER BY 2") ==
            std::vector<std::string>{"text|1", "text|2"});
      CHECK(test::texts(*database, "PRAGMA integrity_check") == std::vector<std::string>{"ok"});
      CHECK(test::texts(*database, "PRAGMA foreign_key_check").empty());
      CHECK(migrator.apply().size() == 2);
      CHECK(test::catalog(*database) == test::catalog_of(tables));
    });
  }
  CHECK(points > 12);
}

TEST_CASE("killed at any moment, apply goes on from there") {
  const test::Modules modules;
  const auto tables = history(modules);
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    const auto name = "db" + std::to_string(round);
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const auto child = ::fork();
    if (child == 0) {
      test::run([&] {
        const auto database = modules.open(name);
        Migrator migrator(database.get(), {modules.models("m", tables)});
        (void)!::write(ready[1], "x", 1);
        for (;;) {
          migrator.apply();
          migrator.rollback("m", "0001");
        }
      });
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::usleep(static_cast<useconds_t>(round) * 3001);  // the moment of the kill, not a wait for anything
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    test::run([&] {
      const auto database = modules.open(name);
      Migrator(database.get(), {modules.models("m", tables)}).apply();
      CHECK(test::catalog(*database) == test::catalog_of(tables));
      CHECK(test::number(*database, "SELECT count(*) FROM bb JOIN a ON a_id = a.id") == 2);
    });
  }
}

TEST_CASE("of processes that apply at once each migration is run by one, and all succeed") {
  for (int round = 0; round < 5; ++round) {
    const test::Modules modules;
    const auto tables = history(modules);
    std::vector<pid_t> children;
    for (int i = 0; i < 3; ++i) {
      const auto child = ::fork();
      if (child == 0) {
        int code = 1;
        try {
          test::run([&] {
            const auto database = modules.open();
            Migrator(database.get(), {modules.models("m", tables)}).apply();
          });
          code = 0;
        } catch (const std::exception& e) {
          (void)!::write(2, e.what(), std::string(e.what()).size());
        }
        ::_exit(code);
      }
      children.push_back(child);
    }
    for (const auto child : children) {
      int status = 1;
      ::waitpid(child, &status, 0);
      CHECK(status == 0);
    }
    test::run([&] {
      const auto database = modules.open();
      CHECK(test::catalog(*database) == test::catalog_of(tables));
      CHECK(test::number(*database, "SELECT count(*) FROM a") == 2);
    });
  }
}
