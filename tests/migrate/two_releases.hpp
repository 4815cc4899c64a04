#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "migrate/killing_database.hpp"
#include "migrate/renames.hpp"

/// Kills on the way from one release to the next, and back.
namespace mpf::test {

struct TwoReleases {
  orm::Table before;
  orm::Table after;  ///< two migrations later
  std::string rows;  ///< SQL that writes them
  int kills = 0;     ///< more than that are tried each way
};

/// On PostgreSQL: killed before any write, apply() goes on from there, and so does rollback(). `check` looks
/// at the rows then, after which way it was.
inline void check_killed_both_ways(const TwoReleases& releases,
                                   const std::function<void(db::Database&, bool back)>& check) {
  const Modules modules;
  const auto models = [&](const orm::Table& table) { return std::vector{modules.models("m", {table})}; };
  const auto wanted = [](const orm::Table& table) {
    std::set<std::string> result;
    run([&] { result = wanted_catalog({table}, db::Dialect::postgres); });
    return result;
  };
  const auto catalog_before = wanted(releases.before);
  const auto catalog_after = wanted(releases.after);
  run([&] {
    migrate::Migrator(nullptr, models(releases.before)).make();
    CHECK(migrate::Migrator(nullptr, models(releases.after)).make().size() == 2);
  });
  for (const bool back : {false, true}) {
    CAPTURE(back);
    std::string model;  // with rows and what is applied, to be copied
    run([&] {
      const auto options = Postgres::shared().fresh();
      const auto database = db::open_postgres(options);
      migrate::Migrator migrator(database.get(), models(releases.after));
      migrator.apply({.module = "m", .name = "0001"});
      database->execute_script(releases.rows);
      if (back) migrator.apply(pass());
      model = options.database;
    });
    const auto go_on = [&](db::Database& database) {
      migrate::Migrator migrator(&database, models(releases.after));
      if (!back) {
        migrator.apply(pass());
      } else if (migrator.show().at(1).state != migrate::MigrationState::pending) {
        migrator.rollback("m", "0002");
      }
    };
    const int kills = killed_everywhere(model, go_on, [&](db::Database& database) {
      go_on(database);
      CHECK(catalog(database) == (back ? catalog_before : catalog_after));
      CHECK(number(database, "SELECT count(*) FROM mpf_migration_progress") == 0);
      check(database, back);
    });
    CHECK(kills > releases.kills);
  }
}

}  // namespace mpf::test
