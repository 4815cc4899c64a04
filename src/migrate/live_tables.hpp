#pragma once

#include <string>
#include <vector>

#include <mpf/db/database.hpp>

#include "migrate/state.hpp"

/// What the database itself says of its tables.
namespace mpf::migrate {

/// Those that the state does not have, but for the tables of migrations themselves; sorted.
std::vector<std::string> unknown_tables(db::Database& database, const State& state);

/// Those with a foreign key to `table`, itself among them; sorted.
std::vector<std::string> referring_tables(db::Database& database, const std::string& table);

}  // namespace mpf::migrate
