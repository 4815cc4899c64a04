#include <mpf/migrate/migrator.hpp>

#include <algorithm>
#include <set>
#include <system_error>

#include <mpf/base/file.hpp>
#include <mpf/fiber/fiber.hpp>

#include "migrate/diff.hpp"
#include "migrate/executor.hpp"
#include "migrate/graph.hpp"
#include "migrate/history.hpp"
#include "migrate/prepared.hpp"

namespace mpf::migrate {
std::string_view to_string(MigrationState state) noexcept {
  switch (state) {
    case MigrationState::pending:
      return "pending";
    case MigrationState::applied:
      return "applied";
    case MigrationState::edited:
      return "edited";
    case MigrationState::missing:
      return "missing";
    case MigrationState::orphaned:
      return "orphaned";
  }
  return {};
}

class Migrator::Impl {
 public:
  Impl(db::Database* database, std::vector<ModuleModels> modules, const Clock& clock)
      : database_(database), modules_(std::move(modules)), clock_(clock) {
    std::set<std::string> names;
    std::set<std::string> tables;
    for (const auto& module : modules_) {
      if (!names.insert(module.module).second) {
        fail(ErrorKind::configuration, "the module '" + module.module + "' brings its migrations twice");
      }
      for (const auto& table : module.tables) {
        if (!tables.insert(table.name).second) {
          fail(ErrorKind::configuration, "the table '" + table.name +
                                             "' is declared twice, the second time by module '" +
                                             module.module + "'");
        }
      }
    }
  }

  std::vector<MadeMigration> make(const MakeOptions& options) {
    return fiber::offload([&] {
      const Graph graph(modules_);
      auto made = to_made(arrange(graph, find_changes(replay(graph.migrations()), modules_), options.name));
      if (!options.dry_run) write(made);
      return made;
    });
  }

  std::vector<PlannedMigration> plan() {
    const auto graph = load();
    const auto records = checked_records(graph);
    std::vector<PlannedMigration> result;
    for (const auto& each : prepare_pending(graph, records)) result.push_back(to_plan(each));
    return result;
  }

  std::vector<MigrationId> pending() {
    const auto graph = load();
    const auto records = checked_records(graph);
    std::vector<MigrationId> result;
    for (const auto& migration : graph.migrations()) {
      if (!records.contains(migration.id)) result.push_back(migration.id);
    }
    return result;
  }

  std::vector<MigrationId> apply(const ApplyOptions& options) {
    const auto graph = load();
    const auto records = checked_records(graph);
    const auto work = prepare_pending(graph, records);
    if (!work.empty()) {
      in_transaction(database(), {}, options.lock_wait, [&] { History(database()).prepare(); });
    }
    return run(work, options);
  }

  std::vector<PlannedMigration> rollback_plan(std::string_view module, std::string_view name) {
    const auto graph = load();
    std::vector<PlannedMigration> result;
    for (const auto& each : prepare_rollback(graph, module, name)) result.push_back(to_plan(each));
    return result;
  }

  std::vector<MigrationId> rollback(std::string_view module, std::string_view name,
                                    const ApplyOptions& options) {
    const auto graph = load();
    return run(prepare_rollback(graph, module, name), options);
  }

  std::vector<MigrationStatus> show() {
    const auto graph = load();
    const auto records = History(database()).read();
    std::vector<MigrationStatus> result;
    for (const auto& migration : graph.migrations()) {
      const auto found = records.find(migration.id);
      if (found == records.end()) {
        result.push_back({migration.id});
      } else {
        const bool same = found->second.checksum == migration.checksum;
        result.push_back({migration.id, same ? MigrationState::applied : MigrationState::edited,
                          found->second.applied_at});
      }
    }
    for (const auto& [id, record] : records) {
      if (graph.find(id)) continue;
      const bool known = std::ranges::count(modules_, id.module, &ModuleModels::module) > 0;
      result.push_back({id, known ? MigrationState::missing : MigrationState::orphaned, record.applied_at});
    }
    return result;
  }

