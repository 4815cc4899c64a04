#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "migrate/killing_database.hpp"
#include "migrate/renames.hpp"
#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;
using orm::ColumnType;

namespace {

constexpr int rows = 6'000;

orm::Table person() {
  return test::table("person", {test::id_col(), test::col("name"), test::null_col("nick")});
}
orm::Table team() { return test::table("team", {test::id_col()}); }

/// A table with rows, and models that ask for every change that has a safe form.
struct Changes {
  test::Modules modules;
  std::vector<orm::Table> before{person(), team()};
  std::vector<orm::Table> after{person(), team()};

  Changes() {
    auto& table = after[0];
    auto token = test::col("token", ColumnType::uuid);
    token.computed_default = orm::SqlText{"randomblob(16)", "gen_random_uuid()"};
    auto kind = test::with_default(test::col("kind"), "'new'");
    kind.choices = {"new", "old"};
    table.columns.push_back(kind);
    table.columns.push_back(token);
    table.columns.push_back(test::ref_col("team_id", "team", orm::OnDelete::set_null, true));
    table.columns[2] = test::with_default(test::col("nick"), "'-'");
    table.indexes.push_back(test::index("person", {"name"}, true));
    table.checks.push_back({"person_id_check", {"\"id\" > 0", "\"id\" > 0"}});
  }

  Migrator migrator(db::Database& database) const {
    return Migrator(&database, {modules.models("m", after)});
  }

  Migrator migrator_without_database() const { return Migrator(nullptr, {modules.models("m", after)}); }

  void make() const {
    Migrator(nullptr, {modules.models("m", before)}).make();
    Migrator(nullptr, {modules.models("m", after)}).make();
  }

  /// With the first migration and rows.
  void prepare(db::Database& database, int count = rows) const {
    Migrator(&database, {modules.models("m", before)}).apply();
    migrator(database).rollback("m", "0002");
    database.execute_script("INSERT INTO person (name) SELECT 'p' || n FROM generate_series(1, " +
                            std::to_string(count) + ") n");
  }
};

/// A database as prepare() leaves it, or with all applied, to be copied.
std::string model_database(const Changes& changes, bool applied, int count = rows) {
  std::string name;
  test::run([&] {
    const auto options = test::Postgres::shared().fresh();
    const auto database = db::open_postgres(options);
    changes.prepare(*database, count);
    if (applied) changes.migrator(*database).apply(test::pass());
    name = options.database;
  });
  return name;
}

std::set<std::string> wanted_catalog(const std::vector<orm::Table>& tables) {
  std::set<std::string> result;
  test::run([&] { result = test::wanted_catalog(tables, db::Dialect::postgres); });
  return result;
}

}  // namespace

TEST_CASE("tables that are used are changed step by step, forward and back, with the same catalog") {
  test::run([] {
    const Changes changes;
    changes.make();
    const test::FreshDatabase database(db::Dialect::postgres);
    changes.prepare(*database);
    const auto before = test::catalog(*database);
    auto migrator = changes.migrator(*database);
    const auto sql = migrator.plan().at(0).sql;
    CHECK(test::contains(sql, "CREATE UNIQUE INDEX CONCURRENTLY"));
    CHECK(test::contains(sql, "NOT VALID"));
    CHECK(test::contains(sql, "VALIDATE CONSTRAINT \"person_team_id_fkey\""));
    CHECK(test::contains(sql, "-- in batches of 5000 rows"));
    std::int64_t seen = 0;
    auto options = test::pass();
    options.progress = [&](const migrate::MigrationProgress& p) { seen = std::max(seen, p.rows_done); };
    migrator.apply(options);
    CHECK(seen == rows);
    const test::FreshDatabase fresh(db::Dialect::postgres);
    CHECK(test::catalog(*database) == test::catalog_of(changes.after, *fresh));
    CHECK(test::number(*database, "SELECT count(DISTINCT token) FROM person WHERE nick = '-'") == rows);
    CHECK(migrator.check().catalog.empty());
    migrator.rollback("m", "0002");
    CHECK(test::catalog(*database) == before);
    CHECK(test::number(*database, "SELECT count(*) FROM person") == rows);
  });
}

TEST_CASE("killed before any write on PostgreSQL, apply goes on from there") {
  const Changes changes;
  changes.make();
  const auto wanted = wanted_catalog(changes.after);
  const auto apply = [&](db::Database& database) { changes.migrator(database).apply(test::pass()); };
  const int points =
      test::killed_everywhere(model_database(changes, false), apply, [&](db::Database& database) {
        apply(database);
        CHECK(test::catalog(database) == wanted);
        CHECK(test::number(database, "SELECT count(DISTINCT token) FROM person WHERE nick = '-'") == rows);
        CHECK(test::number(database, "SELECT count(*) FROM mpf_migration_progress") == 0);
      });
  CHECK(points > 30);
}

