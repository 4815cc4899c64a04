#pragma once

#include <map>
#include <string>
#include <vector>

#include "migrate/graph.hpp"
#include "migrate/state.hpp"

namespace mpf::migrate {

/// What leads from the state to the models, by module; in an order that suits each module, not yet between
/// them. ValidationError with all that no safe operation leads to.
std::map<std::string, std::vector<Operation>> find_changes(const State& state,
                                                           const std::vector<ModuleModels>& modules);

/// A migration to be written.
struct NewMigration {
  MigrationId id;
  std::vector<MigrationId> depends;
  std::vector<Operation> operations;
  bool border = false;
};

using Changes = std::map<std::string, std::vector<Operation>>;  ///< by module

/// Turns renames of columns into two steps between which both columns are there and hold the same; returns
/// the second one, to be done behind a release border. A column stays renamed at once where that cannot be:
/// a key, one that says whose the rows are, one that others are generated from, a type that rounds values of
/// the old one. `state` is that before the changes.
Changes take_renames(const State& state, Changes& changes);

/// Moves what the release that still runs would miss out of `changes`, to be done behind a release border,
/// and leaves there what lets the new release do without. `state` is that before them.
Changes take_contraction(const State& state, Changes& changes);

/// Puts changes into migrations that can be applied one after the other, breaking circles of references;
/// `behind` go behind a release border.
std::vector<NewMigration> arrange(const Graph& graph, Changes changes, Changes behind,
                                  const std::string& name);

}  // namespace mpf::migrate
