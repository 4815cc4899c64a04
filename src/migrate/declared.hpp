#pragma once

#include <vector>

#include <mpf/migrate/migrator.hpp>

namespace mpf::migrate {

/// Error(configuration) where a module, a table or a column is declared twice; names of tables, columns and
/// indexes are the same for SQLite if they differ in case only, and therefore here.
void check_declared_once(const std::vector<ModuleModels>& modules);

}  // namespace mpf::migrate
