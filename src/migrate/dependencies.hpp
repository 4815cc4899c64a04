#pragma once

#include <map>
#include <set>
#include <string>

#include "migrate/migration.hpp"
#include "migrate/state.hpp"

namespace mpf::migrate {

/// Remembers which migrations a new operation builds on, by having seen all before it.
class DependencyTracker {
 public:
  /// `before` is the state the operation is applied to.
  void saw(const MigrationId& by, const Operation& operation, const State& before);

  /// Migrations of other modules that must come before an operation of `module`.
  std::set<MigrationId> needs(const std::string& module, const Operation& operation,
                              const State& before) const;

 private:
  void touch(const MigrationId& by, const std::string& table);

  /// Who made a table be there under this name.
  std::map<std::string, MigrationId> makers_;
  /// table → module → its last migration that changed the table or a reference to it
  std::map<std::string, std::map<std::string, MigrationId>> touchers_;
};

}  // namespace mpf::migrate
