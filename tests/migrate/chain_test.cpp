#include <doctest/doctest.h>

#include <cstdlib>
#include <random>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;
using orm::ColumnType;

namespace {

/// One change of the models, said by numbers alone: it can be left out of a chain, and the others still mean
/// something.
struct Change {
  std::uint32_t kind = 0;
  std::uint32_t table = 0;
  std::uint32_t part = 0;
  std::uint32_t value = 0;
};

struct Owned {
  std::string module;
  orm::Table table;
};

/// The models of two modules, and how each name of today was called yesterday.
class Models {
 public:
  std::vector<Owned> tables;
  std::map<std::string, std::string> old_tables;   ///< today → yesterday; new ones are missing
  std::map<std::string, std::string> old_columns;  ///< "table.column" of today → column of yesterday
  bool unsafe = false;                             ///< the last change is refused without a reason

  /// What it did, for people; empty when there was nothing to do it to.
  std::string make(const Change& change) {
    settle();
    if (tables.empty() || (change.kind % 14 == 0 && tables.size() < 5)) return add_table(change);
    auto& owned = tables[change.table % tables.size()];
    auto& table = owned.table;
    switch (change.kind % 14) {
      case 0:
      case 1:
        return add_column(table, change);
      case 2:
        return drop_column(table, change);
      case 3:
        return rename_column(table, change);
      case 4:
        return rename_table(owned, change);
      case 5:
        return alter_type(table, change);
      case 6:
        return alter_null(table, change);
      case 7:
        return alter_default(table, change);
      case 8:
        return toggle_index(table, change);
      case 9:
        return toggle_check(table);
      case 10:
        return add_reference(table, change);
      case 11:
        return move(owned);
      case 12:
        return change.value % 3 == 0 ? drop_table(change) : limit(table, change);
      default:
        return toggle_security(table);
    }
  }

  std::vector<migrate::ModuleModels> of(const test::Modules& modules) const {
    std::vector<migrate::ModuleModels> result{modules.models("a", {}), modules.models("b", {})};
    for (const auto& each : tables) result[each.module == "a" ? 0 : 1].tables.push_back(each.table);
    return result;
  }
  std::vector<orm::Table> all() const {
    std::vector<orm::Table> result;
    for (const auto& each : tables) result.push_back(each.table);
    return result;
  }

 private:
  void settle() {
    unsafe = false;
    old_tables.clear();
    old_columns.clear();
    for (auto& each : tables) {
      each.table.renamed_from.clear();
      each.table.moved_from.clear();
      old_tables[each.table.name] = each.table.name;
      for (auto& column : each.table.columns) {
        column.renamed_from.clear();
        old_columns[each.table.name + "." + column.name] = column.name;
      }
    }
  }

  std::string fresh(const char* what) { return what + std::to_string(++names_); }

  /// A column that is neither the id, a reference, nor generated.
  static orm::Column* plain(orm::Table& table, std::uint32_t part) {
    std::vector<orm::Column*> found;
    for (auto& column : table.columns) {
      if (!column.primary_key && !column.references) found.push_back(&column);
    }
    return found.empty() ? nullptr : found[part % found.size()];
  }
  static bool is_used(const orm::Table& table, const std::string& column) {
    const auto named = "\"" + column + "\"";
    return table.tenant_column == column || std::ranges::any_of(table.checks, [&](const auto& c) {
             return test::contains(c.condition.sqlite, named);
           });
  }

