#include <doctest/doctest.h>

#include <functional>

#include "migrate/lint.hpp"
#include "migrate/renames.hpp"
#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;
using orm::ColumnType;

namespace {

using Tables = std::vector<orm::Table>;

/// Tables in use.
Tables start() {
  auto token = test::null_col("label");
  token.choices = {"new", "old"};
  token.max_length = 20;
  return {test::table("other", {test::id_col()}),
          test::table(
              "t",
              {test::id_col(), test::col("name"), test::col("n", ColumnType::integer), test::null_col("note"),
               test::col("big", ColumnType::bigint), token, test::col("share", ColumnType::real)},
              {test::index("t", {"note"})})};
}

orm::Column& column(Tables& tables, const std::string& name) {
  return *std::ranges::find(tables[1].columns, name, &orm::Column::name);
}

/// What a change of the models comes to: SQL that is run, in this order, or the rule by which it is refused.
struct Change {
  const char* what;
  std::function<void(Tables&)> change;
  std::vector<const char*> runs = {};
  const char* refused = "";
  const char* advised = "";
};

const char* const border = "-- border";

std::vector<Change> changes() {
  return {
      {"drop a column",
       [](Tables& t) { std::erase_if(t[1].columns, [](auto& c) { return c.name == "name"; }); },
       {"\"name\" DROP NOT NULL", border, "DROP COLUMN \"name\""}},
      {"drop a table", [](Tables& t) { t.pop_back(); }, {border, "DROP TABLE \"t\""}},
      {"rename a column",
       [](Tables& t) { column(t, "name") = test::renamed(column(t, "name"), "title"); },
       {"ADD COLUMN \"title\"", "CREATE TRIGGER", "in batches of", "NOT VALID", "VALIDATE", border,
        "DROP COLUMN \"name\""}},
      {"rename a table",
       [](Tables& t) {
         t[1].renamed_from = "t";
         t[1].name = "u";
         t[1].indexes = {test::index("u", {"note"})};
       },
       {},
       "rename-table"},
      {"change a type", [](Tables& t) { column(t, "n").type = ColumnType::bigint; }, {}, "type"},
      {"change a type with the name",
       [](Tables& t) {
         column(t, "n") = test::renamed(column(t, "n"), "amount");
         column(t, "amount").type = ColumnType::bigint;
       },
       {"ADD COLUMN \"amount\" bigint", "CREATE TRIGGER", "in batches of", border, "DROP COLUMN \"n\""}},
      {"narrow a type with the name",
       [](Tables& t) {
         column(t, "big") = test::renamed(column(t, "big"), "small");
         column(t, "small").type = ColumnType::integer;
       },
       {"-- refused if rows have a value in t.big", "ADD COLUMN \"small\" integer", "CREATE TRIGGER",
        "in batches of", border, "DROP COLUMN \"big\""},
       "",
       "narrow-type"},
      {"round with the name",
       [](Tables& t) {
         column(t, "share") = test::renamed(column(t, "share"), "part");
         column(t, "part").type = ColumnType::integer;
       },
       {},
       "rename-column"},
      {"add a column with a value for each row",
       [](Tables& t) {
         t[1].columns.push_back(test::col("token", ColumnType::uuid));
         t[1].columns.back().computed_default = orm::SqlText{"randomblob(16)", "gen_random_uuid()"};
       },
       {"ADD COLUMN \"token\" uuid;", "SET DEFAULT (gen_random_uuid())", "in batches of", "NOT VALID",
        "VALIDATE", "SET NOT NULL"}},
      {"add a column with a constant default",
       [](Tables& t) { t[1].columns.push_back(test::with_default(test::col("kind"), "'x'")); },
       {"ADD COLUMN \"kind\" text NOT NULL DEFAULT 'x';"}},
      {"forbid null",
       [](Tables& t) { column(t, "note") = test::with_default(test::col("note"), "'-'"); },
       {"CREATE TRIGGER", "in batches of", "CHECK (\"note\" IS NOT NULL) NOT VALID", "VALIDATE CONSTRAINT",
        "SET NOT NULL", border, "DROP TRIGGER"}},
      {"refer to a table",
       [](Tables& t) {
         t[1].columns.push_back(test::ref_col("other_id", "other", orm::OnDelete::cascade, true));
       },
       {"ADD COLUMN \"other_id\" bigint;", "REFERENCES \"other\"", "NOT VALID;", "-- committed", "VALIDATE"}},
      {"add a check",
       [](Tables& t) {
         t[1].checks = {{"t_check", {"\"n\" > 0", "\"n\" > 0"}}};
       },
       {border, "-- refused if rows break the new rule", "NOT VALID;", "-- committed", "VALIDATE"}},
      {"limit text",
       [](Tables& t) { column(t, "name").max_length = 50; },
       {border, "-- refused if rows", "<= 50) NOT VALID;", "-- committed", "VALIDATE"}},
      {"take a choice away, and add one",
       [](Tables& t) {
         column(t, "label").choices = {"new", "used"};
       },
       {"IN ('new', 'used', 'old')) NOT VALID;", "VALIDATE", border, "-- refused if rows",
        "IN ('new', 'used')) NOT VALID;", "VALIDATE"}},
      {"allow longer text",
       [](Tables& t) { column(t, "label").max_length = 40; },
       {"<= 40) NOT VALID;", "VALIDATE"}},
      {"make unique",
       [](Tables& t) { t[1].indexes.push_back(test::index("t", {"name"}, true)); },
       {"CREATE UNIQUE INDEX CONCURRENTLY"},
       "",
       "narrow-rule"},
      {"rules for a column that comes with them",
       [](Tables& t) {
         t[1].columns.push_back(test::null_col("code"));
         t[1].checks = {{"t_check", {"\"code\" <> ''", "\"code\" <> ''"}}};
         t[1].indexes.push_back(test::index("t", {"code"}, true));
       },
       {"ADD COLUMN \"code\" text;", "NOT VALID;", "VALIDATE", "CREATE UNIQUE INDEX CONCURRENTLY"}},
      {"add an index",
       [](Tables& t) { t[1].indexes.push_back(test::index("t", {"name"})); },
       {"CREATE INDEX CONCURRENTLY"}},
      {"add a wide index",
       [](Tables& t) {
         t[1].indexes.push_back(test::index("t", {"name", "n", "note", "big"}));
       },
       {"CREATE INDEX CONCURRENTLY"},
       "",
       "wide-index"},
      {"drop an index", [](Tables& t) { t[1].indexes.clear(); }, {"DROP INDEX CONCURRENTLY IF EXISTS"}},
      {"add a generated column",
       [](Tables& t) {
         t[1].columns.push_back(test::col("twice", ColumnType::bigint));
         t[1].columns.back().generated = orm::SqlText{"\"n\" * 2", "\"n\" * 2"};
       },
       {},
       "generated-column"},
      {"secure rows",
       [](Tables& t) { t[1].row_security = orm::RowSecurity{.role = "mpf_of_tests", .site = "big"}; },
       {},
       "row-security"},
  };
}

struct World {
  test::Modules modules;
  test::FreshDatabase database{db::Dialect::postgres};
  Tables tables = start();

