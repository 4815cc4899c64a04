#pragma once

#include <string>
#include <vector>

#include <mpf/orm/schema.hpp>

/// How PostgreSQL turns a null that the release before writes into the column's default.
namespace mpf::migrate {

/// The function and the trigger, which runs for rows without a value only.
std::vector<std::string> fill_nulls(const orm::Table& table, const orm::Column& column);

/// Takes both away.
std::vector<std::string> leave_nulls(const orm::Table& table, const orm::Column& column);

}  // namespace mpf::migrate
