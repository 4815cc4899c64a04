#pragma once

#include <span>
#include <string>

#include "orm/sql.hpp"

namespace mpf::orm::detail {

/// Any number of values of one type as a single parameter: what stands behind "= ANY (" on PostgreSQL, behind
/// "IN (" on SQLite.
void write_list(Sql& sql, std::span<const db::Param> values);

/// Decimals, durations, networks, bytes or JSON, and nulls among them, as PostgreSQL reads an array of these.
std::string array_literal(std::span<const db::Param> values);

}  // namespace mpf::orm::detail
