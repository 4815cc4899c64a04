#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/base/embedded.hpp>
#include <mpf/base/error.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/schema.hpp>

/// Migrations: YAML files that say, module by module, how the tables came to be what they are. New ones are
/// found by comparing the models with the state that the files describe, without a database.
///
///     migration:
///       module: content.item
///       name: 0002_summary
///       depends: [content.item/0001_initial]
///     operations:
///       - add_column:
///           table: content_item
///           column: {name: summary, type: text, max_length: 500, default: "''"}
namespace mpf::migrate {

/// What one module brings along.
struct ModuleModels {
  std::string module;  ///< "content.item"
  std::vector<orm::Table> tables = {};
  /// Files "NNNN_name.yaml", as compiled in; may be null.
  const EmbeddedFiles* migrations = nullptr;
  /// The same files in the source tree. Where this folder exists, its files count instead of the embedded
  /// ones, and make() writes here. Empty: this module's migrations cannot be made.
  std::filesystem::path source_folder = {};
};

struct MigrationId {
  std::string module;
  std::string name;  ///< "0002_summary"
  auto operator<=>(const MigrationId&) const = default;

  /// "content.item/0002_summary"
  std::string to_string() const { return module + "/" + name; }
};

struct MakeOptions {
  std::string name = {};  ///< what follows the number; empty: made of the changes ("add_summary")
  bool dry_run = false;   ///< tells what it would write
};

/// A migration that make() wrote, or would write.
struct MadeMigration {
  MigrationId id;
  std::filesystem::path file;
  std::string content;
  std::vector<std::string> operations;  ///< for people: "add column content_item.summary"
  std::vector<std::string> losses;      ///< those of them that throw data away
};

/// A migration about to be run.
struct PlannedMigration {
  MigrationId id;
  bool backward = false;
  std::vector<std::string> operations;
  std::vector<std::string> losses;
  std::string sql;  ///< readable: what it runs on this dialect; checks of rows as comments
};

enum class MigrationState : std::uint8_t {
  pending,
  applied,
  edited,    ///< applied, and its file was changed since
  missing,   ///< applied, and its file is gone
  orphaned,  ///< applied, and its module is no longer part of the application
};
std::string_view to_string(MigrationState state) noexcept;

struct MigrationStatus {
  MigrationId id;
  MigrationState state = MigrationState::pending;
  std::optional<Timestamp> applied_at = {};
};

/// Told before each migration is run, and once at the end, with done == total.
struct MigrationProgress {
  const MigrationId* id = nullptr;  ///< null at the end
  bool backward = false;
  std::size_t done = 0;
  std::size_t total = 0;
};
using ProgressSink = std::function<void(const MigrationProgress&)>;

struct ApplyOptions {
  ProgressSink progress = {};
  /// How long to wait while another process migrates; then Error(unavailable).
  std::chrono::milliseconds lock_wait = std::chrono::minutes(5);
};

/// Compares, writes and runs migrations. Belongs to one fiber at a time; several processes may apply to one
/// database at once: one runs each migration, the others wait for it.
///
/// Each migration runs in a transaction of its own that also records it, with the checksum of its file, in
/// the table mpf_migration: killed at any moment, the database is as it was before or after a migration, and
/// apply() goes on from there.
///
/// Errors: configuration for files that are malformed, contradict each other or need one that is not there
/// ("file:line: what; remedy"); invalid for models that no safe migration leads to; conflict for history that
/// does not fit the files, and for rows that do not fit the new tables. All leave database and files as they
/// were.
class Migrator {
 public:
  /// `database` may be null for make() and sql(). Reads no file yet. Modules in the order given; a table
  /// declared twice is Error(configuration).
  Migrator(db::Database* database, std::vector<ModuleModels> modules, const Clock& clock = Clock::system());
  ~Migrator();
  Migrator(const Migrator&) = delete;
  Migrator& operator=(const Migrator&) = delete;

  /// Writes what is missing between files and models: one file a module, more where modules refer to each
  /// other in circles. Deterministic; empty when there is nothing to do, as right after another make().
  std::vector<MadeMigration> make(const MakeOptions& options = {});

  /// What apply() would run, in its order. Checks history as apply() does.
  std::vector<PlannedMigration> plan();

  /// Names only; cheap enough for every start.
  std::vector<MigrationId> pending();

  /// Runs what is pending; returns what this call ran.
  std::vector<MigrationId> apply(const ApplyOptions& options = {});

  /// What rollback() would run.
  std::vector<PlannedMigration> rollback_plan(std::string_view module, std::string_view name = {});

  /// Undoes a migration and everything applied that depends on it, newest first. `name` may be the
  /// beginning of one ("0002"); empty: the module's last applied one. Error(conflict), before anything is
  /// run, if one of them cannot be undone.
  std::vector<MigrationId> rollback(std::string_view module, std::string_view name = {},
                                    const ApplyOptions& options = {});

  /// All migrations, of files and history, in the order in which they are applied.
  std::vector<MigrationStatus> show();

  /// Records a migration as applied with its file's present checksum, or as not applied, without running
  /// anything: for schemas that were changed by hand, and for files that were edited on purpose.
  void fake(const MigrationId& id, bool applied = true);

  /// The SQL of one migration, forward or backward.
  std::string sql(const MigrationId& id, db::Dialect dialect, bool backward = false);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mpf::migrate
