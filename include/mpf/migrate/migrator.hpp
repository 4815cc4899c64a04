#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
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

/// One call of a data function; in a transaction of its own on `database`, which also records how far it is.
struct DataStep {
  /// Below every id: these may be negative.
  static constexpr std::int64_t beginning = -std::numeric_limits<std::int64_t>::max();

  db::Database& database;
  std::int64_t position = beginning;  ///< what the call before returned
  std::int64_t done = 0;              ///< may be set, for people who watch
  std::int64_t total = 0;
};
/// A step of a migration in C++. Called again and again, until it returns nothing; interrupted, it goes on
/// with the last position that it returned. Must not use the models, which change with time, but SQL.
using DataFunction = std::function<std::optional<std::int64_t>(DataStep&)>;

/// What one module brings along.
struct ModuleModels {
  std::string module;  ///< "content.item"
  std::vector<orm::Table> tables = {};
  /// Files "NNNN_name.yaml", as compiled in; may be null.
  const EmbeddedFiles* migrations = nullptr;
  /// The same files in the source tree. Where this folder exists, its files count instead of the embedded
  /// ones, and make() writes here. Empty: this module's migrations cannot be made.
  std::filesystem::path source_folder = {};
  /// What the operation `call` finds by name.
  std::map<std::string, DataFunction> functions = {};
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
  /// Why what is unsafe on PostgreSQL may be done; written beside each such operation.
  std::string reason = {};
};

/// A migration that make() wrote, or would write.
struct MadeMigration {
  MigrationId id;
  std::filesystem::path file;
  std::string content;
  std::vector<std::string> operations;   ///< for people: "add column content_item.summary"
  std::vector<std::string> losses;       ///< those of them that throw data away
  std::vector<std::string> unsafe = {};  ///< what PostgreSQL refuses without a reason, and the safe way
  bool border = false;                   ///< a release border lies before it
};

/// Something unsafe in a migration, and what to do instead.
struct LintFinding {
  MigrationId id;
  std::string source;  ///< path of the file
  int line = 0;
  std::string operation;
  std::string rule;  ///< "drop-column"
  std::string message;
  std::string safe;
  bool refused = true;  ///< apply() on PostgreSQL refuses it; else it is advice
};

/// Where code, files and database do not agree; all but `held` and `gone` empty when they do.
struct CheckReport {
  std::vector<std::string> code;       ///< what make() would write
  std::vector<std::string> files;      ///< what apply() would run, or why it would refuse
  std::vector<std::string> held = {};  ///< what waits behind release borders: no difference
  std::vector<std::string> gone = {};  ///< modules that are no longer part of the application: none either
  std::vector<std::string> catalog;    ///< where the tables are not as the applied migrations left them
};

/// A migration about to be run.
struct PlannedMigration {
  MigrationId id;
  bool backward = false;
  std::vector<std::string> operations;
  std::vector<std::string> losses;
  std::string sql;      ///< readable: what it runs on this dialect; checks of rows as comments
  bool border = false;  ///< a release border lies before it
  bool held = false;    ///< it waits behind a border that apply() does not pass by itself
  /// rollback_plan(): those of the losses whose tables or columns hold something.
  std::vector<std::string> lost = {};
  /// rollback_plan() of a module that is no longer part of the application: all that is undone at once,
  /// newest first; and steps on rows that nothing undoes, the files' SQL without a way back and calls.
  std::vector<MigrationId> together = {};
  std::vector<std::string> stays = {};
};

enum class MigrationState : std::uint8_t {
  pending,
  begun,  ///< some of its steps are done: apply() goes on with it, rollback() undoes it
  applied,
  edited,    ///< applied, and its file was changed since
  newer,     ///< applied after all that the files know: by a newer release, unless its file is gone
  missing,   ///< applied before others, and its file is gone
  orphaned,  ///< applied, and its module is no longer part of the application
};
std::string_view to_string(MigrationState state) noexcept;

struct MigrationStatus {
  MigrationId id;
  MigrationState state = MigrationState::pending;
  std::optional<Timestamp> applied_at = {};
  bool border = false;  ///< a release border lies before it
};

/// Told before each migration is run, and once at the end, with done == total.
struct MigrationProgress {
  const MigrationId* id = nullptr;  ///< null at the end
  bool backward = false;
  std::size_t done = 0;
  std::size_t total = 0;
  /// Of migrations that take several steps: the operation about to be run, else empty. Those that take long
  /// tell again and again how far they are: in rows, or in blocks of an index's table; or who is waited for.
  std::string step = {};
  std::int64_t rows_done = 0;
  std::int64_t rows_total = 0;
};
using ProgressSink = std::function<void(const MigrationProgress&)>;

/// A migration marked `border: true` takes away what the release before still uses: it may be applied when no
/// process of an older release runs any more. Borders of modules that are new to the database don't count.
enum class Borders : std::uint8_t {
  by_database,  ///< stop on PostgreSQL; on SQLite, whose database belongs to one process, pass
  stop,         ///< apply nothing behind a border
  pass,         ///< no older release runs any more
};

