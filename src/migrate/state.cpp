#include "migrate/state.hpp"

#include <algorithm>

#include <mpf/base/text.hpp>

#include "migrate/state_rules.hpp"

namespace mpf::migrate {
const orm::Column* find_column(const orm::Table& table, const std::string& name) {
  const auto found = std::ranges::find(table.columns, name, &orm::Column::name);
  return found == table.columns.end() ? nullptr : &*found;
}

const orm::Index* find_index(const orm::Table& table, const std::string& name) {
  const auto found = std::ranges::find(table.indexes, name, &orm::Index::name);
  return found == table.indexes.end() ? nullptr : &*found;
}

const orm::Column* find_similar_column(const orm::Table& table, const std::string& name) {
  const auto found =
      std::ranges::find_if(table.columns, [&](const orm::Column& each) { return iequals(each.name, name); });
  return found == table.columns.end() ? nullptr : &*found;
}

const orm::Index* find_similar_index(const orm::Table& table, const std::string& name) {
  const auto found =
      std::ranges::find_if(table.indexes, [&](const orm::Index& each) { return iequals(each.name, name); });
  return found == table.indexes.end() ? nullptr : &*found;
}

const orm::Check* find_check(const orm::Table& table, const std::string& name) {
  const auto found = std::ranges::find(table.checks, name, &orm::Check::name);
  return found == table.checks.end() ? nullptr : &*found;
}

bool equivalent(const State::Entry& a, const State::Entry& b) {
  const auto sorted = [](orm::Table table) {
    std::ranges::sort(table.columns, {}, &orm::Column::name);
    return table;
  };
  return a.module == b.module && a.twins == b.twins && a.filled == b.filled &&
         sorted(a.table) == sorted(b.table);
}

bool equivalent(const State& a, const State& b) {
  return std::ranges::equal(a.tables(), b.tables(), [](const auto& left, const auto& right) {
    return left.first == right.first && equivalent(left.second, right.second);
  });
}

const orm::Index* tenant_key(const orm::Table& target, const orm::Reference& reference) {
  const std::vector<std::string> columns{reference.target_tenant, reference.column};
  const auto found = std::ranges::find_if(target.indexes, [&](const orm::Index& index) {
    return index.unique && index.columns == columns && index.expressions.empty() && !index.where;
  });
  return found == target.indexes.end() ? nullptr : &*found;
}

orm::Table normalized(orm::Table table) {
  table.renamed_from.clear();
  table.moved_from.clear();
  for (auto& column : table.columns) column.renamed_from.clear();
  std::ranges::sort(table.indexes, {}, &orm::Index::name);
  std::ranges::sort(table.checks, {}, &orm::Check::name);
  return table;
}

const orm::Table* State::find(const std::string& table) const {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : &found->second.table;
}

const State::Entry& State::entry(const std::string& table) const {
  const auto found = tables_.find(table);
  if (found == tables_.end()) throw StateError("there is no table '" + table + "'");
  return found->second;
}

std::vector<orm::Column>::iterator column_at(orm::Table& table, const std::string& name) {
  const auto found = std::ranges::find(table.columns, name, &orm::Column::name);
  if (found == table.columns.end())
    throw StateError("table '" + table.name + "' has no column '" + name + "'");
  return found;
}

orm::Table& State::change(const std::string& table) {
  return const_cast<orm::Table&>(entry(table).table);  // NOLINT: ours, and not const
}

void State::check_free(const std::string& table, const std::string& besides) const {
  for (const auto& [name, entry] : tables_) {
    if (name != besides && iequals(name, table)) throw StateError("there is a table " + taken(name, table));
  }
}

void State::check_index_free(const std::string& index, const std::string& besides) const {
  for (const auto& [name, entry] : tables_) {
    const auto* found = find_similar_index(entry.table, index);
    if (found && found->name != besides) {
      throw StateError("on table '" + name + "' there is an index " + taken(found->name, index));
    }
  }
}

std::vector<std::string> State::referrers(const std::string& table) const {
  std::vector<std::string> result;
  for (const auto& [name, entry] : tables_) {
    const bool refers = std::ranges::any_of(entry.table.columns, [&](const orm::Column& column) {
      return column.references && column.references->table == table;
    });
    if (refers && name != table) result.push_back(name);
  }
  return result;
}

void State::apply(const Operation& operation, const std::string& module) {
  std::visit(Overloaded{
                 [&](const CreateTable& op) { create(op, module); },
                 [&](const DropTable& op) { drop(op); },
                 [&](const RenameTable& op) { rename(op); },
                 [&](const MoveTable& op) {
                   if (const auto& owner = entry(op.table).module; owner != op.from) {
                     throw StateError("table '" + op.table + "' belongs to module '" + owner + "', not to '" +
                                      op.from + "'");
                   }
                   tables_.at(op.table).module = op.to;
                 },
                 [&](const AlterTable& op) {
                   auto& table = change(op.table);
                   if (!op.tenant_column.empty()) column_at(table, op.tenant_column);
                   table.tenant_column = op.tenant_column;
                 },
                 [&](const AlterRowSecurity& op) { secure(op); },
                 [&](const AddColumn& op) { add(op); },
                 [&](const DropColumn& op) { drop(op); },
                 [&](const AlterColumn& op) { alter(op); },
                 [&](const RenameColumn& op) { rename(op); },
                 [&](const ExpandColumn& op) { expand(op); },
                 [&](const ContractColumn& op) { contract(op); },
                 [&](const CreateIndex& op) { create(op); },
                 [&](const DropIndex& op) { drop(op); },
                 [&](const RenameIndex& op) { rename(op); },
                 [&](const AddCheck& op) { add(op); },
                 [&](const DropCheck& op) { drop(op); },
                 [](const RunSql&) {},
                 [&](const Backfill& op) {
                   auto& table = change(op.table);
                   for (const auto& [column, value] : op.set) column_at(table, column);
                 },
                 [](const CallFunction&) {},
             },
             operation);
}

void State::check_references(const orm::Table& table, const orm::Column& column) const {
  if (!column.references) return;
  const auto& to = *column.references;
  const auto* target = to.table == table.name ? &table : find(to.table);
  if (!target) {
    throw StateError("column '" + table.name + "." + column.name + "' refers to the table '" + to.table +
                     "', which does not exist (yet): is a migration missing among 'depends'?");
  }
  const auto* key = find_column(*target, to.column);
  if (!key || !key->primary_key) {
    throw StateError("column '" + table.name + "." + column.name + "' refers to '" + to.table + "." +
                     to.column + "', which is no primary key");
  }
  if (to.tenant.empty() != to.target_tenant.empty()) {
    throw StateError("column '" + table.name + "." + column.name +
                     "' refers to a row of the same tenant, and one side does not say which column tells it");
  }
  if (to.tenant.empty()) return;
  if (to.tenant == column.name || !find_column(table, to.tenant)) {
    throw StateError("column '" + table.name + "." + column.name + "' goes by the tenant column '" +
                     to.tenant + "', which is not another column of the table");
  }
  if (!tenant_key(*target, to)) {
    throw StateError("column '" + table.name + "." + column.name + "' goes by the tenant of '" + to.table +
                     "', which has no unique index on '" + to.target_tenant + "' and '" + to.column +
                     "' (yet)");
  }
}

void State::check_not_needed(const std::string& table, const orm::Index& index) const {
  if (!index.unique) return;
  auto left = this->table(table);
  std::erase_if(left.indexes, [&](const orm::Index& each) { return each.name == index.name; });
  for (const auto& [name, entry] : tables_) {
    for (const auto& column : entry.table.columns) {
      const auto& to = column.references;
      if (!to || to->table != table || to->tenant.empty() || tenant_key(left, *to)) continue;
      throw StateError("index '" + index.name + "' cannot be dropped: the column '" + name + "." +
                       column.name + "' refers by it");
    }
  }
}

void State::check_security(const orm::Table& table, const std::optional<orm::RowSecurity>& security) const {
  if (!security) return;
  const auto need = [&](const orm::Table& in, const std::string& column) {
    if (column.empty() || find_column(in, column)) return;
    throw StateError("the row security of '" + table.name + "' needs the column '" + in.name + "." + column +
                     "', which does not exist (yet)");
  };
  if (security->role.empty()) throw StateError("the row security of '" + table.name + "' has no role");
  need(table, security->site);
  need(table, security->provider);
  if (security->site_table.empty()) return;
  const auto* owner = security->site_table == table.name ? &table : find(security->site_table);
  if (!owner) {
    throw StateError("the row security of '" + table.name + "' needs the table '" + security->site_table +
                     "', which does not exist (yet)");
  }
  need(*owner, security->site_key);
  need(*owner, security->site_provider);
}

/// Policies of PostgreSQL keep the columns that they read from going.
void State::check_unsecured(const std::string& table, const std::string& column) const {
  for (const auto& [name, entry] : tables_) {
    const auto& security = entry.table.row_security;
    if (!security || !uses(entry.table, *security, table, column)) continue;
    throw StateError("column '" + table + "." + column + "' cannot be dropped before the row security of '" +
                     name + "', which reads it");
  }
}

void State::secure(const AlterRowSecurity& op) {
  auto& table = change(op.table);
  check_security(table, op.security);
  table.row_security = op.security;
}

void State::create(const CreateTable& op, const std::string& module) {
  auto table = normalized(op.table);
  check_free(table.name);
  if (table.columns.empty()) throw StateError("table '" + table.name + "' has no columns");
  for (const auto& column : table.columns) {
    if (const auto* first = find_similar_column(table, column.name); first != &column) {
      throw StateError("table '" + table.name + "' has a column " + taken(first->name, column.name));
    }
    check_column(table, column);
    check_references(table, column);
  }
  if (std::ranges::count_if(table.columns, &orm::Column::primary_key) > 1) {
    throw StateError("table '" + table.name + "' has more than one primary key");
  }
  for (const auto& column : table.columns) {
    if (column.generated) check_names(table, *column.generated, "column '" + column.name + "'");
  }
  for (const auto& check : table.checks) {
    check_names(table, check.condition, "check '" + check.name + "'");
    if (std::ranges::count(table.checks, check.name, &orm::Check::name) > 1) {
      throw StateError("table '" + table.name + "' has the check '" + check.name + "' twice");
    }
  }
  for (const auto& index : table.indexes) {
    check_index(table, index);
    if (const auto* first = find_similar_index(table, index.name); first != &index) {
      throw StateError("table '" + table.name + "' has an index " + taken(first->name, index.name));
    }
    check_index_free(index.name);
  }
  if (!table.tenant_column.empty()) column_at(table, table.tenant_column);
  check_security(table, table.row_security);
  auto name = table.name;
  tables_.emplace(std::move(name), Entry{module, std::move(table)});
}

void State::drop(const DropTable& op) {
  if (!op.with_triggers) {
    check_no_twin(op.table);
    check_not_filled(op.table);
  }
  if (const auto others = referrers(op.table); !others.empty()) {
    throw StateError("table '" + op.table + "' cannot be dropped: table '" + others.front() +
                     "' refers to it");
  }
  for (const auto& [name, other] : tables_) {
    const auto& security = other.table.row_security;
    if (name == op.table || !security || security->site_table != op.table) continue;
    throw StateError("table '" + op.table + "' cannot be dropped before the row security of '" + name +
                     "', which reads it");
  }
  tables_.erase(op.table);
}

void State::rename(const RenameTable& op) {
  check_no_twin(op.from);
  check_not_filled(op.from);
  check_free(op.to, op.from);
  auto node = tables_.extract(op.from);
  node.key() = op.to;
  node.mapped().table.name = op.to;
  tables_.insert(std::move(node));
  for (auto& [name, entry] : tables_) {
    for (auto& column : entry.table.columns) {
      if (column.references && column.references->table == op.from) column.references->table = op.to;
    }
    auto& security = entry.table.row_security;
    if (security && security->site_table == op.from) security->site_table = op.to;
  }
}

void State::create(const CreateIndex& op) {
  auto& table = change(op.table);
  check_index_free(op.index.name);
  check_index(table, op.index);
  table.indexes.push_back(op.index);
  std::ranges::sort(table.indexes, {}, &orm::Index::name);
}

void State::drop(const DropIndex& op) {
  auto& table = change(op.table);
  const auto found = std::ranges::find(table.indexes, op.index, &orm::Index::name);
  if (found == table.indexes.end()) {
    throw StateError("table '" + op.table + "' has no index '" + op.index + "'");
  }
  check_not_needed(op.table, *found);
  table.indexes.erase(found);
}

void State::rename(const RenameIndex& op) {
  const auto* found = find_index(table(op.table), op.from);
  if (!found) throw StateError("table '" + op.table + "' has no index '" + op.from + "'");
  check_index_free(op.to, op.from);
  auto& indexes = change(op.table).indexes;
  std::ranges::find(indexes, op.from, &orm::Index::name)->name = op.to;
  std::ranges::sort(indexes, {}, &orm::Index::name);
}

void State::add(const AddCheck& op) {
  auto& table = change(op.table);
  if (find_check(table, op.check.name)) {
    throw StateError("table '" + op.table + "' has a check '" + op.check.name + "' already");
  }
  check_names(table, op.check.condition, "check '" + op.check.name + "'");
  table.checks.push_back(op.check);
  std::ranges::sort(table.checks, {}, &orm::Check::name);
}

void State::drop(const DropCheck& op) {
  auto& table = change(op.table);
  const auto found = std::ranges::find(table.checks, op.check, &orm::Check::name);
  if (found == table.checks.end()) {
    throw StateError("table '" + op.table + "' has no check '" + op.check + "'");
  }
  table.checks.erase(found);
}

}  // namespace mpf::migrate
