#include "migrate/runner.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <mpf/fiber/fiber.hpp>

#include "migrate/half_done.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

constexpr std::chrono::milliseconds first_look{250};
constexpr std::chrono::milliseconds worth_telling{1'000};

std::vector<std::span<const Step>> phases_of(const Script& script) {
  std::vector<std::span<const Step>> result;
  const std::span<const Step> all(script.steps);
  for (std::size_t begin = 0; begin < all.size();) {
    auto end = begin;
    while (end < all.size() && all[end].phase == all[begin].phase) ++end;
    result.push_back(all.subspan(begin, end - begin));
    begin = end;
  }
  if (result.empty()) result.emplace_back();  // there is still something to record
  return result;
}

bool is_outside(std::span<const Step> steps) {
  return !steps.empty() &&
         (steps[0].kind == Step::Kind::build_index || steps[0].kind == Step::Kind::drop_index);
}
bool has_portions(std::span<const Step> steps) {
  return !steps.empty() && (steps[0].kind == Step::Kind::backfill || steps[0].kind == Step::Kind::call);
}
/// The tables that these steps change or refer to, in an order that is always the same, each with a step.
std::map<std::string, const Step*> changed_tables(const Prepared& work, std::span<const Step> steps) {
  std::map<std::string, const Step*> tables;
  for (const auto& step : steps) {
    const auto add = [&](const auto& operation) {
      if constexpr (requires { std::string(operation.table); }) tables.emplace(operation.table, &step);
      if constexpr (requires { operation.column.references; }) {
        if (operation.column.references) tables.emplace(operation.column.references->table, &step);
      }
    };
    std::visit(add, static_cast<const Operation::variant&>(work.operations[step.operation].operation));
  }
  return tables;
}
/// One that only looks need not be recorded: a migration that is refused has not begun.
bool only_looks(std::span<const Step> steps) {
  return std::ranges::all_of(steps, [](const Step& step) { return step.kind == Step::Kind::guard; });
}

}  // namespace

const DataFunction& find_function(const std::vector<ModuleModels>& modules, const Prepared& work,
                                  const Step& step) {
  const auto& migration = *work.migration;
  const auto module = std::ranges::find(modules, migration.id.module, &ModuleModels::module);
  if (module != modules.end()) {
    if (const auto found = module->functions.find(step.text); found != module->functions.end()) {
      return found->second;
    }
  }
  fail_at(migration.source, work.operations[step.operation].line,
          "module '" + migration.id.module + "' has no function '" + step.text +
              "'; register it in the module's setup");
}

TransactionSettings Runner::settings(const Script& script) const {
  return {.lock_wait = options_.lock_wait,
          .lock_timeout = options_.lock_timeout,
          .foreign_keys = !script.rebuilds};
}

void Runner::tell(const Prepared* work, std::string step, std::int64_t rows, std::int64_t total) {
  if (!options_.progress) return;
  options_.progress({.id = work ? &work->migration->id : nullptr,
                     .backward = work && work->backward,
                     .done = done_,
                     .total = total_,
                     .step = std::move(step),
                     .rows_done = rows,
                     .rows_total = total});
}

void Runner::tell_long(const Prepared& work, const Step& step, const LongWork& now) {
  const auto what = describe(work.operations[step.operation].operation);
  waits_for_ = now.waits_for;
  if (now.waits_for.empty() && now.total > 0) {
    told_.clear();
    return tell(&work, what + ", " + now.part, now.done, now.total);
  }
  std::string text;
  if (!now.waits_for.empty()) {
    text = what + " waits for " + now.waits_for;
  } else if (now.took > worth_telling) {
    const bool guards = step.kind == Step::Kind::guard;
    const bool validates = step.text.find(" VALIDATE CONSTRAINT ") != std::string::npos;
    if (guards || validates) text = what + (guards ? ": counts rows in the way" : ": looks at all rows");
  }
  if (!text.empty() && std::exchange(told_, text) != text) tell(&work, text);
}

StepWatch Runner::watch(const Prepared& work) {
  return {.first_look = std::min(first_look, options_.lock_timeout / 2),
          .tell = [&](const Step& step, const LongWork& now) { tell_long(work, step, now); }};
}

