#include <doctest/doctest.h>

#include <set>

#include "migrate/migration.hpp"
#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;
using orm::ColumnType;

namespace {

using Models = std::map<std::string, std::vector<orm::Table>>;  // by module

/// Two modules whose tables have rows.
Models start() {
  auto parent = test::table("parent", {test::id_col(), test::col("name"), test::null_col("note"),
                                       test::with_default(test::col("n", ColumnType::integer), "1")});
  parent.indexes = {test::index("parent", {"name"})};
  auto child = test::table("child", {test::id_col(), test::ref_col("parent_id", "parent"),
                                     test::null_col("tenant_id", ColumnType::id), test::col("text")});
  child.indexes = {test::index("child", {"parent_id"}), test::search_index("child", {"text"})};
  child.checks = {{"child_text_check", {"\"text\" <> ''", "\"text\" <> ''"}}};
  auto spare = test::table("spare", {test::id_col(), test::null_col("x")});
  return {{"a", {parent, spare}}, {"b", {child}}};
}

orm::Table& parent_of(Models& models) { return models["a"][0]; }
orm::Table& child_of(Models& models) { return models["b"][0]; }

struct Case {
  std::string name;
  std::function<void(Models&)> change;
  /// What is read before, and must be read again after the way there and back; and, if given, what must be
  /// read with the change done.
  std::string kept = "SELECT p.id, p.name, p.n, c.text FROM parent p JOIN child c ON c.parent_id = p.id";
  std::string kept_meanwhile = {};
  /// A file by hand instead of models.
  std::string file = {};
  bool safely = false;  ///< without a reason
};

orm::RowSecurity security() { return {.role = "mpf_of_tests", .site = "tenant_id"}; }

const std::string head =
    "migration:\n  module: a\n  name: 0002_x\n  depends: [a/0001_initial]\noperations:\n";

std::vector<Case> cases() {
  const std::string joined = Case{}.kept;
  return {
      {.name = "create_table",
       .change =
           [](Models& m) {
             m["b"].push_back(test::table("fresh", {test::id_col(), test::ref_col("child_id", "child")},
                                          {test::index("fresh", {"child_id"}, true)}));
           },
       .kept_meanwhile = joined},
      {.name = "drop_table", .change = [](Models& m) { m["a"].pop_back(); }, .kept_meanwhile = joined},
      {.name = "rename_table",
       .change =
           [](Models& m) {
             auto& table = parent_of(m);
             table.name = "folk";
             table.renamed_from = "parent";
             table.indexes = {test::index("folk", {"name"})};
             child_of(m).columns[1].references->table = "folk";
           },
       .kept_meanwhile = "SELECT p.id, p.name, p.n, c.text FROM folk p JOIN child c ON c.parent_id = p.id"},
      {.name = "move_table",
       .change =
           [](Models& m) {
             parent_of(m).moved_from = "a";
             m["b"].push_back(parent_of(m));
             m["a"].erase(m["a"].begin());
           },
       .kept_meanwhile = joined},
      {.name = "alter_table",
       .change = [](Models& m) { child_of(m).tenant_column = "tenant_id"; },
       .kept_meanwhile = joined},
      {.name = "set_row_security", .change = [](Models& m) { child_of(m).row_security = security(); }},
      {.name = "add_column",
       .change =
           [](Models& m) {
             parent_of(m).columns.push_back(test::with_default(test::col("kind"), "'new'"));
             parent_of(m).columns.back().choices = {"new", "old"};
             parent_of(m).columns.push_back(
                 test::ref_col("spare_id", "spare", orm::OnDelete::set_null, true));
           },
       .kept_meanwhile = joined},
      {.name = "add_column generated",
       .change =
           [](Models& m) {
             auto column = test::col("twice", ColumnType::bigint);
             column.generated = orm::SqlText{"\"n\" * 2", "\"n\" * 2"};
             parent_of(m).columns.push_back(column);
           },
       .kept_meanwhile = joined},
      {.name = "add_column computed",
       .change =
           [](Models& m) {
             auto column = test::col("token", ColumnType::uuid);
             column.computed_default = orm::SqlText{"randomblob(16)", "gen_random_uuid()"};
             parent_of(m).columns.push_back(column);
           },
       .kept_meanwhile = joined},
      {.name = "drop_column",
       .change = [](Models& m) { parent_of(m).columns.erase(parent_of(m).columns.begin() + 2); },
       .kept_meanwhile = joined},
      {.name = "drop_column not null",
       .change =
           [](Models& m) {
             parent_of(m).columns.erase(parent_of(m).columns.begin() + 1);
             parent_of(m).indexes.clear();
           },
       .kept = "SELECT id, n FROM parent",
       .kept_meanwhile = "SELECT id, n FROM parent"},
      {.name = "alter_column type",
       .change = [](Models& m) { parent_of(m).columns[3].type = ColumnType::bigint; },
       .kept_meanwhile = joined},
      {.name = "alter_column to text",
       .change =
           [](Models& m) {
             parent_of(m).columns[3].type = ColumnType::text;
             parent_of(m).columns[3].default_value = "'1'";
           },
       .kept_meanwhile = joined},
      {.name = "alter_column null",
       .change = [](Models& m) { parent_of(m).columns[1].nullable = true; },
       .kept_meanwhile = joined},
      {.name = "alter_column not null",
       .change = [](Models& m) { parent_of(m).columns[2] = test::with_default(test::col("note"), "'-'"); },
       .kept_meanwhile = joined},
      {.name = "alter_column default",
       .change = [](Models& m) { parent_of(m).columns[3].default_value = "5"; },
       .kept_meanwhile = joined},
      {.name = "alter_column limit",
       .change = [](Models& m) { parent_of(m).columns[1].max_length = 20; },
       .kept_meanwhile = joined},
      {.name = "alter_column choices",
       .change =
           [](Models& m) {
             child_of(m).columns[3].choices = {"one", "two", "three"};
           },
       .kept_meanwhile = joined},
      {.name = "alter_column reference",
       .change = [](Models& m) { child_of(m).columns[1].references->on_delete = orm::OnDelete::cascade; },
       .kept_meanwhile = joined},
      {.name = "rename_column",
       .change =
           [](Models& m) {
             auto& column = child_of(m).columns[3];
             column.name = "body";
             column.renamed_from = "text";
             child_of(m).checks = {{"child_text_check", {"\"body\" <> ''", "\"body\" <> ''"}}};
             child_of(m).indexes[1] = test::search_index("child", {"body"});
           },
       .kept_meanwhile = "SELECT p.id, p.name, p.n, c.body FROM parent p JOIN child c ON c.parent_id = p.id"},
      {.name = "expand_column, contract_column, rename_index",
       .change =
           [](Models& m) {
             auto& columns = parent_of(m).columns;
             columns[1].renamed_from = "name";
             columns[1].name = "title";
             columns[1].max_length = 40;
             parent_of(m).indexes[0].columns = {"title"};
             columns[3].renamed_from = "n";
             columns[3].name = "amount";
             columns[3].type = ColumnType::text;
             columns[3].default_value = "'1'";
             auto& text = child_of(m).columns[3];
             text.renamed_from = "text";
             text.name = "body";
             child_of(m).checks = {{"child_text_check", {"\"body\" <> ''", "\"body\" <> ''"}}};
             child_of(m).indexes[1] = test::search_index("child", {"body"});
           },
       .kept_meanwhile =
           "SELECT p.id, p.title, p.amount, c.body FROM parent p JOIN child c ON c.parent_id = p.id",
       .safely = true},
      {.name = "create_index",
       .change =
           [](Models& m) {
             auto lowered = test::index("parent", {"name", "expr"}, true);
             lowered.columns.clear();
             lowered.expressions = {{"lower(\"name\")", "lower(\"name\")"}};
             lowered.where = orm::SqlText{"\"n\" > 0", "\"n\" > 0"};
             parent_of(m).indexes.push_back(lowered);
           },
       .kept_meanwhile = joined},
      {.name = "create_index of words",
       .change =
           [](Models& m) {
             parent_of(m).indexes.push_back(test::search_index("parent", {"name", "note"}));
           },
       .kept_meanwhile = joined},
      {.name = "drop_index of words",
       .change = [](Models& m) { child_of(m).indexes.erase(child_of(m).indexes.begin() + 1); },
       .kept_meanwhile = joined},
      {.name = "rename_table with an index of words",
       .change =
           [](Models& m) {
             auto& table = child_of(m);
             table.name = "kid";
             table.renamed_from = "child";
             table.indexes = {test::index("kid", {"parent_id"}), test::search_index("kid", {"text"})};
             table.checks[0].name = "kid_text_check";
           },
       .kept_meanwhile = "SELECT p.id, p.name, p.n, c.text FROM parent p JOIN kid c ON c.parent_id = p.id"},
      {.name = "drop_index",
       .change = [](Models& m) { parent_of(m).indexes.clear(); },
       .kept_meanwhile = joined},
      {.name = "add_check",
       .change =
           [](Models& m) {
             parent_of(m).checks = {{"parent_n_check", {"\"n\" > 0", "\"n\" > 0"}}};
           },
       .kept_meanwhile = joined},
      {.name = "drop_check",
       .change = [](Models& m) { child_of(m).checks.clear(); },
       .kept_meanwhile = joined},
      {.name = "sql",
       .change = {},
       .file = head + "  - sql:\n      sqlite: \"UPDATE parent SET name = name || '!' WHERE n > 0\"\n"
                      "      postgres: \"UPDATE parent SET name = name || '!' WHERE n > 0\"\n"
                      "      reverse_sqlite: \"UPDATE parent SET name = rtrim(name, '!') WHERE n > 0\"\n"
                      "      reverse_postgres: \"UPDATE parent SET name = rtrim(name, '!') WHERE n > 0\"\n"},
      {.name = "backfill",
       .change = {},
       .file = head + "  - backfill:\n      table: parent\n      set: {n: \"n + 100\"}\n      batch: 2\n"
                      "      reverse: {n: \"n - 100\"}\n"},
      {.name = "call",
       .change = {},
       .file = head + "  - call:\n      function: shout\n      reverse: whisper\n"},
      {.name = "drop_row_security",
       .change = {},
       .file = head +
               "  - set_row_security:\n      table: spare\n      role: mpf_of_tests\n      reason: \"new\"\n"
               "  - drop_row_security:\n      table: spare\n"},
  };
}

struct World {
  test::Modules modules;
  test::FreshDatabase database;