TEST_CASE("killed before any write on PostgreSQL, rollback goes on from there") {
  const Changes changes;
  changes.make();
  const auto wanted = wanted_catalog(changes.before);
  const auto undo = [&](db::Database& database) {
    auto migrator = changes.migrator(database);
    if (migrator.show().at(1).state != migrate::MigrationState::pending) migrator.rollback("m", "0002");
  };
  const int points =
      test::killed_everywhere(model_database(changes, true), undo, [&](db::Database& database) {
        undo(database);
        CHECK(test::catalog(database) == wanted);
        CHECK(test::number(database, "SELECT count(*) FROM person") == rows);
        CHECK(changes.migrator(database).pending().size() == 1);
      });
  CHECK(points > 10);
}

TEST_CASE("a killed apply goes on by its record alone: without it, rows are changed twice") {
  const test::Modules modules;
  const auto table = test::table("t", {test::id_col(), test::col("n", ColumnType::integer)});
  const auto models = [&] { return std::vector{modules.models("m", {table})}; };
  std::string model;
  test::run([&] {
    const auto options = test::Postgres::shared().fresh();
    model = options.database;
    const auto database = db::open_postgres(options);
    Migrator migrator(database.get(), models());
    migrator.make();
    migrator.apply();
    database->execute_script("INSERT INTO t (n) SELECT 0 FROM generate_series(1, 6)");
  });
  modules.write("m", "0002_count",
                "migration:\n  module: m\n  name: 0002_count\n  depends: [m/0001_initial]\noperations:\n"
                "  - backfill: {table: t, set: {n: \"n + 1\"}, batch: 2, irreversible: true}\n");
  for (const bool forget : {false, true}) {
    CAPTURE(forget);
    int wrong = 0;
    const auto apply = [&](db::Database& database) { Migrator(&database, models()).apply(); };
    const int points = test::killed_everywhere(model, apply, [&](db::Database& database) {
      const bool recorded =
          test::number(database, "SELECT count(*) FROM pg_class WHERE relname = 'mpf_migration_progress'") >
          0;
      if (forget && recorded) database.execute_script("DELETE FROM mpf_migration_progress");
      apply(database);
      if (test::number(database, "SELECT count(*) FROM t WHERE n = 1") != 6) ++wrong;
    });
    CHECK(points > 6);
    CHECK((wrong > 0) == forget);
  }
}

