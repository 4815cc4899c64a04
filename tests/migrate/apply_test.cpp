#include "migrate/support.hpp"

#include <doctest/doctest.h>

#include "migrate/long_history.hpp"

using namespace mpf;
using migrate::MigrationState;
using migrate::Migrator;
using orm::ColumnType;

namespace {

orm::Table parent() { return test::table("parent", {test::id_col(), test::col("name")}); }
orm::Table child() {
  return test::table(
      "child", {test::id_col(), test::ref_col("parent_id", "parent", orm::OnDelete::cascade), test::col("n")},
      {test::index("child", {"parent_id"})});
}

/// Two tables with rows, applied.
struct Family {
  test::Modules modules;
  std::unique_ptr<db::Database> database = modules.open();
  std::vector<orm::Table> tables{parent(), child()};

  Family() {
    migrator().make();
    migrator().apply();
    database->execute_script(
        "INSERT INTO parent (name) VALUES ('a'), ('bb'), ('gone'); DELETE FROM parent WHERE name = 'gone';"
        "INSERT INTO child (parent_id, n) VALUES (1, '10'), (2, '20'), (2, '30');");
  }
  Migrator migrator() { return Migrator(database.get(), {modules.models("m", tables)}); }
  void migrate() {
    migrator().make();
    migrator().apply();
  }
};

const std::string head =
    "migration:\n  module: m\n  name: 0002_x\n  depends: [m/0001_initial]\noperations:\n";

const std::string head_of_third =
    "migration:\n  module: m\n  name: 0003_x\n  depends: [m/0002_add_note]\noperations:\n";
/// ALTER TABLE cannot do that: the table is made anew.
const std::string shorter =
    "  - alter_column: {table: parent, column: {name: name, type: text, max_length: 50}}\n";

}  // namespace

TEST_CASE("what is applied is recorded, shown, and not applied again") {
  test::run([] {
    const test::Modules modules;
    const auto database = modules.open();
    Migrator migrator(database.get(), {modules.models("m", {parent(), child()})});
    migrator.make();
    CHECK(migrator.pending().size() == 1);
    CHECK(migrator.show().at(0).state == MigrationState::pending);
    const auto plan = migrator.plan();
    CHECK(plan.at(0).operations == std::vector<std::string>{"create table parent", "create table child"});
    CHECK(test::contains(plan[0].sql, "CREATE TABLE \"child\""));
    CHECK(test::catalog(*database).empty());

    std::vector<std::pair<std::size_t, std::size_t>> progress;
    const auto applied = migrator.apply(
        {.progress = [&](const migrate::MigrationProgress& p) { progress.emplace_back(p.done, p.total); }});
    CHECK(applied == std::vector<migrate::MigrationId>{{"m", "0001_initial"}});
    CHECK(progress == std::vector<std::pair<std::size_t, std::size_t>>{{0, 1}, {1, 1}});
    CHECK(test::catalog(*database) == test::catalog_of({parent(), child()}));
    CHECK(migrator.show().at(0).state == MigrationState::applied);
    CHECK(migrator.show().at(0).applied_at.has_value());
    CHECK(migrator.pending().empty());
    CHECK(migrator.apply().empty());
    CHECK(migrator.rollback("m") == applied);
    CHECK(test::catalog(*database).empty());
    CHECK(migrator.pending() == applied);
  });
}

