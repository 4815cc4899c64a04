#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "migrate/migration.hpp"
#include "migrate/state.hpp"

namespace mpf::migrate {

/// What files said when they were read, so that those that stay as they are need not be understood again.
class KnownFiles {
 public:
  const Migration& parse(const std::string& text, const std::string& source);

 private:
  struct Entry {
    std::string text;
    Migration migration;
  };
  std::map<std::string, Entry> entries_;  ///< by source
};

/// All migrations of all modules and what depends on what.
class Graph {
 public:
  /// Reads the files. Error(configuration) for what is malformed, missing among others' `depends`, or in a
  /// circle. `known` may be null.
  explicit Graph(const std::vector<ModuleModels>& modules, KnownFiles* known = nullptr);

  /// With more of them, which no file here has.
  Graph with(std::vector<Migration> more) const;

  /// Each after all that it depends on; otherwise by module and name.
  const std::vector<Migration>& migrations() const noexcept { return migrations_; }

  /// Null when there is none. Knows what was squashed by its old name.
  const Migration* find(const MigrationId& id) const;

  /// Those of a module that no other of the module depends on, sorted: where the next one goes on.
  std::vector<MigrationId> leaves(const std::string& module) const;

  /// Text of the module's migrations.sum, and where it lies. A folder with migrations is to have one.
  struct Sum {
    std::string text;
    std::string source;
    bool there = true;
    bool built_in = false;
  };
  const std::map<std::string, Sum>& sums() const noexcept { return sums_; }

  /// The migration and all that it depends on.
  std::vector<MigrationId> with_needed(const MigrationId& id) const;

  /// The ids given and everything that depends on them.
  std::vector<MigrationId> with_dependents(const std::vector<MigrationId>& ids) const;

 private:
  void arrange();
  void index();
  void sort();

  std::vector<Migration> migrations_;
  std::map<MigrationId, std::size_t> index_;  ///< also by the names of what was squashed
  std::map<std::string, Sum> sums_;
};

/// Whether some of the files lie in folders, where they may change; all others are built in.
bool has_folders(const std::vector<ModuleModels>& modules);

/// Applies a migration's operations one by one. `each`, if given, sees every operation and the state before
/// it. What does not fit is Error(configuration) with file and line.
void replay(const Migration& migration, State& state,
            const std::function<void(const Operation&, const State& before)>& each = {});

/// Error(conflict) naming both operations where branches of a module change the same thing: whichever comes
/// first, the tables would be others.
void check_branches(const Graph& graph);

/// The state after all of them.
State replay(std::span<const Migration> migrations);

}  // namespace mpf::migrate
