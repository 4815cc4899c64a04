#pragma once

#include <vector>

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
};

/// Renders and moves the state on. What does not fit is Error(configuration) with file and line, or,
/// backward, Error(conflict).
Prepared prepare(const Migration& migration, std::vector<LocatedOperation> operations, bool backward,
                 State& state, db::Dialect dialect);

/// What undoes the migration, in the order to be run. Moves the state on over the migration. Error(conflict)
/// when it cannot be undone.
std::vector<LocatedOperation> reversed(const Migration& migration, State& state);

PlannedMigration to_plan(const Prepared& prepared);

}  // namespace mpf::migrate
