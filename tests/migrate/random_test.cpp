#include <doctest/doctest.h>

#include <array>
#include <random>
#include <set>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using orm::ColumnType;

namespace {

/// Makes table sets that have a lot in common, so that going from one to another does every kind of change.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_);
  }
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }

  std::vector<migrate::ModuleModels> models(const test::Modules& modules) {
    std::vector<std::string> names;
    for (int i = 0; i < 6; ++i) {
      if (chance(70)) names.push_back("t" + std::to_string(i));
    }
    owned_.clear();
    for (const auto& name : names) {
      if (chance(50)) owned_.insert(name);
    }
    std::vector<migrate::ModuleModels> result{modules.models("a", {}), modules.models("b.x", {}),
                                              modules.models("c", {})};
    for (const auto& name : names) {
      // A table stays with its module nine times of ten.
      const auto home = static_cast<std::size_t>(name[1] - '0') % 3;
      result[chance(90) ? home : below(3)].tables.push_back(table(name, names));
    }
    std::map<std::string, std::string> owners;
    for (auto& module : result) {
      for (auto& each : module.tables) {
        if (const auto was = owners_.find(each.name); was != owners_.end()) each.moved_from = was->second;
        owners[each.name] = module.module;
      }
    }
    owners_ = std::move(owners);
    return result;
  }

 private:
  orm::Table table(const std::string& name, const std::vector<std::string>& all) {
    auto result = test::table(name, {test::id_col()});
    for (int i = 0; i < 16; ++i) {
      if (chance(i < 7 ? 60 : 35))
        result.columns.push_back(column("c" + std::to_string(i), static_cast<std::size_t>(i)));
    }
    for (int i = 0; i < 2; ++i) {
      if (!chance(50)) continue;
      // References may go in circles, within a module and between them.
      auto reference =
          test::ref_col("r" + std::to_string(i), all[below(all.size())], orm::OnDelete::cascade, true);
      static constexpr std::array rules{orm::OnDelete::cascade, orm::OnDelete::set_null,
                                        orm::OnDelete::set_default, orm::OnDelete::do_nothing};
      auto& to = *reference.references;
      to.on_delete = rules[below(rules.size())];
      if (to.on_delete == orm::OnDelete::set_default) reference.default_value = "NULL";
      if (owned_.contains(name) && owned_.contains(to.table) && chance(70)) {
        to.tenant = to.target_tenant = "owner";
      }
      result.columns.push_back(reference);
    }
    if (owned_.contains(name)) {
      result.columns.push_back(test::with_default(test::col("owner", ColumnType::id), "1"));
      result.indexes.push_back(test::index(name, {"owner", "id"}, true));
    }
    add_generated(result);
    std::shuffle(result.columns.begin() + 1, result.columns.end(), engine_);
    for (std::size_t i = 1; i < result.columns.size(); ++i) {
      if (chance(25)) result.indexes.push_back(test::index(name, {result.columns[i].name}));
      // Uniqueness together with the id: rows never break it.
      const bool other = result.columns[i].name != "owner";  // that one is a key already
      if (chance(10) && other) {
        result.indexes.push_back(test::index(name, {"id", result.columns[i].name}, true));
      }
    }
    add_rules(result);
    if (chance(20) && result.columns.size() > 1) result.tenant_column = result.columns[1].name;
    return result;
  }

  void add_generated(orm::Table& table) {
    if (!chance(40)) return;
    auto made = test::col("g", ColumnType::bigint);
    made.nullable = chance(30);
    const std::string number = std::to_string(below(3));
    const auto* place = find(table, "c14");
    const std::string from = place ? "coalesce(\"c14\", 0)" : "\"id\"";
    made.generated = orm::SqlText{from + " + " + number, from + " + " + number};
    table.columns.push_back(made);
  }

  void add_rules(orm::Table& table) {
    const auto rule = [&](const std::string& name, const std::string& sql) {
      table.checks.push_back({table.name + "_" + name + "_check", {sql, sql}});
    };
    if (chance(30)) rule("id", chance(50) ? "\"id\" > 0" : "\"id\" >= 0");
    if (find(table, "c14") && chance(50))
      rule("c14", "\"c14\" IS NULL OR \"c14\" < " + std::to_string(5 + below(3)));
    if (find(table, "g") && chance(50)) rule("g", "\"g\" >= 0");
    if (find(table, "c4") && chance(40)) {
      auto lowered = test::index(table.name, {"c4", "expr"});
      lowered.columns.clear();
      lowered.expressions = {{"lower(\"c4\")", "lower(\"c4\")"}};
      if (chance(50)) lowered.where = orm::SqlText{"\"id\" > 1", "\"id\" > 1"};
      table.indexes.push_back(lowered);
    }
    if (find(table, "c10") && chance(40)) {
      auto words = test::index(table.name, {"c10"});
      if (std::ranges::find(table.indexes, words.name, &orm::Index::name) == table.indexes.end()) {
        words.method = orm::IndexMethod::gin;
        table.indexes.push_back(words);
      }
    }
    if (find(table, "c4") && chance(50)) {
      std::vector<std::string> columns{"c4"};
      const auto* more = find(table, "c0");
      if (more && more->type == ColumnType::text && chance(50)) columns.insert(columns.begin(), "c0");
      table.indexes.push_back(test::search_index(table.name, std::move(columns)));
    }
    if (find(table, "c8") && chance(40)) {
      auto together = test::index(table.name, {"c8", "id"}, true);
      together.nulls_equal = chance(50);
      if (chance(50)) together.descending = {"id"};
      table.indexes.push_back(together);
    }
  }

  static const orm::Column* find(const orm::Table& table, const std::string& name) {
    const auto found = std::ranges::find(table.columns, name, &orm::Column::name);
    return found == table.columns.end() ? nullptr : &*found;
  }

  /// Within one place types are convertible into each other.
  orm::Column column(const std::string& name, std::size_t place) {
    static const std::vector<std::vector<std::pair<ColumnType, std::string>>> types{
        {{ColumnType::text, "'7'"}, {ColumnType::integer, "3"}, {ColumnType::bigint, "4"}},
        {{ColumnType::integer, "1"}, {ColumnType::bigint, "0"}, {ColumnType::real, "2.0"}},
        {{ColumnType::boolean, "TRUE"}, {ColumnType::text, "'false'"}},
        {{ColumnType::text, "'null'"}, {ColumnType::json, "'null'"}},
        {{ColumnType::text, "''"}},
        {{ColumnType::timestamp, "'2026-11-21T09:00:00Z'"}},
        {{ColumnType::bytes, "x'00ff'"}},
        {{ColumnType::decimal, "2.00"}, {ColumnType::bigint, "3"}},
        {{ColumnType::date, "'2026-11-21'"}},
        {{ColumnType::uuid, "'0190163d-8694-739b-aea5-966c26f8ad91'"}},
        {{ColumnType::array, "'[]'"}},
        {{ColumnType::duration, "1000"}},
        {{ColumnType::network, "'10.0.0.0/8'"}},
        {{ColumnType::range, "'{\"empty\":true}'"}},
        {{ColumnType::smallint, "1"}, {ColumnType::integer, "2"}},
        {{ColumnType::float4, "0.5"}, {ColumnType::real, "1.5"}},
    };
    const auto& [type, literal] = types[place][below(types[place].size())];
    auto result = test::with_default(test::col(name, type), literal);
    if (type == ColumnType::decimal) result.scale = 2 + static_cast<int>(below(3));
    if (type == ColumnType::array) result.element = orm::ElementType::text;
    if (type == ColumnType::range) result.element = orm::ElementType::date;
    result.nullable = chance(40);
    if (place == 15 && chance(30)) {
      result.default_value.reset();
      result.computed_default = orm::SqlText{"1.0 + 1.0", "1.0 + 1.0"};
    }
    if (result.nullable && chance(50)) result.default_value.reset();
    result.byte_order = type == ColumnType::text && chance(50);
    if (place == 4) {
      if (chance(40)) result.max_length = 10 + below(5);
      if (chance(40)) result.choices = {"", "it's", "two"};
    }
    return result;
  }

  std::mt19937 engine_;
  std::set<std::string> owned_;  ///< tables whose rows belong to somebody
  std::map<std::string, std::string> owners_;
};

