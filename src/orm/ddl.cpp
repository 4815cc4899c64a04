#include "orm/ddl.hpp"

#include <mpf/orm/ddl.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>

#include <mpf/base/decimal.hpp>
#include <mpf/base/error.hpp>
#include <mpf/base/hash.hpp>
#include <mpf/base/text.hpp>

namespace mpf::orm::ddl {
namespace {

using db::Dialect;

/// PostgreSQL cuts longer names off without a word.
constexpr std::size_t max_identifier = 63;

std::string quoted(std::string_view text, char mark) {
  std::string result(1, mark);
  for (const char c : text) {
    if (c == mark) result.push_back(mark);
    result.push_back(c);
  }
  result.push_back(mark);
  return result;
}

std::string constraint_name(std::string_view table, std::string_view column, std::string_view what) {
  auto name = std::string(table) + "_" + std::string(column);
  if (name.size() + 1 + what.size() > max_identifier) {
    const auto digest = sha256(name).substr(0, 8);
    name = std::string(truncate_utf8(name, max_identifier - what.size() - digest.size() - 2)) + "_" + digest;
  }
  return name + "_" + std::string(what);
}

bool is_word(std::string_view text, std::string_view word) noexcept { return iequals(text, word); }

bool is_number(std::string_view text) noexcept {
  std::size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const auto digits = [&] {
    const auto begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at > begin;
  };
  const bool whole = digits();
  bool fraction = false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    fraction = digits();
  }
  if (!whole && !fraction) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

bool is_quoted(std::string_view text) noexcept {
  if (text.size() < 2 || text.front() != '\'' || text.back() != '\'') return false;
  const auto inside = text.substr(1, text.size() - 2);
  for (std::size_t at = 0; at < inside.size(); ++at) {
    if (inside[at] == '\0') return false;
    if (inside[at] != '\'') continue;
    if (at + 1 == inside.size() || inside[at + 1] != '\'') return false;
    ++at;
  }
  return true;
}

/// As many digits as say it exactly; always with a point or an exponent, so that it stays a real number.
std::string real_literal(double value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

bool is_blob(std::string_view text) noexcept {
  if (text.size() < 3 || text.size() % 2 == 0 || (text[0] != 'x' && text[0] != 'X')) return false;
  const auto inside = text.substr(2, text.size() - 3);
  return text[1] == '\'' && text.back() == '\'' &&
         std::ranges::all_of(inside, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

}  // namespace

std::string quote(std::string_view identifier) { return quoted(identifier, '"'); }
std::string literal(std::string_view text) { return quoted(text, '\''); }

bool is_literal(std::string_view sql) noexcept {
  return is_number(sql) || is_quoted(sql) || is_blob(sql) || is_word(sql, "true") || is_word(sql, "false") ||
         is_word(sql, "null");
}

namespace {

std::string element_name(ElementType type) {
  switch (type) {
    case ElementType::boolean:
      return "boolean";
    case ElementType::integer:
      return "bigint";
    case ElementType::real:
      return "double precision";
    case ElementType::text:
      return "text";
    case ElementType::uuid:
      return "uuid";
    case ElementType::timestamp:
      return "timestamptz";
    case ElementType::date:
      return "date";
  }
  return {};
}

std::string range_name(ElementType type) {
  if (type == ElementType::timestamp) return "tstzrange";
  return type == ElementType::date ? "daterange" : "int8range";
}

std::string postgres_name(const Column& column) {
  switch (column.type) {
    case ColumnType::boolean:
      return "boolean";
    case ColumnType::smallint:
      return "smallint";
    case ColumnType::integer:
      return "integer";
    case ColumnType::bigint:
    case ColumnType::id:
      return "bigint";
    case ColumnType::float4:
      return "real";
    case ColumnType::real:
      return "double precision";
    case ColumnType::decimal:
      return "numeric(18," + std::to_string(column.scale) + ")";
    case ColumnType::text:
      return "text";
    case ColumnType::bytes:
      return "bytea";
    case ColumnType::timestamp:
      return "timestamptz";
    case ColumnType::date:
      return "date";
    case ColumnType::duration:
      return "interval";
    case ColumnType::uuid:
      return "uuid";
    case ColumnType::json:
      return "jsonb";
    case ColumnType::network:
      return "inet";
    case ColumnType::array:
      return element_name(column.element.value_or(ElementType::text)) + "[]";
    case ColumnType::range:
      return range_name(column.element.value_or(ElementType::integer));
  }
  return {};
}

std::string sqlite_name(ColumnType type) {
  switch (type) {
    case ColumnType::boolean:
    case ColumnType::smallint:
    case ColumnType::integer:
    case ColumnType::bigint:
    case ColumnType::id:
    case ColumnType::decimal:
    case ColumnType::timestamp:
    case ColumnType::date:
    case ColumnType::duration:
      return "INTEGER";
    case ColumnType::float4:
    case ColumnType::real:
      return "REAL";
    case ColumnType::text:
    case ColumnType::json:
    case ColumnType::network:
    case ColumnType::array:
    case ColumnType::range:
      return "TEXT";
    case ColumnType::bytes:
    case ColumnType::uuid:
      return "BLOB";
  }
  return {};
}

/// What a quoted literal says, its quotes undone.
std::string unquoted(std::string_view literal) {
  std::string text;
  for (std::size_t at = 1; at + 1 < literal.size(); ++at) {
    text += literal[at];
    if (literal[at] == '\'') ++at;
  }
  return text;
}

[[noreturn]] void fail_default(const Column& column, const char* example) {
  fail(ErrorKind::invalid, "the default value " + *column.default_value + " of column '" + column.name +
                               "' does not fit its type; write it like " + example);
}

/// The default in the form in which SQLite keeps the type.
std::string sqlite_default(const Column& column) {
  const auto& value = *column.default_value;
  const auto text = is_quoted(value) ? unquoted(value) : std::string();
  switch (column.type) {
    case ColumnType::timestamp:
      if (!is_quoted(value)) return value;
      if (const auto time = Timestamp::parse(text)) return std::to_string(time->micros());
      fail_default(column, "'2026-11-21T09:00:00Z'");
    case ColumnType::date:
      if (!is_quoted(value)) return value;
      if (const auto date = Date::parse(text)) return std::to_string(date->days());
      fail_default(column, "'2026-11-21'");
    case ColumnType::uuid:
      if (!is_quoted(value)) return value;
      if (const auto uuid = Uuid::parse(text)) return literal(db::Param(*uuid), Dialect::sqlite);
      fail_default(column, "'0190163d-8694-739b-aea5-966c26f8ad91'");
    case ColumnType::network:
      if (!is_quoted(value)) return value;
      if (const auto network = IpNetwork::parse(text)) return literal(network->sort_key());
      fail_default(column, "'10.0.0.0/8'");
    case ColumnType::decimal:
      if (is_word(value, "null")) return value;
      if (const auto number = decimal::parse(value, column.scale)) return std::to_string(*number);
      fail_default(column, "12.50");
    default:
      return value;
  }
}

/// The JSON literal of an array's default as PostgreSQL's text of one; only empty arrays are that simple.
std::string postgres_default(const Column& column) {
  const auto& value = *column.default_value;
  if (column.type == ColumnType::bytes && is_blob(value)) {
    return "'\\x" + value.substr(2, value.size() - 3) + "'";
  }
  if (column.type == ColumnType::array && value == "'[]'") return "'{}'";
  if (column.type == ColumnType::range && value == R"('{"empty":true}')") return "'empty'";
  if (column.type == ColumnType::duration && is_number(value)) {
    return "'" + value + " microseconds'";
  }
  return value;
}

}  // namespace

std::string type_name(const Column& column, Dialect dialect) {
  return dialect == Dialect::sqlite ? sqlite_name(column.type) : postgres_name(column);
}

std::string literal(const db::Param& value, Dialect dialect) {
  const bool sqlite = dialect == Dialect::sqlite;
  struct Visitor {
    bool sqlite;
    std::string operator()(std::nullptr_t) const { return "NULL"; }
    std::string operator()(bool v) const {
      if (sqlite) return v ? "1" : "0";
      return v ? "TRUE" : "FALSE";
    }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return real_literal(v); }
    std::string operator()(const std::string& v) const { return literal(v); }
    std::string operator()(const db::Bytes& v) const { return hex(v); }
    std::string operator()(Timestamp v) const {
      return sqlite ? std::to_string(v.micros()) : "timestamptz '" + v.to_string() + "'";
    }
    std::string operator()(db::Numeric v) const {
      return sqlite ? std::to_string(v.coefficient) : decimal::to_string(v.coefficient, v.scale);
    }
    std::string operator()(Date v) const {
      return sqlite ? std::to_string(v.days()) : "date '" + v.to_string() + "'";
    }
    std::string operator()(Microseconds v) const {
      const auto count = std::to_string(v.count());
      return sqlite ? count : "interval '" + count + " microseconds'";
    }
    std::string operator()(const Uuid& v) const {
      return sqlite ? hex(v.bytes()) : "uuid '" + v.to_string() + "'";
    }
    std::string operator()(const db::JsonText& v) const {
      return sqlite ? literal(v.text) : "jsonb " + literal(v.text);
    }
    std::string operator()(const IpNetwork& v) const {
      return sqlite ? literal(v.sort_key()) : "inet " + literal(v.to_string());
    }
    std::string operator()(const db::Array&) const { return none(); }
    std::string operator()(const db::RangeValue&) const { return none(); }

    std::string hex(std::span<const std::byte> bytes) const {
      const std::string_view raw(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return sqlite ? "x'" + hex_encode(raw) + "'" : "'\\x" + hex_encode(raw) + "'::bytea";
    }
    [[noreturn]] static std::string none() {
      fail(ErrorKind::internal, "arrays and ranges cannot be written as literals: use SQL");
    }
  };
  return std::visit(Visitor{sqlite}, value);
}

std::string check_name(std::string_view table, std::string_view name) {
  return constraint_name(table, name, "check");
}

std::string default_literal(const Column& column, Dialect dialect) {
  const auto& value = *column.default_value;
  const bool sqlite = dialect == Dialect::sqlite;
  const bool yes = is_word(value, "true") || value == "1";
  const bool no = is_word(value, "false") || value == "0";
  if (column.type == ColumnType::boolean && (yes || no)) {
    if (sqlite) return yes ? "1" : "0";
    return yes ? "TRUE" : "FALSE";
  }
  return sqlite ? sqlite_default(column) : postgres_default(column);
}

std::string default_sql(const Column& column, Dialect dialect) {
  if (column.computed_default) return "(" + column.computed_default->of(dialect) + ")";
  return column.default_value ? default_literal(column, dialect) : std::string();
}

std::vector<ColumnCheck> checks(std::string_view table, const Column& column, Dialect dialect) {
  std::vector<ColumnCheck> result;
  const auto name = quote(column.name);
  if (column.type == ColumnType::boolean && dialect == Dialect::sqlite) {
    result.push_back(
        {constraint_name(table, column.name, "boolean"), name + " IN (0, 1)", "neither true nor false"});
  }
  if (column.type == ColumnType::integer && dialect == Dialect::sqlite) {
    result.push_back({constraint_name(table, column.name, "range"),
                      name + " BETWEEN -2147483648 AND 2147483647", "outside of 32 bits"});
  }
  if (column.type == ColumnType::smallint && dialect == Dialect::sqlite) {
    result.push_back({constraint_name(table, column.name, "range"), name + " BETWEEN -32768 AND 32767",
                      "outside of 16 bits"});
  }
  if (column.type == ColumnType::decimal && dialect == Dialect::sqlite) {
    result.push_back({constraint_name(table, column.name, "digits"),
                      name + " BETWEEN -999999999999999999 AND 999999999999999999", "longer than 18 digits"});
  }
  if (column.type == ColumnType::uuid && dialect == Dialect::sqlite) {
    result.push_back(
        {constraint_name(table, column.name, "uuid"), "length(" + name + ") = 16", "no UUID of 16 bytes"});
  }
  if (column.max_length) {
    const auto length = std::to_string(*column.max_length);
    const auto* function = dialect == Dialect::sqlite ? "length(" : "char_length(";
    result.push_back({constraint_name(table, column.name, "length"), function + name + ") <= " + length,
                      "longer than " + length + " characters"});
  }
  if (!column.choices.empty()) {
    std::string condition = name + " IN (";
    std::string meaning = "none of ";
    for (const auto& choice : column.choices) {
      const auto* comma = &choice == column.choices.data() ? "" : ", ";
      condition += comma + literal(choice);
      meaning += comma + choice;
    }
    result.push_back({constraint_name(table, column.name, "choices"), condition + ")", meaning});
  }
  return result;
}

std::string references(const Reference& reference) {
  auto sql = "REFERENCES " + quote(reference.table) + " (" + quote(reference.column) + ")";
  switch (reference.on_delete) {
    case OnDelete::restrict:
      return sql + " ON DELETE RESTRICT";
    case OnDelete::cascade:
      return sql + " ON DELETE CASCADE";
    case OnDelete::set_null:
      return sql + " ON DELETE SET NULL";
  }
  return sql;
}

std::string reference_name(std::string_view table, const Column& column) {
  return constraint_name(table, column.name, "fkey");
}

std::string column(std::string_view table, const Column& column, Dialect dialect) {
  auto sql = quote(column.name) + " " + type_name(column, dialect);
  if (column.primary_key) {
    return sql + (dialect == Dialect::sqlite ? " PRIMARY KEY AUTOINCREMENT"
                                             : " GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY");
  }
  if (!column.nullable) sql += " NOT NULL";
  if (const auto value = default_sql(column, dialect); !value.empty()) sql += " DEFAULT " + value;
  if (column.generated) sql += " GENERATED ALWAYS AS (" + column.generated->of(dialect) + ") STORED";
  for (const auto& check : checks(table, column, dialect)) {
    sql += " CONSTRAINT " + quote(check.name) + " CHECK (" + check.condition + ")";
  }
  if (column.references) {
    if (dialect == Dialect::postgres) sql += " CONSTRAINT " + quote(reference_name(table, column));
    sql += " " + references(*column.references);
  }
  return sql;
}

std::string create_table(const Table& table, Dialect dialect, std::string_view name) {
  auto sql = "CREATE TABLE " + quote(name.empty() ? std::string_view(table.name) : name) + " (\n";
  for (const auto& each : table.columns) {
    const bool last = &each == &table.columns.back() && table.checks.empty();
    sql += "  " + column(table.name, each, dialect) + (last ? "\n" : ",\n");
  }
  for (const auto& each : table.checks) {
    sql += "  " + check(each, dialect) + (&each == &table.checks.back() ? "\n" : ",\n");
  }
  return sql + (dialect == Dialect::sqlite ? ") STRICT" : ")");
}

std::string check(const Check& check, Dialect dialect) {
  return "CONSTRAINT " + quote(check.name) + " CHECK (" + check.condition.of(dialect) + ")";
}

bool has_index(const Index& index, Dialect dialect) noexcept {
  return dialect == Dialect::postgres || index.method == IndexMethod::btree;
}

namespace {

std::string_view method_name(IndexMethod method) {
  switch (method) {
    case IndexMethod::btree:
      return "btree";
    case IndexMethod::gin:
      return "gin";
    case IndexMethod::gist:
      return "gist";
    case IndexMethod::hash:
      return "hash";
    case IndexMethod::brin:
      return "brin";
  }
  return {};
}

/// A column of an index. SQLite takes absent values for different ones: where they shall be equal, two parts
/// that are never absent stand for the column.
std::string index_part(const Table& table, const Index& index, const std::string& name, Dialect dialect) {
  const auto column = std::ranges::find(table.columns, name, &Column::name);
  const bool nullable = column != table.columns.end() && column->nullable;
  const auto direction = std::ranges::find(index.descending, name) != index.descending.end() ? " DESC" : "";
  if (index.unique && index.nulls_equal && nullable && dialect == Dialect::sqlite) {
    return "(" + quote(name) + " IS NULL), ifnull(" + quote(name) + ", 0)" + direction;
  }
  return quote(name) + direction;
}

}  // namespace

std::string create_index(const Table& table, const Index& index, Dialect dialect) {
  std::string sql = index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ";
  sql += quote(index.name) + " ON " + quote(table.name);
  if (index.method != IndexMethod::btree) sql += " USING " + std::string(method_name(index.method));
  sql += " (";
  bool first = true;
  const auto add = [&](const std::string& part) {
    sql += (first ? "" : ", ") + part;
    first = false;
  };
  for (const auto& each : index.columns) add(index_part(table, index, each, dialect));
  for (const auto& each : index.expressions) {
    // PostgreSQL wants brackets around all but function calls; SQLite takes them everywhere.
    add("(" + each.of(dialect) + ")");
  }
  sql += ")";
  if (index.unique && index.nulls_equal && dialect == Dialect::postgres) sql += " NULLS NOT DISTINCT";
  if (index.where) sql += " WHERE " + index.where->of(dialect);
  return sql;
}

}  // namespace mpf::orm::ddl

namespace mpf::orm {

std::vector<std::string> create_table_sql(const Table& table, db::Dialect dialect) {
  std::vector<std::string> statements{ddl::create_table(table, dialect)};
  for (const auto& index : table.indexes) {
    if (ddl::has_index(index, dialect)) statements.push_back(ddl::create_index(table, index, dialect));
  }
  return statements;
}

std::string index_name(std::string_view table, const std::vector<std::string>& columns, bool unique) {
  std::string name(table);
  for (const auto& column : columns) name += "_" + column;
  const std::string_view ending = unique ? "_key" : "_idx";
  if (name.size() + ending.size() > ddl::max_identifier) {
    const auto digest = sha256(name).substr(0, 8);
    name = std::string(truncate_utf8(name, ddl::max_identifier - ending.size() - digest.size() - 1)) + "_" +
           digest;
  }
  return name + std::string(ending);
}

}  // namespace mpf::orm