std::vector<MigrationId> Runner::run(const std::vector<Prepared>& work) {
  std::vector<MigrationId> ran;
  total_ = work.size();
  const bool phased = std::ranges::any_of(work, [](const Prepared& each) {
    return phases_of(each.script).size() > 1 || has_portions(each.script.steps) || each.stood;
  });
  if (!work.empty()) {
    in_transaction(database_, settings({}), [&] {
      History history(database_);
      history.prepare();
      if (phased) history.prepare_progress();
    });
    has_progress_ = phased;
  }
  for (const auto& each : work) {
    tell(&each);
    if (run(each) == Outcome::done) ran.push_back(each.migration->id);
    ++done_;
  }
  tell(nullptr);
  return ran;
}

Runner::Outcome Runner::run(const Prepared& work) {
  const auto phases = phases_of(work.script);
  bool ran = false;
  std::optional<std::size_t> told;
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const bool last = i + 1 == phases.size();
    const auto steps = phases[i];
    // Guards come before others' changes, and are not what is done.
    if (phases.size() > 1 && !only_looks(steps) && told != steps[0].operation) {
      told = steps[0].operation;
      tell(&work, describe(work.operations[*told].operation));
    }
    ran = (has_portions(steps) ? run_portions(work, steps[0], i, last) : run_phase(work, steps, i, last)) ||
          ran;
  }
  return ran ? Outcome::done : Outcome::skipped;
}

bool Runner::is_due(const Prepared& work, std::size_t phase) {
  const auto& migration = *work.migration;
  History history(database_);
  const auto recorded = history.checksum(migration.id);
  if (recorded && *recorded != migration.checksum) {
    fail(ErrorKind::conflict, "another process has just applied a different " + migration.id.to_string() +
                                  "; run the same version everywhere");
  }
  if (recorded && work.stood) {
    fail(ErrorKind::conflict,
         "another process has just finished " + migration.id.to_string() + "; try again");
  }
  if (!work.stood && recorded.has_value() != work.backward) return false;
  for (const auto& needed : migration.depends) {
    if (!work.backward && !history.checksum(needed)) {
      fail(ErrorKind::conflict, "another process has just undone " + needed.to_string() + "; try again");
    }
  }
  if (!has_progress_) return true;
  const auto found = history.progress(migration.id);
  if (!found) return !work.stood;  // nothing but guards has run; or it has just been undone
  const auto& progress = *found;
  if (work.stood) {
    const auto stood = progress.stood.value_or(History::Progress::Stood{progress.phase, progress.position});
    if (stood != *work.stood) {
      fail(ErrorKind::conflict,
           "another process has just gone on with " + migration.id.to_string() + "; try again");
    }
    if (!progress.backward) return true;  // its way back has not begun
  } else if (progress.backward != work.backward) {
    fail(ErrorKind::conflict,
         migration.id.to_string() + " is half " + (progress.backward ? "undone" : "applied") +
             ": go on with `migrate " +
             (progress.backward ? "rollback " + migration.id.module + " " + migration.id.name
                                : std::string("apply")) +
             "`");
  }
  if (progress.checksum != migration.checksum) {
    fail(ErrorKind::conflict, migration.id.to_string() + " was begun, and its file (" + migration.source +
                                  ") edited since: bring it back as it was, and apply again, or undo it by "
                                  "`migrate rollback " +
                                  migration.id.module + " " + migration.id.name + "` and edit it then");
  }
  check_script(progress, work);
  return progress.phase <= phase;
}

void Runner::finish_phase(const Prepared& work, std::size_t phase, bool last, bool changes) {
  const auto& migration = *work.migration;
  History history(database_);
  if (!last) {
    if (changes) history.set_progress(migration.id, progress_of(work, phase + 1));
    return;
  }
  if (has_progress_) history.remove_progress(migration.id);
  if (work.backward) {
    history.remove(migration);
  } else {
    history.add(migration, clock_.now());
  }
}

