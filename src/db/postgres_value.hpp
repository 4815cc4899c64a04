#pragma once

#include <mpf/db/row.hpp>

#include "db/postgres_types.hpp"

struct pg_result;

namespace mpf::db::postgres {

/// A value as the server sent it; not null.
struct Value {
  const char* data;
  std::size_t size;
  Oid type;
  const pg_result* result;  ///< with the column's number: its name, for messages
  int column;

  bool boolean() const;
  std::int64_t integer() const;
  double real() const;
  std::string_view text() const;
  std::span<const std::byte> bytes() const;
  Timestamp timestamp() const;
  Numeric numeric(int scale) const;
  Date date() const;
  Microseconds duration() const;
  Uuid uuid() const;
  std::string_view json() const;
  IpNetwork network() const;
  void array(const RowSink& on_element) const;
  const char* column_name() const;
  RangeValue range(ElementType type) const;

 private:
  [[noreturn]] void wrong_type(const char* wanted) const;
  [[noreturn]] void malformed() const;
  /// Microseconds since 1970.
  std::int64_t server_time(std::int64_t micros) const;
  void require_size(std::size_t wanted) const {
    if (size != wanted) malformed();
  }
};

[[noreturn]] void read_null(std::string_view column, const char* wanted);

}  // namespace mpf::db::postgres