TEST_CASE("two processes that apply at once, 50 times: one migrates, the other waits") {
  const Changes changes;
  changes.make();
  const auto model = model_database(changes, false, 100);
  const auto wanted = wanted_catalog(changes.after);
  for (int round = 0; round < 50; ++round) {
    CAPTURE(round);
    db::PostgresOptions options;
    test::run([&] { options = test::Postgres::shared().copy(model); });
    std::vector<pid_t> children;
    for (int i = 0; i < 2; ++i) {
      const auto child = ::fork();
      if (child == 0) {
        int code = 1;
        try {
          test::run([&] {
            const auto database = db::open_postgres(options);
            changes.migrator(*database).apply(test::pass());
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
      {
        const auto database = db::open_postgres(options);
        CHECK(test::catalog(*database) == wanted);
        CHECK(changes.migrator(*database).pending().empty());
      }
      test::Postgres::shared().drop(options.database);
    });
  }
}

TEST_CASE("rows are filled before null is forbidden, so that nobody's update fails meanwhile") {
  test::run([] {
    const Changes changes;
    changes.make();
    // A row without a value cannot be updated, by whomever, once the check is there.
    const auto sql = changes.migrator_without_database().sql({"m", "0002"}, db::Dialect::postgres);
    const auto filled = sql.find("SET \"nick\" =");
    const auto forbidden = sql.find("CHECK (\"nick\" IS NOT NULL) NOT VALID");
    REQUIRE(filled != std::string::npos);
    REQUIRE(forbidden != std::string::npos);
    CHECK(filled < forbidden);
    // And once more, for what was written in between.
    CHECK(sql.find("SET \"nick\" =", forbidden) != std::string::npos);
    CHECK(sql.find("VALIDATE CONSTRAINT", forbidden) > sql.find("SET \"nick\" =", forbidden));
  });
}

TEST_CASE("a column becomes not null without a look at the rows under the lock") {
  test::Postgres server("log_min_messages = debug1");
  test::run([&] {
    const Changes changes;
    changes.make();
    const auto database = db::open_postgres(server.fresh());
    changes.prepare(*database);
    changes.migrator(*database).apply();
  });
  const auto log = read_file(server.folder() / "log");
  for (const std::string column : {"nick", "token"}) {
    CAPTURE(column);
    CHECK(test::contains(log, "existing constraints on column \"person." + column +
                                  "\" are sufficient to prove that it does not contain nulls"));
  }
}

TEST_CASE("a change waits for the lock of its table in turns, and gives up in the end") {
  test::run([] {
    const test::Modules modules;
    const test::FreshDatabase database(db::Dialect::postgres);
    auto table = team();
    const auto migrator = [&] { return Migrator(&*database, {modules.models("m", {table})}); };
    migrator().make();
    migrator().apply();
    table.columns.push_back(test::null_col("x"));
    migrator().make();
    std::string message;
    ErrorKind kind{};
    database->transaction([&](db::Transaction&) {
      database->execute({"SELECT count(*) FROM team", {}, db::Access::read});
      auto other = fiber::spawn([&] {
        message = test::error_of(
            [&] {
              migrator().apply({.progress = {},
                                .lock_wait = std::chrono::milliseconds(300),
                                .lock_timeout = std::chrono::milliseconds(50)});
            },
            &kind);
      });
      other.get();
    });
    CHECK(kind == ErrorKind::unavailable);
    CHECK(test::contains(message, "cannot add column team.x"));
    CHECK(migrator().apply().size() == 1);
  });
}

TEST_CASE("nobody queues up behind a change that waits for VACUUM") {
  test::run([] {
    const test::Modules modules;
    const auto options = test::Postgres::shared().fresh();
    const auto database = db::open_postgres(options);
    const auto other = db::open_postgres(options);
    auto table = team();
    const auto migrator = [&] { return Migrator(database.get(), {modules.models("m", {table})}); };
    migrator().make();
    migrator().apply();
    table.columns.push_back(test::null_col("x"));
    migrator().make();
    fiber::Fiber<> change;
    other->transaction([&](db::Transaction&) {
      other->execute_script("LOCK TABLE team IN SHARE UPDATE EXCLUSIVE MODE");  // as VACUUM does
      change = fiber::spawn([&] {
        migrator().apply(
            {.progress = {}, .lock_wait = std::chrono::minutes(1), .lock_timeout = std::chrono::minutes(1)});
      });
      const auto waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'team'::regclass";
      while (test::number(*other, waits) == 0) fiber::sleep_for(std::chrono::milliseconds(2));
      // Somebody else's request.
      database->transaction([&](db::Transaction&) {
        database->execute_script("SET LOCAL lock_timeout = 100; INSERT INTO team DEFAULT VALUES");
      });
    });
    change.get();
    CHECK(test::number(*database, "SELECT count(x) + count(*) FROM team") == 1);
  });
}

TEST_CASE("what cannot be made safe is refused without a reason, on PostgreSQL only") {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const test::Modules modules;
      const test::FreshDatabase database(dialect);
      auto table = person();
      const auto migrator = [&] { return Migrator(&*database, {modules.models("m", {table})}); };
      migrator().make();
      migrator().apply();
      table.columns[2].type = ColumnType::integer;
      const auto unsafe = migrator().make({.name = {}, .dry_run = true, .reason = {}});
      REQUIRE(unsafe.at(0).unsafe.size() == 1);
      CHECK(test::contains(unsafe[0].unsafe[0], "alter column person.nick"));
      migrator().make();
      REQUIRE(migrator().lint().size() == 1);
      CHECK(migrator().lint()[0].rule == "type");
      if (dialect == db::Dialect::sqlite) {
        CHECK(migrator().apply().size() == 1);
        return;
      }
      const auto message = test::error_of([&] { migrator().apply(); });
      CHECK(test::contains(message, "refused to alter column person.nick"));
      CHECK(test::contains(message, "0002_alter_nick.yaml:"));
      const auto file = modules.folder("m") / "0002_alter_nick.yaml";
      write_file_atomic(file, read_file(file) + "      reason: \"the table is small\"\n");
      CHECK(test::contains(test::error_of([&] { migrator().apply(); }), "run `migrate sum m`"));
      migrator().sum("m");
      CHECK(migrator().lint().empty());
      CHECK(migrator().apply().size() == 1);
    });
  }
}
