#include <doctest/doctest.h>

#include <atomic>

#include "migrate/killing_database.hpp"
#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Borders;
using migrate::Migrator;
using orm::ColumnType;

namespace {

orm::Table owner() { return test::table("owner", {test::id_col()}); }

orm::Column renamed(orm::Column column, const std::string& to) {
  column.renamed_from = column.name;
  column.name = to;
  return column;
}

/// A table in use, four of whose columns get other names, one with another type, one with other rules; an
/// index and a check keep their names, another index does not.
struct Renames {
  test::Modules modules;
  std::vector<orm::Table> before{owner(), test::table("item", {test::id_col()})};
  std::vector<orm::Table> after;

  Renames() {
    auto& item = before[1];
    auto title = test::col("title");
    title.max_length = 50;
    item.columns.push_back(title);
    item.columns.push_back(test::with_default(test::col("n", ColumnType::integer), "1"));
    item.columns.push_back(test::null_col("note"));
    item.columns.push_back(test::ref_col("owner_id", "owner", orm::OnDelete::set_null, true));
    item.indexes = {test::index("item", {"title"}, true), test::index("item", {"n", "title"})};
    item.indexes[1].name = "item_sorted";
    item.checks = {{"item_n_check", {"\"n\" >= 0", "\"n\" >= 0"}}};
    after = before;
    auto& now = after[1];
    now.columns[1] = renamed(now.columns[1], "headline");
    now.columns[2] = renamed(now.columns[2], "amount");
    now.columns[2].type = ColumnType::bigint;
    now.columns[2].default_value = "2";
    now.columns[3] = renamed(now.columns[3], "remark");
    now.columns[3].nullable = false;
    now.columns[3].default_value = "'-'";
    now.columns[4] = renamed(now.columns[4], "boss_id");
    now.indexes = {test::index("item", {"headline"}, true), test::index("item", {"amount", "headline"})};
    now.indexes[1].name = "item_sorted";
    now.checks = {{"item_n_check", {"\"amount\" >= 0", "\"amount\" >= 0"}}};
  }

  /// Makes the tables, with rows.
  void prepare(db::Database& database) const {
    Migrator migrator(&database, {modules.models("m", before)});
    migrator.make();
    migrator.apply();
    database.execute_script(
        "INSERT INTO owner (id) VALUES (1), (2); "
        "INSERT INTO item (title, n, note, owner_id) VALUES ('a', 1, NULL, 1), ('b', 2, 'x', NULL)");
  }
};

struct Release : Renames {
  test::FreshDatabase database;

  explicit Release(db::Dialect dialect) : database(dialect) { prepare(*database); }

  Migrator migrator() { return Migrator(&*database, {modules.models("m", after)}); }
  void run(const std::string& sql) { database->execute_script(sql); }
  std::vector<std::string> old_rows() {
    return test::texts(*database,
                       "SELECT CAST(id AS text), title, CAST(n AS text), note, CAST(owner_id AS text) FROM "
                       "item ORDER BY id");
  }
  std::vector<std::string> new_rows() {
    return test::texts(*database,
                       "SELECT CAST(id AS text), headline, CAST(amount AS text), remark, CAST(boss_id AS "
                       "text) FROM item ORDER BY id");
  }
};

std::string lines(const std::vector<std::string>& all) {
  std::string result;
  for (const auto& each : all) result += each + "\n";
  return result;
}

migrate::ApplyOptions pass() {
  migrate::ApplyOptions options;
  options.borders = Borders::pass;
  return options;
}
migrate::ApplyOptions stop() {
  migrate::ApplyOptions options;
  options.borders = Borders::stop;
  return options;
}

std::set<std::string> wanted_catalog(const std::vector<orm::Table>& tables, db::Dialect dialect) {
  if (dialect == db::Dialect::sqlite) return test::catalog_of(tables);
  const test::FreshDatabase fresh(dialect);
  return test::catalog_of(tables, *fresh);
}

}  // namespace

