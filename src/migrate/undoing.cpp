#include "migrate/undoing.hpp"

#include <algorithm>
#include <utility>

#include "migrate/sql_part.hpp"
#include "migrate/sql_text.hpp"

namespace mpf::migrate {
namespace {

/// Whether the SQL does no more than to change rows of these tables.
bool changes_only_rows(const std::string& sql, const std::vector<std::string>& tables) {
  const auto statements = statements_of(sql);
  return std::ranges::all_of(statements, [&](const std::vector<std::string>& words) {
    const Part statement(words);
    const auto writes = statement.writes();
    const bool is_write = statement.begins({"WITH"}) || statement.begins({"UPDATE"}) ||
                          statement.begins({"DELETE"}) || statement.begins({"INSERT"}) ||
                          statement.begins({"MERGE"});
    return is_write && !writes.empty() &&
           std::ranges::all_of(writes, [&](const Part& write) { return write.is_about(tables); });
  });
}

}  // namespace

Undoing::Undoing(std::string module, db::Dialect dialect) : module_(std::move(module)), dialect_(dialect) {}

void Undoing::see(const Migration& migration, const LocatedOperation& located, const State& before) {
  const auto& operation = located.operation;
  Step step;
  step.line = located.line;
  step.source = migration.source;
  if (const auto* create = std::get_if<CreateTable>(&operation)) {
    step.made = own_[create->table.name] = births_++;
  } else if (const auto* drop = std::get_if<DropTable>(&operation); drop && own_.erase(drop->table) > 0) {
    return;
  } else if (const auto* rename = std::get_if<RenameTable>(&operation); rename && is_own(rename->from)) {
    own_[rename->to] = own_.at(rename->from);
    own_.erase(rename->from);
    return;
  } else if (is_own(changed_table(operation))) {
    return;  // it goes with the table
  } else {
    step.undo = way_back(migration, located, before);
    if (!step.undo) return;
    others_.insert(changed_table(operation));
  }
  steps_.push_back(std::move(step));
}

std::vector<LocatedOperation> Undoing::operations(State& state) const {
  std::map<std::size_t, std::string> names;  // by what made them
  for (const auto& [name, birth] : own_) names[birth] = name;
  std::vector<LocatedOperation> result;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    const auto add = [&](Operation operation) {
      LocatedOperation located{std::move(operation), step->line, {}, step->source};
      try {
        state.apply(located.operation, module_);
      } catch (const StateError& e) {
        fail(ErrorKind::conflict, step->source + ":" + std::to_string(step->line) + ": cannot " +
                                      describe(located.operation) + ": " + e.what());
      }
      result.push_back(std::move(located));
    };
    if (step->undo) {
      add(*step->undo);
    } else if (const auto made = names.find(*step->made); made != names.end()) {
      for (auto& each : let_go_of(made->second, state)) add(std::move(each));
      add(DropTable{made->second, true});
    }
  }
  return result;
}

std::vector<std::string> Undoing::tables() const {
  std::vector<std::string> result;
  for (const auto& [name, birth] : own_) result.push_back(name);
  return result;
}

bool Undoing::changes_only_own_rows(const std::optional<std::string>& sql) const {
  return sql && changes_only_rows(*sql, tables());
}

/// Of what was done to others' tables, or nobody knows to which.
std::optional<Operation> Undoing::way_back(const Migration& migration, const LocatedOperation& located,
                                           const State& before) {
  const auto& operation = located.operation;
  const auto* call = std::get_if<CallFunction>(&operation);
  if (call && is_about_own(call->touches)) return std::nullopt;
  auto back = call ? std::nullopt : reverse_of(operation, before);
  if (const auto* sql = std::get_if<RunSql>(&operation)) {
    const auto& text = dialect_ == db::Dialect::sqlite ? sql->sqlite : sql->postgres;
    const auto& reverse = dialect_ == db::Dialect::sqlite ? sql->reverse_sqlite : sql->reverse_postgres;
    if (changes_only_own_rows(reverse) || (!reverse && changes_only_own_rows(text))) return std::nullopt;
    if (!reverse) back.reset();
  }
  if (!back) stays_.push_back(place_of(migration, located) + ": " + describe(operation));
  return back;
}

bool Undoing::is_about_own(const std::optional<std::vector<std::string>>& touches) const {
  return touches && !touches->empty() && std::ranges::all_of(*touches, [&](const std::string& each) {
           return is_own(each.substr(0, each.find('.')));
         });
}

/// What keeps the table from being dropped, of the module's own.
std::vector<Operation> Undoing::let_go_of(const std::string& table, const State& state) const {
  std::vector<Operation> result;
  for (const auto& name : state.referrers(table)) {
    if (!is_own(name)) continue;
    for (auto column : state.table(name).columns) {
      if (!column.references || column.references->table != table) continue;
      column.references.reset();
      result.push_back(AlterColumn{name, std::move(column)});
    }
  }
  for (const auto& [name, entry] : state.tables()) {
    const auto& security = entry.table.row_security;
    if (name != table && is_own(name) && security && security->site_table == table) {
      result.push_back(AlterRowSecurity{name, std::nullopt});
    }
  }
  return result;
}

}  // namespace mpf::migrate
