#include <algorithm>
#include <functional>
#include <set>

#include <mpf/base/text.hpp>

#include "migrate/data_steps.hpp"
#include "migrate/graph.hpp"

namespace mpf::migrate {
namespace {

/// What two operations of different branches may not both change.
std::vector<std::string> touched(const Operation& operation) {
  const auto column = [](const std::string& table, const std::string& name) { return table + "." + name; };
  return std::visit(Overloaded{
                        [](const CreateTable& op) { return std::vector{op.table.name}; },
                        [](const RenameTable& op) {
                          return std::vector{op.from, op.to};
                        },
                        [](const AlterRowSecurity& op) { return std::vector{op.table + " row security"}; },
                        [&](const AddColumn& op) { return std::vector{column(op.table, op.column.name)}; },
                        [&](const AlterColumn& op) { return std::vector{column(op.table, op.column.name)}; },
                        [&](const DropColumn& op) { return std::vector{column(op.table, op.column)}; },
                        [&](const RenameColumn& op) {
                          return std::vector{column(op.table, op.from), column(op.table, op.to)};
                        },
                        [&](const ExpandColumn& op) {
                          return std::vector{column(op.table, op.from), column(op.table, op.column.name)};
                        },
                        [&](const ContractColumn& op) {
                          return std::vector{column(op.table, op.from), column(op.table, op.to)};
                        },
                        [](const RenameIndex& op) {
                          return std::vector{"index " + op.from, "index " + op.to};
                        },
                        [](const CreateIndex& op) { return std::vector{"index " + op.index.name}; },
                        [](const DropIndex& op) { return std::vector{"index " + op.index}; },
                        [](const AddCheck& op) { return std::vector{op.table + " check " + op.check.name}; },
                        [](const DropCheck& op) { return std::vector{op.table + " check " + op.check}; },
                        [](const RunSql&) { return std::vector<std::string>(); },
                        [](const CallFunction&) { return std::vector<std::string>(); },
                        [&](const Backfill& op) {
                          std::vector<std::string> result;
                          for (const auto& [name, value] : op.set) result.push_back(column(op.table, name));
                          return result;
                        },
                        [](const auto& op) { return std::vector{op.table}; },
                    },
                    operation);
}

using Migrations = std::vector<const Migration*>;

std::string place(const Migration& migration, const LocatedOperation& each) {
  return migration.id.to_string() + " (" + migration.source + ":" + std::to_string(each.line) +
         "): " + describe(each.operation);
}

/// Whether both change the same.
bool meet(const Operation& a, const Operation& b) {
  const auto names_of = [](const Operation& operation) {
    auto names = touched(operation);
    for (auto& name : names) name = to_lower_ascii(name);  // as SQLite compares them
    return names;
  };
  const auto one = names_of(a);
  const auto two = names_of(b);
  const auto within = [](const std::string& part, const std::string& whole) {
    return part == whole || part.starts_with(whole + ".") || part.starts_with(whole + " ");
  };
  return std::ranges::any_of(one, [&](const std::string& left) {
    return std::ranges::any_of(
        two, [&](const std::string& right) { return within(left, right) || within(right, left); });
  });
}

using Meets = std::function<bool(const Operation&, const Operation&)>;

/// The first operation of each that the other does not get along with, and what may be done about it; empty
/// when there is none.
std::string find_both(const Migrations& ours, const Migrations& theirs, const Meets& meets) {
  for (const auto* a : ours) {
    for (const auto& left : a->operations) {
      for (const auto* b : theirs) {
        for (const auto& right : b->operations) {
          if (!meets(left.operation, right.operation)) continue;
          auto text = "\n  " + place(*a, left) + "\n  " + place(*b, right);
          const bool unknown = says_nothing(left.operation) || says_nothing(right.operation);
          return unknown ? text +
                               "\nsay what the SQL or function reads and changes: 'touches: [table, "
                               "other.column]', or 'touches: []' for nothing that others change; or"
                         : text;
        }
      }
    }
  }
  return {};
}

std::string name_both(const Migrations& ours, const Migrations& theirs) {
  auto text = find_both(ours, theirs, meet);
  return text.empty() ? "\n  " + ours.back()->id.to_string() + "\n  " + theirs.back()->id.to_string() : text;
}

[[noreturn]] void fail_on(const std::string& module, const std::string& both) {
  fail(ErrorKind::conflict,
       "two branches of module '" + module + "' change the same thing:" + both +
           "\nlet one of them depend on the other, and change it to what both want; then run "
           "`migrate sum " +
           module + "`");
}

/// False where the operations do not fit.
bool replay_all(const Migrations& migrations, State& state) {
  try {
    for (const auto* each : migrations) {
      for (const auto& located : each->operations) state.apply(located.operation, each->id.module);
    }
    return true;
  } catch (const StateError&) {
    return false;
  }
}

void check_pair(const Graph& graph, const MigrationId& a, const MigrationId& b) {
  const auto of_a = graph.with_needed(a);
  const auto of_b = graph.with_needed(b);
  const std::set<MigrationId> in_a(of_a.begin(), of_a.end());
  const std::set<MigrationId> in_b(of_b.begin(), of_b.end());
  State common;
  Migrations ours;
  Migrations theirs;
  for (const auto& migration : graph.migrations()) {
    const bool left = in_a.contains(migration.id);
    const bool right = in_b.contains(migration.id);
    if (left && right) replay(migration, common);
    if (left && !right) ours.push_back(&migration);
    if (right && !left) theirs.push_back(&migration);
  }
  auto first = common;
  auto second = common;
  // What does not fit by itself is no matter of branches: replaying all of it tells.
  if (!replay_all(ours, first) || !replay_all(theirs, second)) return;
  const bool fits = replay_all(theirs, first) && replay_all(ours, second);
  if (!fits || !equivalent(first, second)) fail_on(a.module, name_both(ours, theirs));
  // The tables are the same. What is in them may not be.
  const auto both = find_both(ours, theirs, [&](const Operation& left, const Operation& right) {
    return contradict(left, right, common);
  });
  if (!both.empty()) fail_on(a.module, both);
}

}  // namespace

void check_branches(const Graph& graph) {
  std::set<std::string> modules;
  for (const auto& migration : graph.migrations()) modules.insert(migration.id.module);
  for (const auto& module : modules) {
    const auto leaves = graph.leaves(module);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      for (std::size_t j = i + 1; j < leaves.size(); ++j) check_pair(graph, leaves[i], leaves[j]);
    }
  }
}

}  // namespace mpf::migrate
