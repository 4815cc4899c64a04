#pragma once

#include <string>
#include <utility>
#include <vector>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

/// Two releases of an application, between which columns get other names.
namespace mpf::test {

inline orm::Table owner() { return table("owner", {id_col()}); }

inline orm::Column renamed(orm::Column column, const std::string& to) {
  column.renamed_from = column.name;
  column.name = to;
  return column;
}

/// A table in use, four of whose columns get other names, one with another type, one with other rules; an
/// index and a check keep their names, another index does not.
struct Renames {
  Modules modules;
  std::vector<orm::Table> before{owner(), table("item", {id_col()})};
  std::vector<orm::Table> after;

  Renames() {
    auto& item = before[1];
    auto title = col("title");
    title.max_length = 50;
    item.columns.push_back(title);
    item.columns.push_back(with_default(col("n", orm::ColumnType::integer), "1"));
    item.columns.push_back(null_col("note"));
    item.columns.push_back(ref_col("owner_id", "owner", orm::OnDelete::set_null, true));
    item.indexes = {index("item", {"title"}, true), index("item", {"n", "title"})};
    item.indexes[1].name = "item_sorted";
    item.checks = {{"item_n_check", {"\"n\" >= 0", "\"n\" >= 0"}}};
    after = before;
    auto& now = after[1];
    now.columns[1] = renamed(now.columns[1], "headline");
    now.columns[2] = renamed(now.columns[2], "amount");
    now.columns[2].type = orm::ColumnType::bigint;
    now.columns[2].default_value = "2";
    now.columns[3] = renamed(now.columns[3], "remark");
    now.columns[3].nullable = false;
    now.columns[3].default_value = "'-'";
    now.columns[4] = renamed(now.columns[4], "boss_id");
    now.indexes = {index("item", {"headline"}, true), index("item", {"amount", "headline"})};
    now.indexes[1].name = "item_sorted";
    now.checks = {{"item_n_check", {"\"amount\" >= 0", "\"amount\" >= 0"}}};
  }

  /// Makes the tables, with rows.
  void prepare(db::Database& database) const {
    migrate::Migrator migrator(&database, {modules.models("m", before)});
    migrator.make();
    migrator.apply();
    database.execute_script(
        "INSERT INTO owner (id) VALUES (1), (2); "
        "INSERT INTO item (title, n, note, owner_id) VALUES ('a', 1, NULL, 1), ('b', 2, 'x', NULL)");
  }
};

struct Release : Renames {
  FreshDatabase database;

  explicit Release(db::Dialect dialect) : database(dialect) { prepare(*database); }

  migrate::Migrator migrator() { return migrate::Migrator(&*database, {modules.models("m", after)}); }
  void run(const std::string& sql) { database->execute_script(sql); }
  std::vector<std::string> old_rows() {
    return texts(*database,
                 "SELECT CAST(id AS text), title, CAST(n AS text), note, CAST(owner_id AS text) FROM "
                 "item ORDER BY id");
  }
  std::vector<std::string> new_rows() {
    return texts(*database,
                 "SELECT CAST(id AS text), headline, CAST(amount AS text), remark, CAST(boss_id AS "
                 "text) FROM item ORDER BY id");
  }
};

inline std::string lines(const std::vector<std::string>& all) {
  std::string result;
  for (const auto& each : all) result += each + "\n";
  return result;
}

inline migrate::ApplyOptions pass() { return {.borders = migrate::Borders::pass}; }
inline migrate::ApplyOptions stop() { return {.borders = migrate::Borders::stop}; }

}  // namespace mpf::test
