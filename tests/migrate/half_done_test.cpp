#include <doctest/doctest.h>

#include "migrate/killing_database.hpp"
#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;
using orm::ColumnType;

namespace {

std::string header(const std::string& name, const std::string& needs) {
  return "migration:\n  module: m\n  name: " + name + "\n  depends: [m/" + needs + "]\noperations:\n";
}

/// Rows whose ids are not all above 0.
constexpr auto* some_rows =
    "INSERT INTO item (id, name, n) VALUES (-5, 'a', 0), (0, 'b', 0), (1, 'c', 0), (2, "
    "'d', 0), (3, 'e', 0)";

constexpr auto* step_that_fails =
    "  - sql:\n      sqlite: \"SELECT * FROM nowhere\"\n      postgres: \"SELECT * FROM nowhere\"\n"
    "      irreversible: true\n";

orm::Table item() {
  return test::table("item", {test::id_col(), test::col("name"), test::null_col("nick"),
                              test::with_default(test::col("n", ColumnType::integer), "0")});
}

/// A migration that changes a table in many steps, each row with them.
class ManySteps {
 public:
  ManySteps() {
    auto& table = after_[0];
    auto token = test::col("token", ColumnType::uuid);
    token.computed_default = orm::SqlText{"randomblob(16)", "gen_random_uuid()"};
    table.columns.push_back(token);
    table.columns.push_back(test::ref_col("team_id", "team", orm::OnDelete::set_null, true));
    table.columns[1].name = "label";
    table.columns[1].renamed_from = "name";
    table.columns[2] = test::with_default(test::col("nick"), "'-'");
    table.indexes = {test::index("item", {"n", "nick"})};
    table.checks.push_back({"item_n_check", {"\"n\" >= 0", "\"n\" >= 0"}});
    Migrator(nullptr, {modules_.models("m", before_)}).make();
    const auto made = Migrator(nullptr, models()).make({.name = "much", .dry_run = false, .reason = {}});
    modules_.write(
        "m", "0002_much",
        made.at(0).content +
            "  - backfill: {table: item, set: {n: \"n + 1\"}, batch: 2, reverse: {n: \"n - 1\"}}\n");
  }

  std::vector<migrate::ModuleModels> models() const { return {modules_.models("m", after_)}; }

 private:
  test::Modules modules_;
  std::vector<orm::Table> before_{item(), test::table("team", {test::id_col()})};
  std::vector<orm::Table> after_ = before_;
};

}  // namespace

TEST_CASE("half applied migrations are undone, by themselves or below what is rolled back") {
  struct Way {
    const char* name;
    std::vector<std::string> undone;
    bool tables_stay;
  };
  const std::vector<Way> ways{
      {"", {"0003_half"}, true},
      {"0003", {"0003_half"}, true},
      {"0002", {"0003_half", "0002_more"}, true},
      {"0001", {"0003_half", "0002_more", "0001_initial"}, false},
  };
  for (const auto dialect : test::databases()) {
    for (const auto& way : ways) {
      CAPTURE(way.name);
      test::run([&] {
        const test::Modules modules;
        const test::FreshDatabase database(dialect);
        Migrator migrator(&*database, {modules.models("m", {item()})});
        migrator.make();
        migrator.apply();
        database->execute_script(some_rows);
        modules.write("m", "0002_more",
                      header("0002_more", "0001_initial") +
                          "  - add_column:\n      table: item\n      column: {name: more, type: text, "
                          "nullable: true}\n");
        const auto half =
            header("0003_half", "0002_more") +
            "  - add_column:\n      table: item\n      column: {name: extra, type: text, "
            "nullable: true}\n"
            "  - backfill: {table: item, set: {n: \"n + 1\"}, batch: 2, reverse: {n: \"n - 1\"}}\n";
        modules.write("m", "0003_half", half + step_that_fails);
        migrator.apply({.module = "m", .name = "0002"});
        const auto before = test::catalog(*database);
        CHECK(test::contains(test::error_of([&] { migrator.apply(); }), "0003_half.yaml"));
        CHECK(migrator.show().at(2).state == migrate::MigrationState::begun);
        CHECK(test::number(*database, "SELECT count(*) FROM item WHERE n = 1") == 5);
        const auto report = migrator.check();
        REQUIRE(report.files.size() == 1);
        CHECK(test::contains(report.files[0], "m/0003_half is half applied"));
        CHECK(report.catalog.empty());
        const auto plan = migrator.rollback_plan("m", way.name);
        CHECK(plan.at(0).operations == std::vector<std::string>{"backfill item", "drop column item.extra"});

        const auto undone = migrator.rollback("m", way.name);
        std::vector<std::string> names;
        for (const auto& id : undone) names.push_back(id.name);
        CHECK(names == way.undone);
        CHECK(test::number(*database, "SELECT count(*) FROM mpf_migration_progress") == 0);
        if (way.tables_stay) CHECK(test::number(*database, "SELECT count(*) FROM item WHERE n = 0") == 5);
        if (way.undone.size() == 1) CHECK(test::catalog(*database) == before);
        // What stopped it may be mended now.
        modules.write("m", "0003_half", half);
        CHECK(migrator.apply().size() == way.undone.size());
        CHECK(test::number(*database, "SELECT count(extra) FROM item") == 0);
        CHECK(migrator.check().catalog.empty());
      });
    }
  }
}

