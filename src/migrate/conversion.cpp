#include <algorithm>
#include <cstdlib>

#include <mpf/base/decimal.hpp>

#include "migrate/sql.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

using db::Dialect;
using orm::ColumnType;

bool is_whole(ColumnType type) noexcept {
  return type == ColumnType::smallint || type == ColumnType::integer || type == ColumnType::bigint ||
         type == ColumnType::id;
}
bool is_floating(ColumnType type) noexcept { return type == ColumnType::real || type == ColumnType::float4; }
/// Whole numbers are decimals without digits behind the point.
bool is_exact(ColumnType type) noexcept { return is_whole(type) || type == ColumnType::decimal; }
int scale_of(const orm::Column& column) { return column.type == ColumnType::decimal ? column.scale : 0; }

constexpr std::size_t decimal_digits = 18;
/// Decimal digits that the largest value of a whole number has.
std::size_t width(ColumnType type) noexcept {
  if (type == ColumnType::smallint) return 5;
  return type == ColumnType::integer ? 10 : 19;
}
/// Decimal digits that a floating-point number keeps.
std::size_t exact_digits(ColumnType type) noexcept { return type == ColumnType::real ? 15 : 6; }

/// From one scale to another, as SQLite keeps decimals.
Conversion rescaled(const std::string& name, int from, int to) {
  std::int64_t power = 1;
  for (int i = std::abs(to - from); i > 0; --i) power *= 10;
  const auto factor = std::to_string(power);
  if (from == to) return {name, {}};
  if (to < from) return {name + " / " + factor, name + " % " + factor + " <> 0"};
  const auto most = std::to_string(decimal::max_coefficient / power);
  return {name + " * " + factor, name + " NOT BETWEEN -" + most + " AND " + most};
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
  if (is_floating(to)) return {"CAST(" + name + " AS REAL)", back("REAL") + " AND " + back("INTEGER")};
  return {"CAST(" + name + " AS INTEGER)", back("INTEGER")};
}

Conversion on_sqlite(const std::string& name, const orm::Column& before, const orm::Column& after) {
  const auto from = before.type;
  const auto to = after.type;
  if (from == ColumnType::text) return from_text(name, to);
  if (to == ColumnType::text) {
    if (from == ColumnType::json) return {name, {}};
    if (from == ColumnType::boolean) {
      return {"CASE " + name + " WHEN 1 THEN 'true' WHEN 0 THEN 'false' END", {}};
    }
    return {"CAST(" + name + " AS TEXT)", {}};
  }
  if (to == ColumnType::boolean) return {name, name + " NOT IN (0, 1)"};
  if (is_exact(from) && is_exact(to)) return rescaled(name, scale_of(before), scale_of(after));
  if (is_floating(to)) return {"CAST(" + name + " AS REAL)", {}};
  if (is_floating(from)) {
    return {"CAST(" + name + " AS INTEGER)", "CAST(" + name + " AS INTEGER) <> " + name};
  }
  return {name, {}};
}

Conversion on_postgres(const std::string& name, const orm::Column& before, const orm::Column& after) {
  const auto from = before.type;
  const auto to = after.type;
  const auto type = orm::ddl::type_name(after, Dialect::postgres);
  if (to == ColumnType::boolean && is_whole(from)) return {"(" + name + " <> 0)", name + " NOT IN (0, 1)"};
  if (from == ColumnType::boolean && is_whole(to)) return {name + "::integer::" + type, {}};
  auto value = name + "::" + type;
  if (is_floating(from) && is_whole(to)) return {std::move(value), name + " <> trunc(" + name + ")"};
  if (from == ColumnType::decimal && is_exact(to) && scale_of(after) < scale_of(before)) {
    return {std::move(value), name + " <> trunc(" + name + ", " + std::to_string(scale_of(after)) + ")"};
  }
  return {std::move(value), {}};
}

}  // namespace

