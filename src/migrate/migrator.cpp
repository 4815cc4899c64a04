#include <mpf/migrate/migrator.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include <mpf/fiber/fiber.hpp>

#include "migrate/catalog.hpp"
#include "migrate/declared.hpp"
#include "migrate/diff.hpp"
#include "migrate/executor.hpp"
#include "migrate/graph.hpp"
#include "migrate/ledger.hpp"
#include "migrate/lint.hpp"
#include "migrate/losses.hpp"
#include "migrate/pending.hpp"
#include "migrate/prepared.hpp"
#include "migrate/removal.hpp"
#include "migrate/runner.hpp"
#include "migrate/source_files.hpp"
#include "migrate/sum.hpp"

namespace mpf::migrate {
namespace {

/// Tables that differ behind the migration.
std::set<std::string> changed_by(const Migration& migration, const State& before) {
  auto after = before;
  replay(migration, after);
  std::set<std::string> result;
  const auto compare = [&](const State& one, const State& other) {
    for (const auto& [name, entry] : one.tables()) {
      const auto* table = other.find(name);
      const bool same = table && *table == entry.table && other.entry(name).twins == entry.twins &&
                        other.entry(name).filled == entry.filled;
      if (!same) result.insert(name);
    }
  };
  compare(before, after);
  compare(after, before);
  return result;
}

}  // namespace

class Migrator::Impl {
 public:
  Impl(db::Database* database, std::vector<ModuleModels> modules, const Clock& clock)
      : database_(database), modules_(std::move(modules)), clock_(clock) {
    check_declared_once(modules_);
  }

  std::vector<MadeMigration> make(const MakeOptions& options) {
    return fiber::offload([&] {
      const Graph graph(modules_, &files_);
      check_sums(graph);
      check_branches(graph);
      auto state = replay(graph.migrations());
      auto changes = find_changes(state, modules_);
      Changes behind;
      if (options.reason.empty()) {
        behind = take_renames(state, changes);
        for (auto& [module, operations] : take_contraction(state, changes)) {
          std::ranges::move(operations, std::back_inserter(behind[module]));
        }
      }
      auto migrations = arrange(graph, std::move(changes), std::move(behind), options.name);
      const SourceFiles files(modules_);
      auto made = files.to_made(std::move(migrations), state, options.reason);
      if (!options.dry_run) files.write(graph, made);
      return made;
    });
  }

  std::vector<PlannedMigration> plan(const ApplyOptions& options) {
    const auto& graph = load();
    const auto records = ledger().records(graph);
    std::vector<PlannedMigration> result;
    const auto pending = find(options, graph, records);
    auto all = pending.due;
    all.insert(all.end(), pending.held.begin(), pending.held.end());
    for (const auto& each : prepare_all(graph, records, all)) {
      result.push_back(to_plan(each));
      result.back().held = std::ranges::count(pending.held, each.migration) > 0;
    }
    return result;
  }

  std::vector<MigrationId> pending() {
    const auto& graph = load();
    std::vector<MigrationId> result;
    const auto found = find({}, graph, ledger().records(graph, Newer::accepted));
    for (const auto* migration : found.due) result.push_back(migration->id);
    for (const auto* migration : found.needed) result.push_back(migration->id);
    return result;
  }

  std::vector<MigrationId> held(Borders borders) {
    const auto& graph = load();
    ApplyOptions options;
    options.borders = borders == Borders::pass ? Borders::by_database : borders;
    std::vector<MigrationId> result;
    for (const auto* migration : find(options, graph, ledger().records(graph, Newer::accepted)).held)
      result.push_back(migration->id);
    return result;
  }

  std::vector<MigrationId> newer() { return ledger().newer(load()); }

  std::vector<MigrationId> apply(const ApplyOptions& options) {
    const auto& graph = load();
    auto own = ledger();
    if (!own.is_behind(graph) && find(options, graph, own.records(graph, Newer::accepted)).due.empty()) {
      return {};
    }
    std::vector<MigrationId> result;
    with_migration_lock(database(), options.lock_wait, [&] {
      own.catch_up(graph, options);
      const auto now = own.records(graph);
      const auto work = prepare_all(graph, now, find(options, graph, now).due);
      result = Runner(database(), modules_, clock_, options).run(work);
    });
    return result;
  }

  std::vector<PlannedMigration> rollback_plan(std::string_view module, std::string_view name) {
    const auto& graph = load();
    std::vector<PlannedMigration> result;
    if (ledger().is_gone(module)) {
      auto removal = remove(graph, module, name);
      result.push_back(to_rollback_plan(database(), removal.work));
      result.back().together = std::move(removal.undone);
      result.back().stays = std::move(removal.stays);
      return result;
    }
    for (const auto& each : prepare_rollback(graph, module, name)) {
      result.push_back(to_rollback_plan(database(), each));
    }
    return result;
  }

