#pragma once

#include <string>
#include <vector>

#include "migrate/state.hpp"

/// How PostgreSQL keeps two columns the same, whichever of them is written.
namespace mpf::migrate {

/// The function and the trigger. An insert says the column that it knows, and the other one is empty, or has
/// its default; an update changes it. Who writes both is believed the later one.
std::vector<std::string> hold_same(const orm::Table& table, const Twins& twins);

/// Takes both away.
std::vector<std::string> let_go(const orm::Table& table, const Twins& twins);

/// Name of both: "mpf_same_…", of the table's and the columns' names.
std::string twins_name(const orm::Table& table, const Twins& twins);

/// True for rows whose columns do not hold the same.
std::string differ(const orm::Table& table, const Twins& twins);

}  // namespace mpf::migrate
