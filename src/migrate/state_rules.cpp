#include "migrate/state_rules.hpp"

#include <algorithm>

#include <mpf/base/text.hpp>

#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

/// The parts of SQL, told apart as names in double quotes and everything else.
template <class Name, class Other>
void split_sql(const std::string& sql, const Name& name, const Other& other) {
  std::size_t at = 0;
  while (at < sql.size()) {
    const std::size_t mark = sql.find_first_of("'\"", at);
    if (mark == std::string::npos) break;
    std::size_t end = sql.find(sql[mark], mark + 1);
    if (end == std::string::npos) break;
    const bool collation = std::string_view(sql).substr(at, mark - at).ends_with("COLLATE ");
    if (sql[mark] == '"' && !collation) {
      other(std::string_view(sql).substr(at, mark - at));
      name(sql.substr(mark + 1, end - mark - 1));
    } else {
      other(std::string_view(sql).substr(at, end + 1 - at));
    }
    at = end + 1;
  }
  other(std::string_view(sql).substr(at));
}

void rename_in(std::string& sql, const std::string& from, const std::string& to) {
  std::string result;
  split_sql(
      sql, [&](const std::string& name) { result += '"' + (name == from ? to : name) + '"'; },
      [&](std::string_view text) { result += text; });
  sql = std::move(result);
}

}  // namespace

std::string taken(const std::string& known, const std::string& name) {
  if (known == name) return "'" + name + "' already";
  return "'" + known + "', from which '" + name +
         "' differs in case only: SQLite takes both for the same; choose another name";
}

bool mentions(const orm::SqlText& sql, const std::string& column) {
  bool found = false;
  for (const auto* text : {&sql.sqlite, &sql.postgres}) {
    split_sql(
        *text, [&](const std::string& name) { found = found || name == column; }, [](std::string_view) {});
  }
  return found;
}

bool uses(const orm::Index& index, const std::string& column) {
  return std::ranges::find(index.columns, column) != index.columns.end() ||
         (index.where && mentions(*index.where, column)) ||
         std::ranges::any_of(index.expressions,
                             [&](const orm::SqlText& each) { return mentions(each, column); });
}

bool uses(const orm::Table& owner, const orm::RowSecurity& security, const std::string& table,
          const std::string& column) {
  const bool own = owner.name == table && (security.site == column || security.provider == column);
  const bool of_site =
      security.site_table == table && (security.site_key == column || security.site_provider == column);
  return own || of_site;
}

void rename_in(orm::SqlText& sql, const std::string& from, const std::string& to) {
  rename_in(sql.sqlite, from, to);
  rename_in(sql.postgres, from, to);
}

void check_names(const orm::Table& table, const orm::SqlText& sql, const std::string& where) {
  for (const auto* text : {&sql.sqlite, &sql.postgres}) {
    if (text->empty()) throw StateError(where + " has SQL that is empty for one of the databases");
    split_sql(
        *text,
        [&](const std::string& name) {
          if (find_column(table, name)) return;
          throw StateError(where + " names the column '" + name + "', which table '" + table.name +
                           "' has not");
        },
        [](std::string_view) {});
  }
}

namespace {

void check_type(const orm::Column& column, const std::string& where) {
  using orm::ColumnType;
  using orm::ElementType;
  if (column.scale < 0 || column.scale > 18 || (column.scale != 0 && column.type != ColumnType::decimal)) {
    throw StateError(where + " has a scale that is not 0 to 18, or is not decimal");
  }
  const bool has_elements = column.type == ColumnType::array || column.type == ColumnType::range;
  if (has_elements != column.element.has_value()) {
    throw StateError(where + (has_elements ? " does not say of what it is an array or range"
                                           : " has elements and is neither array nor range"));
  }
  const bool good_range = column.element == ElementType::integer ||
                          column.element == ElementType::timestamp || column.element == ElementType::date;
  if (column.type == ColumnType::range && !good_range) {
    throw StateError(where + " is a range of other than integer, timestamp and date");
  }
}

void check_computed(const orm::Table& table, const orm::Column& column, const std::string& where) {
  if (column.computed_default) {
    if (column.default_value) throw StateError(where + " has two defaults");
    check_names({.name = table.name, .columns = {}, .indexes = {}, .tenant_column = {}},
                *column.computed_default, "the default of " + where);
  }
  if (column.generated) {
    if (column.default_value || column.computed_default || column.primary_key || column.references) {
      throw StateError(where + " is generated, so it has neither a default nor a reference, nor is it a key");
    }
    if (mentions(*column.generated, column.name)) throw StateError(where + " is generated from itself");
  }
}

}  // namespace

void check_column(const orm::Table& table, const orm::Column& column) {
  const auto where = "column '" + table.name + "." + column.name + "'";
  check_type(column, where);
  check_computed(table, column, where);
  if (column.default_value && !orm::ddl::is_literal(*column.default_value)) {
    throw StateError("the default of " + where + " is no SQL literal: " + *column.default_value +
                     " (text needs single quotes: 'text')");
  }
  if (column.default_value && !column.nullable && iequals(*column.default_value, "null")) {
    throw StateError(where + " may not be null and has the default NULL");
  }
  if (column.primary_key && (column.type != orm::ColumnType::id || column.nullable)) {
    throw StateError("the primary key " + where + " must be of type id and not null");
  }
  if (column.max_length && column.type != orm::ColumnType::text) {
    throw StateError(where + " has a max_length and is not text");
  }
  if (!column.choices.empty() && column.type != orm::ColumnType::text) {
    throw StateError(where + " has choices and is not text");
  }
  if (column.byte_order && column.type != orm::ColumnType::text && column.element != orm::ElementType::text) {
    throw StateError(where + " is compared byte by byte and is not text");
  }
  if (!column.references) return;
  if (column.references->on_delete == orm::OnDelete::set_null && !column.nullable) {
    throw StateError(where + " is set to null when what it refers to is deleted, and may not be null");
  }
  if (column.references->on_delete == orm::OnDelete::set_default && !column.default_value &&
      !column.computed_default) {
    throw StateError(where + " is set to its default when what it refers to is deleted, and has none");
  }
}

void check_index(const orm::Table& table, const orm::Index& index) {
  const auto where = "index '" + index.name + "'";
  if (index.columns.empty() && index.expressions.empty()) throw StateError(where + " has no columns");
  for (const auto& each : index.expressions) check_names(table, each, where);
  if (index.where) check_names(table, *index.where, where);
  for (const auto& each : index.descending) {
    if (std::ranges::find(index.columns, each) == index.columns.end()) {
      throw StateError(where + " is descending by '" + each + "', which is not among its columns");
    }
  }
  if (index.nulls_equal && !index.unique) throw StateError(where + " has nulls_equal and is not unique");
  if (index.method != orm::IndexMethod::btree && (index.unique || !index.descending.empty())) {
    throw StateError(where + " is unique or descending, which only btree can be");
  }
  for (const auto& column : index.columns) {
    if (!find_column(table, column)) {
      throw StateError("index '" + index.name + "' has the column '" + column + "', which table '" +
                       table.name + "' has not");
    }
  }
}

}  // namespace mpf::migrate