TEST_CASE("a table is made anew with all its rows, ids, references, triggers and indexes by hand") {
  test::run([] {
    Family f;
    f.database->execute_script(
        "CREATE TABLE log (t TEXT); CREATE INDEX by_hand ON parent (name COLLATE NOCASE);"
        "CREATE TRIGGER noted AFTER INSERT ON parent BEGIN INSERT INTO log VALUES (new.name); END;"
        "CREATE VIEW names AS SELECT name FROM parent;");
    f.tables[0].columns[1].max_length = 5;
    f.tables[0].columns.push_back(test::with_default(test::col("kind"), "'new'"));
    f.tables[0].columns.back().choices = {"new", "old"};
    f.tables[1].columns[2].type = ColumnType::integer;
    f.migrate();
    CHECK(test::texts(*f.database, "SELECT id, name, kind FROM parent ORDER BY id") ==
          std::vector<std::string>{"1|a|new", "2|bb|new"});
    CHECK(test::texts(*f.database, "SELECT typeof(n), sum(n) FROM child") ==
          std::vector<std::string>{"integer|60"});
    f.database->execute_script("INSERT INTO parent (name) VALUES ('c')");
    // Not 3: that id was given before.
    CHECK(test::number(*f.database, "SELECT max(id) FROM parent") == 4);
    CHECK(test::texts(*f.database, "SELECT t FROM log") == std::vector<std::string>{"c"});
    CHECK(test::texts(*f.database, "SELECT * FROM names").size() == 3);
    CHECK(test::number(*f.database, "SELECT count(*) FROM sqlite_schema WHERE name = 'by_hand'") == 1);
    CHECK_THROWS_AS(f.database->execute_script("INSERT INTO parent (name) VALUES ('too long')"),
                    db::ConstraintError);
    // Foreign keys count again, and still lead to the right table.
    CHECK_THROWS_AS(f.database->execute_script("INSERT INTO child (parent_id, n) VALUES (99, 1)"),
                    db::ConstraintError);
    f.database->execute_script("DELETE FROM parent WHERE id = 2");
    CHECK(test::number(*f.database, "SELECT count(*) FROM child") == 1);
    f.migrator().rollback("m", "0002");
    CHECK(test::texts(*f.database, "SELECT n FROM child") == std::vector<std::string>{"10"});
    CHECK(test::texts(*f.database, "SELECT typeof(n) FROM child") == std::vector<std::string>{"text"});
  });
}

TEST_CASE("what was made by hand and would not work any more is named, and nothing is changed") {
  struct Case {
    std::string by_hand;
    std::string kind;
    std::string name;
    std::string statement = {};  ///< one that works before
  };
  const std::vector<Case> cases{
      {"CREATE VIEW names AS SELECT note FROM parent", "view", "names", "SELECT * FROM names"},
      {"CREATE VIEW names AS SELECT \"note\" FROM parent", "view", "names"},
      {"CREATE TRIGGER noted AFTER UPDATE ON parent BEGIN INSERT INTO log VALUES (new.note); END", "trigger",
       "noted", "UPDATE parent SET name = name"},
      {"CREATE TRIGGER noted AFTER INSERT ON log BEGIN UPDATE parent SET note = new.t; END", "trigger",
       "noted", "INSERT INTO log VALUES ('x')"},
      {"CREATE TRIGGER noted AFTER DELETE ON log BEGIN INSERT INTO parent (name, note) VALUES ('x', 'y'); "
       "END",
       "trigger", "noted", "DELETE FROM log"},
      {"CREATE TRIGGER noted BEFORE UPDATE OF name, Note ON parent BEGIN SELECT 1; END", "trigger", "noted"},
      {"CREATE VIEW names AS SELECT id, name FROM parent; CREATE TRIGGER noted INSTEAD OF DELETE ON names "
       "BEGIN UPDATE parent SET note = '' WHERE id = old.id; END",
       "trigger", "noted", "DELETE FROM names WHERE id = 1"},
      {"CREATE INDEX by_hand ON parent (note COLLATE NOCASE)", "", "by_hand"},
  };
  for (const bool anew : {true, false}) {
    for (const auto& each : cases) {
      CAPTURE(anew);
      CAPTURE(each.by_hand);
      test::run([&] {
        Family f;
        f.tables[0].columns.push_back(test::null_col("note"));
        f.migrate();
        f.database->execute_script(
            "CREATE TABLE log (t TEXT); CREATE TRIGGER fine AFTER INSERT ON parent BEGIN INSERT INTO log "
            "VALUES (new.name); END;" +
            each.by_hand + ";");
        const auto before = test::catalog(*f.database);
        f.modules.write("m", "0003_x",
                        head_of_third + (anew ? shorter : "") +
                            "  - drop_column: {table: parent, column: note, reason: a test}\n");
        ErrorKind kind{};
        const auto message = test::error_of([&] { f.migrator().apply(); }, &kind);
        // ALTER TABLE notices some of it by itself.
        CHECK(test::contains(message, each.name));
        if (anew) CHECK(test::contains(message, each.kind));
        CHECK(test::contains(message, ".yaml"));
        if (anew) CHECK(kind == ErrorKind::conflict);
        CHECK_FALSE(test::contains(message, "fine"));
        CHECK(test::catalog(*f.database) == before);
        if (!each.statement.empty()) f.database->execute_script(each.statement + ";");
      });
    }
  }
}