TEST_CASE("a renamed column is there twice until the border, and holds the same") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      Release release(dialect);
      const auto before = test::catalog(*release.database);
      const auto rows = release.old_rows();
      const auto made = release.migrator().make();
      REQUIRE(made.size() == 2);
      CHECK_FALSE(made[0].border);
      CHECK(made[1].border);
      CHECK(
          lines(made[0].operations) ==
          "expand column item.title to headline\nexpand column item.n to amount\nexpand column item.note to "
          "remark\nexpand column item.owner_id to boss_id\ncreate index item_headline_key\ncreate index "
          "mpf_next_item_sorted\n");
      CHECK(lines(made[1].operations) ==
            "drop index item_sorted\ndrop index item_title_key\ndrop check item_n_check\ncontract column "
            "item.n "
            "to amount\ncontract column item.note to remark\ncontract column item.owner_id to "
            "boss_id\ncontract column item.title to headline\nrename index mpf_next_item_sorted to "
            "item_sorted\nadd check item_n_check\nalter column item.amount\nalter column item.remark\n");
      for (const auto& each : made) {
        CHECK(each.unsafe.empty());
        CHECK(each.losses.empty());
      }
      CHECK(release.migrator().make().empty());
      CHECK(release.migrator().lint().empty());

      CHECK(release.migrator().apply(stop()).size() == 1);
      CHECK(release.migrator().check().catalog.empty());
      CHECK(release.old_rows() == rows);
      CHECK(release.new_rows() == rows);
      const auto between = test::catalog(*release.database);

      CHECK(release.migrator().apply(pass()).size() == 1);
      CHECK(release.migrator().check().catalog.empty());
      CHECK(test::catalog(*release.database) == wanted_catalog(release.after, dialect));
      // The last step gave the older rows what may no longer be null.
      CHECK(release.new_rows() == std::vector<std::string>{"1|a|1|-|1", rows[1]});

      release.run("INSERT INTO item (headline, boss_id) VALUES ('c', 2)");
      release.migrator().rollback("m", "0003");
      CHECK(test::catalog(*release.database) == between);
      CHECK(release.old_rows() == std::vector<std::string>{"1|a|1|-|1", rows[1], "3|c|2|-|2"});
      release.migrator().rollback("m", "0002");
      CHECK(test::catalog(*release.database) == before);
      CHECK(release.old_rows() == std::vector<std::string>{"1|a|1|-|1", rows[1], "3|c|2|-|2"});
      CHECK(release.migrator().apply(pass()).size() == 2);
      CHECK(test::catalog(*release.database) == wanted_catalog(release.after, dialect));
    });
  }
}