std::vector<orm::Table> tables_of(const std::vector<migrate::ModuleModels>& models) {
  std::vector<orm::Table> all;
  for (const auto& module : models) all.insert(all.end(), module.tables.begin(), module.tables.end());
  return all;
}

/// A few rows in every table: what has to be there, and numbers that tell one from another.
void fill(db::Database& database, const std::vector<orm::Table>& tables) {
  for (const auto& table : tables) {
    const auto name = orm::ddl::quote(table.name);
    for (int i = 0; i < 3; ++i)
      database.execute({"INSERT INTO " + name + " DEFAULT VALUES", {}, db::Access::write});
    for (const auto& column : table.columns) {
      if (column.name != "c0" && column.name != "c1") continue;
      const bool text = column.type == ColumnType::text;
      database.execute_script("UPDATE " + name + " SET " + orm::ddl::quote(column.name) + " = " +
                              (text ? "CAST(id + 100 AS text)" : "id + 100") + " WHERE id % 3 > 0");
    }
  }
}

struct Held {
  orm::Column column;
  std::vector<std::string> values;  ///< by id
};
using Rows = std::map<std::string, Held>;  // "table.column" → what it holds

Rows read(db::Database& database, const std::vector<orm::Table>& tables) {
  Rows rows;
  for (const auto& table : tables) {
    for (const auto& column : table.columns) {
      rows[table.name + "." + column.name] = {
          column, test::texts(database, "SELECT CAST(" + orm::ddl::quote(column.name) + " AS text) FROM " +
                                            orm::ddl::quote(table.name) + " ORDER BY id")};
    }
  }
  return rows;
}

