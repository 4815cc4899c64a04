#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>

#include <mpf/base/text.hpp>

#include "migrate/diff.hpp"
#include "migrate/sql.hpp"
#include "migrate/state_rules.hpp"

namespace mpf::migrate {
namespace {

template <class Op>
const Op* find_operation(const std::vector<Operation>& operations, const auto& wanted) {
  for (const auto& each : operations) {
    const auto* op = std::get_if<Op>(&each);
    if (op && wanted(*op)) return op;
  }
  return nullptr;
}

/// The renames of one table's columns.
class Expansion {
 public:
  Expansion(const State& state, const std::string& table, std::vector<Operation>& operations)
      : state_(state), before_(state.table(table)), operations_(operations) {
    for (const auto& each : operations) {
      const auto* rename = std::get_if<RenameColumn>(&each);
      if (rename && rename->table == table) names_[rename->from] = rename->to;
    }
  }

  bool is_possible() const {
    return std::ranges::all_of(names_,
                               [&](const auto& name) {
                                 const auto* column = find_column(before_, name.first);
                                 // In a chain of renames the next one's name is still taken.
                                 return column && !find_column(before_, name.second) &&
                                        is_possible(*column, wanted(*column)) && !has_office(name.first);
                               }) &&
           checks_can_change();
  }

  /// Returns what waits for the border.
  std::vector<Operation> run() {
    for (const auto& index : before_.indexes) {
      if (is_renamed([&](const std::string& name) { return uses(index, name); })) pass_on(index);
    }
    for (const auto& check : before_.checks) {
      if (is_renamed([&](const std::string& name) { return mentions(check.condition, name); }))
        pass_on(check);
    }
    for (const auto& [from, to] : names_) expand(*find_column(before_, from));
    std::vector<Operation> behind = std::move(first_);
    std::ranges::move(then_, std::back_inserter(behind));
    std::ranges::move(last_, std::back_inserter(behind));
    return behind;
  }

 private:
  bool is_renamed(const auto& by) const {
    return std::ranges::any_of(names_, [&](const auto& each) { return by(each.first); });
  }

  const AlterColumn* altered(const std::string& column) const {
    return find_operation<AlterColumn>(operations_, [&](const AlterColumn& op) {
      return op.table == before_.name && op.column.name == column;
    });
  }

  /// What the column is to become.
  orm::Column wanted(orm::Column column) const {
    column.name = names_.at(column.name);
    const auto* change = altered(column.name);
    return change ? change->column : column;
  }

  static bool is_same_type(const orm::Column& before, const orm::Column& after) {
    return before.type == after.type && before.scale == after.scale && before.element == after.element;
  }

  static bool is_possible(const orm::Column& before, const orm::Column& after) {
    if (before.primary_key || before.generated || after.generated || !keeps_or_refuses(before, after))
      return false;
    if (iequals(before.name, after.name)) return false;  // SQLite cannot have both
    // Nobody could tell a null from a value that is left out.
    const bool computed = before.computed_default || after.computed_default;
    if (computed && (before.nullable || after.nullable)) return false;
    return std::ranges::none_of(std::array{before, after}, [](const orm::Column& each) {
      return each.references && each.references->on_delete == orm::OnDelete::set_default;
    });
  }

  /// Whether more than its own values hangs on the column.
  bool has_office(const std::string& name) const {
    if (before_.tenant_column == name) return true;
    for (const auto& column : before_.columns) {
      if (column.generated && mentions(*column.generated, name)) return true;
      if (column.references && column.references->tenant == name) return true;
    }
    return std::ranges::any_of(state_.tables(), [&](const auto& each) {
      const auto& other = each.second.table;
      if (other.row_security && uses(other, *other.row_security, before_.name, name)) return true;
      return std::ranges::any_of(other.columns, [&](const orm::Column& column) {
        const auto& to = column.references;
        return to && to->table == before_.name && to->target_tenant == name;
      });
    });
  }

  /// A rule that changes under its name is asked of the old column in the meantime, as it is of the new one.
  bool checks_can_change() const {
    return std::ranges::none_of(before_.checks, [&](const orm::Check& check) {
      return added(check.name) && std::ranges::any_of(names_, [&](const auto& name) {
               const auto& column = *find_column(before_, name.first);
               return mentions(check.condition, name.first) && !is_same_type(column, wanted(column));
             });
    });
  }

  void expand(const orm::Column& column) {
    const auto after = wanted(column);
    auto twin = after;
    twin.nullable = column.nullable || after.nullable;
    twin.default_value.reset();
    twin.computed_default.reset();
    auto old = column;
    old.nullable = twin.nullable;
    if (old.nullable) old.default_value.reset();
    if (is_same_type(column, after)) {
      old.max_length = after.max_length;
      old.choices = after.choices;
      old.references = after.references;
    }
    std::erase_if(operations_, [&](const Operation& each) {
      const auto* change = std::get_if<AlterColumn>(&each);
      return change && change->table == before_.name && change->column.name == after.name;
    });
    const auto at = std::ranges::find_if(operations_, [&](const Operation& each) {
      const auto* rename = std::get_if<RenameColumn>(&each);
      return rename && rename->table == before_.name && rename->from == column.name;
    });
    *at = ExpandColumn{before_.name, column.name, twin};
    if (old != column) operations_.insert(at, AlterColumn{before_.name, old});
    then_.emplace_back(ContractColumn{before_.name, column.name, after.name});
    if (twin != after) last_.emplace_back(AlterColumn{before_.name, after});
  }

