#include "migrate/half_done.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "migrate/renderer.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

bool has_portions(const Step& step) {
  return step.kind == Step::Kind::backfill || step.kind == Step::Kind::call;
}
/// What runs outside of transactions may have been done in part, or wholly, without being recorded.
bool is_outside(const Step& step) {
  return step.kind == Step::Kind::build_index || step.kind == Step::Kind::drop_index;
}

/// Whether no more of the operation was done in the phases below this one than to build indexes.
bool only_indexes(std::span<const Step> steps, std::size_t operation, std::size_t phase) {
  return std::ranges::none_of(steps, [&](const Step& step) {
    return step.operation == operation && step.phase < phase && step.kind != Step::Kind::guard &&
           step.kind != Step::Kind::build_index;
  });
}

/// Those indexes, the one that was being built among them.
std::vector<orm::Index> made_beside(std::span<const Step> steps, std::size_t operation, std::size_t phase,
                                    const orm::Table& table) {
  std::vector<orm::Index> result;
  for (const auto& step : steps) {
    if (step.operation != operation || step.phase > phase || step.kind != Step::Kind::build_index) continue;
    for (auto index : table.indexes) {
      index.name = next_name(index.name);
      if (index.name == step.subject) result.push_back(std::move(index));
    }
  }
  return result;
}

/// Takes out what an unfinished operation does not fulfil, and adds what it left behind.
void mend(Script& script, const Operation& unfinished, const History::Progress::Stood& stood) {
  const auto of_first = [](const Step& step) { return step.operation == 0; };
  // The rows that were not copied yet differ from their twins.
  if (std::holds_alternative<ExpandColumn>(unfinished)) {
    std::erase_if(script.steps,
                  [&](const Step& step) { return of_first(step) && step.kind == Step::Kind::guard; });
  }
  if (std::holds_alternative<Backfill>(unfinished)) {
    for (auto& step : script.steps) {
      if (of_first(step) && step.batches) step.batches->until = stood.position;
    }
  }
  if (const auto* altered = std::get_if<AlterColumn>(&unfinished)) {
    const auto first = std::ranges::find_if(
        script.steps, [&](const Step& step) { return of_first(step) && step.kind == Step::Kind::sql; });
    if (first == script.steps.end()) return;
    Step drop{.kind = Step::Kind::sql, .operation = 0, .text = drop_not_null_check(altered->table) + ";"};
    drop.phase = first->phase;
    script.steps.insert(first, std::move(drop));
  }
}

}  // namespace

void check_script(const History::Progress& progress, const Prepared& work) {
  if (progress.script.empty() || progress.script == work.hash) return;
  fail(ErrorKind::conflict,
       work.migration->id.to_string() +
           " was begun by another version of the program, which ran it in other steps: finish it, or roll it "
           "back, with that version; or bring the tables by hand to where it leads, or to where it began, "
           "and say so by `migrate fake` or `migrate fake --undo`");
}

HalfDone half_done(const Migration& migration, const History::Progress& progress, const State& before,
                   db::Dialect dialect) {
  const auto id = migration.id.to_string();
  if (progress.checksum != migration.checksum) {
    fail(ErrorKind::conflict, id + " was begun, and its file (" + migration.source +
                                  ") edited since: bring it back as it was; once it is undone, edit it");
  }
  auto state = before;
  const auto forward = prepare(migration, migration.operations, false, state, dialect);
  if (!progress.backward) check_script(progress, forward);
  HalfDone result{migration, false, {progress.phase, progress.position}};
  if (progress.stood) result.stood = *progress.stood;
  const auto& steps = forward.script.steps;
  const auto next =
      std::ranges::find_if(steps, [&](const Step& step) { return step.phase >= result.stood.phase; });
  auto& operations = result.part.operations;
  if (next == steps.end()) return result;  // all was done but to record it
  const auto begun = next->operation;
  result.partly = is_outside(*next) ||
                  (has_portions(*next) && result.stood.position != DataStep::beginning) ||
                  std::ranges::any_of(steps.begin(), next, [&](const Step& step) {
                    return step.operation == begun && step.kind != Step::Kind::guard;
                  });
  const std::span<const Step> all(steps);
  operations.erase(operations.begin() + static_cast<std::ptrdiff_t>(begun), operations.end());
  if (!result.partly) return result;
  const auto& unfinished = migration.operations[begun];
  const auto* altered = std::get_if<AlterColumn>(&unfinished.operation);
  if (altered && only_indexes(all, begun, result.stood.phase)) {
    // Nothing is there yet but indexes that were to take the place of others.
    state = before;
    replay(result.part, state);
    for (auto& each : made_beside(all, begun, result.stood.phase, state.table(altered->table))) {
      operations.push_back({CreateIndex{altered->table, std::move(each)}, unfinished.line});
    }
    result.partly = false;
    return result;
  }
  operations.push_back(unfinished);
  return result;
}

std::vector<LocatedOperation> reversed(const HalfDone& half, State& state) {
  return reversed(half.part, state,
                  "it is half applied: mend what stops it and run `migrate apply`; or undo by hand what was "
                  "done of it, and say so by `migrate fake --undo " +
                      half.part.id.module + " " + half.part.id.name + "`");
}

Prepared prepare(const Migration& migration, const HalfDone& half, std::vector<LocatedOperation> operations,
                 State& state, db::Dialect dialect) {
  auto result = prepare(migration, std::move(operations), true, state, dialect);
  if (half.partly) mend(result.script, half.part.operations.back().operation, half.stood);
  result.stood = half.stood;
  result.hash = hash_of(result.script);
  return result;
}

}  // namespace mpf::migrate