  World() {
    migrator().make();
    migrator().apply();
    database->execute_script("INSERT INTO t (name, n, big, share, label) VALUES ('a', 1, 5, 2, 'new')");
  }
  Migrator migrator() { return Migrator(&*database, {modules.models("m", tables)}); }
  void write(const std::string& operations) const {
    modules.write(
        "m", "0002_x",
        "migration:\n  module: m\n  name: 0002_x\n  depends: [m/0001_initial]\noperations:\n" + operations);
  }
};

/// All that is said about what is refused: where it is, what to do, and how to have it done all the same.
void check_refusal(World& world, const std::string& rule) {
  const auto before = test::catalog(*world.database);
  const auto findings = world.migrator().lint();
  const auto found = std::ranges::find(findings, rule, &migrate::LintFinding::rule);
  REQUIRE(found != findings.end());
  CHECK(found->refused);
  CHECK(found->line > 5);
  CHECK_FALSE(found->message.empty());
  CHECK_FALSE(found->safe.empty());
  const auto message = test::error_of([&] { world.migrator().apply(test::pass()); });
  for (const std::string part :
       {"refused to ", "0002_", ".yaml:", "safe: ", "'reason: ", "run `migrate sum m`"}) {
    CAPTURE(message);
    CAPTURE(part);
    CHECK(test::contains(message, part));
  }
  CHECK(test::catalog(*world.database) == before);
}

}  // namespace

