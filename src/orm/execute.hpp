#pragma once

#include <source_location>

#include <mpf/orm/detail/core.hpp>

#include "orm/sql.hpp"

namespace mpf::orm::detail {

/// Runs what was written, telling the database who asked.
inline std::uint64_t execute(db::Database& db, Sql&& sql, db::Access access,
                             const std::source_location& origin, const db::RowSink& on_row = {},
                             bool stream = false, bool replica = false) {
  db::Statement statement = std::move(sql).take(access);
  statement.origin = origin;
  statement.stream = stream;
  statement.replica = replica;
  return db.execute(statement, on_row);
}

/// Throws Error(internal) where no transaction is open that could hold rows.
void check_lock(db::Database& db);

/// The database's plan for a statement, a step a line.
std::string explain(db::Database& db, Sql&& sql, const std::source_location& origin);

}  // namespace mpf::orm::detail