  void fake(const MigrationId& id, bool applied) {
    const auto graph = load();
    const auto* migration = graph.find(id);
    in_transaction(database(), {}, ApplyOptions().lock_wait, [&] {
      History history(database());
      history.prepare();
      if (applied && !migration) fail(ErrorKind::not_found, "there is no migration " + id.to_string());
      if (!applied && !history.checksum(id)) fail(ErrorKind::not_found, id.to_string() + " is not applied");
      history.remove(id);
      if (applied) history.add(*migration, clock_.now());
    });
  }

  std::string sql(const MigrationId& id, db::Dialect dialect, bool backward) {
    const auto graph = load();
    State state;
    for (const auto& migration : graph.migrations()) {
      if (migration.id != id) {
        replay(migration, state);
        continue;
      }
      if (!backward) return to_text(prepare(migration, migration.operations, false, state, dialect).script);
      auto operations = reversed(migration, state);
      return to_text(prepare(migration, std::move(operations), true, state, dialect).script);
    }
    fail(ErrorKind::not_found, "there is no migration " + id.to_string());
  }

 private:
  db::Database& database() const {
    if (!database_) fail(ErrorKind::internal, "this migrator has no database");
    return *database_;
  }

  /// Reads files: off the loop.
  Graph load() const {
    return fiber::offload([&] { return Graph(modules_); });
  }

  History::Records checked_records(const Graph& graph) const {
    auto records = History(database()).read();
    check_history(graph, records, modules_);
    return records;
  }

  /// Off the loop: with a long history it takes a while.
  std::vector<Prepared> prepare_pending(const Graph& graph, const History::Records& records) const {
    return fiber::offload([&] { return prepare_pending(graph, records, database().dialect()); });
  }

  static std::vector<Prepared> prepare_pending(const Graph& graph, const History::Records& records,
                                               db::Dialect dialect) {
    State state;
    std::vector<const Migration*> pending;
    for (const auto& migration : graph.migrations()) {
      if (records.contains(migration.id)) {
        replay(migration, state);
      } else {
        pending.push_back(&migration);
      }
    }
    std::vector<Prepared> result;
    for (const auto* migration : pending) {
      result.push_back(prepare(*migration, migration->operations, false, state, dialect));
    }
    return result;
  }

  std::vector<Prepared> prepare_rollback(const Graph& graph, std::string_view module,
                                         std::string_view name) const {
    const auto records = checked_records(graph);
    const auto chosen = graph.with_dependents({find_applied(graph, records, module, name)});
    State state;
    std::map<MigrationId, std::vector<LocatedOperation>> operations;
    for (const auto& migration : graph.migrations()) {
      if (!records.contains(migration.id)) continue;
      if (std::ranges::find(chosen, migration.id) == chosen.end()) {
        replay(migration, state);
      } else {
        operations[migration.id] = reversed(migration, state);
      }
    }
    std::vector<Prepared> result;
    for (auto id = chosen.rbegin(); id != chosen.rend(); ++id) {
      const auto found = operations.find(*id);
      if (found == operations.end()) continue;
      result.push_back(
          prepare(*graph.find(*id), std::move(found->second), true, state, database().dialect()));
    }
    return result;
  }

  MigrationId find_applied(const Graph& graph, const History::Records& records, std::string_view module,
                           std::string_view name) const {
    if (!std::ranges::count(modules_, module, &ModuleModels::module)) {
      fail(ErrorKind::not_found, "there is no module '" + std::string(module) + "'");
    }
    std::vector<MigrationId> matches;
    for (const auto& migration : graph.migrations()) {
      if (migration.id.module != module || !records.contains(migration.id)) continue;
      if (migration.id.name == name) return migration.id;
      if (migration.id.name.starts_with(name)) matches.push_back(migration.id);
    }
    const auto asked = std::string(module) + "/" + std::string(name);
    if (matches.empty()) {
      fail(ErrorKind::not_found, name.empty() ? "no migration of '" + std::string(module) + "' is applied"
                                              : "no applied migration is called " + asked);
    }
    if (!name.empty() && matches.size() > 1) {
      fail(ErrorKind::invalid,
           asked + " may be " + matches[0].name + " or " + matches[1].name + "; say more of it");
    }
    return matches.back();
  }

