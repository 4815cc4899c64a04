#include "migrate/ledger.hpp"

#include <algorithm>
#include <map>

#include "migrate/executor.hpp"
#include "migrate/pending.hpp"
#include "migrate/squash.hpp"
#include "migrate/sum.hpp"

namespace mpf::migrate {

History::Records Ledger::records(const Graph& graph, Newer newer) {
  auto records = unchecked(graph);
  check_files(graph, records, newer);
  for (const auto& [id, progress] : begun()) {
    if (progress.backward && graph.find(id)) fail(ErrorKind::conflict, explain(graph, id, progress));
  }
  return records;
}

History::Records Ledger::records_to_undo(const Graph& graph) {
  auto records = unchecked(graph);
  check_files(graph, records, Newer::refused);
  return records;
}

History::Records Ledger::unchecked(const Graph& graph, std::string* problems) {
  auto records = History(database_).read();
  adopt_squashed(graph, records, problems);
  return records;
}

std::vector<MigrationId> Ledger::newer(const Graph& graph) {
  return newer_records(graph, unchecked(graph), modules_);
}

bool Ledger::is_behind(const Graph& graph) {
  auto records = History(database_).read();
  const bool lacks_texts = !without_text(graph, records).empty();
  return lacks_texts || !adopt_squashed(graph, records).empty();
}

/// Those that an earlier release has applied, or one from before texts were recorded. Beside a newer release
/// nothing is changed.
std::vector<const Migration*> Ledger::without_text(const Graph& graph,
                                                   const History::Records& records) const {
  std::vector<const Migration*> result;
  for (const auto& [id, record] : records) {
    if (record.has_text || record.checksum.empty()) continue;
    const auto* migration = graph.find(id);
    if (migration && migration->id == id && migration->checksum == record.checksum) {
      result.push_back(migration);
    }
  }
  if (!result.empty() && !newer_records(graph, records, modules_).empty()) result.clear();
  return result;
}

void Ledger::check_files(const Graph& graph, const History::Records& records, Newer newer) const {
  check_history(graph, records, modules_, newer);
  check_sums(graph);
  check_branches(graph);
}

void Ledger::catch_up(const Graph& graph, const ApplyOptions& options) {
  in_transaction(database_, {.lock_wait = options.lock_wait, .lock_timeout = options.lock_timeout}, [&] {
    History history(database_);
    auto records = history.read();
    const auto without = without_text(graph, records);
    const auto squashed = adopt_squashed(graph, records);
    if (!without.empty() || !squashed.empty()) history.prepare();
    for (const auto* each : without) history.set_text(each->id, each->text);
    for (const auto* each : squashed) history.add(*each, clock_.now());
  });
}

std::vector<MigrationStatus> Ledger::statuses(const Graph& graph) {
  std::string partly_squashed;  // shows in what is missing
  const auto records = unchecked(graph, &partly_squashed);
  auto under_way = begun();
  std::vector<MigrationStatus> result;
  for (const auto& migration : graph.migrations()) {
    const auto found = records.find(migration.id);
    if (under_way.erase(migration.id) > 0) {
      result.push_back({migration.id, MigrationState::begun, {}, migration.border});
    } else if (found == records.end()) {
      result.push_back({migration.id, MigrationState::pending, {}, migration.border});
    } else {
      const auto& checksum = found->second.checksum;
      const bool same = checksum.empty() || checksum == migration.checksum;
      result.push_back({migration.id, same ? MigrationState::applied : MigrationState::edited,
                        found->second.applied_at, migration.border});
    }
  }
  const auto newer = newer_records(graph, records, modules_);
  for (const auto& [id, record] : records) {
    const auto* migration = graph.find(id);
    if ((migration && migration->id == id) || under_way.contains(id)) continue;
    const auto state = std::ranges::count(newer, id) > 0 ? MigrationState::newer
                       : is_known(id.module)             ? MigrationState::missing
                                                         : MigrationState::orphaned;
    result.push_back({id, state, record.applied_at, false});
  }
  for (const auto& [id, progress] : under_way) result.push_back({id, MigrationState::begun, {}, false});
  return result;
}

void Ledger::fake(const Graph& graph, const MigrationId& id, bool applied) {
  const auto* migration = graph.find(id);
  if (applied && !migration) find_one(graph, modules_, id.module, id.name);
  if (applied && (!migration || migration->id != id)) {
    fail(ErrorKind::not_found, "there is no migration " + id.to_string() + "; say its whole name");
  }
  change([&](History& history) {
    const bool begun = history.read_progress().contains(id);
    if (!applied && !begun && !history.checksum(id)) {
      fail(ErrorKind::not_found, id.to_string() + " is not applied");
    }
    history.remove_progress(id);
    if (migration && migration->id == id) {
      history.remove(*migration);
    } else {
      history.remove(id);
    }
    if (applied) history.add(*migration, clock_.now());
  });
}

std::size_t Ledger::forget(std::string_view module) {
  if (is_known(module)) {
    fail(ErrorKind::conflict,
         "module '" + std::string(module) +
             "' is part of the application: to take its tables away run `migrate rollback " +
             std::string(module) + " 0001`");
  }
  std::size_t count = 0;
  change([&](History& history) {
    for (const auto& [id, record] : history.read()) {
      if (id.module != module) continue;
      history.remove(id);
      history.remove_progress(id);
      ++count;
    }
  });
  if (count == 0) fail(ErrorKind::not_found, "no migration of '" + std::string(module) + "' is applied");
  return count;
}

bool Ledger::is_gone(std::string_view module) {
  const auto records = History(database_).read();
  return !is_known(module) &&
         std::ranges::any_of(records, [&](const auto& each) { return each.first.module == module; });
}

std::vector<std::string> Ledger::gone() {
  std::map<std::string, bool> remembered;  // by module
  for (const auto& [id, record] : History(database_).read()) {
    if (is_known(id.module)) continue;
    const bool has_text = record.has_text || record.checksum.empty();
    const auto found = remembered.emplace(id.module, true).first;
    found->second = found->second && has_text;
  }
  std::vector<std::string> result;
  for (const auto& [module, known] : remembered) {
    result.push_back("module '" + module + "' is no longer part of the application: " +
                     (known ? "`migrate rollback " + module + "` takes its tables away, "
                            : "its tables are to be taken away by hand, ") +
                     "`migrate forget " + module + "` " + (known ? "only " : "") + "its history");
  }
  return result;
}

/// While nobody migrates.
void Ledger::change(const std::function<void(History&)>& change) {
  const auto wait = ApplyOptions().lock_wait;
  with_migration_lock(database_, wait, [&] {
    in_transaction(database_, {.lock_wait = wait}, [&] {
      History history(database_);
      history.prepare();
      history.prepare_progress();
      change(history);
    });
  });
}

bool Ledger::is_known(std::string_view module) const {
  return std::ranges::count(modules_, module, &ModuleModels::module) > 0;
}

std::string explain(const Graph& graph, const MigrationId& id, const History::Progress& progress) {
  const auto name = id.module + " " + id.name;
  if (!graph.find(id) && progress.backward) {
    return id.to_string() +
           " is half undone, and its file is not here: go on with the release that has it; or, if its module "
           "is "
           "no longer part of the application, by `migrate rollback " +
           id.module + "`";
  }
  if (!graph.find(id)) {
    return id.to_string() +
           " was begun by a release whose file of it is not here: go on with that release, or forget it by "
           "`migrate fake --undo " +
           name + "`";
  }
  if (progress.backward)
    return id.to_string() + " is half undone: go on with `migrate rollback " + name + "`";
  return id.to_string() + " is half applied: go on with `migrate apply`, or undo it by `migrate rollback " +
         name + "`";
}

}  // namespace mpf::migrate
