#include "orm/value_rows.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <variant>

#include "orm/ddl.hpp"
#include "orm/value_list.hpp"
#include "orm/write.hpp"

namespace mpf::orm::detail {

namespace {

/// What one statement carries in arrays; as many as in a list of values in any case.
constexpr std::size_t most_rows = 10'000;
constexpr std::size_t most_bytes = std::size_t{32} << 20;

/// The array that carries a column's values, if there is one. Integers come as 64 bits and real numbers as
/// 64, and become what the column is when they are assigned.
std::string_view array_type(ColumnType type) {
  switch (type) {
    case ColumnType::boolean:
      return "boolean[]";
    case ColumnType::smallint:
    case ColumnType::integer:
    case ColumnType::bigint:
    case ColumnType::id:
      return "bigint[]";
    case ColumnType::float4:
    case ColumnType::real:
      return "float8[]";
    case ColumnType::text:
      return "text[]";
    case ColumnType::timestamp:
      return "timestamptz[]";
    case ColumnType::date:
      return "date[]";
    case ColumnType::uuid:
      return "uuid[]";
    case ColumnType::decimal:
      return "numeric[]";
    case ColumnType::duration:
      return "interval[]";
    case ColumnType::network:
      return "inet[]";
    case ColumnType::bytes:
      return "bytea[]";
    case ColumnType::json:
      return "jsonb[]";
    case ColumnType::array:
    case ColumnType::range:
      break;
  }
  return {};
}

/// Of those that statements carry as they are; the others go as text.
std::optional<ElementType> element_type(ColumnType type) {
  switch (type) {
    case ColumnType::boolean:
      return ElementType::boolean;
    case ColumnType::smallint:
    case ColumnType::integer:
    case ColumnType::bigint:
    case ColumnType::id:
      return ElementType::integer;
    case ColumnType::float4:
    case ColumnType::real:
      return ElementType::real;
    case ColumnType::text:
      return ElementType::text;
    case ColumnType::timestamp:
      return ElementType::timestamp;
    case ColumnType::date:
      return ElementType::date;
    case ColumnType::uuid:
      return ElementType::uuid;
    default:
      return std::nullopt;
  }
}

/// The column that a value of that kind is of.
struct Carries {
  std::string_view operator()(bool) const { return "boolean[]"; }
  std::string_view operator()(std::int64_t) const { return "bigint[]"; }
  std::string_view operator()(double) const { return "float8[]"; }
  std::string_view operator()(const std::string&) const { return "text[]"; }
  std::string_view operator()(const db::Bytes&) const { return "bytea[]"; }
  std::string_view operator()(Timestamp) const { return "timestamptz[]"; }
  std::string_view operator()(db::Numeric) const { return "numeric[]"; }
  std::string_view operator()(Date) const { return "date[]"; }
  std::string_view operator()(Microseconds) const { return "interval[]"; }
  std::string_view operator()(const Uuid&) const { return "uuid[]"; }
  std::string_view operator()(const db::JsonText&) const { return "jsonb[]"; }
  std::string_view operator()(const IpNetwork&) const { return "inet[]"; }
  std::string_view operator()(const auto&) const { return {}; }
};

std::size_t size_of(const db::Param& value) {
  if (const auto* const text = std::get_if<std::string>(&value)) return text->size();
  if (const auto* const bytes = std::get_if<db::Bytes>(&value)) return 2 * bytes->size();
  if (const auto* const json = std::get_if<db::JsonText>(&value)) return json->text.size();
  return 8;
}

const Column& column_at(const RowValues& values, std::size_t i) {
  return values.model.table.columns[values.columns[i]];
}

/// Nothing, and 0, where a value is none of its column's array: an own codec may bind what the database makes
/// fit.
std::size_t write_arrays(Sql& sql, const RowValues& values, std::size_t first) {
  const std::size_t width = values.columns.size();
  std::vector<std::vector<db::Param>> lists(width);
  const std::size_t most = std::min(most_rows, values.rows - first);
  const std::size_t least = rows_per_statement(width);
  for (auto& list : lists) list.reserve(most);
  std::size_t rows = 0;
  for (std::size_t bytes = 0; rows < most && (rows < least || bytes < most_bytes); ++rows) {
    for (std::size_t i = 0; i < width; ++i) {
      db::Param value = values.value(first + rows, i);
      const bool null = std::holds_alternative<std::nullptr_t>(value);
      if (!null && std::visit(Carries{}, value) != array_type(column_at(values, i).type)) return 0;
      bytes += size_of(value);
      lists[i].push_back(std::move(value));
    }
  }
  sql << "SELECT * FROM unnest(";
  for (std::size_t i = 0; i < width; ++i) {
    const ColumnType type = column_at(values, i).type;
    sql << (i == 0 ? "CAST(" : ", CAST(");
    if (const auto element = element_type(type)) {
      sql.bind(db::Array(*element, std::move(lists[i])));
    } else {
      sql.bind(array_literal(lists[i]));
    }
    sql << " AS " << array_type(type) << ")";
  }
  sql << ")";
  return rows;
}

std::size_t write_list_of_rows(Sql& sql, const RowValues& values, std::size_t first) {
  const std::size_t rows = std::min(rows_per_statement(values.columns.size()), values.rows - first);
  sql << "VALUES ";
  for (std::size_t row = 0; row < rows; ++row) {
    sql << (row == 0 ? "(" : ", (");
    // PostgreSQL takes the types of a list of values from its first row.
    const bool typed = row == 0 && !sql.sqlite();
    for (std::size_t i = 0; i < values.columns.size(); ++i) {
      if (i > 0) sql << ", ";
      if (typed) sql << "CAST(";
      sql.bind(values.value(first + row, i));
      if (typed) sql << " AS " << ddl::type_name(column_at(values, i), db::Dialect::postgres) << ")";
    }
    sql << ")";
  }
  return rows;
}

}  // namespace

std::size_t write_rows(Sql& sql, const RowValues& values, std::size_t first) {
  const auto has_array = [&](std::size_t column) {
    return !array_type(values.model.table.columns[column].type).empty();
  };
  if (!sql.sqlite() && values.rows > 1 && std::ranges::all_of(values.columns, has_array)) {
    if (const std::size_t rows = write_arrays(sql, values, first); rows > 0) return rows;
  }
  return write_list_of_rows(sql, values, first);
}

}  // namespace mpf::orm::detail
