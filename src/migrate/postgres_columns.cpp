#include <algorithm>

#include "migrate/null_filling.hpp"
#include "migrate/postgres_renderer.hpp"
#include "migrate/twins.hpp"

namespace mpf::migrate {
namespace {

namespace ddl = orm::ddl;
constexpr auto postgres = db::Dialect::postgres;

void require_convertible(const orm::Column& from, const orm::Column& to) {
  if (!convertible(from, to)) throw StateError("values of this type cannot become values of the other");
}

bool is_same_type(const orm::Column& before, const orm::Column& after) {
  return ddl::type_name(before, postgres) == ddl::type_name(after, postgres);
}

/// Whether the column's text is put into another order, by which its indexes go.
bool sorts_anew(const orm::Column& before, const orm::Column& after) {
  return before.byte_order != after.byte_order && is_same_type(before, after);
}

}  // namespace

void PostgresRenderer::render(const AddColumn& op, const Operation& operation, const std::string& module) {
  const bool live = is_live(op.table);
  auto column = op.column;
  const bool needs = needs_value(column);
  const bool fills = needs && !missing_value(column).empty();
  if (needs && !fills) {
    if (live) next_phase();
    guard_added(op.table, column);
    if (live) next_phase();
  }
  state_.apply(operation, module);
  if (fills) column.default_value = missing_value(column);
  const auto adds = alter(op.table) + "ADD COLUMN ";
  if (!live || column.generated) {
    add_bare(op.table, column, adds);
  } else {
    add_to_live(op.table, column, adds);
  }
  if (fills) sql(alter_column(op.table, column.name) + "DROP DEFAULT");
  if (live) validate_all(op.table);
}

void PostgresRenderer::render(const DropColumn& op, const Operation& operation, const std::string& module) {
  state_.apply(operation, module);
  sql(alter(op.table) + "DROP COLUMN " + ddl::quote(op.column));
}

void PostgresRenderer::render(const AlterColumn& op, const Operation& operation, const std::string& module) {
  const auto* found = find_column(state_.table(op.table), op.column.name);
  const auto before = found ? *found : op.column;
  const auto& after = op.column;
  if (after.generated) return generate(op, operation, module);
  require_convertible(before, after);
  const bool filled = state_.entry(op.table).filled.contains(after.name);
  state_.apply(operation, module);
  const bool live = is_live(op.table);
  const bool swaps = live && sorts_anew(before, after);
  if (swaps) build_sorted(op.table, after);
  if (live) next_phase();  // rows are counted before any lock is taken
  guard_values(op.table, before, after);
  guard_tenant(op.table, before, after);
  if (live) guard_reference(op.table, before, after);
  if (live) next_phase();
  const auto change = alter_column(op.table, after.name);
  if (filled) sql_all(leave_nulls(state_.table(op.table), after));
  drop_rules(op.table, before, after, swaps);
  if (before.generated) sql(change + "DROP EXPRESSION");
  const auto old_default = ddl::default_sql(before, postgres);
  const auto new_default = ddl::default_sql(after, postgres);
  if (!is_same_type(before, after) || before.byte_order != after.byte_order) {
    if (swaps) drop_unsorted(op.table, after.name);
    change_type(op.table, before, after);
    if (swaps) rename_sorted(op.table, after.name);
  } else if (old_default != new_default) {
    sql(change + (new_default.empty() ? "DROP DEFAULT" : "SET DEFAULT " + new_default));
  }
  if (!before.nullable && after.nullable) sql(change + "DROP NOT NULL");
  if (op.fill_nulls) sql_all(fill_nulls(state_.table(op.table), after));
  add_rules(op.table, before, after, swaps);
  validate_all(op.table);
  if (!before.nullable || after.nullable) return;
  const auto name = ddl::quote(after.name);
  const auto missing = missing_value(after);
  if (live) return forbid_null(op.table, name, missing);
  if (!missing.empty()) {
    sql("UPDATE " + ddl::quote(op.table) + " SET " + name + " = " + missing + " WHERE " + name + " IS NULL");
  }
  sql(change + "SET NOT NULL");
}

void PostgresRenderer::render(const RenameColumn& op, const Operation& operation, const std::string& module) {
  const auto before = *find_column(state_.table(op.table), op.from);
  state_.apply(operation, module);
  sql(alter(op.table) + "RENAME COLUMN " + ddl::quote(op.from) + " TO " + ddl::quote(op.to));
  rename_constraints(op.table, op.table, before, *find_column(state_.table(op.table), op.to));
  if (before.primary_key) rename_own(op.table);
}

void PostgresRenderer::render(const ExpandColumn& op, const Operation& operation, const std::string& module) {
  const auto* found = find_column(state_.table(op.table), op.from);
  const auto before = found ? *found : op.column;
  require_convertible(before, op.column);
  const bool live = is_live(op.table);
  const auto value = conversion(ddl::quote(op.from), before, op.column, postgres).value;
  if (live) next_phase();
  guard_copy(op, before, value);
  if (live) next_phase();
  state_.apply(operation, module);
  const auto& table = state_.table(op.table);
  const auto name = ddl::quote(op.column.name);
  auto bare = op.column;
  bare.nullable = true;
  bare.default_value.reset();
  bare.computed_default.reset();
  add_bare(op.table, bare, alter(op.table) + "ADD COLUMN ");
  sql_all(hold_same(table, twins_of(op.table, op.from, op.column.name)));
  // The trigger fills what is written from now on: what is left are older rows.
  const auto rest = name + " IS DISTINCT FROM " + value;
  if (live) {
    backfill({.table = op.table, .id = {}, .set = name + " = " + value, .where = rest});
    validate_all(op.table);
    if (!op.column.nullable) forbid_null(op.table, name, {});
  } else {
    sql("UPDATE " + ddl::quote(op.table) + " SET " + name + " = " + value + " WHERE " + rest);
    if (!op.column.nullable) sql(alter_column(op.table, op.column.name) + "SET NOT NULL");
  }
  const auto given = ddl::default_sql(op.column, postgres);
  if (!given.empty()) sql(alter_column(op.table, op.column.name) + "SET DEFAULT " + given);
}

void PostgresRenderer::render(const ContractColumn& op, const Operation& operation,
                              const std::string& module) {
  const auto table = state_.table(op.table);
  const bool known = find_column(table, op.from) && find_column(table, op.to);
  if (known) {
    const bool live = is_live(op.table);
    const auto twins = twins_of(op.table, op.from, op.to);
    if (live) next_phase();
    guard(op.table, differ(table, twins),
          "have another value in " + op.table + "." + op.from + " than in " + op.table + "." + op.to +
              ", which were to hold the same (was the trigger " + twins_name(table, twins) +
              " off?); make them equal first");
    if (live) next_phase();
    sql_all(let_go(table, twins));
  }
  state_.apply(operation, module);
  sql(alter(op.table) + "DROP COLUMN " + ddl::quote(op.from));
}

/// Adds the column itself with a constant default at most, which only changes the catalog, and values that
/// each row gets of its own in batches.
void PostgresRenderer::add_to_live(const std::string& table, const orm::Column& column,
                                   const std::string& adds) {
  auto bare = column;
  const bool computed = column.computed_default.has_value();
  if (computed) {
    bare.computed_default.reset();
    bare.nullable = true;
  }
  add_bare(table, bare, adds);
  if (!computed) return;
  const auto name = ddl::quote(column.name);
  const auto value = ddl::default_sql(column, postgres);
  sql(alter_column(table, column.name) + "SET DEFAULT " + value);
  if (column.nullable) {
    backfill({.table = table, .id = {}, .set = name + " = " + value, .where = name + " IS NULL"});
  } else {
    forbid_null(table, name, value);
  }
}

/// Adds the column, whose rules are asked of a table in use as add_rule() does.
void PostgresRenderer::add_bare(const std::string& table, const orm::Column& column,
                                const std::string& adds) {
  if (!is_live(table) || column.generated) {
    sql(adds + ddl::column(table, column, postgres));
    const bool apart = column.references && !column.references->tenant.empty();
    if (apart) sql(ddl::add_foreign_key(table, column));
    return;
  }
  auto bare = column;
  bare.references.reset();
  bare.max_length.reset();
  bare.choices.clear();
  sql(adds + ddl::column(table, bare, postgres));
  add_rules(table, bare, column, false);
}

/// A column generated in another way than before is made anew.
void PostgresRenderer::generate(const AlterColumn& op, const Operation& operation,
                                const std::string& module) {
  state_.apply(operation, module);
  drop(op.table, op.column);
  add_with_rules(op.table, op.column);
}

void PostgresRenderer::drop(const std::string& table, const orm::Column& column) {
  sql(alter(table) + "DROP COLUMN " + ddl::quote(column.name));
}

/// With the indexes and checks that went with the column.
void PostgresRenderer::add_with_rules(const std::string& name, const orm::Column& column) {
  const auto& table = state_.table(name);
  sql(alter(name) + "ADD COLUMN " + ddl::column(name, column, postgres));
  for (const auto& index : table.indexes) {
    if (uses(index, column.name)) sql(ddl::create_index(table, index, postgres));
  }
  for (const auto& check : table.checks) {
    if (mentions(check.condition, column.name)) sql(alter(name) + "ADD " + ddl::check(check, postgres));
  }
}

/// PostgreSQL changes no type of a column that others are generated from, or that policies read.
void PostgresRenderer::change_type(const std::string& table, const orm::Column& before,
                                   const orm::Column& after) {
  const auto generated = generated_from(table, after.name);
  for (const auto& each : generated) drop(table, each);
  const auto secured = secured_by(table, after.name);
  for (const auto& each : secured) unsecure(each);
  const auto change = alter_column(table, after.name);
  const auto new_default = ddl::default_sql(after, postgres);
  if (!ddl::default_sql(before, postgres).empty()) sql(change + "DROP DEFAULT");
  sql(change + "TYPE " + ddl::type_name(after, postgres) + std::string(ddl::collation(after, postgres)) +
      " USING " + conversion(ddl::quote(after.name), before, after, postgres).value);
  if (!new_default.empty()) sql(change + "SET DEFAULT " + new_default);
  for (const auto& each : generated) add_with_rules(table, each);
  for (const auto& each : secured) secure(each);
}

std::vector<orm::Column> PostgresRenderer::generated_from(const std::string& table,
                                                          const std::string& column) const {
  std::vector<orm::Column> result;
  for (const auto& each : state_.table(table).columns) {
    if (each.generated && mentions(*each.generated, column)) result.push_back(each);
  }
  return result;
}

/// Tables whose policies read that column.
std::vector<orm::Table> PostgresRenderer::secured_by(const std::string& table,
                                                     const std::string& column) const {
  std::vector<orm::Table> result;
  for (const auto& [name, entry] : state_.tables()) {
    const auto& security = entry.table.row_security;
    if (security && uses(entry.table, *security, table, column)) result.push_back(entry.table);
  }
  return result;
}

/// Refuses to begin where a value has no place in the new column. A cast that fails says so itself.
void PostgresRenderer::guard_copy(const ExpandColumn& op, const orm::Column& before,
                                  const std::string& value) {
  auto after = op.column;
  after.name = op.from;
  guard_values(op.table, before, after);
  guard_tenant(op.table, before, after);
  if (is_same_type(before, after)) return;
  guard(
      op.table, ddl::quote(op.from) + " IS NOT NULL AND " + value + " IS NULL",
      "have a value in " + op.table + "." + op.from + " that does not fit the new type; correct them first");
}

const Twins& PostgresRenderer::twins_of(const std::string& table, const std::string& one,
                                        const std::string& other) const {
  const auto& all = state_.entry(table).twins;
  const auto found = std::ranges::find_if(all, [&](const Twins& each) {
    return each == Twins{one, other} || each == Twins{other, one};
  });
  if (found == all.end()) {
    throw StateError("columns '" + one + "' and '" + other + "' of '" + table + "' are not held the same");
  }
  return *found;
}

/// Their names say those of table and column.
void PostgresRenderer::rename_constraints(const std::string& table, const std::string& old_table,
                                          const orm::Column& before, const orm::Column& after) {
  const auto rename = [&](const std::string& from, const std::string& to) {
    if (from != to) sql(alter(table) + "RENAME CONSTRAINT " + ddl::quote(from) + " TO " + ddl::quote(to));
  };
  const auto old_checks = ddl::checks(old_table, before, postgres);
  const auto new_checks = ddl::checks(table, after, postgres);
  for (std::size_t i = 0; i < old_checks.size(); ++i) rename(old_checks[i].name, new_checks[i].name);
  if (before.references) rename(ddl::reference_name(old_table, before), ddl::reference_name(table, after));
}

}  // namespace mpf::migrate