  orm::Index renamed(orm::Index index) const {
    for (const auto& [from, to] : names_) {
      std::ranges::replace(index.columns, from, to);
      std::ranges::replace(index.descending, from, to);
      if (index.where) rename_in(*index.where, from, to);
      for (auto& each : index.expressions) rename_in(each, from, to);
    }
    return index;
  }

  /// Each release has an index of the column that it knows.
  void pass_on(const orm::Index& index) {
    const auto of_name = [&](const auto& op) {
      if constexpr (requires { op.index.name; }) {
        return op.table == before_.name && op.index.name == index.name;
      } else {
        return op.table == before_.name && op.index == index.name;
      }
    };
    const bool dropped = find_operation<DropIndex>(operations_, of_name) != nullptr;
    const auto* made = find_operation<CreateIndex>(operations_, of_name);
    auto next = made ? made->index : renamed(index);
    if (dropped && !made) {
      const auto* heir = find_operation<CreateIndex>(operations_, [&](const CreateIndex& op) {
        next.name = op.index.name;
        return op.table == before_.name && op.index == next;
      });
      // One that the new release knows nothing of must not be in its way.
      if (index.unique && !heir) return;
    } else {
      next.name = next_name(index.name);
      last_.emplace_back(RenameIndex{before_.name, next.name, index.name});
    }
    take_out<DropIndex>(of_name);
    take_out<CreateIndex>(of_name);
    if (next.name == next_name(index.name)) operations_.emplace_back(CreateIndex{before_.name, next});
    first_.emplace_back(DropIndex{before_.name, index.name});
  }

  const AddCheck* added(const std::string& name) const {
    return find_operation<AddCheck>(
        operations_, [&](const AddCheck& op) { return op.table == before_.name && op.check.name == name; });
  }

  /// What one column may hold the other may: a rule about one of them is enough.
  void pass_on(const orm::Check& check) {
    const auto of_name = [&](const DropCheck& op) {
      return op.table == before_.name && op.check == check.name;
    };
    const bool dropped = find_operation<DropCheck>(operations_, of_name) != nullptr;
    auto next = check;
    for (const auto& [from, to] : names_) rename_in(next.condition, from, to);
    if (const auto* change = added(check.name); dropped && change) {
      next = change->check;
      auto meanwhile = next;
      for (const auto& [from, to] : names_) rename_in(meanwhile.condition, to, from);
      take_out<AddCheck>(
          [&](const AddCheck& op) { return op.table == before_.name && op.check.name == check.name; });
      operations_.emplace_back(AddCheck{before_.name, meanwhile});
    } else if (dropped) {
      const auto* heir = find_operation<AddCheck>(operations_, [&](const AddCheck& op) {
        return op.table == before_.name && op.check.condition == next.condition;
      });
      if (!heir) return;  // the new release need not obey it
      take_out<DropCheck>(of_name);
      first_.emplace_back(DropCheck{before_.name, check.name});
      return;
    }
    first_.emplace_back(DropCheck{before_.name, check.name});
    last_.emplace_back(AddCheck{before_.name, next});
  }

  template <class Op>
  void take_out(const auto& which) {
    std::erase_if(operations_, [&](const Operation& each) {
      const auto* op = std::get_if<Op>(&each);
      return op && which(*op);
    });
  }

  const State& state_;
  const orm::Table& before_;
  std::vector<Operation>& operations_;
  std::map<std::string, std::string> names_;  ///< old → new
  std::vector<Operation> first_;
  std::vector<Operation> then_;
  std::vector<Operation> last_;
};

/// Tables whose columns are renamed, and that are called as before.
std::set<std::string> tables_of(const State& state, const std::vector<Operation>& operations) {
  std::set<std::string> result;
  for (const auto& each : operations) {
    const auto* rename = std::get_if<RenameColumn>(&each);
    if (rename && state.find(rename->table)) result.insert(rename->table);
  }
  for (const auto& each : operations) {
    const auto* rename = std::get_if<RenameTable>(&each);
    if (rename) result.erase(rename->to);
  }
  return result;
}

}  // namespace

Changes take_renames(const State& state, Changes& changes) {
  Changes behind;
  for (auto& [module, operations] : changes) {
    for (const auto& table : tables_of(state, operations)) {
      Expansion expansion(state, table, operations);
      if (!expansion.is_possible()) continue;
      std::ranges::move(expansion.run(), std::back_inserter(behind[module]));
    }
  }
  return behind;
}

}  // namespace mpf::migrate
