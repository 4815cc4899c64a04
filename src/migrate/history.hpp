#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/db/database.hpp>

#include "migrate/graph.hpp"

namespace mpf::migrate {

/// The table mpf_migration: what has been applied.
class History {
 public:
  struct Record {
    std::string checksum;  ///< empty: applied as a part of what it was squashed into
    Timestamp applied_at;
    bool has_text = false;  ///< the database remembers what the file said
  };
  using Records = std::map<MigrationId, Record>;

  explicit History(db::Database& database) : database_(database) {}

  /// Empty while the table is not there.
  Records read();

  /// Makes the table unless it is there, with all its columns.
  void prepare();

  /// How far a migration of several phases is that has been begun.
  struct Progress {
    bool backward = false;
    std::string checksum = {};
    std::string script = {};  ///< hash of what is run; empty: begun by a version that did not record it
    std::size_t phase = 0;    ///< the next one
    std::int64_t position = DataStep::beginning;  ///< in it
    /// Backward, of a migration that was never finished: where it stood.
    struct Stood {
      std::size_t phase = 0;
      std::int64_t position = DataStep::beginning;
      bool operator==(const Stood&) const = default;
    };
    std::optional<Stood> stood = {};
  };
  /// Those that were begun and not finished.
  using Begun = std::map<MigrationId, Progress>;
  /// Empty while the table is not there.
  Begun read_progress();
  /// Of one of them; after prepare_progress().
  std::optional<Progress> progress(const MigrationId& id);
  void prepare_progress();
  void set_progress(const MigrationId& id, const Progress& progress);
  void remove_progress(const MigrationId& id);

  /// What the files of a module said when they were applied, as far as that was recorded.
  std::map<MigrationId, std::string> texts(std::string_view module);
  /// After prepare().
  void set_text(const MigrationId& id, const std::string& text);

  std::optional<std::string> checksum(const MigrationId& id);
  /// After prepare(). Also what was squashed into it, as far as it is not there: releases from before that
  /// look for it.
  void add(const Migration& migration, Timestamp now);
  void remove(const MigrationId& id);
  /// Also what was squashed into it.
  void remove(const Migration& migration);

 private:
  /// 0 while the table is not there.
  std::int64_t columns_of(const char* table);

  db::Database& database_;
};

/// Records of migrations that these files do not know, applied after all that they know of the module: by a
/// newer release, beside which this one runs on.
std::vector<MigrationId> newer_records(const Graph& graph, const History::Records& records,
                                       const std::vector<ModuleModels>& modules);

/// What check_history() says to those.
enum class Newer : std::uint8_t { refused, accepted };

/// Error(conflict) that tells everything in which history does not fit the files, and how to mend it.
void check_history(const Graph& graph, const History::Records& records,
                   const std::vector<ModuleModels>& modules, Newer newer);

}  // namespace mpf::migrate
