#include <doctest/doctest.h>

#include <functional>
#include <optional>

#include <mpf/fiber/sync.hpp>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;

namespace {

/// A table in use on PostgreSQL, and a change of its model that has been made and not applied.
struct Changed {
  test::Modules modules;
  test::FreshDatabase database{db::Dialect::postgres};
  orm::Table person = test::table("person", {test::id_col(), test::col("name")});

  explicit Changed(const std::function<void(orm::Table&)>& change) {
    migrator().make();
    migrator().apply();
    change(person);
    migrator().make();
  }
  Migrator migrator() { return Migrator(&*database, {modules.models("m", {person})}); }
};

void add_index(orm::Table& table) { table.indexes.push_back(test::index("person", {"name"})); }
void add_column(orm::Table& table) { table.columns.push_back(test::null_col("nick")); }

}  // namespace

TEST_CASE("who keeps a change waiting is told meanwhile") {
  struct Case {
    std::function<void(orm::Table&)> change;
    std::string operation;
  };
  const std::vector<Case> cases{{add_index, "create index person_name_idx"},
                                {add_column, "add column person.nick"}};
  for (const auto& each : cases) {
    CAPTURE(each.operation);
    test::run([&] {
      Changed world(each.change);
      fiber::Channel<std::string> told(100);
      std::optional<fiber::Fiber<std::string>> other;
      std::string text;
      world.database->transaction([&](db::Transaction&) {
        world.database->execute_script("INSERT INTO person (name) VALUES ('waited for')");
        other = fiber::spawn([&] {
          const auto message = test::error_of([&] {
            world.migrator().apply({.progress =
                                        [&](const migrate::MigrationProgress& progress) {
                                          auto step = progress.step;
                                          if (test::contains(step, "waits")) told.try_push(step);
                                        },
                                    .lock_timeout = std::chrono::seconds(60)});
          });
          told.close();
          return message;
        });
        text = told.pop().value_or("");
      });
      CHECK(other->get() == "");
      CHECK(test::contains(text, each.operation + " waits for process "));
      CHECK(test::contains(text, " (mpf, idle in transaction since 2"));
      CHECK_FALSE(told.pop());  // the same is not said twice
      CHECK(world.migrator().pending().empty());
    });
  }
}

TEST_CASE("a change that is given up names who it waited for") {
  test::run([] {
    Changed world(add_column);
    std::string message;
    world.database->transaction([&](db::Transaction&) {
      world.database->execute_script("INSERT INTO person (name) VALUES ('waited for')");
      auto other = fiber::spawn([&] {
        message = test::error_of([&] {
          world.migrator().apply(
              {.lock_wait = std::chrono::milliseconds(1), .lock_timeout = std::chrono::seconds(2)});
        });
      });
      other.get();
    });
    CHECK(test::contains(message, "cannot add column person.nick"));
    CHECK(test::contains(message, "; it waited for process "));
    CHECK(world.migrator().apply().size() == 1);
  });
}