TEST_CASE("what either release writes the other one reads") {
  struct Case {
    const char* what;
    const char* sql;
    const char* rows;  ///< of the third row, alike for both
  };
  const std::string insert = "INSERT INTO item (headline, amount, remark, boss_id) VALUES ('c', 3, 'y', 2); ";
  const std::vector<Case> cases{
      {"the old one inserts all", "INSERT INTO item (title, n, note, owner_id) VALUES ('c', 3, 'y', 2)",
       "3|c|3|y|2"},
      {"the old one leaves defaults out", "INSERT INTO item (title) VALUES ('c')", "3|c|1|NULL|NULL"},
      {"the new one inserts all",
       "INSERT INTO item (headline, amount, remark, boss_id) VALUES ('c', 3, 'y', 2)", "3|c|3|y|2"},
      {"the new one inserts what the old one has as default",
       "INSERT INTO item (headline, amount) VALUES ('c', 1)", "3|c|1|NULL|NULL"},
      {"the new one writes null", "INSERT INTO item (headline, amount, boss_id) VALUES ('c', 0, NULL)",
       "3|c|0|NULL|NULL"},
      {"the old one updates", "UPDATE item SET title = 'd', n = 4, note = 'z', owner_id = 1 WHERE id = 3",
       "3|d|4|z|1"},
      {"the new one updates",
       "UPDATE item SET headline = 'd', amount = 4, remark = 'z', boss_id = 1 WHERE id = 3", "3|d|4|z|1"},
      {"the old one writes null", "UPDATE item SET note = NULL, owner_id = NULL WHERE id = 3",
       "3|c|3|NULL|NULL"},
      {"the new one writes null over it", "UPDATE item SET remark = NULL, boss_id = NULL WHERE id = 3",
       "3|c|3|NULL|NULL"},
      {"the old one counts", "UPDATE item SET n = n + 1 WHERE id = 3", "3|c|4|y|2"},
      {"the new one counts", "UPDATE item SET amount = amount + 1 WHERE id = 3", "3|c|4|y|2"},
      {"the old one upserts",
       "INSERT INTO item (title, n) VALUES ('c', 9) ON CONFLICT (title) DO UPDATE SET n = EXCLUDED.n",
       "3|c|9|y|2"},
      {"the new one upserts",
       "INSERT INTO item (headline, amount) VALUES ('c', 9) ON CONFLICT (headline) DO UPDATE SET amount = "
       "EXCLUDED.amount",
       "3|c|9|y|2"},
      {"what they refer to goes", "DELETE FROM owner WHERE id = 2", "3|c|3|y|NULL"},
  };
  test::run([&] {
    Release release(db::Dialect::postgres);
    release.migrator().make();
    release.migrator().apply();
    for (const auto& each : cases) {
      CAPTURE(each.what);
      release.run("DELETE FROM item; INSERT INTO owner (id) VALUES (2) ON CONFLICT DO NOTHING");
      release.run("ALTER TABLE item ALTER COLUMN id RESTART WITH 3");
      const std::string sql = each.sql;
      if (!sql.starts_with("INSERT") || test::contains(sql, "CONFLICT")) release.run(insert);
      release.run(sql);
      CHECK(release.old_rows() == std::vector<std::string>{each.rows});
      CHECK(release.new_rows() == std::vector<std::string>{each.rows});
    }
    // The rules of both hold for both.
    ErrorKind kind{};
    for (const auto* bad :
         {"UPDATE item SET amount = -1", "UPDATE item SET n = -1",
          "UPDATE item SET headline = repeat('x', 51)", "UPDATE item SET title = NULL",
          "INSERT INTO item (headline) VALUES ('c')", "INSERT INTO item (title) VALUES ('c')"}) {
      CAPTURE(bad);
      CHECK_FALSE(test::error_of([&] { release.run(bad); }, &kind).empty());
    }
    // What only the new type holds waits for the old release to be gone.
    CHECK(test::contains(test::error_of([&] { release.run("UPDATE item SET amount = 5000000000"); }),
                         "out of range"));
    CHECK(release.migrator().apply(pass()).size() == 1);
    release.run("UPDATE item SET amount = 5000000000");
    CHECK(test::number(*release.database,
                       "SELECT count(*) FROM pg_proc WHERE proname LIKE 'mpf\\_same\\_%'") == 0);
  });
}

TEST_CASE("both releases write all the while, and nothing is lost") {
  test::run([] {
    Release release(db::Dialect::postgres);
    constexpr int rows = 12'000;
    constexpr int each = 20;
    release.run("INSERT INTO item (title, n) SELECT 'r' || g, g FROM generate_series(1, " +
                std::to_string(rows) + ") g");
    release.migrator().make();
    std::atomic<bool> old_runs{true};
    std::atomic<bool> new_runs{true};
    int old_writes = 0;
    int new_writes = 0;
    // Each release counts its own rows up, by the name that it knows, and adds new ones.
    const auto writer = [&](const std::atomic<bool>& runs, int& writes, const char* title, const char* count,
                            const char* prefix, int rest) {
      return fiber::spawn([&, title, count, prefix, rest] {
        while (runs) {
          ++writes;
          for (int i = 0; i < each; ++i) {
            const auto name = "r" + std::to_string(1 + (writes * 977 + i * 591) % (rows / 2) * 2 - rest);
            release.database->execute(
                {std::string("UPDATE item SET ") + count + " = " + count + " + 1 WHERE " + title + " = $1",
                 {name},
                 db::Access::write});
          }
          release.database->execute(
              {std::string("INSERT INTO item (") + title + ", " + count + ") VALUES ($1, 7)",
               {prefix + std::to_string(writes)},
               db::Access::write});
        }
      });
    };
    auto old_release = writer(old_runs, old_writes, "title", "n", "o", 0);
    while (old_writes < 3) fiber::yield();
    CHECK(release.migrator().apply().size() == 1);
    auto new_release = writer(new_runs, new_writes, "headline", "amount", "n", 1);
    const int then = old_writes;
    while (new_writes < 5 || old_writes < then + 5) fiber::yield();
    old_runs = false;
    old_release.get();
    const int so_far = new_writes;
    CHECK(release.migrator().apply(pass()).size() == 1);
    while (new_writes < so_far + 3) fiber::yield();
    new_runs = false;
    new_release.get();
    const auto count = [&](const std::string& sql) { return test::number(*release.database, sql); };
    CHECK(count("SELECT count(*) FROM item WHERE headline LIKE 'o%' AND amount = 7") == old_writes);
    CHECK(count("SELECT count(*) FROM item WHERE headline LIKE 'n%' AND amount = 7") == new_writes);
    CHECK(
        count(
            "SELECT sum(amount - substr(headline, 2)::bigint)::bigint FROM item WHERE headline LIKE 'r%'") ==
        static_cast<std::int64_t>(old_writes + new_writes) * each);
    CHECK(release.migrator().check().catalog.empty());
  });
}