  std::vector<MigrationId> rollback(std::string_view module, std::string_view name,
                                    const ApplyOptions& options) {
    const auto& graph = load();
    std::vector<MigrationId> result;
    with_migration_lock(database(), options.lock_wait, [&] {
      ledger().catch_up(graph, options);
      if (ledger().is_gone(module)) {
        std::vector<Prepared> work;
        auto removal = remove(graph, module, name);
        work.push_back(std::move(removal.work));
        if (!Runner(database(), modules_, clock_, options).run(work).empty())
          result = std::move(removal.undone);
        return;
      }
      const auto work = prepare_rollback(graph, module, name);
      result = Runner(database(), modules_, clock_, options).run(work);
    });
    return result;
  }

  std::vector<MigrationStatus> show() { return ledger().statuses(load()); }
  void fake(const MigrationId& id, bool applied) { ledger().fake(load(), id, applied); }
  std::vector<std::string> gone() { return ledger().gone(); }
  std::size_t forget(std::string_view module) { return ledger().forget(module); }

  std::string sql(const MigrationId& id, db::Dialect dialect, bool backward) {
    const auto& graph = load();
    const auto& chosen = find_one(graph, modules_, id.module, id.name);
    State state;
    for (const auto& migration : graph.migrations()) {
      if (migration.id != chosen.id) {
        replay(migration, state);
        continue;
      }
      if (!backward) return to_text(prepare(migration, migration.operations, false, state, dialect).script);
      auto operations = reversed(migration, state);
      return to_text(prepare(migration, std::move(operations), true, state, dialect).script);
    }
    fail(ErrorKind::not_found, "there is no migration " + id.to_string());
  }

  std::vector<LintFinding> lint() {
    return fiber::offload([&] {
      const Graph graph(modules_, &files_);
      std::vector<LintFinding> result;
      State state;
      for (const auto& migration : graph.migrations()) {
        auto findings = migrate::lint(migration, state);
        const auto module = std::ranges::find(modules_, migration.id.module, &ModuleModels::module);
        if (module == modules_.end() || module->source_folder.empty()) {
          std::erase_if(findings, [](const LintFinding& finding) { return !finding.refused; });
        }
        std::ranges::move(findings, std::back_inserter(result));
      }
      return result;
    });
  }

  CheckReport check() {
    CheckReport report;
    try {
      for (const auto& made : make({.name = {}, .dry_run = true, .reason = {}})) {
        for (const auto& operation : made.operations)
          report.code.push_back(made.id.module + ": " + operation);
      }
    } catch (const ValidationError& e) {
      for (const auto& field : e.fields()) report.code.push_back(field.path + ": " + field.message);
    } catch (const Error& e) {
      report.files.emplace_back(e.what());
    }
    const auto& graph = load();
    std::string partly_squashed;
    const auto records = ledger().unchecked(graph, &partly_squashed);
    if (!partly_squashed.empty()) report.files.push_back(partly_squashed);
    const auto say = [&](const Error& e) {
      if (std::ranges::find(report.files, e.what()) == report.files.end())
        report.files.emplace_back(e.what());
    };
    try {
      check_history(graph, records, modules_, Newer::refused);
    } catch (const Error& e) {
      say(e);
    }
    try {
      check_sums(graph);
      check_branches(graph);
    } catch (const Error& e) {
      say(e);
    }
    report.gone = ledger().gone();
    const auto begun = ledger().begun();
    for (const auto& [id, progress] : begun) report.files.push_back(explain(graph, id, progress));
    const auto pending = find({}, graph, records);
    for (const auto* migration : pending.due) {
      if (!begun.contains(migration->id)) report.files.push_back(migration->id.to_string() + " is pending");
    }
    for (const auto* migration : pending.needed) {
      if (begun.contains(migration->id)) continue;
      report.files.push_back(migration->id.to_string() + " is pending, behind a release border");
    }
    for (const auto* migration : pending.held) {
      if (std::ranges::count(pending.needed, migration) > 0) continue;
      report.held.push_back(migration->id.to_string() + " waits behind a release border");
    }
    if (knows_all(graph, records)) {
      report.catalog = compare_applied(graph, records, begun);
    } else {
      report.files.emplace_back(
          "the tables are not compared: nothing here says what migrations without a file did to them");
    }
    return report;
  }

  MadeMigration squash(std::string_view module, std::string_view from, std::string_view to,
                       const SquashOptions& options) {
    return fiber::offload([&] { return SourceFiles(modules_).squash(module, from, to, options); });
  }

  std::vector<std::filesystem::path> sum(std::string_view module) {
    return fiber::offload([&] { return SourceFiles(modules_).sum(module); });
  }

  std::vector<std::filesystem::path> merge() {
    return fiber::offload([&] { return SourceFiles(modules_).merge(); });
  }

 private:
  db::Database& database() const {
    if (!database_) fail(ErrorKind::internal, "this migrator has no database");
    return *database_;
  }

  /// Reads files, off the loop; what is built in only once.
  const Graph& load() {
    if (!graph_ || has_folders(modules_)) {
      fiber::offload([&] { graph_.emplace(modules_, &files_); });
    }
    return *graph_;
  }

