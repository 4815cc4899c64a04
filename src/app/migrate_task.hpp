#pragma once

#include <optional>

#include <mpf/base/id.hpp>
#include <mpf/migrate/migrator.hpp>

namespace mpf::app {

class Instance;

/// Registers the task that applies migrations: long backfills, in the background of a release that runs
/// already. Killed, it goes on where it was.
void add_migrate_task(Instance& instance);

/// Gives it to the queue; the id of the task that is there already to do the same, if there is one. Nothing
/// when there is nothing to apply. Error(unavailable) where the queue's own tables are not there yet.
std::optional<Id> enqueue_apply(Instance& instance, const migrate::ApplyOptions& options);

/// In a worker that starts while migrations are due and such a task waits or runs: runs no other tasks, which
/// need the new tables, until they are applied or no such task is left. Otherwise, and where starting applies
/// them by itself, returns at once.
void work_off_apply(Instance& instance);

}  // namespace mpf::app
