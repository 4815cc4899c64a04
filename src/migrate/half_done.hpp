#pragma once

#include "migrate/history.hpp"
#include "migrate/prepared.hpp"

/// The way back from a migration that was begun and not finished.
namespace mpf::migrate {

/// Error(conflict) where what was begun are not the steps that would be run now.
void check_script(const History::Progress& progress, const Prepared& work);

/// What of it was done, as a migration of its own.
struct HalfDone {
  Migration part;       ///< its operations as far as they were begun; the rest is the migration's
  bool partly = false;  ///< the last of them is not finished
  History::Progress::Stood stood;
};

/// What `progress` says of a migration that was interrupted on its way forward, or on the way back from
/// there. `before` is the state that it was begun in. Error(conflict) where its file, or what running it
/// comes to, is not what it was then.
HalfDone half_done(const Migration& migration, const History::Progress& progress, const State& before,
                   db::Dialect dialect);

/// What undoes it, in the order to be run; moves the state on over it. Error(conflict) when it cannot be.
std::vector<LocatedOperation> reversed(const HalfDone& half, State& state);

/// Renders that; moves the state back.
Prepared prepare(const Migration& migration, const HalfDone& half, std::vector<LocatedOperation> operations,
                 State& state, db::Dialect dialect);

}  // namespace mpf::migrate
