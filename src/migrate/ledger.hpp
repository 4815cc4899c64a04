#pragma once

#include <cstddef>
#include <functional>
#include <string>
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
  /// the files, or where a rollback was interrupted.
  History::Records records(const Graph& graph, Newer newer = Newer::refused);
  /// The same to be undone: an interrupted rollback goes on.
  History::Records records_to_undo(const Graph& graph);
  /// Error(conflict) only where a part of what was squashed is applied; none if `problems` are asked for.
  History::Records unchecked(const Graph& graph, std::string* problems = nullptr);
  History::Begun begun() { return History(database_).read_progress(); }
  /// What a newer release has applied.
  std::vector<MigrationId> newer(const Graph& graph);
  /// Whether history has ones that were squashed since, or lacks texts of files that are here.
  bool is_behind(const Graph& graph);
  /// From now on the squashed one is what history has, and it has the texts.
  void catch_up(const Graph& graph, const ApplyOptions& options);

  std::vector<MigrationStatus> statuses(const Graph& graph);
  void fake(const Graph& graph, const MigrationId& id, bool applied);
  std::size_t forget(std::string_view module);

  /// Whether migrations of the module are applied or begun, and it is no part of the application any more.
  bool is_gone(std::string_view module);
  /// What may be done about each of those modules, for people.
  std::vector<std::string> gone();

 private:
  std::vector<const Migration*> without_text(const Graph& graph, const History::Records& records) const;
  void check_files(const Graph& graph, const History::Records& records, Newer newer) const;
  void change(const std::function<void(History&)>& change);
  bool is_known(std::string_view module) const;

  db::Database& database_;
  const std::vector<ModuleModels>& modules_;
  const Clock& clock_;
};

/// What to do about a migration that is half applied, or half undone.
std::string explain(const Graph& graph, const MigrationId& id, const History::Progress& progress);

}  // namespace mpf::migrate