TEST_CASE("a rename that cannot go in two steps is refused without a reason, and with one done at once") {
  struct Case {
    const char* what;
    std::function<void(orm::Table&)> change;  ///< of the table with a column "c", which then is called "d"
    std::function<void(orm::Column&)> also = {};
  };
  const auto as_text = [](orm::Table& table) { table.columns[1] = test::col("c"); };
  const std::vector<Case> cases{
      {"a key",
       [](orm::Table& table) {
         table.columns[0].name = "c";
         table.columns[1].name = "x";
       }},
      {"whose rows they are", [](orm::Table& table) { table.tenant_column = "c"; }},
      {"another one is generated from it",
       [](orm::Table& table) {
         auto made = test::null_col("made", ColumnType::bigint);
         made.generated = orm::SqlText{"\"c\" + 1", "\"c\" + 1"};
         table.columns.push_back(made);
       }},
      {"a type that does not hold every value", as_text,
       [](orm::Column& column) { column.type = ColumnType::integer; }},
      {"fewer digits", [](orm::Table& table) { table.columns[1].type = ColumnType::bigint; },
       [](orm::Column& column) { column.type = ColumnType::integer; }},
      {"a default of the database that null cannot be told from",
       [](orm::Table& table) {
         table.columns[1].nullable = true;
         table.columns[1].computed_default = orm::SqlText{"1 + 1", "1 + 1"};
       }},
  };
  for (const auto& each : cases) {
    CAPTURE(each.what);
    test::run([&] {
      const test::Modules modules;
      const test::FreshDatabase database(db::Dialect::postgres);
      auto table = test::table("t", {test::id_col(), test::col("c", ColumnType::integer)});
      each.change(table);
      const auto migrator = [&] { return Migrator(&*database, {modules.models("m", {table})}); };
      migrator().make();
      migrator().apply();
      for (auto& column : table.columns) {
        if (column.name != "c") continue;
        column = renamed(column, "d");
        if (each.also) each.also(column);
      }
      if (!table.tenant_column.empty()) table.tenant_column = "d";
      for (auto& column : table.columns) {
        if (column.generated) column.generated = orm::SqlText{"\"d\" + 1", "\"d\" + 1"};
      }
      auto made = migrator().make({.name = {}, .dry_run = true, .reason = {}});
      REQUIRE(made.size() == 1);
      REQUIRE_FALSE(made[0].unsafe.empty());
      CHECK(test::contains(made[0].unsafe[0], "rename column t.c to d"));
      made = migrator().make({.name = {}, .dry_run = false, .reason = "nobody is here"});
      CHECK(made.at(0).unsafe.empty());
      CHECK(migrator().apply().size() == 1);
      CHECK(migrator().check().catalog.empty());
    });
  }
}

TEST_CASE("with a reason a column is renamed at once") {
  test::run([] {
    Release release(db::Dialect::postgres);
    const auto made = release.migrator().make({.name = {}, .dry_run = false, .reason = "nobody is here"});
    REQUIRE(made.size() == 1);
    CHECK(std::ranges::count(made[0].operations, "rename column item.title to headline") == 1);
    CHECK(release.migrator().apply().size() == 1);
    CHECK(test::catalog(*release.database) == wanted_catalog(release.after, db::Dialect::postgres));
  });
}

