#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include <mpf/db/value.hpp>

namespace mpf::db {

class Row;

/// Gets each row in turn. It must not run other statements, nor suspend.
using RowSink = std::function<void(const Row&)>;

/// The current row of a result, valid only during the callback that gets it, as are the views it gives.
/// Columns count from 0; reading a NULL as a value is a programmer's mistake (check is_null first).
/// What is no value of the type asked for is Error(corrupt) where the column could hold it (a uuid of 15
/// bytes on SQLite), Error(internal) where the column is of another type.
class Row {
 public:
  virtual ~Row() = default;
  virtual std::size_t columns() const noexcept = 0;
  virtual std::string_view column_name(std::size_t column) const = 0;
  virtual bool is_null(std::size_t column) const = 0;
  virtual bool boolean(std::size_t column) const = 0;
  virtual std::int64_t integer(std::size_t column) const = 0;
  virtual double real(std::size_t column) const = 0;
  virtual std::string_view text(std::size_t column) const = 0;
  virtual std::span<const std::byte> bytes(std::size_t column) const = 0;
  virtual Timestamp timestamp(std::size_t column) const = 0;

  /// At the scale given, which on SQLite must be the column's. Error(corrupt) when it does not fit exactly
  /// or has more than 18 digits.
  virtual Numeric numeric(std::size_t column, int scale) const = 0;
  virtual Date date(std::size_t column) const = 0;
  virtual Microseconds duration(std::size_t column) const = 0;
  virtual Uuid uuid(std::size_t column) const = 0;
  virtual std::string_view json(std::size_t column) const = 0;
  virtual IpNetwork network(std::size_t column) const = 0;

  /// Shows each element in turn as a row of one column 0, read by boolean(), integer(), real(), text(),
  /// uuid(), timestamp() or date().
  virtual void array(std::size_t column, const RowSink& on_element) const = 0;
  virtual RangeValue range(std::size_t column, ElementType type) const = 0;
};

}  // namespace mpf::db
