#include <doctest/doctest.h>

#include <optional>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;

namespace {

/// A table with rows on PostgreSQL, whose models have a unique index that the database has not.
struct Indexed {
  test::Modules modules;
  test::FreshDatabase database{db::Dialect::postgres};
  orm::Table person = test::table("person", {test::id_col(), test::col("name"), test::null_col("nick")});

  Indexed() {
    migrator().make();
    migrator().apply();
    database->execute_script("INSERT INTO person (name) VALUES ('a'), ('b'), ('a')");
    person.indexes.push_back(test::index("person", {"name"}, true));
    migrator().make();
  }
  Migrator migrator() { return Migrator(&*database, {modules.models("m", {person})}); }
  void make_unique() { database->execute_script("UPDATE person SET name = name || id"); }

  /// "t" or "f" of each index called `name`: whether it is valid.
  std::vector<std::string> validity(const std::string& name = "person_name_key") {
    return test::texts(*database,
                       "SELECT i.indisvalid::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
                       "WHERE c.relname = '" +
                           name + "'");
  }
};

const std::vector<std::string> none;
const std::vector<std::string> valid{"true"};
const std::vector<std::string> invalid{"false"};

}  // namespace

TEST_CASE("an index that was left behind invalid is made anew") {
  test::run([] {
    Indexed world;
    CHECK_THROWS_AS(
        world.database->execute_long("CREATE UNIQUE INDEX CONCURRENTLY person_name_key ON person (name)"),
        db::ConstraintError);
    REQUIRE(world.validity() == invalid);
    world.make_unique();
    CHECK(world.migrator().apply().size() == 1);
    CHECK(world.validity() == valid);
    CHECK(world.migrator().check().catalog.empty());
  });
}

TEST_CASE("an index that cannot be built leaves nothing behind, and apply goes on when it can") {
  struct Case {
    std::string rows;  ///< in its way
    std::string message;
  };
  const std::vector<Case> cases{
      {"", "2 rows of person have the same name as others"},
      // What counting does not see, the build runs into.
      {"UPDATE person SET name = name || id; INSERT INTO person (name) SELECT string_agg(md5(n::text), '') "
       "FROM generate_series(1, 1000) n",
       "index row"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.message);
    test::run([&] {
      Indexed world;
      if (!each.rows.empty()) world.database->execute_script(each.rows);
      const auto message = test::error_of([&] { world.migrator().apply(); });
      CHECK(test::contains(message, "cannot create index person_name_key"));
      CHECK(test::contains(message, each.message));
      CHECK(world.validity() == none);
      world.database->execute_script("UPDATE person SET name = left(name, 1) || id");
      CHECK(world.migrator().apply().size() == 1);
      CHECK(world.validity() == valid);
    });
  }
}

TEST_CASE("an index whose build an administrator ends leaves nothing behind") {
  test::run([] {
    Indexed world;
    world.make_unique();
    std::string message;
    std::optional<fiber::Fiber<void>> other;
    world.database->transaction([&](db::Transaction&) {
      world.database->execute_script("INSERT INTO person (name) VALUES ('waited for')");
      other = fiber::spawn([&] { message = test::error_of([&] { world.migrator().apply(); }); });
      // The build has begun when it waits for this transaction.
      std::int64_t ended = 0;
      while (message.empty() && ended == 0) {
        // A transaction sees what others do as it was when it first looked.
        test::number(*world.database, "SELECT 1 FROM pg_stat_clear_snapshot()");
        ended = test::number(*world.database,
                             "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
                             "current_database() AND wait_event_type = 'Lock' AND query LIKE 'CREATE UNIQUE "
                             "INDEX CONCURRENTLY%'");
      }
    });
    other->get();
    CHECK(test::contains(message, "cannot create index person_name_key"));
    CHECK(world.validity() == none);
    CHECK(world.migrator().apply().size() == 1);
    CHECK(world.validity() == valid);
  });
}

TEST_CASE("a valid index is taken for the one to be built only if it is the same") {
  struct Case {
    std::string by_hand;
    bool same = false;
  };
  const std::vector<Case> cases{
      {"CREATE UNIQUE INDEX person_name_key ON person (name)", true},
      {"CREATE UNIQUE INDEX person_name_key ON person USING btree (name ASC)", true},
      {"CREATE INDEX person_name_key ON person (name)"},
      {"CREATE UNIQUE INDEX person_name_key ON person (nick)"},
      {"CREATE UNIQUE INDEX person_name_key ON person (name, nick)"},
      {"CREATE UNIQUE INDEX person_name_key ON person (name DESC)"},
      {"CREATE UNIQUE INDEX person_name_key ON person (name) WHERE nick IS NULL"},
      {"CREATE UNIQUE INDEX person_name_key ON person (lower(name))"},
      {"CREATE TABLE other (name text); CREATE UNIQUE INDEX person_name_key ON other (name)"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.by_hand);
    test::run([&] {
      Indexed world;
      world.make_unique();
      world.database->execute_script(each.by_hand);
      const std::string oid = "SELECT 'person_name_key'::regclass::oid::bigint";
      const auto before = test::number(*world.database, oid);
      ErrorKind kind{};
      const auto message = test::error_of([&] { world.migrator().apply(); }, &kind);
      CHECK(test::number(*world.database, oid) == before);
      if (each.same) {
        CHECK(message == "");
        CHECK(world.migrator().pending().empty());
        return;
      }
      CHECK(kind == ErrorKind::conflict);
      CHECK(test::contains(message, "there is an index 'person_name_key' on table "));
      CHECK(test::contains(message, "drop it, or give it another name"));
      CHECK(world.migrator().pending().size() == 1);
      world.database->execute_script("DROP INDEX person_name_key");
      CHECK(world.migrator().apply().size() == 1);
    });
  }
}
