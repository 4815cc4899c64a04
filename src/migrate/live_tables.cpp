#include "migrate/live_tables.hpp"

#include <algorithm>

#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

std::vector<std::string> names(db::Database& database, const std::string& sql,
                               std::vector<db::Param> params = {}) {
  std::vector<std::string> result;
  database.execute({sql, std::move(params), db::Access::read},
                   [&](const db::Row& row) { result.emplace_back(row.text(0)); });
  std::ranges::sort(result);
  return result;
}

}  // namespace

std::vector<std::string> unknown_tables(db::Database& database, const State& state) {
  const bool sqlite = database.dialect() == db::Dialect::sqlite;
  auto result =
      names(database, sqlite ? "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = "
                               "'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
                             : "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND "
                               "relnamespace = current_schema()::regnamespace");
  std::erase_if(result, [&](const std::string& name) {
    return name == "mpf_migration" || name == "mpf_migration_progress" || state.find(name);
  });
  return result;
}

std::vector<std::string> referring_tables(db::Database& database, const std::string& table) {
  const bool sqlite = database.dialect() == db::Dialect::sqlite;
  return names(
      database,
      sqlite ? "SELECT DISTINCT t.name FROM pragma_table_list t, pragma_foreign_key_list(t.name) f WHERE "
               "t.schema = 'main' AND t.type = 'table' AND f.\"table\" = ? COLLATE NOCASE"
             : "SELECT DISTINCT t.relname::text FROM pg_constraint c JOIN pg_class t ON t.oid = "
               "c.conrelid WHERE c.contype = 'f' AND c.confrelid = to_regclass($1)",
      {sqlite ? table : orm::ddl::quote(table)});
}

}  // namespace mpf::migrate
