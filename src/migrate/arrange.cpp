#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <mpf/base/text.hpp>

#include "migrate/dependencies.hpp"
#include "migrate/diff.hpp"

namespace mpf::migrate {
namespace {

constexpr std::size_t max_name = 48;

std::string short_name(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const CreateTable& op) { return "create_" + op.table.name; },
                        [](const DropTable& op) { return "drop_" + op.table; },
                        [](const RenameTable& op) { return "rename_to_" + op.to; },
                        [](const MoveTable& op) { return "adopt_" + op.table; },
                        [](const AlterTable& op) { return "alter_" + op.table; },
                        [](const AlterRowSecurity& op) { return "secure_" + op.table; },
                        [](const AddColumn& op) { return "add_" + op.column.name; },
                        [](const DropColumn& op) { return "drop_" + op.column; },
                        [](const AlterColumn& op) { return "alter_" + op.column.name; },
                        [](const RenameColumn& op) { return "rename_to_" + op.to; },
                        [](const ExpandColumn& op) { return "expand_" + op.column.name; },
                        [](const ContractColumn& op) { return "contract_" + op.from; },
                        [](const CreateIndex& op) { return "create_" + op.index.name; },
                        [](const DropIndex& op) { return "drop_" + op.index; },
                        [](const RenameIndex& op) { return "rename_to_" + op.to; },
                        [](const AddCheck& op) { return "add_" + op.check.name; },
                        [](const DropCheck& op) { return "drop_" + op.check; },
                        [](const RunSql&) { return std::string("sql"); },
                        [](const Backfill& op) { return "backfill_" + op.table; },
                        [](const CallFunction& op) { return "call_" + op.function; },
                    },
                    operation);
}

/// Lower-case letters, digits and underscores only.
std::string clean_name(std::string_view text) {
  auto name = slugify(text);
  std::ranges::replace(name, '-', '_');
  return name;
}

std::string automatic_name(const std::vector<Operation>& operations) {
  auto name = short_name(operations.front());
  if (operations.size() == 2) name += "_and_" + short_name(operations.back());
  if (operations.size() > 2) name += "_and_" + std::to_string(operations.size() - 1) + "_more";
  name = clean_name(name);
  if (name.size() > max_name) name.resize(max_name);
  while (name.ends_with('_')) name.pop_back();
  return name.empty() ? "change" : name;
}

class Arrangement {
 public:
  Arrangement(const Graph& graph, Changes changes, Changes behind, const std::string& name)
      : pending_(std::move(changes)), behind_(std::move(behind)), name_(clean_name(name)) {
    if (!name.empty() && name_.empty()) {
      fail(ErrorKind::invalid, "'" + name + "' gives no name for a file; use letters, digits and '_'");
    }
    for (const auto& migration : graph.migrations()) {
      replay(migration, state_, [&](const Operation& operation, const State& before) {
        tracker_.saw(migration.id, operation, before);
      });
      auto& number = numbers_[migration.id.module];
      number = std::max(number, number_of(migration.id.name));
    }
    for (const auto& [module, operations] : pending_) leaves_[module] = graph.leaves(module);
    for (const auto& [module, operations] : behind_) leaves_[module] = graph.leaves(module);
  }

  std::vector<NewMigration> run() {
    if (pending_.empty()) pass_border();
    while (!pending_.empty()) {
      const bool moved =
          emit_next(true) || emit_next(false) || break_circle_of_creates() || break_circle_of_drops();
      if (!moved && behind_.empty()) fail_stuck();
      if (!moved) give_up_border();
      if (pending_.empty()) pass_border();
    }
    return std::move(result_);
  }

 private:
  static unsigned number_of(const std::string& name) {
    unsigned number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    return number;
  }

  void pass_border() {
    pending_ = std::exchange(behind_, {});
    border_ = true;
  }

  /// What stands in the way of something new has to go at once.
  void give_up_border() {
    for (auto& [module, operations] : behind_) {
      auto& all = pending_[module];
      all.insert(all.end(), operations.begin(), operations.end());
    }
    behind_.clear();
  }

  /// Writes the migration of the first module all (or some) of whose operations can be done now.
  bool emit_next(bool whole) {
    for (auto& [module, operations] : pending_) {
      if (whole && !references_are_there(operations)) continue;
      auto state = state_;
      auto left = operations;
      auto possible = take_possible(module, left, state);
      if (possible.empty() || (whole && !left.empty())) continue;
      emit(module, std::move(possible));
      if (left.empty()) {
        pending_.erase(module);
      } else {
        operations = std::move(left);
      }
      return true;
    }
    return false;
  }

  /// A cheap test that most modules fail whose time has not come.
  bool references_are_there(const std::vector<Operation>& operations) const {
    std::set<std::string> made;
    for (const auto& operation : operations) {
      if (const auto* create = std::get_if<CreateTable>(&operation)) made.insert(create->table.name);
      if (const auto* rename = std::get_if<RenameTable>(&operation)) made.insert(rename->to);
    }
    const auto is_there = [&](const orm::Column& column) {
      return !column.references || made.contains(column.references->table) ||
             state_.find(column.references->table);
    };
    return std::ranges::all_of(operations, [&](const Operation& operation) {
      if (const auto* create = std::get_if<CreateTable>(&operation)) {
        return std::ranges::all_of(create->table.columns, is_there);
      }
      if (const auto* added = std::get_if<AddColumn>(&operation)) return is_there(added->column);
      if (const auto* altered = std::get_if<AlterColumn>(&operation)) return is_there(altered->column);
      return true;
    });
  }