TEST_CASE("what is made anew by hand in the same migration, or did not work before it, is no hindrance") {
  test::run([] {
    Family f;
    f.tables[0].columns.push_back(test::null_col("note"));
    f.migrate();
    f.database->execute_script(
        "CREATE VIEW never AS SELECT absent FROM parent; CREATE VIEW names AS SELECT note FROM parent;");
    f.modules.write("m", "0003_x",
                    head_of_third + "  - sql: {sqlite: \"DROP VIEW names\", irreversible: true}\n" + shorter +
                        "  - drop_column: {table: parent, column: note, reason: a test}\n"
                        "  - sql: {sqlite: \"CREATE VIEW names AS SELECT name FROM parent\", irreversible: "
                        "true}\n");
    CHECK(f.migrator().apply().size() == 1);
    CHECK(test::texts(*f.database, "SELECT * FROM names").size() == 2);
  });
}

TEST_CASE("renames keep rows and references") {
  test::run([] {
    Family f;
    f.tables[0].name = "folk";
    f.tables[0].renamed_from = "parent";
    f.tables[0].columns[1].name = "label";
    f.tables[0].columns[1].renamed_from = "name";
    f.tables[1].columns[1].references->table = "folk";
    f.migrate();
    CHECK(test::texts(*f.database,
                      "SELECT label FROM folk JOIN child ON folk.id = parent_id ORDER BY child.id") ==
          std::vector<std::string>{"a", "bb", "bb"});
    CHECK(test::catalog(*f.database) == test::catalog_of(f.tables));
    f.migrator().rollback("m", "0002");
    CHECK(test::catalog(*f.database) == test::catalog_of({parent(), child()}));
    CHECK(test::number(*f.database, "SELECT count(*) FROM child") == 3);
  });
}

TEST_CASE("rows that do not fit stop the migration, tell why, and nothing has changed") {
  const auto refuse = [](const std::function<void(Family&)>& change, const std::vector<std::string>& parts) {
    test::run([&] {
      Family f;
      const auto before = test::catalog(*f.database);
      change(f);
      f.migrator().make();
      ErrorKind kind{};
      const auto message = test::error_of([&] { f.migrator().apply(); }, &kind);
      CAPTURE(message);
      CHECK(kind == ErrorKind::conflict);
      for (const auto& part : parts) CHECK(test::contains(message, part));
      CHECK(test::contains(message, "0002_"));
      CHECK(test::catalog(*f.database) == before);
      CHECK(test::number(*f.database, "SELECT count(*) FROM child") == 3);
      CHECK(f.migrator().pending().size() == 1);
      CHECK_THROWS(f.database->execute_script("INSERT INTO child (parent_id, n) VALUES (99, 'x')"));
    });
  };
  refuse([](Family& f) { f.tables[0].columns[1].max_length = 1; },
         {"1 rows have a value in parent.name", "longer than 1"});
  refuse([](Family& f) { f.tables[0].columns[1].type = ColumnType::integer; },
         {"2 rows", "new type", ".yaml:"});
  refuse([](Family& f) { f.tables[1].columns[2].choices = {"10", "20"}; }, {"1 rows", "none of 10, 20"});
  refuse([](Family& f) { f.tables[1].indexes.push_back(test::index("child", {"parent_id"}, true)); },
         {"cannot create index child_parent_id_key"});
}

TEST_CASE("references to rows that do not exist are found after a table was made anew") {
  test::run([] {
    Family f;
    f.tables[1].columns[2].type = ColumnType::bigint;
    f.migrate();
    f.tables[1].columns[2] = test::ref_col("n", "parent");
    f.migrator().make();
    const auto message = test::error_of([&] { f.migrator().apply(); });
    CHECK(test::contains(message, "3 rows refer to rows that do not exist"));
    CHECK(test::contains(message, "(to parent)"));
    f.database->execute_script("UPDATE child SET n = 1");
    f.migrator().apply();
    CHECK(test::catalog(*f.database) == test::catalog_of(f.tables));
  });
}