TEST_CASE("each unsafe change of the models is made in its safe form, or refused without a reason") {
  for (const auto& each : changes()) {
    CAPTURE(each.what);
    test::run([&] {
      World world;
      each.change(world.tables);
      const auto made = world.migrator().make();
      if (*each.refused != 0) {
        CHECK_FALSE(made.at(0).unsafe.empty());
        check_refusal(world, each.refused);
        for (const auto& migration : made) std::filesystem::remove(migration.file);
        world.modules.accept("m");
        const auto now = world.migrator().make({.name = {}, .dry_run = false, .reason = "nobody is here"});
        CHECK(now.at(0).unsafe.empty());
        CHECK(world.migrator().lint().empty());
      } else {
        std::string sql;
        for (const auto& migration : made) {
          CHECK(migration.unsafe.empty());
          if (migration.border) sql += std::string(border) + "\n";
          sql += world.migrator().sql(migration.id, db::Dialect::postgres);
        }
        CAPTURE(sql);
        std::size_t at = 0;
        for (const auto* part : each.runs) {
          CAPTURE(part);
          at = sql.find(part, at);
          REQUIRE(at != std::string::npos);
        }
        const auto findings = world.migrator().lint();
        CHECK(findings.size() == (*each.advised != 0 ? 1 : 0));
        for (const auto& finding : findings) {
          CHECK(finding.rule == each.advised);
          CHECK_FALSE(finding.refused);
        }
      }
      world.migrator().apply(test::pass());
      CHECK(world.migrator().check().catalog.empty());
      CHECK(world.migrator().make().empty());
    });
  }
}

TEST_CASE("what no operation leads to is told by make") {
  struct Case {
    const char* what;
    std::function<void(Tables&)> change;
    const char* message;
  };
  const std::vector<Case> cases{
      {"no value for rows that exist", [](Tables& t) { t[1].columns.push_back(test::col("x")); },
       "give it orm::default_value"},
      {"another key",
       [](Tables& t) {
         column(t, "n") = test::col("n", ColumnType::id);
         column(t, "n").primary_key = true;
         t[1].columns.erase(t[1].columns.begin());
       },
       "primary key"},
      {"a name that PostgreSQL cuts off",
       [](Tables& t) { t[1].columns.push_back(test::null_col(std::string(64, 'x'))); }, "63 bytes"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.what);
    test::run([&] {
      World world;
      each.change(world.tables);
      CHECK(test::contains(test::error_of([&] { world.migrator().make(); }), each.message));
    });
  }
}

