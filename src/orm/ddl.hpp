#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/orm/schema.hpp>

/// Schemas as SQL: the one place that knows how a column, an index or a table is written in a dialect.
///
/// On SQLite tables are STRICT; booleans, ids and timestamps (microseconds since 1970) are integers, JSON is
/// text; ids are AUTOINCREMENT, so that no id is ever given twice, as on PostgreSQL.
namespace mpf::orm::ddl {

/// "name", for use in SQL.
std::string quote(std::string_view identifier);

/// 'text', for use in SQL.
std::string literal(std::string_view text);

/// True for what Column::default_value may be: a number, 'text', x'bytes', TRUE, FALSE or NULL.
bool is_literal(std::string_view sql) noexcept;

/// INTEGER, text…
std::string_view type_name(ColumnType type, db::Dialect dialect) noexcept;

/// The default value as the dialect and the column's type want it (TRUE becomes 1, a time its number).
std::string default_literal(const Column& column, db::Dialect dialect);

/// A rule about a column's values.
struct Check {
  std::string name;       ///< of the constraint: "<table>_<column>_length"
  std::string condition;  ///< SQL, true or null for good values
  std::string meaning;    ///< for people: "longer than 200 characters"
};
std::vector<Check> checks(std::string_view table, const Column& column, db::Dialect dialect);

/// "title" text NOT NULL DEFAULT '' CONSTRAINT … CHECK (…)
std::string column(std::string_view table, const Column& column, db::Dialect dialect);

/// REFERENCES "user" ("id") ON DELETE CASCADE
std::string references(const Reference& reference);

/// Name of the constraint that keeps a column's reference (PostgreSQL; SQLite's have none).
std::string reference_name(std::string_view table, const Column& column);

/// CREATE TABLE without its indexes, under another name if one is given. No ";" at the end, here and below.
std::string create_table(const Table& table, db::Dialect dialect, std::string_view name = {});

std::string create_index(std::string_view table, const Index& index);

}  // namespace mpf::orm::ddl