TEST_CASE("what of a half applied migration has no way back is said, and forgotten when told") {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const test::Modules modules;
      const test::FreshDatabase database(dialect);
      Migrator migrator(&*database, {modules.models("m", {item()})});
      migrator.make();
      migrator.apply();
      database->execute_script(some_rows);
      modules.write("m", "0002_half",
                    header("0002_half", "0001_initial") +
                        "  - backfill: {table: item, set: {n: \"7\"}, irreversible: true}\n" +
                        step_that_fails);
      CHECK_FALSE(test::error_of([&] { migrator.apply(); }).empty());
      for (const auto* name : {"", "0001"}) {
        ErrorKind kind{};
        const auto message = test::error_of([&] { migrator.rollback("m", name); }, &kind);
        CHECK(kind == ErrorKind::conflict);
        CHECK(
            test::contains(message, "0002_half.yaml:6: 'backfill item' has no reverse; it is half applied"));
        CHECK(test::contains(message, "`migrate fake --undo m 0002_half`"));
      }
      CHECK(migrator.show().at(1).state == migrate::MigrationState::begun);
      migrator.fake({"m", "0002_half"}, false);
      CHECK(migrator.show().at(1).state == migrate::MigrationState::pending);
      CHECK_FALSE(test::error_of([&] { migrator.fake({"m", "0002_half"}, false); }).empty());
      CHECK(test::number(*database, "SELECT count(*) FROM item WHERE n = 7") == 5);
      CHECK(migrator.rollback("m").at(0).name == "0001_initial");
    });
  }
}

TEST_CASE("killed before any write, apply can be undone, and killed there, undone to the end") {
  const ManySteps steps;
  const auto models = [&] { return steps.models(); };
  std::string model;
  std::set<std::string> before;
  std::set<std::string> wanted;
  const auto apply = [&](db::Database& database) {
    Migrator(&database, models()).apply({.borders = migrate::Borders::stop});
  };
  test::run([&] {
    const auto options = test::Postgres::shared().fresh();
    model = options.database;
    const auto database = db::open_postgres(options);
    Migrator(database.get(), models())
        .apply({.borders = migrate::Borders::stop, .module = "m", .name = "0001"});
    database->execute_script("INSERT INTO team (id) VALUES (1)");
    database->execute_script(some_rows);
    before = test::catalog(*database);
  });
  test::run([&] {
    const auto options = test::Postgres::shared().copy(model);
    const auto database = db::open_postgres(options);
    apply(*database);
    wanted = test::catalog(*database);
  });
  const auto is_begun = [&](Migrator& migrator) {
    return migrator.show().at(1).state == migrate::MigrationState::begun;
  };
  const auto check_undone = [&](const db::PostgresOptions& options) {
    test::run([&] {
      const auto database = db::open_postgres(options);
      Migrator migrator(database.get(), models());
      if (is_begun(migrator)) migrator.rollback("m");
      if (migrator.show().at(1).state == migrate::MigrationState::applied) migrator.rollback("m", "0002");
      CHECK(test::catalog(*database) == before);
      CHECK(test::number(*database, "SELECT count(*) FROM item WHERE n = 0") == 5);
      CHECK(test::number(*database, "SELECT count(*) FROM mpf_migration") == 1);
      apply(*database);
      CHECK(test::catalog(*database) == wanted);
      CHECK(test::number(*database, "SELECT count(*) FROM item WHERE n = 1 AND label = name") == 5);
    });
  };
  const auto undo = [&](db::Database& database) {
    Migrator migrator(&database, models());
    if (is_begun(migrator)) migrator.rollback("m");
  };
  int points = 0;
  int states = 0;
  int undone = 0;
  test::with_copy(model, [&](const db::PostgresOptions& options) {
    points = test::killed_again_and_again(options, apply, [&] {
      CAPTURE(states);
      test::with_copy(options.database, check_undone);
      // And the way back itself, from many of the places.
      if (states++ % 3 != 0) return;
      test::with_copy(options.database, [&](const db::PostgresOptions& half) {
        undone += test::killed_again_and_again(half, undo) > 1 ? 1 : 0;
        check_undone(half);
      });
    });
  });
  CHECK(states > 20);
  CHECK(undone > 6);
  CHECK(points > 40);
}

