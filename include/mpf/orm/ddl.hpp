#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/orm/schema.hpp>

/// Tables as SQL: for tests and tools. Applications make theirs by migrations.
namespace mpf::orm {

/// CREATE TABLE (STRICT on SQLite, with checks of choices, lengths and booleans), then what makes each index;
/// to be run one by one, referred tables first.
std::vector<std::string> create_table_sql(const Table& table, db::Dialect dialect);

/// The name that an index gets: "<table>_<columns>_idx", "…_key" when it is unique; shortened with a hash
/// beyond 63 bytes, which is all that PostgreSQL takes.
std::string index_name(std::string_view table, const std::vector<std::string>& columns, bool unique);

}  // namespace mpf::orm
