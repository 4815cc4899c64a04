#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "orm/sql.hpp"

namespace mpf::orm::detail {

/// Values of many rows of a model.
struct RowValues {
  const ModelInfo& model;
  std::vector<std::size_t> columns;
  std::size_t rows;
  std::function<db::Param(std::size_t row, std::size_t i)> value;  ///< of the i-th of the columns
};

/// Writes as many of the rows from `first` on as one statement carries, and tells how many: on PostgreSQL
/// "SELECT * FROM unnest(…)" with an array for each column, so that the text is the same for any number of
/// them; "VALUES (…), (…)" for a single row, where a column is an array or a range itself, and on SQLite.
std::size_t write_rows(Sql& sql, const RowValues& values, std::size_t first);

}  // namespace mpf::orm::detail
