#include <doctest/doctest.h>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;
using orm::ColumnType;

namespace {

orm::Table person() { return test::table("person", {test::id_col(), test::col("name")}); }

/// A migration of module m with these operations.
void write(const test::Modules& modules, const std::string& name, const std::string& depends,
           const std::string& operations) {
  modules.write("m", name,
                "migration:\n  module: m\n  name: \"" + name + "\"\n  depends: [" + depends +
                    "]\noperations:\n" + operations);
}

std::string add(const std::string& column) {
  return "  - add_column:\n      table: person\n      column: {name: " + column +
         ", type: text, nullable: true}\n";
}

/// Numbers its rows from 10 up, three a call; fails once when told to.
struct Numbering {
  bool fail_once = false;
  int calls = 0;

  migrate::DataFunction function() {
    return [this](migrate::DataStep& step) -> std::optional<std::int64_t> {
      ++calls;
      if (fail_once && step.position > 0) {
        fail_once = false;
        fail(ErrorKind::unavailable, "enough");
      }
      std::int64_t last = 0;
      step.database.execute({"SELECT coalesce(max(id), 0) FROM (SELECT id FROM person WHERE id > " +
                                 std::to_string(step.position) + " ORDER BY id LIMIT 3) AS few",
                             {},
                             db::Access::read},
                            [&](const db::Row& row) { last = row.integer(0); });
      if (last == 0) return std::nullopt;
      step.database.execute_script("UPDATE person SET name = name || '!' WHERE id > " +
                                   std::to_string(step.position) + " AND id <= " + std::to_string(last));
      return last;
    };
  }
};

}  // namespace

TEST_CASE("a file that was edited, added or removed beside make is noticed before anything else") {
  test::run([] {
    const test::Modules modules;
    const auto database = modules.open();
    auto table = person();
    const auto migrator = [&] { return Migrator(database.get(), {modules.models("m", {table})}); };
    const auto folder = modules.folder("m");
    migrator().make();
    table.columns.push_back(test::null_col("x"));
    migrator().make();
    const auto sum = read_file(folder / "migrations.sum");
    const auto second = folder / "0002_add_x.yaml";
    const auto text = read_file(second);
    const auto refused = [&] {
      const auto message = test::error_of([&] { migrator().apply(); });
      CHECK(message == test::error_of([&] { migrator().make(); }));
      return message;
    };
    write_file_atomic(second, text + "# edited\n");
    CHECK(test::contains(refused(), "migrations.sum:3: 0002_add_x.yaml was edited"));
    CHECK(test::contains(refused(), "`migrate sum m`"));
    std::filesystem::remove(second);
    CHECK(test::contains(refused(), "0002_add_x.yaml is gone"));
    write_file_atomic(second, text);
    write_file_atomic(folder / "0003_y.yaml",
                      "migration:\n  module: m\n  name: 0003_y\n  depends: [m/0002_add_x]\noperations: []\n");
    CHECK(test::contains(refused(), "0003_y.yaml was added"));
    std::filesystem::remove(folder / "0003_y.yaml");
    write_file_atomic(folder / "migrations.sum", "#\n<<<<<<< ours\n" + sum);
    CHECK(test::contains(refused(), "two branches added migrations"));
    write_file_atomic(folder / "migrations.sum", "#\n\n" + sum);
    CHECK(test::contains(refused(), "migrations.sum:2: the line does not begin with the name of a file"));
    // Nor does it help to take it away.
    std::filesystem::remove(folder / "migrations.sum");
    CHECK(test::contains(refused(), "migrations.sum is gone: bring it back"));
    CHECK(test::contains(refused(), "`migrate sum m`"));
    CHECK(migrator().check().files.at(0) == refused());
    CHECK(test::error_of([&] { migrator().merge(); }) == refused());
    CHECK(migrator().sum("m") == std::vector{folder / "migrations.sum"});
    CHECK(read_file(folder / "migrations.sum") == sum);
    CHECK(migrator().apply().size() == 2);
    CHECK_FALSE(test::error_of([&] { migrator().sum("zz"); }).empty());
  });
}

TEST_CASE("what only looks like a migration is refused, not passed over") {
  for (const auto* name : {"0002_x.yml", "0002_x.YAML"}) {
    CAPTURE(name);
    const test::Modules modules;
    Migrator migrator(nullptr, {modules.models("m", {person()})});
    migrator.make();
    write_file_atomic(
        modules.folder("m") / name,
        "migration:\n  module: m\n  name: 0002_x\n  depends: [m/0001_initial]\noperations: []\n");
    const auto message = test::error_of([&] { migrator.make(); });
    CHECK(test::contains(message, name));
    CHECK(test::contains(message, "rename the file to 0002_x.yaml"));
  }
}

