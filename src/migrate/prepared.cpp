#include "migrate/prepared.hpp"

#include <algorithm>
#include <map>

#include <mpf/base/hash.hpp>

#include "migrate/half_done.hpp"
#include "migrate/lint.hpp"
#include "migrate/runner.hpp"

namespace mpf::migrate {
namespace {

bool takes_several(const Script& script) {
  if (script.steps.empty()) return false;
  const auto& last = script.steps.back();
  return last.phase > 0 || last.kind == Step::Kind::backfill || last.kind == Step::Kind::call;
}

void check_functions(const std::vector<ModuleModels>& modules, const Prepared& work) {
  for (const auto& step : work.script.steps) {
    if (step.kind == Step::Kind::call) find_function(modules, work, step);
  }
}

}  // namespace

Prepared prepare(const Migration& migration, std::vector<LocatedOperation> operations, bool backward,
                 State& state, db::Dialect dialect) {
  std::vector<Operation> plain;
  plain.reserve(operations.size());
  for (const auto& each : operations) plain.push_back(each.operation);
  Script script;
  try {
    script = render(plain, state, migration.id.module, dialect, backward ? Fill::zero : Fill::refuse);
  } catch (const RenderError& e) {
    const auto& located = operations[e.operation()];
    const auto message =
        place_of(migration, located) + ": cannot " + describe(located.operation) + ": " + e.what();
    if (!backward) fail(ErrorKind::configuration, message);
    fail(ErrorKind::conflict, migration.id.to_string() + " cannot be undone: " + message);
  }
  auto hash = takes_several(script) ? hash_of(script) : std::string();
  return {&migration, backward, std::move(operations), std::move(script), std::move(hash)};
}

std::string hash_of(const Script& script) { return sha256(to_text(script)); }

std::vector<LocatedOperation> reversed(const Migration& migration, State& state, const std::string& remedy) {
  std::vector<LocatedOperation> result;
  std::size_t at = 0;
  replay(migration, state, [&](const Operation& operation, const State& before) {
    const int line = migration.operations[at++].line;
    auto reverse = reverse_of(operation, before);
    if (!reverse) {
      fail(ErrorKind::conflict, migration.id.to_string() + " cannot be undone: " + migration.source + ":" +
                                    std::to_string(line) + ": '" + describe(operation) +
                                    "' has no reverse; " + remedy);
    }
    result.push_back({std::move(*reverse), line});
  });
  std::ranges::reverse(result);
  return result;
}

std::vector<Prepared> prepare_due(const Graph& graph, const History::Records& records,
                                  const std::vector<const Migration*>& due,
                                  const std::vector<ModuleModels>& modules, db::Dialect dialect) {
  State state;
  for (const auto& migration : graph.migrations()) {
    if (records.contains(migration.id)) replay(migration, state);
  }
  if (dialect == db::Dialect::postgres) {
    auto linted = state;
    for (const auto* migration : due) refuse_unsafe(lint(*migration, linted));
  }
  std::vector<Prepared> result;
  for (const auto* migration : due) {
    result.push_back(prepare(*migration, migration->operations, false, state, dialect));
    check_functions(modules, result.back());
  }
  return result;
}

std::vector<Prepared> prepare_undoing(const Graph& graph, const History::Records& records,
                                      const History::Begun& begun, const std::vector<MigrationId>& chosen,
                                      const std::vector<ModuleModels>& modules, db::Dialect dialect) {
  State state;
  std::map<MigrationId, std::vector<LocatedOperation>> operations;
  std::map<MigrationId, HalfDone> halves;
  for (const auto& migration : graph.migrations()) {
    const auto& id = migration.id;
    const bool applied = records.contains(id);
    if (!applied && !begun.contains(id)) continue;
    const bool stays = std::ranges::find(chosen, id) == chosen.end();
    if (applied) {
      if (stays) {
        replay(migration, state);
      } else {
        operations[id] = reversed(migration, state);
      }
      continue;
    }
    auto half = half_done(migration, begun.at(id), state, dialect);
    if (stays) {
      replay(half.part, state);
    } else {
      operations[id] = reversed(half, state);
      halves.emplace(id, std::move(half));
    }
  }
  std::vector<Prepared> result;
  for (auto id = chosen.rbegin(); id != chosen.rend(); ++id) {
    const auto found = operations.find(*id);
    if (found == operations.end()) continue;
    const auto& migration = *graph.find(*id);
    const auto half = halves.find(*id);
    result.push_back(half == halves.end()
                         ? prepare(migration, std::move(found->second), true, state, dialect)
                         : prepare(migration, half->second, std::move(found->second), state, dialect));
    check_functions(modules, result.back());
  }
  return result;
}

PlannedMigration to_plan(const Prepared& prepared) {
  PlannedMigration plan{prepared.migration->id, prepared.backward, {}, {}, to_text(prepared.script)};
  plan.border = prepared.migration->border && !prepared.backward;
  for (const auto& each : prepared.operations) {
    plan.operations.push_back(describe(each.operation));
    if (loses_data(each.operation)) plan.losses.push_back(plan.operations.back());
  }
  return plan;
}

}  // namespace mpf::migrate
