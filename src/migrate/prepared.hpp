#pragma once

#include <optional>
#include <string>
#include <vector>

#include "migrate/graph.hpp"
#include "migrate/history.hpp"
#include "migrate/migration.hpp"
#include "migrate/sql.hpp"
#include "migrate/state.hpp"

namespace mpf::migrate {

/// A migration with what running it comes to.
struct Prepared {
  const Migration* migration = nullptr;
  bool backward = false;
  std::vector<LocatedOperation> operations;  ///< as they are run: reversed when backward
  Script script;
  std::string hash = {};  ///< of the script, where it takes several transactions
  /// Backward, of a migration that was never finished: where it stood.
  std::optional<History::Progress::Stood> stood = {};
};

/// Renders and moves the state on. What does not fit is Error(configuration) with file and line, or,
/// backward, Error(conflict).
Prepared prepare(const Migration& migration, std::vector<LocatedOperation> operations, bool backward,
                 State& state, db::Dialect dialect);

/// What undoes the migration, in the order to be run. Moves the state on over the migration. Error(conflict),
/// with the remedy, when it cannot be undone.
std::vector<LocatedOperation> reversed(
    const Migration& migration, State& state,
    const std::string& remedy = "add one, restore a backup, or write a new migration");

/// Tells whether two scripts are the same.
std::string hash_of(const Script& script);

/// Migrations that are due, in order, on top of those applied. Error(configuration) for what is unsafe on
/// PostgreSQL and has no reason, and for functions that their modules lack.
std::vector<Prepared> prepare_due(const Graph& graph, const History::Records& records,
                                  const std::vector<const Migration*>& due,
                                  const std::vector<ModuleModels>& modules, db::Dialect dialect);

/// Undoes the migrations, newest first, on top of the others applied. Of those begun, what was done of them.
std::vector<Prepared> prepare_undoing(const Graph& graph, const History::Records& records,
                                      const History::Begun& begun, const std::vector<MigrationId>& chosen,
                                      const std::vector<ModuleModels>& modules, db::Dialect dialect);

PlannedMigration to_plan(const Prepared& prepared);

}  // namespace mpf::migrate