  std::string add_table(const Change& change) {
    auto table = test::table(fresh("t"), {test::id_col(), test::col("name")});
    table.columns.push_back(test::with_default(test::col("n", ColumnType::integer), "7"));
    tables.push_back({change.value % 2 == 0 ? "a" : "b", table});
    return "add table " + table.name;
  }
  std::string add_column(orm::Table& table, const Change& change) {
    static const std::vector<std::pair<ColumnType, std::string>> types{
        {ColumnType::text, "'x'"},     {ColumnType::integer, "3"},
        {ColumnType::boolean, "TRUE"}, {ColumnType::timestamp, "'2026-11-21T09:00:00Z'"},
        {ColumnType::real, "1.5"},     {ColumnType::date, "'2026-11-21'"}};
    const auto& [type, literal] = types[change.value % types.size()];
    auto column = test::with_default(test::col(fresh("c"), type), literal);
    column.nullable = change.part % 3 == 0;
    if (column.nullable && change.part % 2 == 0) column.default_value.reset();
    table.columns.push_back(column);
    return "add column " + table.name + "." + column.name;
  }
  std::string drop_column(orm::Table& table, const Change& change) {
    auto* column = plain(table, change.part);
    if (!column || table.columns.size() < 3 || is_used(table, column->name)) return {};
    const auto name = column->name;
    std::erase_if(table.indexes,
                  [&](const auto& index) { return std::ranges::count(index.columns, name) > 0; });
    std::erase_if(table.columns, [&](const auto& each) { return each.name == name; });
    return "drop column " + table.name + "." + name;
  }
  std::string rename_column(orm::Table& table, const Change& change) {
    auto* column = plain(table, change.part);
    if (!column || is_used(table, column->name)) return {};
    const auto from = column->name;
    const auto to = fresh("r");
    column->name = to;
    column->renamed_from = from;
    old_columns[table.name + "." + to] = from;
    for (auto& index : table.indexes) {
      if (std::ranges::count(index.columns, from) == 0) continue;
      std::ranges::replace(index.columns, from, to);
      index = test::index(table.name, index.columns, index.unique);
    }
    // At once, with another type and at once, in two steps, or so with another type.
    unsafe = change.value % 3 == 0;
    const bool widened = change.value % 2 == 0 && widen(*column);
    return "rename column " + table.name + "." + from + " to " + to + (widened ? " with another type" : "");
  }
  std::string rename_table(Owned& owned, const Change&) {
    const auto from = owned.table.name;
    const auto to = fresh("t");
    owned.table.name = to;
    owned.table.renamed_from = from;
    old_tables[to] = from;
    for (const auto& column : owned.table.columns) old_columns[to + "." + column.name] = column.name;
    for (auto& index : owned.table.indexes) index = test::index(to, index.columns, index.unique);
    for (auto& check : owned.table.checks) check.name = to + check.name.substr(from.size());
    for (auto& each : tables) {
      for (auto& column : each.table.columns) {
        if (column.references && column.references->table == from) column.references->table = to;
      }
    }
    unsafe = true;
    return "rename table " + from + " to " + to;
  }
  std::string alter_type(orm::Table& table, const Change& change) {
    auto* column = plain(table, change.part);
    if (!column || is_used(table, column->name) || !widen(*column)) return {};
    unsafe = true;
    return "alter type of " + table.name + "." + column->name;
  }
  static bool widen(orm::Column& column) {
    static const std::map<ColumnType, std::pair<ColumnType, std::string>> next{
        {ColumnType::integer, {ColumnType::bigint, "4"}},
        {ColumnType::bigint, {ColumnType::text, "'4'"}},
        {ColumnType::boolean, {ColumnType::text, "'true'"}}};
    const auto found = next.find(column.type);
    if (found == next.end()) return false;
    column.type = found->second.first;
    if (column.default_value) column.default_value = found->second.second;
    return true;
  }
  std::string alter_null(orm::Table& table, const Change& change) {
    auto* column = plain(table, change.part);
    if (!column || (column->nullable && !column->default_value)) return {};
    column->nullable = !column->nullable;
    return "alter null of " + table.name + "." + column->name;
  }
  std::string alter_default(orm::Table& table, const Change& change) {
    auto* column = plain(table, change.part);
    if (!column || column->type != ColumnType::integer) return {};
    column->default_value = std::to_string(change.value % 1000);
    return "alter default of " + table.name + "." + column->name;
  }
  std::string toggle_index(orm::Table& table, const Change& change) {
    auto* column = plain(table, change.part);
    if (!column) return {};
    const bool unique = change.value % 3 == 0;
    const auto wanted = unique ? test::index(table.name, {"id", column->name}, true)
                               : test::index(table.name, {column->name});
    const auto erased =
        std::erase_if(table.indexes, [&](const auto& index) { return index.name == wanted.name; });
    if (erased == 0) table.indexes.push_back(wanted);
    return (erased == 0 ? "add index " : "drop index ") + wanted.name;
  }
  std::string toggle_check(orm::Table& table) {
    const auto name = table.name + "_id_check";
    if (std::erase_if(table.checks, [&](const auto& check) { return check.name == name; }) == 0) {
      table.checks.push_back({name, {"\"id\" > 0", "\"id\" > 0"}});
      return "add check " + name;
    }
    return "drop check " + name;
  }
  std::string add_reference(orm::Table& table, const Change& change) {
    const auto& to = tables[change.part % tables.size()].table;
    auto column =
        test::ref_col(fresh("ref"), to.name,
                      change.value % 2 == 0 ? orm::OnDelete::cascade : orm::OnDelete::set_null, true);
    table.columns.push_back(column);
    return "add reference " + table.name + "." + column.name + " to " + to.name;
  }
  static std::string move(Owned& owned) {
    owned.table.moved_from = owned.module;
    owned.module = owned.module == "a" ? "b" : "a";
    return "move table " + owned.table.name + " to " + owned.module;
  }
  std::string drop_table(const Change& change) {
    const auto at = change.table % tables.size();
    const auto name = tables[at].table.name;
    if (tables.size() < 2) return {};
    for (const auto& each : tables) {
      for (const auto& column : each.table.columns) {
        if (column.references && column.references->table == name && each.table.name != name) return {};
      }
    }
    tables.erase(tables.begin() + static_cast<std::ptrdiff_t>(at));
    return "drop table " + name;
  }
  std::string limit(orm::Table& table, const Change& change) {
    auto* column = plain(table, change.part);
    if (!column || column->type != ColumnType::text) return {};
    if (column->max_length) {
      column->max_length.reset();
    } else {
      column->max_length = 100 + change.value % 50;
    }
    return "limit " + table.name + "." + column->name;
  }
  std::string toggle_security(orm::Table& table) {
    unsafe = true;
    if (table.row_security) {
      table.row_security.reset();
      return "drop row security of " + table.name;
    }
    table.row_security = orm::RowSecurity{.role = "mpf_of_chains"};
    return "set row security of " + table.name;
  }

