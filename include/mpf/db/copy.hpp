#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <mpf/db/bulk.hpp>
#include <mpf/db/error.hpp>
#include <mpf/db/row.hpp>

/// Whole tables out of a database and into it, at constant memory: for exports, imports and moves between
/// databases. Database::copy_out() and copy_in() run them off the loops, for as long as it takes, in a
/// transaction of their own: Error(internal) inside of another one. On PostgreSQL it is COPY on a connection
/// of its own, without statement_timeout. A fiber that is cancelled or late ends it soon, and nothing has
/// been written then.
namespace mpf::db {

/// Names of settings and their values: what the transaction sets before anything else. On PostgreSQL only.
using CopySettings = std::vector<std::pair<std::string, std::string>>;

struct CopyOut {
  std::string table;
  std::vector<BulkColumn> columns;
  std::string order = {};  ///< the column by which rows are ordered, or empty
  CopySettings settings = {};
  /// Gets each row in turn, on any thread; it must neither run statements nor suspend. What it throws ends
  /// the copy.
  RowSink on_row;
};

struct CopyIn {
  std::string table;
  std::vector<BulkColumn> columns;
  CopySettings settings = {};
  /// Writes the next row, one value a column, or returns false where there is none. Called as
  /// CopyOut::on_row is; what it throws undoes everything.
  std::function<bool(RowWriter&)> next;
};

/// What the database has against one of the rows. References are looked at when all rows are there, so that
/// rows may refer to later ones.
///
/// On PostgreSQL ids that rows bring along move the table's sequence on; SQLite does that by itself.
class RefusedRow : public ConstraintError {
 public:
  RefusedRow(const ConstraintError& error, std::uint64_t row, std::vector<std::string> values)
      : ConstraintError(error), row_(row), values_(std::move(values)) {}

  /// From 1; 0 where the database does not tell. Then it is the one that has values().
  std::uint64_t row() const noexcept { return row_; }
  /// Of columns(), as SQL writes them; empty where the database does not tell.
  const std::vector<std::string>& values() const noexcept { return values_; }

 private:
  std::uint64_t row_;
  std::vector<std::string> values_;
};

}  // namespace mpf::db