TEST_CASE("operations by hand are refused as well, or told of") {
  struct Case {
    const char* operations;
    const char* rule;
    bool refused = true;
  };
  const std::vector<Case> cases{
      {"  - drop_table: {table: t}\n", "drop-table"},
      {"  - drop_column: {table: t, column: name}\n", "drop-column"},
      {"  - rename_column: {table: t, from: name, to: title}\n", "rename-column"},
      {"  - add_column: {table: t, column: {name: x, type: integer}}\n", "no-default"},
      {"  - expand_column: {table: t, from: n, column: {name: m, type: integer}}\n"
       "  - contract_column: {table: t, from: n, to: m}\n",
       "drop-column"},
      {"  - alter_column: {table: t, column: {name: name, type: text, max_length: 3}}\n", "narrow-rule",
       false},
      {"  - alter_column: {table: t, column: {name: note, type: text, default: \"'-'\"}}\n", "narrow-rule",
       false},
      {"  - create_index: {table: t, index: {name: i, columns: [n], unique: true}}\n", "narrow-rule", false},
      {"  - sql: {postgres: \"SELECT 1\"}\n", "no-reverse", false},
      {"  - sql: {postgres: \"UPDATE t SET n = 1 WHERE id = 1\", irreversible: true, touches: []}\n",
       "touches", false},
      {"  - sql: {postgres: \"UPDATE t SET n = 1 WHERE id IN (SELECT id FROM other)\", irreversible: true, "
       "touches: [t.n]}\n",
       "touches", false},
      {"  - call: {function: f}\n", "no-reverse", false},
  };
  test::run([&] {
    World world;
    for (const auto& each : cases) {
      CAPTURE(each.operations);
      world.write(each.operations);
      if (each.refused) {
        check_refusal(world, each.rule);
        continue;
      }
      const auto findings = world.migrator().lint();
      REQUIRE(findings.size() == 1);
      CHECK(findings[0].rule == each.rule);
      CHECK_FALSE(findings[0].refused);
    }
  });
}