TEST_CASE("files that are built in are compared with the sum file beside them") {
  test::run([] {
    const test::Modules modules;
    Migrator(nullptr, {modules.models("m", {person()})}).make();
    const auto text = read_file(modules.folder("m") / "0001_initial.yaml");
    const auto sum = read_file(modules.folder("m") / "migrations.sum");
    const auto migrate = [&](const std::string& file, const std::string& sums) {
      const EmbeddedFiles files(
          std::vector<EmbeddedFiles::File>{{"0001_initial.yaml", file}, {"migrations.sum", sums}});
      const auto database = modules.open();
      return test::error_of([&] {
        Migrator(database.get(), {{"m", {person()}, &files, modules.folder("nowhere")}}).pending();
      });
    };
    CHECK(migrate(text, sum).empty());
    const auto message = migrate(text + "# edited\n", sum);
    CHECK(test::contains(message, "m (built in): migrations.sum:2: 0001_initial.yaml was edited"));
    CHECK(test::contains(message, "where the module's sources are"));
  });
}

TEST_CASE("merge takes the lines of both sides, with marks or without, and no edited file") {
  test::run([] {
    const test::Modules modules;
    const auto folder = modules.folder("m");
    const auto file = folder / "migrations.sum";
    const auto make = [&](const char* column) {
      auto table = person();
      if (column != std::string()) table.columns.push_back(test::null_col(column));
      Migrator(nullptr, {modules.models("m", {table})}).make();
    };
    make("");
    const auto first = read_file(file);
    make("ours");
    const auto ours = read_file(file).substr(first.size());
    const auto our_text = read_file(folder / "0002_add_ours.yaml");
    std::filesystem::remove(folder / "0002_add_ours.yaml");
    write_file_atomic(file, first);
    make("theirs");
    const auto theirs = read_file(file).substr(first.size());
    write_file_atomic(folder / "0002_add_ours.yaml", our_text);
    Migrator migrator(nullptr, {modules.models("m", {person()})});
    const auto marked = first + "<<<<<<< HEAD\n" + ours + "=======\n" + theirs + ">>>>>>> theirs\n";
    for (const auto& merged : {marked, first + ours + theirs, first + theirs + ours}) {
      CAPTURE(merged);
      write_file_atomic(file, merged);
      CHECK(migrator.merge() == std::vector{file});
      CHECK(migrator.merge().empty());
    }
    const auto good = read_file(file);
    write_file_atomic(file, marked);
    write_file_atomic(folder / "0002_add_ours.yaml", our_text + "# edited\n");
    CHECK(test::contains(test::error_of([&] { migrator.merge(); }), "0002_add_ours.yaml was edited"));
    std::filesystem::remove(folder / "0002_add_ours.yaml");
    CHECK(test::contains(test::error_of([&] { migrator.merge(); }), "0002_add_ours.yaml is gone"));
    write_file_atomic(folder / "0002_add_ours.yaml", our_text);
    write_file_atomic(file, first + ours);
    CHECK(test::contains(test::error_of([&] { migrator.merge(); }), "0002_add_theirs.yaml has no line here"));
    write_file_atomic(file, marked);
    migrator.merge();
    CHECK(read_file(file) == good);
  });
}

