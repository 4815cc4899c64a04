#include "migrate/diff.hpp"

#include <algorithm>

#include "migrate/renderer.hpp"
#include "migrate/sql.hpp"

namespace mpf::migrate {
namespace {

struct Target {
  std::string module;
  const orm::Table* table;
};

/// One comparison; gathers operations and everything that is wrong.
class Comparison {
 public:
  Comparison(State state, const std::vector<ModuleModels>& modules) : state_(std::move(state)) {
    for (const auto& module : modules) {
      for (const auto& table : module.tables) {
        check(table);
        targets_.emplace(table.name, Target{module.module, &table});
      }
    }
  }

  std::map<std::string, std::vector<Operation>> run() {
    for (const auto& [name, target] : targets_) check_references(*target.table);
    rename_tables();
    for (const auto& [name, target] : targets_) {
      if (state_.find(name)) rename_columns(target);
    }
    for (const auto& [name, target] : targets_) {
      if (state_.find(name)) drop_indexes(target);
    }
    for (const auto& [name, target] : targets_) {
      if (!state_.find(name)) add(target.module, CreateTable{normalized(*target.table)});
    }
    for (const auto& [name, target] : targets_) {
      if (!state_.find(name)) continue;
      drop_checks(target);
      change_columns(target);
      add_checks(target);
      create_indexes(target);
    }
    for (const auto& [name, entry] : state_.tables()) {
      if (!targets_.contains(name)) add(entry.module, DropTable{name});
    }
    if (!problems_.empty()) throw ValidationError(std::move(problems_));
    return std::move(changes_);
  }

 private:
  void problem(const std::string& path, const std::string& code, const std::string& message) {
    problems_.push_back({path, code, message});
  }

  void add(const std::string& module, Operation operation) {
    changes_[module].push_back(std::move(operation));
  }
  /// The rest is compared with the state after it.
  void apply(const std::string& module, Operation operation) {
    state_.apply(operation, module);
    add(module, std::move(operation));
  }

  void check_name(const std::string& path, const std::string& name) {
    if (name.empty()) problem(path, "required", "has no name");
    if (name.size() > 63) {
      problem(path, "max_length",
              "the name '" + name + "' has more than 63 bytes, which PostgreSQL cuts off");
    }
    if (name.starts_with("sqlite_") || name.starts_with("mpf_new_")) {
      problem(path, "reserved", "the name '" + name + "' begins with what is reserved");
    }
  }

  void check(const orm::Table& table) {
    check_name(table.name, table.name);
    for (const auto& column : table.columns) check_name(table.name + "." + column.name, column.name);
    for (const auto& index : table.indexes) check_name(table.name + "." + index.name, index.name);
    for (const auto& check : table.checks) check_name(table.name + "." + check.name, check.name);
  }

  void check_references(const orm::Table& table) {
    for (const auto& column : table.columns) {
      if (!column.references || targets_.contains(column.references->table)) continue;
      problem(table.name + "." + column.name, "references",
              "refers to the table '" + column.references->table +
                  "', which no module has: register its model, or its module");
    }
  }

  void rename_tables() {
    std::map<std::string, std::string> taken;
    for (const auto& [name, target] : targets_) {
      const auto& old_name = target.table->renamed_from;
      if (!old_name.empty() && state_.find(old_name) && !targets_.contains(old_name)) {
        if (state_.find(name)) {
          problem(name, "renamed_from",
                  "is renamed from '" + old_name +
                      "', and both exist: take renamed_from away, or drop one first");
        } else if (const auto [other, first] = taken.emplace(old_name, name); !first) {
          problem(name, "renamed_from", "and " + other->second + " are both renamed from '" + old_name + "'");
        } else {
          take_over(old_name, target.module);
          apply(target.module, RenameTable{old_name, name});
        }
      } else if (state_.find(name)) {
        check_moved(*target.table, target.module);
        take_over(name, target.module);
      }
    }
  }

  /// The same name in another module may be a coincidence.
  void check_moved(const orm::Table& table, const std::string& module) {
    const auto& owner = state_.entry(table.name).module;
    if (owner == module || table.moved_from == owner) return;
    problem(table.name, "moved_from",
            "is of module '" + module + "', and there is a table of that name of module '" + owner +
                "': say orm::moved_from(\"" + owner +
                "\") in the model to take it over with its rows, or give the new one another name");
  }

  void take_over(const std::string& table, const std::string& module) {
    const auto owner = state_.entry(table).module;
    if (owner != module) apply(module, MoveTable{table, owner, module});
  }