/// What a migration keeps of a column is all of it, but for nulls that it forbids.
void check_kept(const Rows& before, const Rows& after) {
  for (const auto& [name, is] : after) {
    const auto found = before.find(name);
    if (found == before.end() || is.column.generated || found->second.column.generated) continue;
    const auto& was = found->second;
    const bool same_type = was.column.type == is.column.type && was.column.scale == is.column.scale &&
                           was.column.element == is.column.element;
    const bool same_words = is.column.name == "c0";  // whole numbers, as text or not
    if (!same_type && !same_words) continue;
    auto wanted = was.values;
    for (std::size_t i = 0; i < wanted.size() && i < is.values.size(); ++i) {
      if (wanted[i] == "NULL" && !is.column.nullable) wanted[i] = is.values[i];
    }
    CAPTURE(name);
    CHECK(is.values == wanted);
  }
}

std::map<std::string, std::int64_t> row_counts(db::Database& database,
                                               const std::vector<orm::Table>& tables) {
  std::map<std::string, std::int64_t> counts;
  for (const auto& table : tables)
    counts[table.name] = test::number(database, "SELECT count(*) FROM \"" + table.name + "\"");
  return counts;
}

/// The safe form where there is one for all of the change.
std::vector<migrate::MigrationId> migrate_safely(migrate::Migrator& migrator) {
  const auto planned = migrator.make({.name = {}, .dry_run = true, .reason = {}});
  const bool unsafe = std::ranges::any_of(planned, [](const auto& each) { return !each.unsafe.empty(); });
  migrator.make({.name = {}, .dry_run = false, .reason = unsafe ? "nobody else is here" : ""});
  REQUIRE(migrator.make().empty());
  return migrator.apply({.borders = migrate::Borders::pass});
}