TEST_CASE("branches that touch different things merge by themselves, in both orders; others are named") {
  test::run([] {
    const test::Modules modules;
    auto table = person();
    Migrator(nullptr, {modules.models("m", {table})}).make();
    write(modules, "0002_ours", "m/0001_initial", add("ours"));
    write(modules, "0002_theirs", "m/0001_initial", add("theirs"));
    table.columns.push_back(test::null_col("ours"));
    table.columns.push_back(test::null_col("theirs"));
    CHECK(Migrator(nullptr, {modules.models("m", {table})}).make().empty());
    const auto one = modules.open("one.db");
    const auto two = modules.open("two.db");
    Migrator(one.get(), {modules.models("m", {table})}).apply();
    // The other has theirs first: as if it had been deployed before the merge.
    const auto ours = modules.folder("m") / "0002_ours.yaml";
    const auto text = read_file(ours);
    std::filesystem::remove(ours);
    modules.accept("m");
    Migrator(two.get(), {modules.models("m", {table})}).apply();
    modules.write("m", "0002_ours", text);
    Migrator(two.get(), {modules.models("m", {table})}).apply();
    CHECK(test::catalog(*one) == test::catalog(*two));
    // What comes next follows both.
    table.columns.push_back(test::null_col("more"));
    const auto made = Migrator(nullptr, {modules.models("m", {table})}).make();
    CHECK(test::contains(made.at(0).content, "    - m/0002_ours\n    - m/0002_theirs\n"));
    std::filesystem::remove(made[0].file);

    write(modules, "0002_theirs", "m/0001_initial", add("ours"));
    ErrorKind kind{};
    const auto message =
        test::error_of([&] { Migrator(nullptr, {modules.models("m", {table})}).make(); }, &kind);
    CHECK(kind == ErrorKind::conflict);
    CHECK(test::contains(message, "two branches of module 'm' change the same thing"));
    CHECK(test::contains(message, "m/0002_ours ("));
    CHECK(test::contains(message, "0002_theirs.yaml:6): add column person.ours"));
    write(modules, "0002_theirs", "m/0001_initial", "  - drop_table:\n      table: person\n");
    CHECK(test::contains(test::error_of([&] { Migrator(nullptr, {modules.models("m", {table})}).make(); }),
                         "drop table person"));
  });
}

TEST_CASE("squashed migrations give the same tables, and count as applied where all of them are") {
  test::run([] {
    const test::Modules modules;
    auto table = person();
    auto other = test::table("badge", {test::id_col(), test::ref_col("person_id", "person")});
    const auto models = [&] {
      return std::vector{modules.models("m", {table}), modules.models("n", {other})};
    };
    Migrator(nullptr, models()).make();
    table.columns.push_back(test::null_col("x"));
    Migrator(nullptr, models()).make();
    table.columns[1].name = "label";
    table.columns[1].renamed_from = "name";
    Migrator(nullptr, models()).make({.name = {}, .dry_run = false, .reason = "a test"});
    const auto all = modules.open("all.db");
    const auto part = modules.open("part.db");
    Migrator(all.get(), models()).apply();
    Migrator(part.get(), models()).apply();
    Migrator(part.get(), models()).rollback("m", "0003");
    CHECK_FALSE(test::error_of([&] { Migrator(nullptr, models()).squash("m", "0001", "0001"); }).empty());
    const auto made = Migrator(nullptr, models()).squash("m", "0001", "0003");
    CHECK(made.id.name == "0001_squashed_0003");
    CHECK(made.operations == std::vector<std::string>{"create table person"});
    CHECK_FALSE(std::filesystem::exists(modules.folder("m") / "0002_add_x.yaml"));
    CHECK(Migrator(nullptr, models()).make().empty());

    Migrator squashed(all.get(), models());
    CHECK(squashed.pending().empty());
    CHECK(squashed.apply().empty());
    CHECK(test::number(*all, "SELECT count(*) FROM mpf_migration WHERE name = '0001_squashed_0003'") == 1);
    CHECK(squashed.show().size() == 2);
    const auto fresh = modules.open("fresh.db");
    Migrator(fresh.get(), models()).apply();
    CHECK(test::catalog(*fresh) == test::catalog(*all));
    CHECK(test::contains(test::error_of([&] { Migrator(part.get(), models()).apply(); }),
                         "only some of what was squashed"));
    table.columns.push_back(test::null_col("y"));
    CHECK(Migrator(nullptr, models()).make().at(0).id.name == "0002_add_y");
    squashed.rollback("m", "0001");
    CHECK(test::catalog(*all).empty());
  });
}