TEST_CASE("a half applied migration goes on only in the steps in which it was begun") {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const test::Modules modules;
      const test::FreshDatabase database(dialect);
      Migrator migrator(&*database, {modules.models("m", {item()})});
      migrator.make();
      migrator.apply();
      modules.write("m", "0002_half",
                    header("0002_half", "0001_initial") +
                        "  - backfill: {table: item, set: {n: \"n + 1\"}, reverse: {n: \"n - 1\"}}\n" +
                        step_that_fails);
      database->execute_script(some_rows);
      CHECK_FALSE(test::error_of([&] { migrator.apply(); }).empty());
      database->execute_script("UPDATE mpf_migration_progress SET script = 'another'");
      for (const bool back : {false, true}) {
        const auto message = test::error_of([&] { back ? migrator.rollback("m") : migrator.apply(); });
        CHECK(test::contains(message, "m/0002_half was begun by another version"));
      }
      // As versions recorded it that did not know of it.
      database->execute_script("UPDATE mpf_migration_progress SET script = ''");
      CHECK(migrator.rollback("m").size() == 1);
    });
  }
}

TEST_CASE("batches begin with the lowest id, functions before it") {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const test::Modules modules;
      const test::FreshDatabase database(dialect);
      auto models = modules.models("m", {item()});
      std::vector<std::int64_t> seen;
      models.functions["look"] = [&](migrate::DataStep& step) -> std::optional<std::int64_t> {
        std::optional<std::int64_t> next;
        step.database.execute(
            {"SELECT min(id) FROM item WHERE id > " + std::to_string(step.position), {}, db::Access::read},
            [&](const db::Row& row) {
              if (!row.is_null(0)) next = row.integer(0);
            });
        if (next) seen.push_back(*next);
        return next;
      };
      Migrator migrator(&*database, {models});
      migrator.make();
      migrator.apply();
      database->execute_script(some_rows);
      modules.write("m", "0002_data",
                    header("0002_data", "0001_initial") +
                        "  - backfill: {table: item, set: {n: \"n + 1\"}, batch: 2, irreversible: true}\n"
                        "  - call: {function: look, irreversible: true}\n");
      CHECK(migrator.apply().size() == 1);
      CHECK(test::number(*database, "SELECT count(*) FROM item WHERE n = 1") == 5);
      CHECK(seen == std::vector<std::int64_t>{-5, 0, 1, 2, 3});
    });
  }
}

TEST_CASE("a progress table of an earlier version is brought up to date") {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const test::Modules modules;
      const test::FreshDatabase database(dialect);
      Migrator migrator(&*database, {modules.models("m", {item()})});
      migrator.make();
      migrator.apply();
      database->execute_script(
          "DROP TABLE IF EXISTS mpf_migration_progress; CREATE TABLE mpf_migration_progress (module text NOT "
          "NULL, name text NOT NULL, checksum text NOT NULL, backward bigint NOT NULL, phase bigint NOT "
          "NULL, "
          "position bigint NOT NULL, PRIMARY KEY (module, name));");
      modules.write("m", "0002_data",
                    header("0002_data", "0001_initial") +
                        "  - backfill: {table: item, set: {n: \"n + 1\"}, batch: 2, irreversible: true}\n");
      database->execute_script(some_rows);
      CHECK(migrator.pending().size() == 1);
      CHECK(migrator.apply().size() == 1);
      CHECK(test::number(*database, "SELECT count(*) FROM item WHERE n = 1") == 5);
    });
  }
}
