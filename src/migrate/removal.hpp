#pragma once

#include <memory>
#include <string>
#include <vector>

#include "migrate/graph.hpp"
#include "migrate/history.hpp"
#include "migrate/prepared.hpp"

/// Undoing a module that is no longer part of the application, by what the database remembers of its files.
namespace mpf::migrate {

/// All of the module's migrations undone as one, which is recorded when it is done: tables that the module
/// made are dropped as they are, and what it did to those of others is taken back.
struct Removal {
  std::vector<MigrationId> undone;       ///< newest first
  std::vector<std::string> stays;        ///< steps that nothing undoes, where others may see what they did
  std::unique_ptr<Migration> migration;  ///< what `work` is about
  Prepared work;
};

/// `live` is what the application's own files say. Error(not_found) where nothing of the module is applied;
/// Error(conflict), naming them, where others depend on it, where the database does not have all texts, and
/// where tables that stay would not be left as their own migrations say.
Removal prepare_removal(db::Database& database, const Graph& live, const std::vector<ModuleModels>& modules,
                        const std::string& module);

}  // namespace mpf::migrate