TEST_CASE("check sees a trigger that is off, and the border does not drop what differs") {
  test::run([] {
    Release release(db::Dialect::postgres);
    release.migrator().make();
    release.migrator().apply();
    release.run("ALTER TABLE item DISABLE TRIGGER USER; UPDATE item SET title = 'lost' WHERE id = 1");
    const auto found = release.migrator().check().catalog;
    REQUIRE(found.size() == 8);  // four that lack, four that are there besides
    CHECK(test::contains(found[0], "trigger mpf_same_"));
    ErrorKind kind{};
    const auto message = test::error_of([&] { release.migrator().apply(pass()); }, &kind);
    CHECK(kind == ErrorKind::conflict);
    CHECK(test::contains(message, "1 rows have another value in item.title than in item.headline"));
    release.run("UPDATE item SET headline = title; ALTER TABLE item ENABLE TRIGGER USER");
    CHECK(release.migrator().apply(pass()).size() == 1);
    CHECK(test::texts(*release.database, "SELECT headline FROM item ORDER BY id").at(0) == "lost");
  });
}

TEST_CASE("rollback is refused before anything is changed while the old type cannot hold a value") {
  test::run([] {
    Release release(db::Dialect::postgres);
    release.migrator().make();
    release.migrator().apply(pass());
    const auto catalog = test::catalog(*release.database);
    release.run("UPDATE item SET amount = 5000000000 WHERE id = 2");
    CHECK(test::contains(test::error_of([&] { release.migrator().rollback("m", "0003"); }), "out of range"));
    release.run("UPDATE item SET amount = 5 WHERE id = 2");
    release.migrator().rollback("m", "0003");
    release.migrator().apply(pass());
    CHECK(test::catalog(*release.database) == catalog);
  });
}

TEST_CASE("squashed, the steps of a rename lead to the same tables") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      Release release(dialect);
      release.migrator().make();
      release.migrator().apply(pass());
      const auto catalog = test::catalog(*release.database);
      const auto squashed = release.migrator().squash("m", "0002", "0003");
      CHECK(release.migrator().apply().empty());
      CHECK(test::catalog(*release.database) == catalog);
      release.migrator().rollback("m", squashed.id.name);
      CHECK(release.old_rows() == std::vector<std::string>{"1|a|1|-|1", "2|b|2|x|NULL"});
      CHECK(release.migrator().apply(pass()).size() == 1);
      CHECK(test::catalog(*release.database) == catalog);
      release.migrator().squash("m", "0001", squashed.id.name);
      const test::FreshDatabase fresh(dialect);
      Migrator(&*fresh, {release.modules.models("m", release.after)}).apply();
      CHECK(test::catalog(*fresh) == catalog);
    });
  }
}

TEST_CASE("squashed up to the border, the columns are still there twice before it") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      Release release(dialect);
      release.migrator().make();
      release.migrator().apply(pass());
      const auto catalog = test::catalog(*release.database);
      release.migrator().squash("m", "0001", "0002");
      CHECK(release.migrator().make().empty());
      CHECK(release.migrator().apply().empty());
      const test::FreshDatabase fresh(dialect);
      Migrator(&*fresh, {release.modules.models("m", release.after)}).apply();
      CHECK(test::catalog(*fresh) == catalog);
    });
  }
}

