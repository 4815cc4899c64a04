#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>

#include <mpf/db/database.hpp>

#include "migrate/graph.hpp"
#include "migrate/sql.hpp"
#include "migrate/sqlite_extras.hpp"
#include "migrate/watch.hpp"

namespace mpf::migrate {

struct TransactionSettings {
  std::chrono::milliseconds lock_wait{};
  std::chrono::milliseconds lock_timeout{500};
  bool foreign_keys = true;  ///< off while SQLite makes tables anew
};

/// Runs `change` in one write transaction. While others hold the database, or the lock of a table for longer
/// than lock_timeout, and after deadlocks, tries again until `lock_wait` is over.
void in_transaction(db::Database& database, const TransactionSettings& settings,
                    const std::function<void()>& change);

/// Runs the body while no other process migrates this database; waits for its turn, then Error(unavailable).
void with_migration_lock(db::Database& database, std::chrono::milliseconds wait,
                         const std::function<void()>& body);

/// Told of steps that take long, on PostgreSQL.
struct StepWatch {
  std::chrono::milliseconds first_look;
  std::function<void(const Step&, const LongWork&)> tell;
};

/// Runs some of a script's steps, in the open transaction if there is one; then, where tables were made
/// anew, checks foreign keys, and on SQLite what was made by hand. Errors name the migration, the file and
/// the line. `operations` are those that were rendered.
void run_steps(db::Database& database, const Migration& migration,
               const std::vector<LocatedOperation>& operations, const Script& script,
               std::span<const Step> steps, const StepWatch& watch, ExtrasGuard& extras);

/// Runs `work` with the same errors.
void run_step(const Migration& migration, const std::vector<LocatedOperation>& operations,
              const std::function<void()>& work, std::optional<std::size_t> operation);

/// Changes the portion of rows behind the id `position`; the last id of it, or nothing when there are no
/// more.
std::optional<std::int64_t> run_batch(db::Database& database, const Batches& batches, std::int64_t position);

}  // namespace mpf::migrate
