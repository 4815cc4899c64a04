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
};

/// Puts changes into migrations that can be applied one after the other, breaking circles of references.
std::vector<NewMigration> arrange(const Graph& graph, std::map<std::string, std::vector<Operation>> changes,
                                  const std::string& name);

}  // namespace mpf::migrate
