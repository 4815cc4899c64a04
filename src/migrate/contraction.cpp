#include <algorithm>
#include <iterator>
#include <set>

#include "migrate/diff.hpp"
#include "migrate/sql.hpp"

namespace mpf::migrate {
namespace {

/// The new column, with room for what the old one may hold.
orm::Column widened(const orm::Column& before, orm::Column column) {
  if (!before.max_length || (column.max_length && *column.max_length < *before.max_length)) {
    column.max_length = before.max_length;
  }
  if (before.choices.empty()) column.choices.clear();
  if (column.choices.empty()) return column;
  std::ranges::copy_if(before.choices, std::back_inserter(column.choices), [&](const std::string& choice) {
    return std::ranges::count(column.choices, choice) == 0;
  });
  return column;
}

/// Tells apart what can be done while the release before still runs.
class Contraction {
 public:
  Contraction(State state, Changes& changes) : state_(std::move(state)), changes_(changes) {
    for (const auto& [module, operations] : changes_) {
      for (const auto& operation : operations) note(operation, module);
    }
  }

  Changes take() {
    Changes behind;
    for (auto& [module, operations] : changes_) {
      std::vector<Operation> now;
      std::vector<Operation> later;
      for (auto& operation : operations) {
        prepare(operation, now);
        const bool waits = this->waits(operation) || narrows(operation) || fills_nulls(operation);
        (waits ? later : now).push_back(std::move(operation));
      }
      operations = std::move(now);
      if (!later.empty()) behind[module] = std::move(later);
    }
    std::erase_if(changes_, [](const auto& each) { return each.second.empty(); });
    return behind;
  }

 private:
  void note(const Operation& operation, const std::string& module) {
    std::visit(Overloaded{
                   [&](const RenameTable&) { state_.apply(operation, module); },
                   [&](const RenameColumn& op) {
                     state_.apply(operation, module);
                     fresh_.insert(op.table + "." + op.to);
                   },
                   [&](const ExpandColumn& op) {
                     state_.apply(operation, module);
                     fresh_.insert(op.table + "." + op.from);
                     fresh_.insert(op.table + "." + op.column.name);
                   },
                   [&](const AddColumn& op) { fresh_.insert(op.table + "." + op.column.name); },
                   [&](const DropTable& op) { dropped_.insert(op.table); },
                   [&](const DropColumn& op) { dropped_.insert(op.table + "." + op.column); },
                   [&](const CreateIndex& op) { made_.insert(op.index.name); },
                   [](const auto&) {},
               },
               operation);
  }

  bool waits(const Operation& operation) const {
    if (loses_data(operation)) return true;
    if (const auto* check = std::get_if<AddCheck>(&operation)) return forbids(*check);
    const auto* drop = std::get_if<DropIndex>(&operation);
    if (!drop || made_.contains(drop->index)) return false;
    // The old release still searches by it. What is unique would be in the way of the new one.
    const auto& table = state_.table(drop->table);
    const auto* index = find_index(table, drop->index);
    return index && !index->unique && std::ranges::any_of(table.columns, [&](const orm::Column& column) {
             return dropped_.contains(table.name + "." + column.name) && uses(*index, column.name);
           });
  }

  /// Whether the rule is about what the old release writes: not of a table or a column that it does not know.
  /// Rules about columns that are renamed are asked of both, see take_renames().
  bool forbids(const AddCheck& added) const {
    const auto* table = state_.find(added.table);
    return table && std::ranges::none_of(fresh_, [&](const std::string& column) {
             const auto point = column.find('.');
             return column.substr(0, point) == added.table &&
                    mentions(added.check.condition, column.substr(point + 1));
           });
  }

  /// Null that becomes not null: the old release may write it until the border, and the new one reads the
  /// default then. Where there is none, nothing can be written in its place.
  bool fills_nulls(const Operation& operation) const {
    const auto* alter = std::get_if<AlterColumn>(&operation);
    if (!alter || !stays(*alter)) return false;
    const auto& after = alter->column;
    const auto& before = *find_column(state_.table(alter->table), after.name);
    return before.nullable && !after.nullable && !after.generated && before.type == after.type &&
           (after.default_value || after.computed_default);
  }

  /// A shorter limit, or fewer choices, would refuse what the old release writes.
  bool narrows(const Operation& operation) const {
    const auto* alter = std::get_if<AlterColumn>(&operation);
    return alter && stays(*alter) &&
           migrate::narrows(*find_column(state_.table(alter->table), alter->column.name), alter->column);
  }

  /// Whether both releases know the column by that name.
  bool stays(const AlterColumn& alter) const {
    const auto& entry = state_.entry(alter.table);
    const auto& name = alter.column.name;
    return find_column(entry.table, name) &&
           std::ranges::none_of(entry.twins, [&](const Twins& each) { return each.from == name; });
  }

  /// What the new release does not know must not keep it from writing other rows, nor from deleting those
  /// that are referred to.
  void prepare(const Operation& operation, std::vector<Operation>& now) const {
    if (const auto* drop = std::get_if<DropColumn>(&operation)) {
      auto column = *find_column(state_.table(drop->table), drop->column);
      if (column.generated) return;
      const bool needed = !column.nullable && !column.default_value && !column.computed_default;
      if (!needed && !refers(column)) return;
      column.nullable = column.nullable || needed;
      column.references.reset();
      now.emplace_back(AlterColumn{drop->table, std::move(column)});
    } else if (narrows(operation) || fills_nulls(operation)) {
      const auto& alter = std::get<AlterColumn>(operation);
      const auto& before = *find_column(state_.table(alter.table), alter.column.name);
      auto meanwhile = widened(before, alter.column);
      if (meanwhile != before) {
        now.emplace_back(AlterColumn{alter.table, std::move(meanwhile), fills_nulls(operation)});
      }
    } else if (const auto* gone = std::get_if<DropTable>(&operation)) {
      for (auto column : state_.table(gone->table).columns) {
        if (!refers(column) || column.references->table == gone->table) continue;
        column.references.reset();
        now.emplace_back(AlterColumn{gone->table, std::move(column)});
      }
    }
  }

  bool refers(const orm::Column& column) const {
    if (!column.references) return false;
    const auto rule = column.references->on_delete;
    return (rule == orm::OnDelete::restrict || rule == orm::OnDelete::do_nothing) &&
           !dropped_.contains(column.references->table);
  }

  State state_;  ///< with the names of the new release
  Changes& changes_;
  std::set<std::string> dropped_;
  std::set<std::string> made_;
  std::set<std::string> fresh_;  ///< columns that the old release does not know, as "table.column"
};

}  // namespace

Changes take_contraction(const State& state, Changes& changes) {
  try {
    return Contraction(state, changes).take();
  } catch (const StateError&) {  // renames in a circle between modules: all of it is done at once
    return {};
  }
}

}  // namespace mpf::migrate
