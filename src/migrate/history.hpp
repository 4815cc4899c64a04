#pragma once

#include <map>
#include <optional>
#include <string>

#include <mpf/db/database.hpp>

#include "migrate/graph.hpp"

namespace mpf::migrate {

/// The table mpf_migration: what has been applied.
class History {
 public:
  struct Record {
    std::string checksum;
    Timestamp applied_at;
  };
  using Records = std::map<MigrationId, Record>;

  explicit History(db::Database& database) : database_(database) {}

  /// Empty while the table is not there.
  Records read();

  /// Makes the table unless it is there.
  void prepare();

  /// How far a migration of several phases is that has been begun.
  struct Progress {
    bool backward = false;
    std::string checksum = {};
    std::size_t phase = 0;      ///< the next one
    std::int64_t position = 0;  ///< in it
  };
  /// Of those that were begun and not finished; empty while the table is not there.
  std::map<MigrationId, Progress> read_progress();
  void prepare_progress();
  void set_progress(const MigrationId& id, const Progress& progress);
  void remove_progress(const MigrationId& id);

  std::optional<std::string> checksum(const MigrationId& id);
  void add(const Migration& migration, Timestamp now);
  void remove(const MigrationId& id);

 private:
  bool exists(const char* table = "mpf_migration");

  db::Database& database_;
};

/// Error(conflict) that tells everything in which history does not fit the files, and how to mend it.
void check_history(const Graph& graph, const History::Records& records,
                   const std::vector<ModuleModels>& modules);

}  // namespace mpf::migrate
