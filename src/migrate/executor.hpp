#pragma once

#include <functional>

#include <mpf/db/database.hpp>

#include "migrate/graph.hpp"
#include "migrate/sql.hpp"

namespace mpf::migrate {

/// Runs `change` in one write transaction, with what the script wants of it. While others hold the database,
/// tries again until `lock_wait` is over.
void in_transaction(db::Database& database, const Script& script, std::chrono::milliseconds lock_wait,
                    const std::function<void()>& change);

/// Runs a script in the open transaction; then, where tables were made anew, checks foreign keys. Errors name
/// the migration, the file and the line. `operations` are those that were rendered.
void run_script(db::Database& database, const Migration& migration,
                const std::vector<LocatedOperation>& operations, const Script& script);

}  // namespace mpf::migrate
