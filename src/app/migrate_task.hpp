#pragma once

#include <mpf/base/id.hpp>
#include <mpf/migrate/migrator.hpp>

namespace mpf::app {

class Instance;

/// Registers the task that applies migrations: long backfills, in the background of a release that runs
/// already. Killed, it goes on where it was.
void add_migrate_task(Instance& instance);

/// Gives it to the queue; the id of the task that waits already, if there is one. Error(unavailable) where
/// the queue's own tables are not there yet.
Id enqueue_apply(Instance& instance, const migrate::ApplyOptions& options);

}  // namespace mpf::app