  explicit World(db::Dialect dialect) : database(dialect) {}

  Migrator migrator(const Models& models) {
    const auto set_names = [](const char* sql) {
      return [sql](migrate::DataStep& step) -> std::optional<std::int64_t> {
        step.database.execute_script(sql);
        return std::nullopt;
      };
    };
    std::vector<migrate::ModuleModels> all;
    for (const auto& [module, tables] : models) {
      all.push_back(modules.models(module, tables));
      all.back().functions = {{"shout", set_names("UPDATE parent SET name = upper(name)")},
                              {"whisper", set_names("UPDATE parent SET name = lower(name)")}};
    }
    return Migrator(&*database, std::move(all));
  }
  void apply(const Models& models, bool safely = false) {
    auto now = migrator(models);
    now.make({.name = {}, .dry_run = false, .reason = safely ? "" : "a test"});
    now.apply({.borders = migrate::Borders::pass});
    REQUIRE(now.make().empty());
  }
  std::set<std::string> rows(const std::string& sql) {
    const bool postgres = database->dialect() == db::Dialect::postgres;
    const auto all = test::texts(*database, postgres ? "SELECT rows::text FROM (" + sql + ") AS rows" : sql);
    return {all.begin(), all.end()};
  }
  std::vector<std::string> wrong_indexes() {
    if (database->dialect() == db::Dialect::postgres) return {};
    return test::wrong_search_tables(*database);
  }
  /// Undoes all but the first migrations.
  void back(const Models& models) {
    for (;;) {
      auto now = migrator(models);
      std::optional<migrate::MigrationId> last;
      for (const auto& status : now.show()) {
        if (status.state == migrate::MigrationState::applied && !status.id.name.starts_with("0001"))
          last = status.id;
      }
      if (!last) return;
      now.rollback(last->module, last->name);
    }
  }
};

std::vector<orm::Table> all_of(const Models& models) {
  std::vector<orm::Table> result;
  for (const auto& [module, tables] : models) result.insert(result.end(), tables.begin(), tables.end());
  return result;
}

}  // namespace