void Runner::keep_maintenance_out(const Prepared& work, Steps steps) {
  if (database_.dialect() != db::Dialect::postgres) return;
  const auto watching = watch(work);
  for (const auto& [table, step] : changed_tables(work, steps)) {
    run_step(
        *work.migration, work.operations,
        [&, table = table, step = step] {
          migrate::keep_maintenance_out(database_, table,
                                        {options_.lock_wait, options_.lock_timeout, watching.first_look},
                                        [&](const LongWork& now) { watching.tell(*step, now); });
        },
        step->operation);
  }
}

bool Runner::run_phase(const Prepared& work, Steps steps, std::size_t phase, bool last) {
  if (is_outside(steps)) {
    bool due = false;
    in_transaction(database_, settings({}), [&] { due = is_due(work, phase); });
    if (!due) return false;
    run_steps(database_, *work.migration, work.operations, {}, steps, watch(work), extras_);
    in_transaction(database_, settings({}), [&] { finish_phase(work, phase, last, true); });
    return true;
  }
  bool ran = false;
  waits_for_.clear();
  try {
    in_transaction(database_, settings(work.script), [&] {
      ran = is_due(work, phase);
      if (!ran) return;
      if (!only_looks(steps)) keep_maintenance_out(work, steps);
      run_steps(database_, *work.migration, work.operations, work.script, steps, watch(work), extras_);
      finish_phase(work, phase, last, !only_looks(steps));
    });
  } catch (const db::LockTimeout& e) {
    if (waits_for_.empty()) throw;
    throw db::LockTimeout(std::string(e.what()) + "; it waited for " + waits_for_);
  }
  return ran;
}

History::Progress Runner::progress_of(const Prepared& work, std::size_t phase, std::int64_t position) {
  return {.backward = work.backward,
          .checksum = work.migration->checksum,
          .script = work.hash,
          .phase = phase,
          .position = position,
          .stood = work.stood};
}

std::int64_t Runner::last_id(const Batches& batches) {
  std::int64_t last = 0;
  if (batches.id.empty()) return last;
  database_.execute({"SELECT max(" + orm::ddl::quote(batches.id) + ") FROM " + orm::ddl::quote(batches.table),
                     {},
                     db::Access::read},
                    [&](const db::Row& row) {
                      if (!row.is_null(0)) last = row.integer(0);
                    });
  return last;
}

std::optional<std::int64_t> Runner::run_portion(const Prepared& work, const Step& step, std::int64_t position,
                                                const Throttle& throttle) {
  if (step.kind == Step::Kind::backfill) {
    auto batches = *step.batches;
    batches.rows = throttle.rows(batches.rows);
    return run_batch(database_, batches, position);
  }
  DataStep data{.database = database_, .position = position};
  const auto next = find_function(modules_, work, step)(data);
  if (data.total > 0) tell(&work, "call " + step.text, data.done, data.total);
  return next;
}

bool Runner::run_portions(const Prepared& work, const Step& step, std::size_t phase, bool last) {
  const auto total = step.batches ? last_id(*step.batches) : 0;
  const auto what = describe(work.operations[step.operation].operation);
  Throttle throttle(database_, options_);
  bool ran = false;
  for (bool more = true; more;) {
    const auto begin = fiber::SteadyClock::now();
    auto position = DataStep::beginning;
    in_transaction(database_, settings({}), [&] {
      more = false;
      if (!is_due(work, phase)) return;
      History history(database_);
      const auto found = history.progress(work.migration->id);
      const bool under_way = found && found->backward == work.backward && found->phase == phase;
      position = under_way ? found->position : DataStep::beginning;
      std::optional<std::int64_t> next;
      run_step(
          *work.migration, work.operations, [&] { next = run_portion(work, step, position, throttle); },
          step.operation);
      ran = true;
      if (!next) return finish_phase(work, phase, last, true);
      more = true;
      position = *next;
      history.set_progress(work.migration->id, progress_of(work, phase, position));
    });
    if (!more) break;
    if (step.batches) tell(&work, what, position, total);
    throttle.rest(fiber::SteadyClock::now() - begin,
                  step.batches ? step.batches->pause : std::chrono::milliseconds(0),
                  [&](const std::string& replica) { tell(&work, what + " waits for " + replica); });
  }
  return ran;
}

}  // namespace mpf::migrate
