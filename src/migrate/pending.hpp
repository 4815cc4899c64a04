#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "migrate/graph.hpp"
#include "migrate/history.hpp"

namespace mpf::migrate {

/// What has not been applied, each after all that it depends on.
struct Pending {
  std::vector<const Migration*> due;   ///< what apply() with these options runs
  std::vector<const Migration*> held;  ///< what waits behind release borders
  /// Those held that the models need: all before one that is not itself behind a border.
  std::vector<const Migration*> needed;
};

/// Error(not_found) for a module or migration that is not there, Error(invalid) for a name that may be
/// several.
Pending find_pending(const Graph& graph, const History::Records& records,
                     const std::vector<ModuleModels>& modules, db::Dialect dialect,
                     const ApplyOptions& options);

/// Error(not_found), with the name that may be meant, unless there is such a module.
void require_module(const std::vector<ModuleModels>& modules, std::string_view module);

/// The migration of that name, or the only one that begins so. Error(not_found), with what may be meant;
/// Error(invalid) where there are several.
const Migration& find_one(const Graph& graph, const std::vector<ModuleModels>& modules,
                          std::string_view module, std::string_view name);

/// The same among those that are there, wholly or begun; without a name, the module's last one.
MigrationId find_applied(const Graph& graph, const std::function<bool(const MigrationId&)>& is_there,
                         const std::vector<ModuleModels>& modules, std::string_view module,
                         std::string_view name);

}  // namespace mpf::migrate