  int names_ = 0;
};

/// Whether nulls in it are filled in.
bool forbids_null(const Models& models, const std::string& name) {
  for (const auto& [module, table] : models.tables) {
    for (const auto& column : table.columns) {
      if (table.name + "." + column.name == name) return !column.nullable;
    }
  }
  return false;
}

/// Three rows for a table that is new, and for a reference that is new the row of the same id.
void fill(db::Database& database, const Models& models) {
  for (const auto& [module, table] : models.tables) {
    const auto name = orm::ddl::quote(table.name);
    for (int i = 1; i <= 3 && !models.old_tables.contains(table.name); ++i) {
      database.execute_script("INSERT INTO " + name + " (name, n) VALUES ('row " + std::to_string(i) + "', " +
                              std::to_string(i * 10) + ")");
    }
    for (const auto& column : table.columns) {
      if (!column.references || models.old_columns.contains(table.name + "." + column.name)) continue;
      database.execute_script("UPDATE " + name + " SET " + orm::ddl::quote(column.name) + " = id");
    }
  }
}

using Values = std::map<std::string, std::vector<std::string>>;  // "table.column" → values by id

/// Values as every type that they may be turned into says them.
std::vector<std::string> values_of(db::Database& database, const std::string& table,
                                   const orm::Column& column) {
  auto all = test::texts(database, "SELECT CAST(" + orm::ddl::quote(column.name) + " AS text) FROM " +
                                       orm::ddl::quote(table) + " ORDER BY id");
  for (auto& each : all) {
    if (column.type != ColumnType::boolean) continue;
    if (each == "1" || each == "t") each = "true";
    if (each == "0" || each == "f") each = "false";
  }
  return all;
}

Values read(db::Database& database, const Models& models) {
  Values result;
  for (const auto& [module, table] : models.tables) {
    for (const auto& column : table.columns)
      result[table.name + "." + column.name] = values_of(database, table.name, column);
  }
  return result;
}

/// What is wrong; empty when all is well.
std::string run_chain(const std::vector<Change>& changes, db::Dialect dialect) {
  std::string history;
  try {
    return test::run([&]() -> std::string {
      const test::Modules modules;
      const test::FreshDatabase database(dialect);
      Models models;
      for (const auto& change : changes) {
        const auto values = read(*database, models);
        const auto what = models.make(change);
        if (what.empty()) continue;
        history += "\n  " + what;
        Migrator migrator(&*database, models.of(modules));
        const auto made =
            migrator.make({.name = {}, .dry_run = false, .reason = models.unsafe ? "a test" : ""});
        if (made.empty()) return "nothing was made" + history;
        if (!migrator.make().empty()) return "a second make is not empty" + history;
        const auto before = test::catalog(*database);
        const migrate::ApplyOptions pass{.borders = migrate::Borders::pass};
        const auto applied = migrator.apply(pass);
        if (applied.size() != made.size()) return "not all was applied" + history;
        const auto kept = [&](const char* when) -> std::string {
          const auto now = read(*database, models);
          for (const auto& [name, column] : models.old_columns) {
            const auto table = name.substr(0, name.find('.'));
            const auto old_table = models.old_tables.find(table);
            if (!now.contains(name) || old_table == models.old_tables.end()) continue;
            auto was = values.at(old_table->second + "." + column);
            const auto& is = now.at(name);
            for (std::size_t i = 0; i < was.size() && i < is.size(); ++i) {
              // Filled with the default.
              if (was[i] == "NULL" && is[i] != "NULL" && forbids_null(models, name)) was[i] = is[i];
            }
            if (was != is) return std::string("values of ") + name + " are others " + when + history;
          }
          return {};
        };
        if (auto wrong = kept("after it"); !wrong.empty()) return wrong;
        // There and back again, but where rows go.
        const bool loses = std::ranges::any_of(made, [](const auto& each) { return !each.losses.empty(); });
        if (!loses) {
          for (auto id = applied.rbegin(); id != applied.rend(); ++id)
            migrator.rollback(id->module, id->name);
          if (test::catalog(*database) != before)
            return "the catalog is another after the way back" + history;
          migrator.apply(pass);
          if (auto wrong = kept("after there and back"); !wrong.empty()) return wrong;
        }
        fill(*database, models);
      }
      Migrator migrator(&*database, models.of(modules));
      for (const auto& each : migrator.check().catalog) return each + history;
      if (dialect == db::Dialect::sqlite) {
        return test::catalog(*database) == test::catalog_of(models.all())
                   ? ""
                   : "the catalog is not that of the models" + history;
      }
      const test::FreshDatabase fresh(dialect);
      return test::catalog(*database) == test::catalog_of(models.all(), *fresh)
                 ? ""
                 : "the catalog is not that of the models" + history;
    });
  } catch (const std::exception& e) {
    return e.what() + history;
  }
}

/// Leaves out what the failure does not need: halves, quarters, then one by one.
std::vector<Change> reduced(std::vector<Change> changes, db::Dialect dialect) {
  for (auto size = changes.size() / 2; size > 0; size /= 2) {
    for (std::size_t at = 0; at + size <= changes.size();) {
      auto fewer = changes;
      const auto first = fewer.begin() + static_cast<std::ptrdiff_t>(at);
      fewer.erase(first, first + static_cast<std::ptrdiff_t>(size));
      if (run_chain(fewer, dialect).empty()) {
        at += size;
      } else {
        changes = std::move(fewer);
      }
    }
  }
  return changes;
}

void check_chain(unsigned seed, db::Dialect dialect) {
  CAPTURE(seed);
  CAPTURE(dialect);
  std::mt19937 random(seed);
  std::vector<Change> changes(50);
  for (auto& each : changes) {
    each = {static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random()),
            static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random())};
  }
  if (run_chain(changes, dialect).empty()) return;
  FAIL_CHECK("shortest chain that fails: " << run_chain(reduced(changes, dialect), dialect));
}

/// MPF_TEST_SEED tries another chain, again and again the same.
unsigned first_seed() {
  const char* given = std::getenv("MPF_TEST_SEED");
  return given ? static_cast<unsigned>(std::atoi(given)) : std::random_device()() % 1'000'000;
}

}  // namespace

TEST_CASE(
    "random chains of 50 changes: make leads there, then nowhere; rows are kept; back is where it was") {
  const auto seed = first_seed();
  MESSAGE("MPF_TEST_SEED=" << seed);
  for (unsigned i = 0; i < 3; ++i) check_chain(seed + i, db::Dialect::sqlite);
  check_chain(seed, db::Dialect::postgres);
}
