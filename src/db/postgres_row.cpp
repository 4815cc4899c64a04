#include "db/postgres_row.hpp"

#include <libpq-fe.h>

#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

namespace mpf::db::postgres {

PostgresRow::PostgresRow(const pg_result* result) noexcept : result_(result), columns_(PQnfields(result)) {
  const std::size_t known = std::min(columns(), types_.size());
  for (std::size_t i = 0; i < known; ++i) types_[i] = PQftype(result, static_cast<int>(i));
}

Oid PostgresRow::type_of(std::size_t column) const noexcept {
  return column < types_.size() ? types_[column] : PQftype(result_, static_cast<int>(column));
}

Value PostgresRow::value(std::size_t column, const char* wanted) const {
  const int index = static_cast<int>(column);
  // One call of libpq the fewer: what has a length is not null.
  const int size = column < columns() ? PQgetlength(result_, row_, index) : 0;
  if (size == 0 && is_null(column)) read_null(PQfname(result_, index), wanted);
  return {PQgetvalue(result_, row_, index), static_cast<std::size_t>(size), type_of(column), result_, index};
}

std::string_view PostgresRow::column_name(std::size_t column) const {
  is_null(column);
  return PQfname(result_, static_cast<int>(column));
}

bool PostgresRow::is_null(std::size_t column) const {
  if (column >= columns()) {
    throw Error(ErrorKind::internal,
                fmt::format("column {} was read of a row of {} columns", column, columns()));
  }
  return PQgetisnull(result_, row_, static_cast<int>(column)) != 0;
}

bool PostgresRow::boolean(std::size_t column) const { return value(column, "a boolean").boolean(); }
std::int64_t PostgresRow::integer(std::size_t column) const { return value(column, "an integer").integer(); }
double PostgresRow::real(std::size_t column) const { return value(column, "a number").real(); }
std::string_view PostgresRow::text(std::size_t column) const { return value(column, "text").text(); }
std::span<const std::byte> PostgresRow::bytes(std::size_t column) const {
  return value(column, "bytes").bytes();
}
Timestamp PostgresRow::timestamp(std::size_t column) const {
  return value(column, "a timestamp").timestamp();
}
Numeric PostgresRow::numeric(std::size_t column, int scale) const {
  return value(column, "a decimal number").numeric(scale);
}
Date PostgresRow::date(std::size_t column) const { return value(column, "a date").date(); }
Microseconds PostgresRow::duration(std::size_t column) const {
  return value(column, "a duration").duration();
}
Uuid PostgresRow::uuid(std::size_t column) const { return value(column, "a UUID").uuid(); }
std::string_view PostgresRow::json(std::size_t column) const { return value(column, "JSON").json(); }
IpNetwork PostgresRow::network(std::size_t column) const { return value(column, "a network").network(); }
void PostgresRow::array(std::size_t column, const RowSink& on_element) const {
  value(column, "an array").array(on_element);
}
RangeValue PostgresRow::range(std::size_t column, ElementType type) const {
  return value(column, "a range").range(type);
}

}  // namespace mpf::db::postgres
