#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/orm/schema.hpp>

/// Tables as SQL; migrations are made of this.
namespace mpf::orm {

/// The name as an identifier in SQL: quoted, always. Error(internal) for a name with NUL or quotes in it.
std::string quoted_name(std::string_view name);

/// The text as a string literal in SQL.
std::string quoted_literal(std::string_view text);

/// "INTEGER", "TEXT", … of a column in that dialect.
std::string_view column_type_sql(ColumnType type, db::Dialect dialect) noexcept;

/// One column as in CREATE TABLE or ALTER TABLE … ADD COLUMN: name, type, NOT NULL, DEFAULT, the checks of
/// choices, lengths and booleans as constraint "<table>_<column>_check", REFERENCES.
std::string column_sql(std::string_view table, const Column& column, db::Dialect dialect);

std::string create_index_sql(std::string_view table, const Index& index);

/// CREATE TABLE (STRICT on SQLite), then CREATE INDEX for each index; to be run one by one.
std::vector<std::string> create_table_sql(const Table& table, db::Dialect dialect);

/// The name that an index gets: "<table>_<columns>_idx", "…_key" when it is unique; shortened with a hash
/// beyond 63 bytes, which is all that PostgreSQL takes.
std::string index_name(std::string_view table, const std::vector<std::string>& columns, bool unique);

}  // namespace mpf::orm
