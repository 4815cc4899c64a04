#include "orm/ddl.hpp"

#include <mpf/orm/ddl.hpp>

#include <algorithm>
#include <cctype>

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

std::string_view type_name(ColumnType type, Dialect dialect) noexcept {
  const bool sqlite = dialect == Dialect::sqlite;
  switch (type) {
    case ColumnType::boolean:
      return sqlite ? "INTEGER" : "boolean";
    case ColumnType::integer:
      return sqlite ? "INTEGER" : "integer";
    case ColumnType::bigint:
    case ColumnType::id:
      return sqlite ? "INTEGER" : "bigint";
    case ColumnType::real:
      return sqlite ? "REAL" : "double precision";
    case ColumnType::text:
      return sqlite ? "TEXT" : "text";
    case ColumnType::bytes:
      return sqlite ? "BLOB" : "bytea";
    case ColumnType::timestamp:
      return sqlite ? "INTEGER" : "timestamptz";
    case ColumnType::json:
      return sqlite ? "TEXT" : "jsonb";
  }
  return {};
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
  if (column.type == ColumnType::timestamp && is_quoted(value) && sqlite) {
    const auto time = Timestamp::parse(std::string_view(value).substr(1, value.size() - 2));
    if (!time) {
      fail(ErrorKind::invalid, "the default value " + value + " of column '" + column.name +
                                   "' is not a time; write it like '2026-11-21T09:00:00Z'");
    }
    return std::to_string(time->micros());
  }
  if (column.type == ColumnType::bytes && is_blob(value) && !sqlite) {
    return "'\\x" + value.substr(2, value.size() - 3) + "'";
  }
  return value;
}

std::vector<Check> checks(std::string_view table, const Column& column, Dialect dialect) {
  std::vector<Check> result;
  const auto name = quote(column.name);
  if (column.type == ColumnType::boolean && dialect == Dialect::sqlite) {
    result.push_back(
        {constraint_name(table, column.name, "boolean"), name + " IN (0, 1)", "neither true nor false"});
  }
  if (column.type == ColumnType::integer && dialect == Dialect::sqlite) {
    result.push_back({constraint_name(table, column.name, "range"),
                      name + " BETWEEN -2147483648 AND 2147483647", "outside of 32 bits"});
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
  auto sql = quote(column.name) + " " + std::string(type_name(column.type, dialect));
  if (column.primary_key) {
    return sql + (dialect == Dialect::sqlite ? " PRIMARY KEY AUTOINCREMENT"
                                             : " GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY");
  }
  if (!column.nullable) sql += " NOT NULL";
  if (column.default_value) sql += " DEFAULT " + default_literal(column, dialect);
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
    sql += "  " + column(table.name, each, dialect) + (&each == &table.columns.back() ? "\n" : ",\n");
  }
  return sql + (dialect == Dialect::sqlite ? ") STRICT" : ")");
}

std::string create_index(std::string_view table, const Index& index) {
  std::string sql = index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ";
  sql += quote(index.name) + " ON " + quote(table) + " (";
  for (const auto& each : index.columns) {
    sql += (&each == index.columns.data() ? "" : ", ") + quote(each);
  }
  return sql + ")";
}

}  // namespace mpf::orm::ddl

namespace mpf::orm {

std::vector<std::string> create_table_sql(const Table& table, db::Dialect dialect) {
  std::vector<std::string> statements{ddl::create_table(table, dialect)};
  for (const auto& index : table.indexes) statements.push_back(ddl::create_index(table.name, index));
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