TEST_CASE("SQL by hand is refused by the same rules, with a line, and done with a reason") {
  struct Case {
    const char* sql;
    const char* rule;
    bool refused = true;
  };
  const std::string long_name(64, 'x');
  const auto too_long = "ALTER TABLE t ADD COLUMN " + long_name + " integer";
  const std::vector<Case> cases{
      {"ALTER TABLE t DROP COLUMN name", "drop-column"},
      {"ALTER TABLE t ALTER n DROP DEFAULT, DROP name", "drop-column"},
      {"DROP TABLE t", "drop-table"},
      {"DROP SCHEMA s", "drop-table"},
      {"DROP TYPE colour", "drop"},
      {"DROP VIEW v", "drop"},
      {"DROP MATERIALIZED VIEW v", "drop"},
      {"DO $$ BEGIN ALTER TABLE t DROP COLUMN name; END $$", "block"},
      {"CALL clean_up()", "block"},
      {"ALTER TABLE t DISABLE TRIGGER ALL", "triggers"},
      {"ALTER TABLE t ATTACH PARTITION p FOR VALUES IN (1)", "attach"},
      {"ALTER TABLE t SET TABLESPACE s", "lock"},
      {"ALTER TABLE t ADD COLUMN x bigint DEFAULT my_volatile()", "volatile-default"},
      {"ALTER TABLE t ADD COLUMN x text DEFAULT timeofday()", "volatile-default"},
      {"ALTER TABLE t ADD COLUMN x bigint DEFAULT nextval('s')", "volatile-default"},
      {"ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c",
       "constraint"},
      {"UPDATE t SET n = 1 WHERE true", "all-rows"},
      {"UPDATE t SET n = 1 WHERE 1 = 1", "all-rows"},
      {"WITH d AS (DELETE FROM t RETURNING n) SELECT n FROM d", "all-rows"},
      {"WITH d AS (SELECT 1 AS n) UPDATE t SET n = d.n FROM d", "all-rows"},
      {"MERGE INTO t USING other ON true WHEN MATCHED THEN DELETE", "all-rows"},
      {"ALTER TABLE t RENAME COLUMN name TO title", "rename"},
      {"ALTER TABLE public.t RENAME TO u", "rename"},
      {"ALTER TABLE t SET SCHEMA s", "rename"},
      {"ALTER SCHEMA public RENAME TO s", "rename"},
      {"ALTER TABLE t ALTER COLUMN n TYPE bigint", "type"},
      {"ALTER TABLE t ALTER n SET DATA TYPE bigint", "type"},
      {"ALTER TABLE t SET UNLOGGED", "lock"},
      {"ALTER TABLE t ADD COLUMN x uuid DEFAULT gen_random_uuid()", "volatile-default"},
      {"ALTER TABLE t ADD COLUMN x timestamptz DEFAULT clock_timestamp()", "volatile-default"},
      {"ALTER TABLE t ADD COLUMN x integer NOT NULL", "no-default"},
      {"ALTER TABLE t ALTER note SET NOT NULL", "not-null"},
      {"ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (n) REFERENCES other (id)", "constraint"},
      {"ALTER TABLE t ADD COLUMN x bigint REFERENCES other (id)", "constraint"},
      {"ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0)", "constraint"},
      {"ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID, ADD CHECK (big > 0)", "constraint"},
      {"ALTER TABLE t ADD CONSTRAINT c UNIQUE (n)", "unique"},
      {"ALTER TABLE t ADD PRIMARY KEY (n)", "unique"},
      {"ALTER TABLE t ADD CONSTRAINT c EXCLUDE USING gist (n WITH &&)", "exclude"},
      {"CREATE INDEX i ON t (n)", "index"},
      {"create unique index i on t (n)", "index"},
      {"DROP INDEX t_note_idx", "index"},
      {"REINDEX TABLE t", "index"},
      {"CREATE INDEX CONCURRENTLY i ON t (n)", "concurrently"},
      {"ALTER TABLE t ADD COLUMN x bigint GENERATED ALWAYS AS (n * 2) STORED", "generated-column"},
      {"ALTER TABLE t ADD COLUMN x bigserial", "generated-column"},
      {"ALTER TABLE t ADD COLUMN x bigint GENERATED BY DEFAULT AS IDENTITY", "generated-column"},
      {"ALTER TABLE t DETACH PARTITION p", "detach"},
      {"ALTER TABLE t ADD COLUMN x integer; UPDATE t SET x = 1 WHERE n > 0", "rows-and-tables"},
      {"INSERT INTO t (name) SELECT name FROM t; CREATE INDEX i ON t (n)", "rows-and-tables"},
      {"UPDATE t SET n = 1", "all-rows"},
      {"DELETE FROM t;", "all-rows"},
      {"TRUNCATE t", "truncate"},
      {"TRUNCATE t CASCADE", "cascade"},
      {"DROP TABLE t CASCADE", "cascade"},
      {"ALTER TYPE colour RENAME VALUE 'red' TO 'blue'", "rename"},
      {"LOCK TABLE t", "lock"},
      {"CLUSTER t", "lock"},
      {"SET lock_timeout = 0", "timeout"},
      {"SET LOCAL statement_timeout = '1d'", "timeout"},
      {too_long.c_str(), "long-name"},
      {"ALTER TYPE colour ADD VALUE 'red'", "enum-order", false},
      {"DELETE FROM t WHERE n > 0", "many-rows", false},
      {"SELECT clean_up()", "function", false},
      {"SELECT count(*), s.clean_up(n) FROM t", "function", false},
      {"CREATE TABLE x (a json)", "json", false},
      {"CREATE TABLE x (a varchar(10))", "varchar", false},
      {"CREATE TABLE x (a integer PRIMARY KEY)", "small-key", false},
      {"CREATE TABLE x (a serial)", "serial", false},
      {"CREATE TABLE x (a timestamp)", "timestamp", false},
  };
  test::run([&] {
    World world;
    for (const auto& each : cases) {
      CAPTURE(each.sql);
      const auto file =
          "  - sql:\n      postgres: \"" + std::string(each.sql) + "\"\n      irreversible: true\n";
      world.write(file);
      if (each.refused) {
        check_refusal(world, each.rule);
      } else {
        const auto findings = world.migrator().lint();
        REQUIRE(findings.size() == 1);
        CHECK(findings[0].rule == each.rule);
        CHECK_FALSE(findings[0].refused);
      }
      world.write(file + "      reason: \"nobody is here\"\n");
      CHECK(world.migrator().lint().empty());
    }
  });
}