TEST_CASE("null becomes not null with the default, or not at all") {
  test::run([] {
    Family f;
    f.tables[0].columns.push_back(test::null_col("note"));
    f.migrate();
    f.tables[0].columns[2].nullable = false;
    f.migrator().make();
    CHECK(
        test::contains(test::error_of([&] { f.migrator().apply(); }), "2 rows have no value in parent.note"));
    std::filesystem::remove(f.modules.folder("m") / "0003_alter_note.yaml");
    f.modules.accept("m");
    f.tables[0].columns[2].default_value = "'-'";
    f.migrate();
    CHECK(test::texts(*f.database, "SELECT note FROM parent") == std::vector<std::string>{"-", "-"});
  });
}

TEST_CASE(
    "SQL by hand runs forward and back; without a way back rollback is refused before anything is run") {
  test::run([] {
    Family f;
    f.modules.write("m", "0002_x",
                    head +
                        "  - sql:\n      sqlite: \"UPDATE parent SET name = upper(name);\"\n"
                        "      reverse_sqlite: \"UPDATE parent SET name = lower(name);\"\n");
    f.migrator().apply();
    CHECK(test::texts(*f.database, "SELECT name FROM parent") == std::vector<std::string>{"A", "BB"});
    f.migrator().rollback("m");
    CHECK(test::texts(*f.database, "SELECT name FROM parent") == std::vector<std::string>{"a", "bb"});
    f.modules.write("m", "0002_x",
                    head + "  - sql:\n      sqlite: \"UPDATE parent SET name = upper(name);\"\n");
    f.migrator().apply();
    f.modules.write(
        "m", "0003_y",
        "migration:\n  module: m\n  name: 0003_y\n  depends: [m/0002_x]\noperations:\n"
        "  - add_column:\n      table: parent\n      column: {name: x, type: text, nullable: true}\n");
    f.migrator().apply();
    const auto before = test::catalog(*f.database);
    ErrorKind kind{};
    const auto message = test::error_of([&] { f.migrator().rollback("m", "0002"); }, &kind);
    CHECK(kind == ErrorKind::conflict);
    CHECK(test::contains(message, "0002_x.yaml:6: 'run SQL' has no reverse"));
    CHECK(test::catalog(*f.database) == before);
    f.modules.write("m", "0004_z",
                    "migration:\n  module: m\n  name: 0004_z\n  depends: [m/0003_y]\noperations:\n"
                    "  - sql: {postgres: \"SELECT 1\"}\n");
    CHECK(test::contains(test::error_of([&] { f.migrator().apply(); }),
                         "0004_z.yaml:6: cannot run SQL: this SQL has no text for sqlite"));
    f.modules.write("m", "0004_z",
                    "migration:\n  module: m\n  name: 0004_z\n  depends: [m/0003_y]\noperations:\n"
                    "  - sql: {sqlite: \"UPDATE parent SET name = 'half'; SELECT broken FROM nowhere;\"}\n");
    CHECK(test::contains(test::error_of([&] { f.migrator().apply(); }), "0004_z.yaml:6: cannot run SQL: "));
    CHECK(test::number(*f.database, "SELECT count(*) FROM parent WHERE name = 'half'") == 0);
  });
}

