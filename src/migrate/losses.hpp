#pragma once

#include <mpf/db/database.hpp>

#include "migrate/prepared.hpp"

namespace mpf::migrate {

/// The plan of a rollback, which says what of its losses the database holds anything in.
PlannedMigration to_rollback_plan(db::Database& database, const Prepared& prepared);

}  // namespace mpf::migrate
