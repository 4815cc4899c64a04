#include "migrate/dependencies.hpp"

#include <vector>

namespace mpf::migrate {
namespace {

void add_references(std::vector<std::string>& to, const orm::Table& table) {
  for (const auto& column : table.columns) {
    if (column.references) to.push_back(column.references->table);
  }
}

void add_reference(std::vector<std::string>& to, const orm::Column* column) {
  if (column && column->references) to.push_back(column->references->table);
}

/// Tables that columns refer to, before or after the operation.
std::vector<std::string> referred(const Operation& operation, const State& before) {
  std::vector<std::string> result;
  const auto column = [&](const std::string& table, const std::string& name) -> const orm::Column* {
    const auto* found = before.find(table);
    return found ? find_column(*found, name) : nullptr;
  };
  std::visit(Overloaded{
                 [&](const CreateTable& op) { add_references(result, op.table); },
                 [&](const DropTable& op) {
                   if (const auto* table = before.find(op.table)) add_references(result, *table);
                 },
                 [&](const AddColumn& op) { add_reference(result, &op.column); },
                 [&](const AlterColumn& op) {
                   add_reference(result, &op.column);
                   add_reference(result, column(op.table, op.column.name));
                 },
                 [&](const DropColumn& op) { add_reference(result, column(op.table, op.column)); },
                 [&](const ExpandColumn& op) {
                   add_reference(result, &op.column);
                   add_reference(result, column(op.table, op.from));
                 },
                 [&](const ContractColumn& op) { add_reference(result, column(op.table, op.from)); },
                 [](const auto&) {},
             },
             operation);
  return result;
}

}  // namespace

void DependencyTracker::touch(const MigrationId& by, const std::string& table) {
  touchers_[table][by.module] = by;
}

void DependencyTracker::saw(const MigrationId& by, const Operation& operation, const State& before) {
  for (const auto& table : referred(operation, before)) touch(by, table);
  const auto table = changed_table(operation);
  if (table.empty()) return;
  touch(by, table);
  if (const auto* rename = std::get_if<RenameTable>(&operation)) {
    touchers_[rename->to].merge(std::map(touchers_[rename->from]));
    touchers_[rename->to][by.module] = by;
    makers_[rename->to] = by;
  }
  const auto* index = std::get_if<CreateIndex>(&operation);
  const bool makes = std::holds_alternative<CreateTable>(operation) ||
                     (index && index->index.unique) ||  // references within a tenant need it
                     std::holds_alternative<MoveTable>(operation) ||
                     std::holds_alternative<RenameColumn>(operation);
  if (makes) makers_[table] = by;
}

std::set<MigrationId> DependencyTracker::needs(const std::string& module, const Operation& operation,
                                               const State& before) const {
  std::set<MigrationId> result;
  const auto add = [&](const MigrationId& id) {
    if (id.module != module) result.insert(id);
  };
  const auto add_touchers = [&](const std::string& table) {
    const auto found = touchers_.find(table);
    if (found == touchers_.end()) return;
    for (const auto& [toucher, id] : found->second) add(id);
  };
  for (const auto& table : referred(operation, before)) {
    const auto maker = makers_.find(table);
    if (maker != makers_.end()) add(maker->second);
  }
  std::visit(Overloaded{
                 [&](const CreateTable& op) { add_touchers(op.table.name); },
                 [&](const DropTable& op) { add_touchers(op.table); },
                 [&](const MoveTable& op) { add_touchers(op.table); },
                 [&](const DropIndex& op) {
                   const auto* table = before.find(op.table);
                   const auto* index = table ? find_index(*table, op.index) : nullptr;
                   if (index && index->unique) add_touchers(op.table);  // who may have referred by it
                 },
                 [&](const RenameTable& op) {
                   add_touchers(op.from);
                   add_touchers(op.to);
                 },
                 [](const auto&) {},
             },
             operation);
  return result;
}

}  // namespace mpf::migrate