struct ApplyOptions {
  ProgressSink progress = {};
  /// How long to wait while another process migrates; then Error(unavailable).
  std::chrono::milliseconds lock_wait = std::chrono::minutes(5);
  /// PostgreSQL: how long one change may wait for the lock on its table, while others queue up behind it. It
  /// is given up then and tried again after a pause that grows, until lock_wait is over.
  std::chrono::milliseconds lock_timeout{500};
  /// PostgreSQL: between two portions of rows, waits as long as a replica that follows the server replays
  /// what is older than this, or has more bytes to replay. Zero: does not look. Needs a role that may see it,
  /// such as a member of pg_monitor.
  std::chrono::milliseconds replica_lag = std::chrono::seconds(10);
  std::int64_t replica_bytes = std::int64_t{64} * 1024 * 1024;
  Borders borders = Borders::by_database;
  /// Only this module and what it needs; and of it only up to that migration (or the beginning of its name).
  std::string module = {};
  std::string name = {};
};

struct SquashOptions {
  bool dry_run = false;
  /// Every database has passed the release borders within: one that has not could not go on.
  bool past_border = false;
};

/// Compares, writes and runs migrations. Belongs to one fiber at a time; several processes may apply to one
/// database at once: one runs each migration, the others wait for it.
///
/// Each migration runs in a transaction of its own that also records it, with its file's text and checksum,
/// in the table mpf_migration: killed at any moment, the database is as it was before or after a migration,
/// and apply() goes on from there. On PostgreSQL changes of tables that exist already are made in several
/// steps where one would keep others from working: indexes are built concurrently, rules added first for new
/// rows and then validated, values filled in batches. Each step is recorded, and apply() goes on with the
/// next one. What cannot be made safe is refused unless the file gives a reason.
///
/// Each source folder has a file migrations.sum, whose hashes cover each other: files that were edited,
/// removed or added beside make() are noticed, and two branches that add migrations conflict in it.
///
/// What a release no longer uses goes in two steps: make() first lets the new release do without it (a column
/// may be null from then on), and drops it in a migration behind a release border. A renamed column is there
/// twice in between, and PostgreSQL holds both the same.
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

  /// What apply() would run with these options, in its order, and what waits behind release borders. Checks
  /// history as apply() does.
  std::vector<PlannedMigration> plan(const ApplyOptions& options = {});

  /// Names of what the models need and apply() has not run; cheap enough for every start. What waits behind a
  /// release border is among them only if something that does not is built on it. A database that a newer
  /// release has migrated is no error: the one before runs on beside it.
  std::vector<MigrationId> pending();

  /// Names of what a newer release has applied: recorded after all that these files know of the module. What
  /// changes the database is refused then, as long as there is anything to change.
  std::vector<MigrationId> newer();

  /// Names of what waits behind release borders.
  std::vector<MigrationId> held(Borders borders = Borders::by_database);

  /// Runs what is pending; returns what this call ran.
  std::vector<MigrationId> apply(const ApplyOptions& options = {});

  /// What rollback() would run.
  std::vector<PlannedMigration> rollback_plan(std::string_view module, std::string_view name = {});

  /// Undoes a migration and everything applied that depends on it, newest first. `name` may be the
  /// beginning of one ("0002"); empty: the module's last applied one. What was begun and not finished counts
  /// as applied; undone is what was done of it. Error(conflict), before anything is run, if one of them
  /// cannot be undone.
  ///
  /// A module that is no longer part of the application is undone as a whole, by what the database remembers
  /// of its files, and without a name: its tables are dropped, and what it changed of others' taken back.
  /// Error(conflict) where others depend on it, or where the database does not remember all.
  std::vector<MigrationId> rollback(std::string_view module, std::string_view name = {},
                                    const ApplyOptions& options = {});

  /// All migrations, of files and history, in the order in which they are applied.
  std::vector<MigrationStatus> show();

  /// Modules that left migrations behind and are no longer part of the application: what may be done about
  /// each, for people.
  std::vector<std::string> gone();

  /// Records a migration as applied with its file's present checksum, or as not applied, without running
  /// anything: for schemas that were changed by hand, and for files that were edited on purpose. Either way
  /// it is no longer `begun`; what was done of it stays.
  void fake(const MigrationId& id, bool applied = true);

  /// The SQL of one migration (`name` may be the beginning of its name), forward or backward.
  std::string sql(const MigrationId& id, db::Dialect dialect, bool backward = false);

  /// What is unsafe in all migrations, those operations excepted that say their reason. Mere advice is left
  /// out where nobody could follow it: on modules without a source folder.
  std::vector<LintFinding> lint();

  /// Compares models with files, files with history, and the tables with what the applied migrations make of
  /// them. The database is not changed.
  CheckReport check();

  /// Puts a module's migrations from one to the other into a single new one, which replaces their files.
  /// Databases that have applied all of them take it as applied, and keep their names for releases from
  /// before. Error(conflict) where that cannot be done.
  MadeMigration squash(std::string_view module, std::string_view from, std::string_view to,
                       const SquashOptions& options = {});

  /// Writes a module's migrations.sum anew, with the files as they are; empty: of all modules that have a
  /// source folder with migrations. Returns what it wrote.
  std::vector<std::filesystem::path> sum(std::string_view module = {});

  /// After a merge of branches: writes anew each migrations.sum that has lines of both sides, with git's
  /// marks or without. Error(configuration) where a file was edited, Error(conflict) where the branches
  /// change the same thing. Returns what it wrote.
  std::vector<std::filesystem::path> merge();

  /// Deletes the history of a module that is no longer part of the application; returns how many migrations
  /// that were. Its tables stay, and rollback() cannot take them away any more. Error(conflict) for a module
  /// that is still there.
  std::size_t forget(std::string_view module);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mpf::migrate
