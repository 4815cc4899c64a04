#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include <mpf/migrate/migrator.hpp>

#include "migrate/history.hpp"

namespace mpf::migrate {

/// What a database has of the migrations, held against the files.
class Ledger {
 public:
  Ledger(db::Database& database, const std::vector<ModuleModels>& modules, const Clock& clock)
      : database_(database), modules_(modules), clock_(clock) {}

  /// What is applied; squashed ones stand for those that they replace. Error(conflict) where it does not fit
  /// the files, or, unless undoing, where a rollback was interrupted.
  History::Records records(const Graph& graph, bool undoing = false);
  History::Records unchecked(const Graph& graph);
  /// Whether history has ones that were squashed since.
  bool is_behind(const Graph& graph);
  /// From now on the squashed one is what history has.
  void record_squashed(const Graph& graph, const ApplyOptions& options);

  std::vector<MigrationStatus> statuses(const Graph& graph);
  void fake(const Graph& graph, const MigrationId& id, bool applied);
  std::size_t forget(std::string_view module);

 private:
  void check(const Graph& graph, const History::Records& records, bool undoing);
  bool is_known(std::string_view module) const;

  db::Database& database_;
  const std::vector<ModuleModels>& modules_;
  const Clock& clock_;
};

}  // namespace mpf::migrate