bool convertible(ColumnType from, ColumnType to) noexcept {
  if (from == to) return true;
  if (from == ColumnType::text) std::swap(from, to);
  if (to == ColumnType::text) {
    return is_whole(from) || from == ColumnType::boolean || is_floating(from) || from == ColumnType::json;
  }
  if ((is_exact(from) && is_exact(to)) || (is_floating(from) && is_floating(to))) return true;
  if (from == ColumnType::boolean || is_floating(from)) std::swap(from, to);
  return is_whole(from) && (to == ColumnType::boolean || is_floating(to));
}

bool convertible(const orm::Column& from, const orm::Column& to) noexcept {
  return convertible(from.type, to.type) && from.element == to.element;
}

bool keeps_all(const orm::Column& from, const orm::Column& to) noexcept {
  if (!convertible(from, to)) return false;
  if (from.type == to.type) return to.scale == from.scale;  // digits behind the point are missing before it
  if (to.type == ColumnType::text || from.type == ColumnType::boolean) return true;
  if (is_whole(from.type) && is_whole(to.type)) return width(from.type) <= width(to.type);
  // 18 digits are what a decimal has, before and behind the point.
  if (is_whole(from.type) && to.type == ColumnType::decimal) {
    return width(from.type) + static_cast<std::size_t>(to.scale) <= decimal_digits;
  }
  if (is_whole(from.type) && is_floating(to.type)) return width(from.type) <= exact_digits(to.type);
  return from.type == ColumnType::float4 && to.type == ColumnType::real;
}

bool keeps_or_refuses(const orm::Column& from, const orm::Column& to) noexcept {
  if (keeps_all(from, to)) return true;
  return is_whole(from.type) && is_exact(to.type);
}

bool narrows(const orm::Column& from, const orm::Column& to) {
  if (from.type != to.type) return false;
  if (to.max_length && (!from.max_length || *to.max_length < *from.max_length)) return true;
  if (to.choices.empty()) return false;
  return from.choices.empty() || std::ranges::any_of(from.choices, [&](const std::string& choice) {
           return std::ranges::count(to.choices, choice) == 0;
         });
}

Conversion conversion(const std::string& name, const orm::Column& from, const orm::Column& to,
                      Dialect dialect) {
  if (from.type == to.type && from.scale == to.scale) return {name, {}};
  return dialect == Dialect::sqlite ? on_sqlite(name, from, to) : on_postgres(name, from, to);
}

std::string zero_literal(const orm::Column& column, Dialect dialect) {
  if (column.references || column.primary_key) return {};
  const bool sqlite = dialect == Dialect::sqlite;
  switch (column.type) {
    case ColumnType::boolean:
      return sqlite ? "0" : "FALSE";
    case ColumnType::smallint:
    case ColumnType::integer:
    case ColumnType::bigint:
    case ColumnType::id:
    case ColumnType::decimal:
      return "0";
    case ColumnType::float4:
    case ColumnType::real:
      return "0.0";
    case ColumnType::text:
      return column.choices.empty() ? "''" : orm::ddl::literal(column.choices.front());
    case ColumnType::bytes:
      return sqlite ? "x''" : "'\\x'";
    case ColumnType::timestamp:
      return sqlite ? "0" : "'1970-01-01T00:00:00Z'";
    case ColumnType::date:
      return sqlite ? "0" : "'1970-01-01'";
    case ColumnType::duration:
      return sqlite ? "0" : "'0'";
    case ColumnType::uuid:
      return orm::ddl::literal(db::Param(Uuid()), dialect);
    case ColumnType::json:
      return "'null'";
    case ColumnType::network:
      return orm::ddl::literal(db::Param(IpNetwork()), dialect);
    case ColumnType::array:
      return sqlite ? "'[]'" : "'{}'";
    case ColumnType::range:
      return sqlite ? R"('{"empty":true}')" : "'empty'";
  }
  return {};
}

}  // namespace mpf::migrate
