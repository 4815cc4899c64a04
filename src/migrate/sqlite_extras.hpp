#pragma once

#include <map>
#include <string>

#include <mpf/db/database.hpp>

/// Triggers and views of an SQLite database, which nobody but who made them knows of.
namespace mpf::migrate {

/// What is wrong with each of them that does not work, by "view names" or "trigger noted": one that uses a
/// column or a table that is not there. SQLite itself tells only when somebody uses them.
std::map<std::string, std::string> broken_extras(db::Database& database);

}  // namespace mpf::migrate