TEST_CASE("each kind of operation, there and back again, gives the same catalog and keeps the rows") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    for (const auto& each : cases()) {
      CAPTURE(each.name);
      test::run([&] {
        World world(dialect);
        const auto before = start();
        world.apply(before);
        world.database->execute_script(
            "INSERT INTO parent (name, note, n) VALUES ('ann', NULL, 1), ('ben', 'b', 2), ('cid', NULL, 3);"
            "INSERT INTO child (parent_id, text) VALUES (1, 'one'), (2, 'two'), (2, 'three');"
            "INSERT INTO spare (x) VALUES ('lost')");
        const auto catalog = test::catalog(*world.database);
        const auto rows = world.rows(each.kept);
        REQUIRE(rows.size() >= 3);

        auto after = before;
        if (each.file.empty()) {
          each.change(after);
        } else {
          world.modules.write("a", "0002_x", each.file);
        }
        world.apply(after, each.safely);
        const auto changed = test::catalog(*world.database);
        CHECK(changed == test::wanted_catalog(all_of(after), dialect));
        CHECK(world.migrator(after).check().catalog.empty());
        CHECK(world.wrong_indexes().empty());
        if (!each.kept_meanwhile.empty()) CHECK(world.rows(each.kept_meanwhile) == rows);
        if (each.name == "sql" || each.name == "backfill" || each.name == "call") {
          CHECK(world.rows(each.kept) != rows);
        }

        world.back(after);
        CHECK(test::catalog(*world.database) == catalog);
        CHECK(world.wrong_indexes().empty());
        CHECK((each.name == "drop_column not null" || world.rows(each.kept) == rows));
        world.migrator(after).apply({.borders = migrate::Borders::pass});
        CHECK(test::catalog(*world.database) == changed);
      });
    }
  }
}

TEST_CASE("the table above has every kind of operation") {
  std::set<std::size_t> seen;
  test::run([&] {
    for (const auto& each : cases()) {
      World world(db::Dialect::sqlite);
      world.apply(start());
      auto after = start();
      if (each.file.empty()) {
        each.change(after);
      } else {
        world.modules.write("a", "0002_x", each.file);
      }
      world.migrator(after).make({.name = {}, .dry_run = false, .reason = each.safely ? "" : "a test"});
      for (const auto* module : {"a", "b"}) {
        for (const auto& entry : std::filesystem::directory_iterator(world.modules.folder(module))) {
          if (entry.path().extension() != ".yaml") continue;
          const auto migration = migrate::parse_migration(read_file(entry.path()), entry.path().string());
          for (const auto& located : migration.operations) seen.insert(located.operation.index());
        }
      }
    }
  });
  CHECK(seen.size() == std::variant_size_v<migrate::Operation::variant>);
}