TEST_CASE("history that does not fit the files is refused with the command that mends it") {
  test::run([] {
    Family f;
    const auto file = f.modules.folder("m") / "0001_initial.yaml";
    const auto text = read_file(file);
    f.modules.accept("m");
    write_file_atomic(file, text + "# edited\n");
    ErrorKind kind{};
    auto message = test::error_of([&] { f.migrator().plan(); }, &kind);
    CHECK(kind == ErrorKind::conflict);
    CHECK(test::contains(message, "m/0001_initial was edited after it was applied"));
    CHECK(test::contains(message, "`migrate fake m 0001_initial`"));
    CHECK_THROWS(f.migrator().apply());
    CHECK_THROWS(f.migrator().rollback("m"));
    CHECK(f.migrator().show().at(0).state == MigrationState::edited);
    f.migrator().fake({"m", "0001_initial"});
    f.modules.accept("m");
    CHECK(f.migrator().apply().empty());

    std::filesystem::remove(file);
    // Nothing tells it from what a newer release has applied; the sum file knows it.
    message = test::error_of([&] { f.migrator().plan(); });
    CHECK(test::contains(message, "its file is gone: if a newer release has it, use that one"));
    CHECK(test::contains(message, "else bring the file back"));
    CHECK(test::contains(test::error_of([&] { f.migrator().apply(); }), "0001_initial.yaml is gone"));
    CHECK(f.migrator().show().at(0).state == MigrationState::newer);
    // A module that is gone altogether is nobody's mistake.
    Migrator without(f.database.get(), {});
    CHECK(without.apply().empty());
    CHECK(without.show().at(0).state == MigrationState::orphaned);
    f.migrator().fake({"m", "0001_initial"}, false);
    CHECK(f.migrator().show().empty());
    CHECK_THROWS(f.migrator().fake({"m", "0001_initial"}, false));
    CHECK_THROWS(f.migrator().fake({"m", "0009_no"}));

    write_file_atomic(file, text);
    f.modules.write("m", "0002_x",
                    "migration:\n  module: m\n  name: 0002_x\n  depends: [m/0001_initial]\noperations: []\n");
    f.migrator().fake({"m", "0002_x"});
    message = test::error_of([&] { f.migrator().apply(); });
    CHECK(test::contains(message, "m/0002_x is applied, and m/0001_initial, on which it depends, is not"));
  });
}

TEST_CASE("rollback takes along what depends on it, in other modules too, and nothing else") {
  test::run([] {
    const test::Modules modules;
    const auto database = modules.open();
    const auto other = test::table("other", {test::id_col()});
    Migrator migrator(database.get(), {modules.models("a", {parent()}), modules.models("b", {child()}),
                                       modules.models("c", {other})});
    migrator.make();
    migrator.apply();
    const auto plan = migrator.rollback_plan("a", "0001");
    REQUIRE(plan.size() == 2);
    CHECK(plan[0].id.module == "b");
    CHECK(plan[0].backward);
    CHECK(plan[0].losses == std::vector<std::string>{"drop table child"});
    CHECK(migrator.rollback("a", "0001").size() == 2);
    CHECK(test::catalog(*database) == test::catalog_of({other}));
    ErrorKind kind{};
    CHECK_FALSE(test::error_of([&] { migrator.rollback("a"); }, &kind).empty());
    CHECK(kind == ErrorKind::not_found);
    CHECK_FALSE(test::error_of([&] { migrator.rollback("zz"); }, &kind).empty());
    CHECK(kind == ErrorKind::not_found);
    CHECK(migrator.apply().size() == 2);
  });
}

TEST_CASE("embedded files count where there is no source folder") {
  test::run([] {
    const test::Modules modules;
    const std::string text =
        "migration:\n  module: m\n  name: 0001_a\noperations:\n  - create_table:\n      table: t\n"
        "      columns:\n        - {name: id, type: id, primary_key: true}\n";
    const EmbeddedFiles files(std::vector<EmbeddedFiles::File>{{"0001_a.yaml", text}});
    const auto database = modules.open();
    const auto t = test::table("t", {test::id_col()});
    Migrator migrator(database.get(), {{"m", {t}, &files, modules.folder("m")}});
    CHECK(migrator.make().empty());
    migrator.apply();
    CHECK(test::catalog(*database) == test::catalog_of({t}));
  });
}

TEST_CASE("a thousand migrations of 300 models are applied, and one more is made") {
  test::run([] {
    const test::Modules modules;
    auto tables = test::write_long_history(modules, "m");
    const auto database = modules.open();
    Migrator migrator(database.get(), {modules.models("m", tables)});
    CHECK(migrator.apply().size() == 1000);
    CHECK(migrator.pending().empty());
    tables[7].columns.push_back(test::null_col("fresh"));
    Migrator changed(nullptr, {modules.models("m", tables)});
    CHECK(changed.make().size() == 1);
  });
}
