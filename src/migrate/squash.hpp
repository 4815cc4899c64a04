#pragma once

#include <string_view>

#include "migrate/graph.hpp"
#include "migrate/history.hpp"

namespace mpf::migrate {

/// One migration instead of a module's from `from` to `to`. Error(conflict) where another module's come
/// between them.
MigrationText squash(const Graph& graph, const std::vector<ModuleModels>& modules, const std::string& module,
                     std::string_view from, std::string_view to);

/// Takes squashed migrations as applied where all that they replace is; returns those. Error(conflict) where
/// only a part is.
std::vector<const Migration*> adopt_squashed(const Graph& graph, History::Records& records);

}  // namespace mpf::migrate
