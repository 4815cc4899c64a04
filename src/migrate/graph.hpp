#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "migrate/migration.hpp"
#include "migrate/state.hpp"

namespace mpf::migrate {

/// All migrations of all modules and what depends on what.
class Graph {
 public:
  /// Reads the files. Error(configuration) for what is malformed, missing among others' `depends`, or in a
  /// circle.
  explicit Graph(const std::vector<ModuleModels>& modules);

  /// Each after all that it depends on; otherwise by module and name.
  const std::vector<Migration>& migrations() const noexcept { return migrations_; }

  /// Null when there is none.
  const Migration* find(const MigrationId& id) const;

  /// Those of a module that no other of the module depends on, sorted: where the next one goes on.
  std::vector<MigrationId> leaves(const std::string& module) const;

  /// The ids given and everything that depends on them.
  std::vector<MigrationId> with_dependents(const std::vector<MigrationId>& ids) const;

 private:
  void sort();

  std::vector<Migration> migrations_;
  std::map<MigrationId, std::size_t> index_;
};

/// Applies a migration's operations one by one. `each`, if given, sees every operation and the state before
/// it. What does not fit is Error(configuration) with file and line.
void replay(const Migration& migration, State& state,
            const std::function<void(const Operation&, const State& before)>& each = {});

/// The state after all of them.
State replay(std::span<const Migration> migrations);

}  // namespace mpf::migrate