  /// Moves what fits the state out of `left`, in an order in which it does.
  static std::vector<Operation> take_possible(const std::string& module, std::vector<Operation>& left,
                                              State& state) {
    std::vector<Operation> done;
    for (bool changed = true; changed && !left.empty();) {
      changed = false;
      std::vector<Operation> blocked;
      for (auto& operation : left) {
        if (fits(operation, module, state)) {
          done.push_back(std::move(operation));
          changed = true;
        } else {
          blocked.push_back(std::move(operation));
        }
      }
      left = std::move(blocked);
    }
    return done;
  }

  static bool fits(const Operation& operation, const std::string& module, State& state) {
    try {
      state.apply(operation, module);
      return true;
    } catch (const StateError&) {
      return false;
    }
  }

  void emit(const std::string& module, std::vector<Operation> operations) {
    auto& leaves = leaves_[module];
    std::set<MigrationId> depends(leaves.begin(), leaves.end());
    const auto number = std::to_string(++numbers_[module]);
    std::string name = name_;
    if (name.empty()) name = leaves.empty() ? "initial" : automatic_name(operations);
    const MigrationId id{module,
                         std::string(number.size() < 4 ? 4 - number.size() : 0, '0') + number + "_" + name};
    for (const auto& operation : operations) {
      depends.merge(tracker_.needs(module, operation, state_));
      tracker_.saw(id, operation, state_);
      state_.apply(operation, module);
    }
    leaves = {id};
    result_.push_back({id, {depends.begin(), depends.end()}, std::move(operations), border_});
  }

  const orm::Table* pending_create(const std::string& table) const {
    for (const auto& [module, operations] : pending_) {
      for (const auto& operation : operations) {
        const auto* create = std::get_if<CreateTable>(&operation);
        if (create && create->table.name == table) return &create->table;
      }
    }
    return nullptr;
  }

  /// Whether tables that are still to be made lead, reference by reference, from one to the other.
  bool leads_to(const std::string& from, const std::string& to) const {
    std::set<std::string> seen;
    std::vector<std::string> open{from};
    while (!open.empty()) {
      const auto name = open.back();
      open.pop_back();
      if (!seen.insert(name).second) continue;
      const auto* table = pending_create(name);
      if (!table) continue;
      for (const auto& column : table->columns) {
        if (!column.references || column.references->table == name) continue;
        if (column.references->table == to) return true;
        open.push_back(column.references->table);
      }
    }
    return false;
  }

  /// Makes one table of a circle without the references that close it; they are added when all are there.
  bool break_circle_of_creates() {
    for (auto& [module, operations] : pending_) {
      std::vector<Operation> later;
      for (auto& operation : operations) {
        auto* create = std::get_if<CreateTable>(&operation);
        if (!create) continue;
        auto& table = create->table;
        for (auto& column : table.columns) {
          // A key that is another row's stays so: some other reference closes the circle, too.
          if (!column.references || column.primary_key || column.references->table == table.name) continue;
          if (!leads_to(column.references->table, table.name)) continue;
          later.emplace_back(AlterColumn{table.name, column});
          column.references.reset();
        }
        if (!later.empty()) break;
      }
      if (later.empty()) continue;
      operations.insert(operations.end(), later.begin(), later.end());
      return true;
    }
    return false;
  }

  /// Takes the references to a table away that is to be dropped together with those that refer to it.
  bool break_circle_of_drops() {
    std::set<std::string> dropped;
    for (const auto& [module, operations] : pending_) {
      for (const auto& operation : operations) {
        if (const auto* drop = std::get_if<DropTable>(&operation)) dropped.insert(drop->table);
      }
    }
    for (const auto& name : dropped) {
      for (const auto& referrer : state_.referrers(name)) {
        if (!dropped.contains(referrer)) continue;
        const auto& entry = state_.entry(referrer);
        std::vector<Operation> first;
        for (auto column : entry.table.columns) {
          if (!column.references || column.references->table != name) continue;
          column.references.reset();
          first.emplace_back(AlterColumn{referrer, column});
        }
        auto& operations = pending_.at(entry.module);
        operations.insert(operations.begin(), first.begin(), first.end());
        return true;
      }
    }
    return false;
  }

  [[noreturn]] void fail_stuck() {
    std::vector<FieldError> problems;
    for (const auto& [module, operations] : pending_) {
      for (const auto& operation : operations) {
        try {
          auto state = state_;
          state.apply(operation, module);
        } catch (const StateError& e) {
          problems.push_back({module, "model", "cannot " + describe(operation) + ": " + e.what()});
        }
      }
    }
    throw ValidationError(std::move(problems));
  }

  Changes pending_;
  Changes behind_;
  bool border_ = false;
  const std::string name_;
  State state_;
  DependencyTracker tracker_;
  std::map<std::string, unsigned> numbers_;
  std::map<std::string, std::vector<MigrationId>> leaves_;
  std::vector<NewMigration> result_;
};

}  // namespace

std::vector<NewMigration> arrange(const Graph& graph, Changes changes, Changes behind,
                                  const std::string& name) {
  return Arrangement(graph, std::move(changes), std::move(behind), name).run();
}

}  // namespace mpf::migrate