TEST_CASE("files by hand that contradict it are refused, with line and remedy") {
  const std::string expand =
      "  - expand_column: {table: t, from: a, column: {name: b, type: text, nullable: true}}\n";
  struct Case {
    std::string operations;
    const char* message;
  };
  const std::vector<Case> cases{
      {"  - contract_column: {table: t, from: a, to: b}\n", "'expand_column' comes before it"},
      {expand + "  - drop_column: {table: t, column: a}\n", "'contract_column' comes before it"},
      {expand + "  - rename_column: {table: t, from: b, to: c}\n", "'contract_column' comes before it"},
      {expand + "  - drop_table: {table: t}\n", "'contract_column' comes before it"},
      {expand + "  - rename_table: {from: t, to: u}\n", "'contract_column' comes before it"},
      {expand + "  - alter_column: {table: t, column: {name: a, type: integer, nullable: true}}\n",
       "'contract_column' comes before it"},
      {expand +
           "  - alter_column: {table: t, column: {name: b, type: text, nullable: true, default: \"'x'\"}}\n",
       "give it one by 'alter_column' after the 'contract_column'"},
      {"  - expand_column: {table: t, from: id, column: {name: b, type: id}}\n", "that is the primary key"},
      {"  - expand_column: {table: t, from: a, column: {name: b, type: text}}\n", "may not be null"},
      {"  - expand_column: {table: t, from: x, column: {name: b, type: text}}\n", "has no column 'x'"},
      {"  - expand_column: {table: t, from: a, column: {name: id, type: text, nullable: true}}\n",
       "has a column 'id' already"},
      {"  - expand_column: {table: t, from: a, column: {name: b, type: text}, back: true}\n", "'back'"},
      {"  - rename_index: {table: t, from: i, to: j}\n", "has no index 'i'"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.operations);
    test::run([&] {
      const test::Modules modules;
      const auto database = modules.open();
      const auto table = test::table("t", {test::id_col(), test::null_col("a")});
      Migrator migrator(database.get(), {modules.models("m", {table})});
      migrator.make();
      modules.write("m", "0002_x",
                    "migration:\n  module: m\n  name: 0002_x\n  depends: [m/0001_initial]\noperations:\n" +
                        each.operations);
      const auto message = test::error_of([&] { migrator.apply(); });
      CHECK(test::contains(message, "0002_x.yaml:"));
      CHECK(test::contains(message, each.message));
    });
  }
}

TEST_CASE("killed before any write of a rename, apply goes on from there, and so does rollback") {
  const test::Modules modules;
  auto table =
      test::table("t", {test::id_col(), test::with_default(test::col("c", ColumnType::integer), "1")},
                  {test::index("t", {"c"})});
  const auto models = [&] { return std::vector{modules.models("m", {table})}; };
  const auto wanted = [&] {
    std::set<std::string> result;
    test::run([&] { result = wanted_catalog({table}, db::Dialect::postgres); });
    return result;
  };
  /// A database with rows and what is applied, to be copied.
  const auto prepare = [&](bool all) {
    const auto options = test::Postgres::shared().fresh();
    const auto database = db::open_postgres(options);
    Migrator migrator(database.get(), models());
    migrator.apply({.module = "m", .name = "0001"});
    database->execute_script("INSERT INTO t (c) SELECT g FROM generate_series(1, 6000) g");
    if (all) migrator.apply(pass());
    return options.database;
  };
  test::run([&] { Migrator(nullptr, models()).make(); });
  const auto before = wanted();
  table.columns[1] = renamed(table.columns[1], "d");
  table.columns[1].type = ColumnType::text;
  table.columns[1].default_value = "'1'";
  table.indexes = {test::index("t", {"d"})};
  test::run([&] { CHECK(Migrator(nullptr, models()).make().size() == 2); });
  const auto after = wanted();
  for (const bool back : {false, true}) {
    CAPTURE(back);
    std::string model;
    test::run([&] { model = prepare(back); });
    const auto go_on = [&](db::Database& database) {
      Migrator migrator(&database, models());
      if (!back) {
        migrator.apply(pass());
      } else if (migrator.show().at(1).state != migrate::MigrationState::pending) {
        migrator.rollback("m", "0002");
      }
    };
    int points = 0;
    for (bool more = true; more; ++points) {
      CAPTURE(points);
      db::PostgresOptions options;
      test::run([&] { options = test::Postgres::shared().copy(model); });
      more = test::killed_at(options, points, go_on);
      test::run([&] {
        {
          const auto database = db::open_postgres(options);
          go_on(*database);
          CHECK(test::catalog(*database) == (back ? before : after));
          const std::string whole = back ? "c = id" : "d = id::text";
          CHECK(test::number(*database, "SELECT count(*) FROM t WHERE " + whole) == 6000);
          CHECK(test::number(*database, "SELECT count(*) FROM mpf_migration_progress") == 0);
          CHECK(test::number(*database, "SELECT count(*) FROM pg_proc WHERE proname LIKE 'mpf\\_same\\_%'") ==
                0);
        }
        test::Postgres::shared().drop(options.database);
      });
    }
    CHECK(points > 25);
  }
}
