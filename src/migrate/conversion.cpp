#include <algorithm>

#include "migrate/sql.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

using db::Dialect;
using orm::ColumnType;

bool is_whole(ColumnType type) noexcept {
  return type == ColumnType::integer || type == ColumnType::bigint || type == ColumnType::id;
}

Conversion from_text(const std::string& name, ColumnType to) {
  if (to == ColumnType::boolean) {
    return {"CASE " + name + " WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
            name + " NOT IN ('true', 'false')"};
  }
  if (to == ColumnType::json) return {name, name + " IS NOT NULL AND NOT json_valid(" + name + ")"};
  const auto back = [&](const char* type) {
    return "CAST(CAST(" + name + " AS " + type + ") AS TEXT) <> " + name;
  };
  if (to == ColumnType::real) return {"CAST(" + name + " AS REAL)", back("REAL") + " AND " + back("INTEGER")};
  return {"CAST(" + name + " AS INTEGER)", back("INTEGER")};
}

Conversion on_sqlite(const std::string& name, ColumnType from, ColumnType to) {
  if (from == ColumnType::text) return from_text(name, to);
  if (to == ColumnType::text) {
    if (from == ColumnType::json) return {name, {}};
    if (from == ColumnType::boolean) {
      return {"CASE " + name + " WHEN 1 THEN 'true' WHEN 0 THEN 'false' END", {}};
    }
    return {"CAST(" + name + " AS TEXT)", {}};
  }
  if (to == ColumnType::boolean) return {name, name + " NOT IN (0, 1)"};
  if (to == ColumnType::real) return {"CAST(" + name + " AS REAL)", {}};
  if (from == ColumnType::real) {
    return {"CAST(" + name + " AS INTEGER)", "CAST(" + name + " AS INTEGER) <> " + name};
  }
  return {name, {}};
}

Conversion on_postgres(const std::string& name, ColumnType from, ColumnType to) {
  if (to == ColumnType::boolean && is_whole(from)) return {"(" + name + " <> 0)", name + " NOT IN (0, 1)"};
  if (from == ColumnType::boolean && is_whole(to)) {
    return {name + "::integer::" + std::string(orm::ddl::type_name(to, Dialect::postgres)), {}};
  }
  auto value = name + "::" + std::string(orm::ddl::type_name(to, Dialect::postgres));
  if (from == ColumnType::real && is_whole(to)) return {std::move(value), name + " <> trunc(" + name + ")"};
  return {std::move(value), {}};
}

}  // namespace

bool convertible(ColumnType from, ColumnType to) noexcept {
  if (from == to) return true;
  if (from == ColumnType::text) std::swap(from, to);
  if (to == ColumnType::text) {
    return is_whole(from) || from == ColumnType::boolean || from == ColumnType::real ||
           from == ColumnType::json;
  }
  if (from == ColumnType::boolean || from == ColumnType::real) std::swap(from, to);
  return is_whole(from) && (is_whole(to) || to == ColumnType::boolean || to == ColumnType::real);
}

Conversion conversion(const std::string& name, ColumnType from, ColumnType to, Dialect dialect) {
  if (from == to) return {name, {}};
  return dialect == Dialect::sqlite ? on_sqlite(name, from, to) : on_postgres(name, from, to);
}

std::string zero_literal(const orm::Column& column, Dialect dialect) {
  if (column.references || column.primary_key) return {};
  const bool sqlite = dialect == Dialect::sqlite;
  switch (column.type) {
    case ColumnType::boolean:
      return sqlite ? "0" : "FALSE";
    case ColumnType::integer:
    case ColumnType::bigint:
    case ColumnType::id:
      return "0";
    case ColumnType::real:
      return "0.0";
    case ColumnType::text:
      return column.choices.empty() ? "''" : orm::ddl::literal(column.choices.front());
    case ColumnType::bytes:
      return sqlite ? "x''" : "'\\x'";
    case ColumnType::timestamp:
      return sqlite ? "0" : "'1970-01-01T00:00:00Z'";
    case ColumnType::json:
      return "'null'";
  }
  return {};
}

}  // namespace mpf::migrate