/// Undoes those; one may take others with it.
void roll_back(migrate::Migrator& migrator, const std::vector<migrate::MigrationId>& applied) {
  for (auto id = applied.rbegin(); id != applied.rend(); ++id) {
    const auto statuses = migrator.show();
    const auto now = std::ranges::find(statuses, *id, &migrate::MigrationStatus::id);
    if (now->state == migrate::MigrationState::applied) migrator.rollback(id->module, id->name);
  }
}

/// How many rows the tables have that were there before; each keeps its own.
void check_rows(db::Database& database, const std::map<std::string, std::int64_t>& before,
                const std::vector<orm::Table>& tables) {
  for (const auto& [name, count] : row_counts(database, tables)) {
    CAPTURE(name);
    const auto known = before.find(name);
    CHECK(count == (known == before.end() ? 0 : known->second));
  }
}

}  // namespace

TEST_CASE(
    "random models: make leads there, a second make is empty, apply and rollback give the same catalogs") {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    test::run([&] {
      const test::Modules modules;
      Random random(seed);
      const auto database = modules.open();
      auto before = std::set<std::string>{};
      std::map<std::string, std::int64_t> rows;
      Rows held;
      for (int step = 0; step < 6; ++step) {
        CAPTURE(step);
        const auto models = random.models(modules);
        const auto tables = tables_of(models);
        migrate::Migrator migrator(database.get(), models);
        migrator.make();
        REQUIRE(migrator.make().empty());

        const auto applied = migrator.apply();
        REQUIRE(migrator.pending().empty());
        check_rows(*database, rows, tables);
        check_kept(held, read(*database, tables));
        const auto wanted = test::catalog_of(tables);
        REQUIRE(test::catalog(*database) == wanted);
        REQUIRE(test::texts(*database, "PRAGMA foreign_key_check").empty());

        // Back and forth again, with the rows that there are; dropped tables come back empty.
        if (!applied.empty()) {
          roll_back(migrator, applied);
          REQUIRE(test::catalog(*database) == before);
          migrator.apply();
          REQUIRE(test::catalog(*database) == wanted);
          check_rows(*database, rows, tables);
          check_kept(held, read(*database, tables));
        }
        REQUIRE(test::texts(*database, "PRAGMA integrity_check") == std::vector<std::string>{"ok"});
        REQUIRE(test::wrong_search_tables(*database).empty());
        REQUIRE(migrator.check().catalog.empty());
        fill(*database, tables);
        rows = row_counts(*database, tables);
        held = read(*database, tables);
        before = wanted;
      }
      // From nothing in one go: the same.
      const auto fresh = modules.open("fresh.db");
      Random again(seed);
      auto models = again.models(modules);
      for (int step = 1; step < 6; ++step) models = again.models(modules);
      migrate::Migrator(fresh.get(), models).apply();
      REQUIRE(test::catalog(*fresh) == before);
    });
  }
}

TEST_CASE("random models on PostgreSQL: the same") {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    test::run([&] {
      const test::Modules modules;
      Random random(seed);
      const test::FreshDatabase database(db::Dialect::postgres);
      auto before = std::set<std::string>{};
      std::map<std::string, std::int64_t> rows;
      Rows held;
      for (int step = 0; step < 5; ++step) {
        CAPTURE(step);
        const auto models = random.models(modules);
        const auto tables = tables_of(models);
        migrate::Migrator migrator(&*database, models);
        const auto applied = migrate_safely(migrator);
        check_rows(*database, rows, tables);
        check_kept(held, read(*database, tables));
        const test::FreshDatabase fresh(db::Dialect::postgres);
        const auto wanted = test::catalog_of(tables, *fresh);
        REQUIRE(test::catalog(*database) == wanted);
        roll_back(migrator, applied);
        REQUIRE(test::catalog(*database) == before);
        migrator.apply({.borders = migrate::Borders::pass});
        REQUIRE(test::catalog(*database) == wanted);
        check_rows(*database, rows, tables);
        check_kept(held, read(*database, tables));
        REQUIRE(migrator.check().catalog.empty());
        fill(*database, tables);
        rows = row_counts(*database, tables);
        held = read(*database, tables);
        before = wanted;
      }
    });
  }
}
