#pragma once

#include <string_view>

#include "migrate/graph.hpp"
#include "migrate/history.hpp"

namespace mpf::migrate {

/// One migration instead of a module's from `from` to `to`. Error(conflict) where another module's come
/// between them, or, unless told so, a release border.
MigrationText squash(const Graph& graph, const std::vector<ModuleModels>& modules, const std::string& module,
                     std::string_view from, std::string_view to, bool past_border);

/// Takes squashed migrations as applied where all that they replace is; returns those that history does not
/// know yet. Where only a part is: Error(conflict), or, if `problems` are asked for, what it would say, and
/// the parts stay among the records.
std::vector<const Migration*> adopt_squashed(const Graph& graph, History::Records& records,
                                             std::string* problems = nullptr);

}  // namespace mpf::migrate
