#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/db/value.hpp>

namespace mpf::db {

/// Takes the values of one row after the other: each call is the next column of the current row, and has used
/// what it is given when it returns. A value of another type than its column's is an error, as is another
/// number of values than columns: Error(internal).
class RowWriter {
 public:
  virtual ~RowWriter() = default;
  virtual void null() = 0;
  virtual void boolean(bool value) = 0;
  virtual void integer(std::int64_t value) = 0;  ///< into columns of 16, 32 and 64 bits
  virtual void real(double value) = 0;           ///< into columns of single and double precision
  virtual void text(std::string_view value) = 0;
  virtual void bytes(std::span<const std::byte> value) = 0;
  virtual void timestamp(Timestamp value) = 0;
  virtual void numeric(Numeric value) = 0;  ///< at the scale of the column
  virtual void date(Date value) = 0;
  virtual void duration(Microseconds value) = 0;
  virtual void uuid(const Uuid& value) = 0;
  virtual void json(std::string_view value) = 0;
  virtual void network(const IpNetwork& value) = 0;
  virtual void array(const Array& value) = 0;
  virtual void range(const RangeValue& value) = 0;

  /// Any value: calls the one above that fits.
  void param(const Param& value);
};

struct BulkColumn {
  std::string name;
  ColumnType type = ColumnType::text;
  ElementType element = ElementType::integer;  ///< of arrays and ranges
  int scale = 0;                               ///< of decimals
};

/// Many rows for one table at once: COPY on PostgreSQL, one prepared statement on SQLite.
struct BulkInsert {
  std::string table;
  std::vector<BulkColumn> columns;
  std::size_t rows = 0;
  std::source_location origin = std::source_location::current();  ///< who asks, for QueryLog
  /// Gives the row of that number, from 0, each once and in order; one value a column. Called on any thread,
  /// while the fiber that asked is suspended: it must neither run statements nor suspend. What it throws
  /// undoes everything.
  std::function<void(std::size_t row, RowWriter& writer)> write;
};

}  // namespace mpf::db
