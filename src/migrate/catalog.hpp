#pragma once

#include <string>
#include <vector>

#include <mpf/db/database.hpp>

#include "migrate/state.hpp"

namespace mpf::migrate {

/// Where the database's tables are not those of the state: "table x: missing: column …". The database itself
/// says what the state should look like in it, in a schema (PostgreSQL) or file (SQLite) that is gone
/// afterwards: no two ways to write the same thing are taken for a difference. Tables that the state does not
/// have are nobody's business.
std::vector<std::string> compare_catalog(db::Database& database, const State& state);

}  // namespace mpf::migrate
