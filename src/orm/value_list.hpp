#pragma once

#include <span>

#include "orm/sql.hpp"

namespace mpf::orm::detail {

/// Any number of values of one type as a single parameter: what stands behind "= ANY (" on PostgreSQL, behind
/// "IN (" on SQLite.
void write_list(Sql& sql, std::span<const db::Param> values);

}  // namespace mpf::orm::detail
