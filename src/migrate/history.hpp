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

  std::optional<std::string> checksum(const MigrationId& id);
  void add(const Migration& migration, Timestamp now);
  void remove(const MigrationId& id);

 private:
  bool exists();

  db::Database& database_;
};

/// Error(conflict) that tells everything in which history does not fit the files, and how to mend it.
void check_history(const Graph& graph, const History::Records& records,
                   const std::vector<ModuleModels>& modules);

}  // namespace mpf::migrate