  void rename_columns(const Target& target) {
    const auto& table = *target.table;
    for (const auto& column : table.columns) {
      const auto& old_name = column.renamed_from;
      const auto& now = state_.table(table.name);
      if (old_name.empty() || !find_column(now, old_name) || find_column(table, old_name)) continue;
      if (find_column(now, column.name)) {
        problem(
            table.name + "." + column.name, "renamed_from",
            "is renamed from '" + old_name + "', and both exist: take renamed_from away, or drop one first");
      } else {
        apply(target.module, RenameColumn{table.name, old_name, column.name});
      }
    }
  }

  void drop_indexes(const Target& target) {
    for (const auto& index : state_.table(target.table->name).indexes) {
      const auto* wanted = find_index(*target.table, index.name);
      if (!wanted || *wanted != index) add(target.module, DropIndex{target.table->name, index.name});
    }
  }

  void create_indexes(const Target& target) {
    const auto wanted = normalized(*target.table);
    for (const auto& index : wanted.indexes) {
      const auto* now = find_index(state_.table(wanted.name), index.name);
      if (!now || *now != index) add(target.module, CreateIndex{wanted.name, index});
    }
  }

  void drop_checks(const Target& target) {
    for (const auto& check : state_.table(target.table->name).checks) {
      const auto* wanted = find_check(*target.table, check.name);
      if (!wanted || *wanted != check) add(target.module, DropCheck{target.table->name, check.name});
    }
  }

  void add_checks(const Target& target) {
    for (const auto& check : normalized(*target.table).checks) {
      const auto* now = find_check(state_.table(target.table->name), check.name);
      if (!now || *now != check) add(target.module, AddCheck{target.table->name, check});
    }
  }

  /// Everything about one table's columns together: SQLite may have to make the table anew for it.
  void change_columns(const Target& target) {
    const auto wanted = normalized(*target.table);
    const auto& now = state_.table(wanted.name);
    // Generated columns come after those that they are made from, and go before them.
    auto columns = wanted.columns;
    std::ranges::stable_partition(columns, [](const orm::Column& column) { return !column.generated; });
    for (const auto& column : columns) {
      const auto* before = find_column(now, column.name);
      if (!before) {
        check_added(wanted.name, column);
        add(target.module, AddColumn{wanted.name, column});
      } else if (*before != column) {
        check_altered(wanted.name, *before, column);
        add(target.module, AlterColumn{wanted.name, column});
      }
    }
    if (now.tenant_column != wanted.tenant_column) {
      add(target.module, AlterTable{wanted.name, wanted.tenant_column});
    }
    if (now.row_security != wanted.row_security) {
      add(target.module, AlterRowSecurity{wanted.name, wanted.row_security});
    }
    columns = now.columns;
    std::ranges::stable_partition(columns,
                                  [](const orm::Column& column) { return column.generated.has_value(); });
    for (const auto& column : columns) {
      if (!find_column(wanted, column.name)) add(target.module, DropColumn{wanted.name, column.name});
    }
  }

  void check_added(const std::string& table, const orm::Column& column) {
    const auto path = table + "." + column.name;
    if (column.primary_key) {
      problem(path, "primary_key", "a primary key cannot be added to a table that exists");
    } else if (needs_value(column)) {
      problem(
          path, "default",
          column.references
              ? "is new and refers to " + column.references->table +
                    ", so rows that exist need a value: make it std::optional, or give it orm::default_value"
              : "is new and not null, so rows that exist need a value: give it "
                "orm::default_value(\"…\") or make it std::optional");
    }
  }

  void check_altered(const std::string& table, const orm::Column& before, const orm::Column& after) {
    const auto path = table + "." + after.name;
    if (before.primary_key != after.primary_key) {
      problem(path, "primary_key", "cannot become or cease to be the primary key");
    } else if (!after.generated && !convertible(before, after)) {
      problem(path, "type",
              "cannot turn from " + std::string(type_to_text(before.type)) + " into " +
                  std::string(type_to_text(after.type)) +
                  ": add a column of another name, copy with an 'sql' operation, then drop this one");
    }
  }

  State state_;
  std::map<std::string, Target> targets_;
  std::map<std::string, std::vector<Operation>> changes_;
  std::vector<FieldError> problems_;
};

}  // namespace

std::map<std::string, std::vector<Operation>> find_changes(const State& state,
                                                           const std::vector<ModuleModels>& modules) {
  return Comparison(state, modules).run();
}

}  // namespace mpf::migrate
