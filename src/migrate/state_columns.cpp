#include <algorithm>

#include "migrate/state.hpp"
#include "migrate/state_rules.hpp"

namespace mpf::migrate {
namespace {

void check_twin(const Twins& twins, const orm::Column& column) {
  if (twins.to != column.name || (!column.default_value && !column.computed_default)) return;
  throw StateError("column '" + column.name + "' has a default while '" + twins.from +
                   "' is held the same: give it one by 'alter_column' after the 'contract_column'");
}

void check_fills(const AlterColumn& op) {
  const auto& column = op.column;
  const bool has_default = column.default_value || column.computed_default;
  if (has_default && !column.nullable && !column.primary_key) return;
  throw StateError("nulls of '" + op.table + "." + column.name + "' cannot be filled ('fill_nulls'): it " +
                   (!has_default ? "has no default" : "is the primary key, or may be null"));
}

}  // namespace

void State::add(const AddColumn& op) {
  auto& table = change(op.table);
  if (const auto* found = find_similar_column(table, op.column.name)) {
    throw StateError("table '" + op.table + "' has a column " + taken(found->name, op.column.name));
  }
  if (op.column.primary_key) throw StateError("a primary key cannot be added to a table that exists");
  check_column(table, op.column);
  check_references(table, op.column);
  if (op.column.generated) check_names(table, *op.column.generated, "column '" + op.column.name + "'");
  table.columns.push_back(op.column);
  table.columns.back().renamed_from.clear();
}

void State::drop(const DropColumn& op) {
  auto& table = change(op.table);
  check_no_twin(op.table, op.column);
  check_not_filled(op.table, op.column);
  const auto column = column_at(table, op.column);
  for (const auto& index : table.indexes) {
    if (uses(index, op.column)) {
      throw StateError("column '" + op.table + "." + op.column + "' cannot be dropped before the index '" +
                       index.name + "'");
    }
  }
  for (const auto& check : table.checks) {
    if (mentions(check.condition, op.column)) {
      throw StateError("column '" + op.table + "." + op.column + "' cannot be dropped before the check '" +
                       check.name + "'");
    }
  }
  for (const auto& other : table.columns) {
    if (other.generated && mentions(*other.generated, op.column)) {
      throw StateError("column '" + op.table + "." + op.column + "' cannot be dropped before '" + other.name +
                       "', which is generated from it");
    }
  }
  if (table.tenant_column == op.column) {
    throw StateError("column '" + op.table + "." + op.column + "' scopes the rows: change 'tenant' first");
  }
  for (const auto& other : table.columns) {
    if (other.references && other.references->tenant == op.column) {
      throw StateError("column '" + op.table + "." + op.column + "' cannot be dropped before '" + other.name +
                       "' refers without it");
    }
  }
  if (column->primary_key)
    throw StateError("a primary key cannot be dropped: '" + op.table + "." + op.column + "'");
  check_unsecured(op.table, op.column);
  if (table.columns.size() == 1) throw StateError("the only column of '" + op.table + "' cannot be dropped");
  table.columns.erase(column);
}

void State::alter(const AlterColumn& op) {
  auto& table = change(op.table);
  const auto column = column_at(table, op.column.name);
  if (column->primary_key != op.column.primary_key) {
    throw StateError("'" + op.table + "." + op.column.name +
                     "' cannot become or cease to be the primary key");
  }
  check_column(table, op.column);
  check_references(table, op.column);
  if (op.column.generated) check_names(table, *op.column.generated, "column '" + op.column.name + "'");
  const bool other_values = column->type != op.column.type || column->scale != op.column.scale ||
                            column->element != op.column.element || op.column.generated;
  if (other_values) check_no_twin(op.table, op.column.name);
  for (const auto& twins : entry(op.table).twins) check_twin(twins, op.column);
  if (op.fill_nulls) check_fills(op);
  *column = op.column;
  column->renamed_from.clear();
  auto& filled = tables_.at(op.table).filled;
  filled.erase(op.column.name);
  if (op.fill_nulls) filled.insert(op.column.name);
}

void State::rename(const RenameColumn& op) {
  auto& table = change(op.table);
  const auto column = column_at(table, op.from);
  check_no_twin(op.table, op.from);
  check_not_filled(op.table, op.from);
  if (const auto* found = find_similar_column(table, op.to); found && found->name != op.from) {
    throw StateError("table '" + op.table + "' has a column " + taken(found->name, op.to));
  }
  column->name = op.to;
  if (table.tenant_column == op.from) table.tenant_column = op.to;
  for (auto& index : table.indexes) {
    std::ranges::replace(index.columns, op.from, op.to);
    std::ranges::replace(index.descending, op.from, op.to);
    if (index.where) rename_in(*index.where, op.from, op.to);
    for (auto& each : index.expressions) rename_in(each, op.from, op.to);
  }
  for (auto& check : table.checks) rename_in(check.condition, op.from, op.to);
  for (auto& each : table.columns) {
    if (each.generated) rename_in(*each.generated, op.from, op.to);
  }
  const auto rename_if_it = [&](std::string& each) {
    if (each == op.from) each = op.to;
  };
  for (auto& [name, entry] : tables_) {
    auto& security = entry.table.row_security;
    if (security && name == op.table) {
      rename_if_it(security->site);
      rename_if_it(security->provider);
    }
    if (security && security->site_table == op.table) {
      rename_if_it(security->site_key);
      rename_if_it(security->site_provider);
    }
    for (auto& each : entry.table.columns) {
      if (!each.references) continue;
      auto& to = *each.references;
      if (name == op.table && to.tenant == op.from) to.tenant = op.to;
      if (to.table != op.table) continue;
      if (to.column == op.from) to.column = op.to;
      if (to.target_tenant == op.from) to.target_tenant = op.to;
    }
  }
}

void State::expand(const ExpandColumn& op) {
  auto& table = change(op.table);
  const auto from = column_at(table, op.from);
  const auto where = "column '" + op.table + "." + op.column.name + "'";
  if (from->primary_key || from->generated || op.column.generated) {
    throw StateError(where + " cannot hold the same as '" + op.from +
                     "': " + (from->primary_key ? "that is the primary key" : "one of them is generated"));
  }
  if (from->nullable && !op.column.nullable) {
    throw StateError(where + " may not be null, and '" + op.from +
                     "', which it is to hold the same as, may: alter it after the 'contract_column'");
  }
  check_no_twin(op.table, op.from);
  check_not_filled(op.table, op.from);
  const auto twins = op.back ? Twins{op.column.name, op.from} : Twins{op.from, op.column.name};
  check_twin(twins, op.back ? *from : op.column);
  add(AddColumn{op.table, op.column});
  auto& all = tables_.at(op.table).twins;
  all.insert(std::ranges::upper_bound(all, twins), twins);
}

void State::contract(const ContractColumn& op) {
  auto& all = tables_.at(entry(op.table).table.name).twins;
  const auto found = std::ranges::find_if(all, [&](const Twins& each) {
    return each == Twins{op.from, op.to} || each == Twins{op.to, op.from};
  });
  if (found == all.end()) {
    throw StateError("columns '" + op.from + "' and '" + op.to + "' of '" + op.table +
                     "' are not held the same: 'expand_column' comes before it");
  }
  const auto twins = *found;
  all.erase(found);
  try {
    drop(DropColumn{op.table, op.from});
  } catch (const StateError&) {
    auto& left = tables_.at(op.table).twins;
    left.insert(std::ranges::upper_bound(left, twins), twins);
    throw;
  }
}

/// Names that a trigger says, and types that it knows, stay as they are; without a column, of the whole
/// table.
void State::check_no_twin(const std::string& table, const std::string& column) const {
  for (const auto& [from, to] : entry(table).twins) {
    if (!column.empty() && from != column && to != column) continue;
    throw StateError("columns '" + from + "' and '" + to + "' of '" + table +
                     "' are held the same: 'contract_column' comes before it");
  }
}

void State::check_not_filled(const std::string& table, const std::string& column) const {
  for (const auto& each : entry(table).filled) {
    if (!column.empty() && each != column) continue;
    throw StateError("nulls of '" + table + "." + each +
                     "' are being filled: an 'alter_column' without 'fill_nulls' comes before it");
  }
}

}  // namespace mpf::migrate
