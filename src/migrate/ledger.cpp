#include "migrate/ledger.hpp"

#include <algorithm>

#include "migrate/executor.hpp"
#include "migrate/pending.hpp"
#include "migrate/squash.hpp"
#include "migrate/sum.hpp"

namespace mpf::migrate {

History::Records Ledger::records(const Graph& graph, bool undoing) {
  auto records = unchecked(graph);
  check(graph, records, undoing);
  return records;
}

History::Records Ledger::unchecked(const Graph& graph) {
  auto records = History(database_).read();
  adopt_squashed(graph, records);
  return records;
}

bool Ledger::is_behind(const Graph& graph) {
  auto records = History(database_).read();
  return !adopt_squashed(graph, records).empty();
}

void Ledger::check(const Graph& graph, const History::Records& records, bool undoing) {
  check_history(graph, records, modules_);
  check_sums(graph);
  check_branches(graph);
  for (const auto& [id, progress] : History(database_).read_progress()) {
    if (!progress.backward || undoing) continue;
    fail(ErrorKind::conflict,
         id.to_string() + " is half undone: go on with `migrate rollback " + id.module + " " + id.name + "`");
  }
}

void Ledger::record_squashed(const Graph& graph, const ApplyOptions& options) {
  in_transaction(database_, {.lock_wait = options.lock_wait, .lock_timeout = options.lock_timeout}, [&] {
    History history(database_);
    auto records = history.read();
    for (const auto* squashed : adopt_squashed(graph, records)) {
      for (const auto& id : squashed->replaces) history.remove(id);
      history.remove(squashed->id);
      history.add(*squashed, records.at(squashed->id).applied_at);
    }
  });
}

std::vector<MigrationStatus> Ledger::statuses(const Graph& graph) {
  const auto records = unchecked(graph);
  const auto begun = History(database_).read_progress();
  std::vector<MigrationStatus> result;
  for (const auto& migration : graph.migrations()) {
    const auto found = records.find(migration.id);
    if (begun.contains(migration.id)) {
      result.push_back({migration.id, MigrationState::begun, {}, migration.border});
    } else if (found == records.end()) {
      result.push_back({migration.id, MigrationState::pending, {}, migration.border});
    } else {
      const bool same = found->second.checksum == migration.checksum;
      result.push_back({migration.id, same ? MigrationState::applied : MigrationState::edited,
                        found->second.applied_at, migration.border});
    }
  }
  for (const auto& [id, record] : records) {
    if (graph.find(id)) continue;
    const auto state = is_known(id.module) ? MigrationState::missing : MigrationState::orphaned;
    result.push_back({id, state, record.applied_at, false});
  }
  return result;
}

void Ledger::fake(const Graph& graph, const MigrationId& id, bool applied) {
  const auto* migration = graph.find(id);
  if (applied && !migration) find_one(graph, modules_, id.module, id.name);
  if (applied && (!migration || migration->id != id)) {
    fail(ErrorKind::not_found, "there is no migration " + id.to_string() + "; say its whole name");
  }
  in_transaction(database_, {.lock_wait = ApplyOptions().lock_wait}, [&] {
    History history(database_);
    history.prepare();
    history.prepare_progress();
    history.remove_progress(id);
    if (!applied && !history.checksum(id)) fail(ErrorKind::not_found, id.to_string() + " is not applied");
    history.remove(id);
    if (applied) history.add(*migration, clock_.now());
  });
}

std::size_t Ledger::forget(std::string_view module) {
  if (is_known(module)) {
    fail(ErrorKind::conflict,
         "module '" + std::string(module) +
             "' is part of the application: to take its tables away run `migrate rollback " +
             std::string(module) + "`");
  }
  std::size_t count = 0;
  in_transaction(database_, {.lock_wait = ApplyOptions().lock_wait}, [&] {
    History history(database_);
    history.prepare_progress();
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

bool Ledger::is_known(std::string_view module) const {
  return std::ranges::count(modules_, module, &ModuleModels::module) > 0;
}

}  // namespace mpf::migrate