TEST_CASE("SQL by hand that harms nobody is left alone") {
  for (const auto* fine : {"ALTER TABLE t ADD CONSTRAINT c CHECK (x > 0) NOT VALID",
                           "ALTER TABLE t VALIDATE CONSTRAINT c",
                           "ALTER TABLE t ADD CONSTRAINT c CHECK (x IS NOT NULL) NOT VALID",
                           "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i",
                           "ALTER TABLE t DROP CONSTRAINT c",
                           "ALTER TABLE t RENAME CONSTRAINT c TO d",
                           "ALTER TABLE t ADD COLUMN type text",
                           "ALTER TABLE t ADD COLUMN x text DEFAULT 'DROP TABLE t'",
                           "-- DROP TABLE t",
                           "ALTER TABLE t ADD COLUMN x integer NOT NULL DEFAULT 0",
                           "CREATE INDEX i ON mine (x)",
                           "CREATE INDEX i ON public.mine (x)",
                           "ALTER TABLE \"mine\" ALTER x SET NOT NULL",
                           "ALTER TABLE public.mine ADD COLUMN y integer; UPDATE mine SET y = 1",
                           "INSERT INTO mine SELECT * FROM t",
                           "UPDATE t SET x = 1 WHERE id = 3",
                           "ALTER TABLE t ALTER x DROP DEFAULT",
                           "ALTER INDEX i RENAME TO j",
                           "ALTER TABLE t ADD COLUMN serial text",
                           "ALTER TABLE t ADD COLUMN unique_name text",
                           "CREATE TABLE x (json jsonb, timestamp timestamptz)",
                           "ALTER TABLE t ADD COLUMN x timestamptz DEFAULT now()",
                           "ALTER TABLE t ADD COLUMN x numeric(10, 2) DEFAULT (0)",
                           "ALTER TABLE t ALTER x SET DEFAULT 'type'",
                           "DELETE FROM t WHERE id IN (1, 2)",
                           "WITH d AS (DELETE FROM mine RETURNING x) SELECT x FROM d",
                           "SELECT x FROM t FOR UPDATE",
                           "SELECT setval('s', coalesce((SELECT max(x) FROM t WHERE x IN (1, 2)), 1))",
                           "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM t $$"}) {
    CAPTURE(fine);
    CHECK(migrate::lint_sql(fine, {"mine"}).empty());
  }
  CHECK(migrate::lint_sql("CREATE INDEX i ON mine (a, b, c, d)", {"mine"}).at(0).rule == "wide-index");
  for (const auto* sql : {"UPDATE t SET x = mine.x FROM mine", "UPDATE t SET x = (SELECT 1 FROM mine)",
                          "WITH d AS (DELETE FROM mine RETURNING x) UPDATE t SET x = d.x FROM d"}) {
    CAPTURE(sql);
    CHECK(migrate::lint_sql(sql, {"mine"}).at(0).rule == "all-rows");
  }
}

TEST_CASE("rows changed by hand are committed apart from changes of tables") {
  test::run([] {
    World world;
    world.write(
        "  - add_column: {table: t, column: {name: x, type: integer, nullable: true}}\n"
        "  - sql: {postgres: \"UPDATE t SET x = n WHERE n > 0\", irreversible: true}\n"
        "  - add_column: {table: t, column: {name: y, type: integer, nullable: true}}\n");
    const auto sql = world.migrator().sql({"m", "0002"}, db::Dialect::postgres);
    const auto rows = sql.find("UPDATE t");
    CHECK(sql.rfind("-- committed", rows) > sql.find("\"x\""));
    CHECK(sql.find("-- committed", rows) < sql.find("\"y\""));
    world.migrator().apply();
    CHECK(test::number(*world.database, "SELECT x FROM t") == 1);
  });
}