TEST_CASE("check tells apart what code, files and tables do not agree about") {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const test::Modules modules;
      const test::FreshDatabase database(dialect);
      auto table = person();
      const auto check = [&] { return Migrator(&*database, {modules.models("m", {table})}).check(); };
      Migrator(&*database, {modules.models("m", {table})}).make();
      CHECK(check().files == std::vector<std::string>{"m/0001_initial is pending"});
      Migrator(&*database, {modules.models("m", {table})}).apply();
      auto report = check();
      CHECK((report.code.empty() && report.files.empty() && report.catalog.empty()));
      table.columns.push_back(test::null_col("x"));
      CHECK(check().code == std::vector<std::string>{"m: add column person.x"});
      table.columns.pop_back();
      database->execute_script(
          "ALTER TABLE person ADD COLUMN by_hand text; CREATE INDEX more ON person (name);");
      const bool sqlite = dialect == db::Dialect::sqlite;
      database->execute_script(
          sqlite ? "CREATE INDEX meant ON person (name) /* by hand */;"
                 : "CREATE INDEX meant ON person (name); COMMENT ON INDEX meant IS 'by hand';");
      report = check();
      REQUIRE(report.catalog.size() == 2);
      CHECK(test::contains(report.catalog[0], "table person has besides: column by_hand"));
      CHECK(test::contains(report.catalog[1], "more"));
      database->execute_script("DROP TABLE person");
      CHECK(check().catalog == std::vector<std::string>{"table person is missing"});
      CHECK((check().code.empty() && check().files.empty()));
    });
  }
}

TEST_CASE("check that cannot make its schema says what it needs") {
  test::run([&] {
    const test::Modules modules;
    const test::FreshDatabase database(db::Dialect::postgres);
    Migrator migrator(&*database, {modules.models("m", {person()})});
    migrator.make();
    migrator.apply();
    database->execute_script("CREATE SCHEMA mpf_check");
    CHECK(test::contains(test::error_of([&] { migrator.check(); }), "the role needs the right CREATE"));
  });
}

TEST_CASE(
    "rows are backfilled in batches, and a function goes on where it was interrupted, on both databases") {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const test::Modules modules;
      const test::FreshDatabase database(dialect);
      Numbering numbering{.fail_once = true};
      auto models = modules.models("m", {person()});
      models.functions["shout"] = numbering.function();
      Migrator migrator(&*database, {models});
      migrator.make();
      migrator.apply();
      for (int i = 0; i < 10; ++i) database->execute_script("INSERT INTO person (name) VALUES ('a')");
      write(modules, "0002_data", "m/0001_initial",
            "  - backfill:\n      table: person\n      set: {name: \"name || '-'\"}\n"
            "      where: \"id <> 3\"\n      batch: 4\n      reverse: {name: \"replace(name, '-', '')\"}\n"
            "  - call:\n      function: shout\n      irreversible: true\n");
      CHECK(test::contains(test::error_of([&] { migrator.apply(); }),
                           "0002_data.yaml:12: cannot call shout: enough"));
      CHECK(migrator.show().at(1).state == migrate::MigrationState::begun);
      CHECK(test::number(*database, "SELECT count(*) FROM person WHERE name = 'a-!'") == 2);
      CHECK(migrator.apply().size() == 1);
      CHECK(test::number(*database, "SELECT count(*) FROM person WHERE name = 'a-!'") == 9);
      CHECK(test::number(*database, "SELECT count(*) FROM person WHERE name = 'a!'") == 1);
      CHECK(numbering.calls == 6);
      CHECK(test::contains(test::error_of([&] { migrator.rollback("m"); }), "'call shout' has no reverse"));
      CHECK(migrator.lint().empty());

      write(modules, "0002_data", "m/0001_initial",
            "  - backfill:\n      table: person\n      set: {name: \"name || '-'\"}\n"
            "      reverse: {name: \"replace(name, '-', '')\"}\n");
      migrator.fake({"m", "0002_data"});
      migrator.rollback("m");
      CHECK(test::number(*database, "SELECT count(*) FROM person WHERE name = 'a!'") == 10);
      write(modules, "0003_call", "m/0002_data", "  - call:\n      function: nobody\n");
      CHECK(test::contains(test::error_of([&] { migrator.apply(); }), "module 'm' has no function 'nobody'"));
      CHECK(migrator.pending().size() == 2);
    });
  }
}

TEST_CASE("a module that is gone leaves its tables and its history, which can be forgotten") {
  test::run([] {
    const test::Modules modules;
    const auto database = modules.open();
    Migrator with(database.get(), {modules.models("m", {person()})});
    with.make();
    with.apply();
    CHECK(test::contains(test::error_of([&] { with.forget("m"); }), "is part of the application"));
    Migrator without(database.get(), {});
    CHECK(without.show().at(0).state == migrate::MigrationState::orphaned);
    CHECK(without.check().files.empty());
    CHECK(without.forget("m") == 1);
    CHECK(without.show().empty());
    CHECK(test::number(*database, "SELECT count(*) FROM person") == 0);
    CHECK_FALSE(test::error_of([&] { without.forget("m"); }).empty());
  });
}