  Ledger ledger() const { return {database(), modules_, clock_}; }

  Pending find(const ApplyOptions& options, const Graph& graph, const History::Records& records) const {
    return find_pending(graph, records, modules_, database().dialect(), options);
  }

  /// Off the loop: with a long history it takes a while.
  std::vector<Prepared> prepare_all(const Graph& graph, const History::Records& records,
                                    std::vector<const Migration*> pending) const {
    // What was begun is finished first: it goes on with the tables as they were then.
    const auto begun = ledger().begun();
    std::ranges::stable_partition(pending, [&](const auto* each) { return begun.contains(each->id); });
    return fiber::offload(
        [&] { return prepare_due(graph, records, pending, modules_, database().dialect()); });
  }

  std::vector<Prepared> prepare_rollback(const Graph& graph, std::string_view module, std::string_view name) {
    const auto records = ledger().records_to_undo(graph);
    const auto begun = ledger().begun();
    const auto is_there = [&](const MigrationId& id) { return records.contains(id) || begun.contains(id); };
    const auto chosen = graph.with_dependents({find_applied(graph, is_there, modules_, module, name)});
    return prepare_undoing(graph, records, begun, chosen, modules_, database().dialect());
  }

  /// All of a module that is no longer part of the application.
  Removal remove(const Graph& graph, std::string_view module, std::string_view name) {
    if (!name.empty()) {
      fail(ErrorKind::invalid, "module '" + std::string(module) +
                                   "' is no longer part of the application: all of it is undone; leave the "
                                   "name of the migration out");
    }
    ledger().records_to_undo(graph);
    return prepare_removal(database(), graph, modules_, std::string(module));
  }

  /// Whether each that is recorded has a file, but for modules that are no part of the application any more.
  bool knows_all(const Graph& graph, const History::Records& records) const {
    return std::ranges::all_of(records, [&](const auto& record) {
      return graph.find(record.first) ||
             std::ranges::count(modules_, record.first.module, &ModuleModels::module) == 0;
    });
  }

  /// Where the tables are not as what is applied left them, those apart that a migration under way changes.
  std::vector<std::string> compare_applied(const Graph& graph, const History::Records& records,
                                           const History::Begun& begun) const {
    State applied;
    std::set<std::string> between;
    for (const auto& migration : graph.migrations()) {
      if (begun.contains(migration.id)) between.merge(changed_by(migration, applied));
      if (records.contains(migration.id)) replay(migration, applied);
    }
    auto differences = compare_catalog(database(), applied);
    std::erase_if(differences, [&](const std::string& line) {
      return std::ranges::any_of(
          between, [&](const std::string& table) { return line.starts_with("table " + table + " "); });
    });
    return differences;
  }

  db::Database* const database_;
  const std::vector<ModuleModels> modules_;
  const Clock& clock_;
  KnownFiles files_;
  std::optional<Graph> graph_;
};

Migrator::Migrator(db::Database* database, std::vector<ModuleModels> modules, const Clock& clock)
    : impl_(std::make_unique<Impl>(database, std::move(modules), clock)) {}
Migrator::~Migrator() = default;

std::vector<MadeMigration> Migrator::make(const MakeOptions& options) { return impl_->make(options); }
std::vector<PlannedMigration> Migrator::plan(const ApplyOptions& options) { return impl_->plan(options); }
std::vector<MigrationId> Migrator::pending() { return impl_->pending(); }
std::vector<MigrationId> Migrator::held(Borders borders) { return impl_->held(borders); }
std::vector<MigrationId> Migrator::newer() { return impl_->newer(); }
std::vector<MigrationId> Migrator::apply(const ApplyOptions& options) { return impl_->apply(options); }
std::vector<PlannedMigration> Migrator::rollback_plan(std::string_view module, std::string_view name) {
  return impl_->rollback_plan(module, name);
}
std::vector<MigrationId> Migrator::rollback(std::string_view module, std::string_view name,
                                            const ApplyOptions& options) {
  return impl_->rollback(module, name, options);
}
std::vector<MigrationStatus> Migrator::show() { return impl_->show(); }
void Migrator::fake(const MigrationId& id, bool applied) { impl_->fake(id, applied); }
std::string Migrator::sql(const MigrationId& id, db::Dialect dialect, bool backward) {
  return impl_->sql(id, dialect, backward);
}
std::vector<LintFinding> Migrator::lint() { return impl_->lint(); }
CheckReport Migrator::check() { return impl_->check(); }
MadeMigration Migrator::squash(std::string_view module, std::string_view from, std::string_view to,
                               const SquashOptions& options) {
  return impl_->squash(module, from, to, options);
}
std::vector<std::filesystem::path> Migrator::sum(std::string_view module) { return impl_->sum(module); }
std::vector<std::filesystem::path> Migrator::merge() { return impl_->merge(); }
std::vector<std::string> Migrator::gone() { return impl_->gone(); }
std::size_t Migrator::forget(std::string_view module) { return impl_->forget(module); }

}  // namespace mpf::migrate