  std::vector<MigrationId> run(const std::vector<Prepared>& work, const ApplyOptions& options) {
    std::vector<MigrationId> done;
    const auto tell = [&](const Prepared* next, std::size_t count) {
      if (!options.progress) return;
      options.progress({next ? &next->migration->id : nullptr, next && next->backward, count, work.size()});
    };
    for (std::size_t i = 0; i < work.size(); ++i) {
      tell(&work[i], i);
      if (run(work[i], options)) done.push_back(work[i].migration->id);
    }
    tell(nullptr, work.size());
    return done;
  }

  /// False if another process did it meanwhile.
  bool run(const Prepared& work, const ApplyOptions& options) {
    const auto& migration = *work.migration;
    bool ran = false;
    in_transaction(database(), work.script, options.lock_wait, [&] {
      History history(database());
      const auto recorded = history.checksum(migration.id);
      if (recorded && *recorded != migration.checksum) {
        fail(ErrorKind::conflict, "another process has just applied a different " + migration.id.to_string() +
                                      "; run the same version everywhere");
      }
      if (recorded.has_value() != work.backward) return;
      for (const auto& needed : migration.depends) {
        if (!work.backward && !history.checksum(needed)) {
          fail(ErrorKind::conflict, "another process has just undone " + needed.to_string() + "; try again");
        }
      }
      run_script(database(), migration, work.operations, work.script);
      if (work.backward) {
        history.remove(migration.id);
      } else {
        history.add(migration, clock_.now());
      }
      ran = true;
    });
    return ran;
  }

  std::vector<MadeMigration> to_made(std::vector<NewMigration> migrations) const {
    std::vector<MadeMigration> result;
    for (auto& each : migrations) {
      const auto module = std::ranges::find(modules_, each.id.module, &ModuleModels::module);
      std::error_code error;
      const bool embedded = module->migrations && !module->migrations->files().empty();
      if (module->source_folder.empty() ||
          (embedded && !std::filesystem::is_directory(module->source_folder, error))) {
        fail(ErrorKind::configuration,
             "the models of module '" + each.id.module +
                 "' have changed and its migrations cannot be written: " +
                 (module->source_folder.empty() ? "it has no source folder"
                                                : "there is no folder " + module->source_folder.string()) +
                 "; run this where the module's sources are");
      }
      MadeMigration made{each.id,
                         module->source_folder / (each.id.name + ".yaml"),
                         write_migration(each.id, each.depends, each.operations),
                         {},
                         {}};
      for (const auto& operation : each.operations) {
        made.operations.push_back(describe(operation));
        if (loses_data(operation)) made.losses.push_back(made.operations.back());
      }
      result.push_back(std::move(made));
    }
    return result;
  }

  /// All or none.
  static void write(const std::vector<MadeMigration>& migrations) {
    std::size_t written = 0;
    try {
      for (; written < migrations.size(); ++written) {
        const auto& file = migrations[written].file;
        std::error_code error;
        std::filesystem::create_directories(file.parent_path(), error);
        if (error) {
          fail(ErrorKind::unavailable,
               "cannot make the folder " + file.parent_path().string() + ": " + error.message());
        }
        write_file_atomic(file, migrations[written].content);
      }
    } catch (...) {
      std::error_code ignored;
      while (written > 0) std::filesystem::remove(migrations[--written].file, ignored);
      throw;
    }
  }

  db::Database* const database_;
  const std::vector<ModuleModels> modules_;
  const Clock& clock_;
};

Migrator::Migrator(db::Database* database, std::vector<ModuleModels> modules, const Clock& clock)
    : impl_(std::make_unique<Impl>(database, std::move(modules), clock)) {}
Migrator::~Migrator() = default;

std::vector<MadeMigration> Migrator::make(const MakeOptions& options) { return impl_->make(options); }
std::vector<PlannedMigration> Migrator::plan() { return impl_->plan(); }
std::vector<MigrationId> Migrator::pending() { return impl_->pending(); }
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

}  // namespace mpf::migrate
