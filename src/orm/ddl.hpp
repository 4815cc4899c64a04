#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/orm/schema.hpp>

/// Schemas as SQL: the one place that knows how a column, an index or a table is written in a dialect.
///
/// On SQLite tables are STRICT; how each type is kept tells db/value.hpp; ids are AUTOINCREMENT, so that no
/// id is ever given twice, as on PostgreSQL.
namespace mpf::orm::ddl {

/// "name", for use in SQL.
std::string quote(std::string_view identifier);

/// 'text', for use in SQL.
std::string literal(std::string_view text);

/// True for what Column::default_value may be: a number, 'text', x'bytes', TRUE, FALSE or NULL.
bool is_literal(std::string_view sql) noexcept;

/// INTEGER, text, numeric(18,2), bigint[]…
std::string type_name(const Column& column, db::Dialect dialect);

/// What follows the type of text that is compared byte by byte, as SQLite does anyway.
std::string_view collation(const Column& column, db::Dialect dialect) noexcept;

/// A value as SQL of the dialect, of its own type.
std::string literal(const db::Param& value, db::Dialect dialect);

/// "<table>_<name>_check"
std::string check_name(std::string_view table, std::string_view name);

/// What DEFAULT is followed by; empty when there is none.
std::string default_sql(const Column& column, db::Dialect dialect);

/// The default value as the dialect and the column's type want it (TRUE becomes 1, a time its number).
std::string default_literal(const Column& column, db::Dialect dialect);

/// A rule about a column's values.
struct ColumnCheck {
  std::string name;       ///< of the constraint: "<table>_<column>_length"
  std::string condition;  ///< SQL, true or null for good values
  std::string meaning;    ///< for people: "longer than 200 characters"
};
std::vector<ColumnCheck> checks(std::string_view table, const Column& column, db::Dialect dialect);

/// "title" text NOT NULL DEFAULT '' CONSTRAINT … CHECK (…)
std::string column(std::string_view table, const Column& column, db::Dialect dialect);

/// FOREIGN KEY ("site_id", "author_id") REFERENCES "user" ("site_id", "id") ON DELETE SET NULL ("author_id")
std::string foreign_key(const Column& column, db::Dialect dialect);

/// ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY …, on PostgreSQL.
std::string add_foreign_key(std::string_view table, const Column& column);

/// Name of the constraint that keeps a column's reference (PostgreSQL; SQLite's have none).
std::string reference_name(std::string_view table, const Column& column);

/// CREATE TABLE without its indexes, and on PostgreSQL without references that compare tenants; under another
/// name if one is given. No ";" at the end, here and below.
std::string create_table(const Table& table, db::Dialect dialect, std::string_view name = {});

/// CONSTRAINT "name" CHECK (…)
std::string check(const Check& check, db::Dialect dialect);

/// A column of an index, as it is written in CREATE INDEX. SQLite takes absent values for different ones:
/// where they shall be equal, two parts that are never absent stand for the column.
std::string index_part(const Table& table, const Index& index, const std::string& name, db::Dialect dialect,
                       bool directed = false);
std::string create_index(const Table& table, const Index& index, db::Dialect dialect);

/// Whether that is what search_index<…>() declares, and SQLite has it as a table of FTS5: of rows that have
/// an id. Others have rowids that VACUUM may give anew.
bool has_search_table(const Table& table, const Index& index);
/// Fills the table of FTS5, just made, from the rows that there are.
std::string fill_search_table(const Table& table, const Index& index);

/// What makes the index, as far as the database can have one like it (SQLite: btree, and tables of FTS5,
/// still empty, with the triggers that keep them); else nothing.
std::vector<std::string> make_index(const Table& table, const Index& index, db::Dialect dialect);
/// What undoes that.
std::vector<std::string> remove_index(const Table& table, const Index& index, db::Dialect dialect);

/// The table, then its indexes, then the references that need these.
std::vector<std::string> create_all(const Table& table, db::Dialect dialect);

/// Makes the role that scopes work as, unless the server has it, and lets the connected one become it
/// (PostgreSQL, as those below).
std::vector<std::string> make_role(const std::string& role);
/// Rights for the role alone.
std::vector<std::string> grant(const Table& table, const std::string& role);
/// Rights for the role, and policies where the rows have a tenant; running it again does no harm.
std::vector<std::string> secure(const Table& table, const RowSecurity& security);
/// Takes all of it away again. The role stays: it may be used by other databases of the server.
std::vector<std::string> unsecure(const Table& table, const RowSecurity& security);

}  // namespace mpf::orm::ddl
