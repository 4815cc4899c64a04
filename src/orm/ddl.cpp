#include "orm/ddl.hpp"

#include <mpf/orm/ddl.hpp>

#include <algorithm>

#include <mpf/base/enum.hpp>
#include <mpf/base/hash.hpp>
#include <mpf/base/text.hpp>

namespace mpf::orm::ddl {
namespace {

using db::Dialect;

/// PostgreSQL cuts longer names off without a word.
constexpr std::size_t max_identifier = 63;

/// With a hash where PostgreSQL would cut the name off.
std::string short_name(std::string words, std::string_view ending) {
  if (words.size() + ending.size() > max_identifier) {
    const auto digest = sha256(words).substr(0, 8);
    words =
        std::string(truncate_utf8(words, max_identifier - ending.size() - digest.size() - 1)) + "_" + digest;
  }
  return words + std::string(ending);
}

std::string constraint_name(std::string_view table, std::string_view column, std::string_view what) {
  return short_name(std::string(table) + "_" + std::string(column), "_" + std::string(what));
}

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

}  // namespace

std::string type_name(const Column& column, Dialect dialect) {
  return dialect == Dialect::sqlite ? sqlite_name(column.type) : postgres_name(column);
}

std::string_view collation(const Column& column, Dialect dialect) noexcept {
  return dialect == Dialect::postgres && column.byte_order ? " COLLATE \"C\"" : "";
}

std::string check_name(std::string_view table, std::string_view name) {
  return constraint_name(table, name, "check");
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

namespace {

std::string_view action(OnDelete rule) {
  switch (rule) {
    case OnDelete::restrict:
      return " ON DELETE RESTRICT";
    case OnDelete::cascade:
      return " ON DELETE CASCADE";
    case OnDelete::set_null:
      return " ON DELETE SET NULL";
    case OnDelete::set_default:
      return " ON DELETE SET DEFAULT";
    case OnDelete::do_nothing:
      return " ON DELETE NO ACTION";
  }
  return {};
}

/// Whether deleting the row referred to changes the reference.
bool changes_reference(OnDelete rule) noexcept {
  return rule == OnDelete::set_null || rule == OnDelete::set_default;
}

std::string plain_reference(const Reference& to) {
  return "REFERENCES " + quote(to.table) + " (" + quote(to.column) + ")" + std::string(action(to.on_delete));
}

}  // namespace

std::string foreign_key(const Column& column, Dialect dialect) {
  const Reference& to = *column.references;
  const auto name = quote(column.name);
  if (to.tenant.empty()) return "FOREIGN KEY (" + name + ") " + plain_reference(to);
  auto sql = "FOREIGN KEY (" + quote(to.tenant) + ", " + name + ") REFERENCES " + quote(to.table) + " (" +
             quote(to.target_tenant) + ", " + quote(to.column) + ")";
  if (!changes_reference(to.on_delete)) return sql + std::string(action(to.on_delete));
  // Only the reference changes; the row stays its tenant's.
  if (dialect == Dialect::sqlite) return sql + " ON DELETE NO ACTION";
  return sql + std::string(action(to.on_delete)) + " (" + name + ")";
}

std::string reference_name(std::string_view table, const Column& column) {
  return constraint_name(table, column.name, "fkey");
}

std::string add_foreign_key(std::string_view table, const Column& column) {
  return "ALTER TABLE " + quote(table) + " ADD CONSTRAINT " + quote(reference_name(table, column)) + " " +
         foreign_key(column, Dialect::postgres);
}

std::string column(std::string_view table, const Column& column, Dialect dialect) {
  auto sql = quote(column.name) + " " + type_name(column, dialect) + std::string(collation(column, dialect));
  if (column.primary_key && !column.references) {
    return sql + (dialect == Dialect::sqlite ? " PRIMARY KEY AUTOINCREMENT"
                                             : " GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY");
  }
  if (column.primary_key) {
    sql += " PRIMARY KEY";  // that of another row, which gives it
  } else if (!column.nullable) {
    sql += " NOT NULL";
  }
  if (const auto value = default_sql(column, dialect); !value.empty()) sql += " DEFAULT " + value;
  if (column.generated) sql += " GENERATED ALWAYS AS (" + column.generated->of(dialect) + ") STORED";
  for (const auto& check : checks(table, column, dialect)) {
    sql += " CONSTRAINT " + quote(check.name) + " CHECK (" + check.condition + ")";
  }
  if (!column.references) return sql;
  const bool alone = column.references->tenant.empty();
  // SQLite cannot change one column of a key: there, a key of its own does that, and the one with the tenant
  // only compares.
  const bool beside = dialect == Dialect::sqlite && changes_reference(column.references->on_delete);
  if (!alone && !beside) return sql;
  if (dialect == Dialect::postgres) sql += " CONSTRAINT " + quote(reference_name(table, column));
  return sql + " " + plain_reference(*column.references);
}

std::string create_table(const Table& table, Dialect dialect, std::string_view name) {
  std::vector<std::string> lines;
  for (const auto& each : table.columns) lines.push_back(column(table.name, each, dialect));
  for (const auto& each : table.checks) lines.push_back(check(each, dialect));
  for (const auto& each : table.columns) {
    // PostgreSQL wants the key of the other table, which may be this one, to be there: see create_all().
    if (dialect == Dialect::sqlite && each.references && !each.references->tenant.empty()) {
      lines.push_back(foreign_key(each, dialect));
    }
  }
  auto sql = "CREATE TABLE " + quote(name.empty() ? std::string_view(table.name) : name) + " (\n";
  for (const auto& line : lines) sql += "  " + line + (&line == &lines.back() ? "\n" : ",\n");
  return sql + (dialect == Dialect::sqlite ? ") STRICT" : ")");
}

std::string check(const Check& check, Dialect dialect) {
  return "CONSTRAINT " + quote(check.name) + " CHECK (" + check.condition.of(dialect) + ")";
}

std::string index_part(const Table& table, const Index& index, const std::string& name, Dialect dialect,
                       bool directed) {
  const auto column = std::ranges::find(table.columns, name, &Column::name);
  const bool nullable = column != table.columns.end() && column->nullable;
  const bool descends = directed && std::ranges::find(index.descending, name) != index.descending.end();
  const auto direction = descends ? " DESC" : "";
  if (index.unique && index.nulls_equal && nullable && dialect == Dialect::sqlite) {
    return "(" + quote(name) + " IS NULL), ifnull(" + quote(name) + ", 0)" + direction;
  }
  return quote(name) + direction;
}

std::string create_index(const Table& table, const Index& index, Dialect dialect) {
  std::string sql = index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ";
  sql += quote(index.name) + " ON " + quote(table.name);
  if (index.method != IndexMethod::btree) sql += " USING " + std::string(enum_name(index.method));
  sql += " (";
  bool first = true;
  const auto add = [&](const std::string& part) {
    sql += (first ? "" : ", ") + part;
    first = false;
  };
  for (const auto& each : index.columns) add(index_part(table, index, each, dialect, true));
  for (const auto& each : index.expressions) {
    // PostgreSQL wants brackets around all but function calls; SQLite takes them everywhere.
    add("(" + each.of(dialect) + ")");
  }
  sql += ")";
  if (index.unique && index.nulls_equal && dialect == Dialect::postgres) sql += " NULLS NOT DISTINCT";
  if (index.where) sql += " WHERE " + index.where->of(dialect);
  return sql;
}

std::vector<std::string> create_all(const Table& table, Dialect dialect) {
  std::vector<std::string> statements{create_table(table, dialect)};
  for (const auto& index : table.indexes) {
    for (auto& each : make_index(table, index, dialect)) statements.push_back(std::move(each));
  }
  if (dialect == Dialect::sqlite) return statements;
  for (const auto& each : table.columns) {
    if (each.references && !each.references->tenant.empty()) {
      statements.push_back(add_foreign_key(table.name, each));
    }
  }
  return statements;
}

}  // namespace mpf::orm::ddl

namespace mpf::orm {

std::vector<std::string> create_table_sql(const Table& table, db::Dialect dialect) {
  return ddl::create_all(table, dialect);
}

std::string index_name(std::string_view table, const std::vector<std::string>& columns, bool unique) {
  std::string name(table);
  for (const auto& column : columns) name += "_" + column;
  return ddl::short_name(std::move(name), unique ? "_key" : "_idx");
}

}  // namespace mpf::orm
