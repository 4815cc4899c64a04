#include "db/sqlite_row.hpp"

#include <fmt/core.h>
#include <sqlite3.h>

#include <cstring>

#include <mpf/base/decimal.hpp>

#include "db/sqlite_array.hpp"

namespace mpf::db::sqlite {

namespace {
int index_of(std::size_t column) noexcept { return static_cast<int>(column); }
}  // namespace

/// Found once for all that is asked about it: only this thread uses the connection.
sqlite3_value* SqliteRow::value_of(std::size_t column) const {
  return sqlite3_column_value(statement_, index_of(column));
}

void SqliteRow::wrong_type(std::size_t column, std::string_view wanted) const {
  if (column >= columns()) {
    throw Error(ErrorKind::internal,
                fmt::format("there is no column {} in a result of {} columns", column, columns()));
  }
  constexpr std::string_view names[] = {"", "an integer", "a number", "text", "bytes", "NULL"};
  const int type = sqlite3_column_type(statement_, index_of(column));
  throw Error(ErrorKind::internal, fmt::format("column '{}' holds {} and was read as {}", column_name(column),
                                               names[static_cast<std::size_t>(type)], wanted));
}

std::size_t SqliteRow::columns() const noexcept {
  return static_cast<std::size_t>(sqlite3_column_count(statement_));
}

std::string_view SqliteRow::column_name(std::size_t column) const {
  const char* const name = sqlite3_column_name(statement_, index_of(column));
  return name ? name : "";
}

bool SqliteRow::is_null(std::size_t column) const {
  return sqlite3_column_type(statement_, index_of(column)) == SQLITE_NULL;
}

bool SqliteRow::boolean(std::size_t column) const { return integer(column) != 0; }

std::int64_t SqliteRow::integer(std::size_t column) const {
  sqlite3_value* const value = value_of(column);
  if (sqlite3_value_type(value) != SQLITE_INTEGER) wrong_type(column, "an integer");
  return sqlite3_value_int64(value);
}

double SqliteRow::real(std::size_t column) const {
  sqlite3_value* const value = value_of(column);
  const int type = sqlite3_value_type(value);
  if (type != SQLITE_FLOAT && type != SQLITE_INTEGER) wrong_type(column, "a number");
  return sqlite3_value_double(value);
}

std::string_view SqliteRow::text(std::size_t column) const {
  sqlite3_value* const value = value_of(column);
  const int type = sqlite3_value_type(value);
  if (type == SQLITE_NULL || type == SQLITE_BLOB) wrong_type(column, "text");
  // By the statement, which notices when there is no memory.
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, index_of(column)));
  if (!text) throw std::bad_alloc();
  return {text, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

std::span<const std::byte> SqliteRow::bytes(std::size_t column) const {
  const int type = sqlite3_column_type(statement_, index_of(column));
  if (type != SQLITE_BLOB && type != SQLITE_TEXT) wrong_type(column, "bytes");
  const auto* const data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, index_of(column)));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, index_of(column)))};
}

Timestamp SqliteRow::timestamp(std::size_t column) const { return Timestamp(Microseconds(integer(column))); }

void SqliteRow::corrupt(std::size_t column, std::string_view what) const {
  throw Error(ErrorKind::corrupt, fmt::format("column '{}' holds {}", column_name(column), what));
}

Numeric SqliteRow::numeric(std::size_t column, int scale) const {
  const std::int64_t coefficient = integer(column);
  if (coefficient > decimal::max_coefficient || coefficient < -decimal::max_coefficient) {
    corrupt(column, "a decimal number of more than 18 digits");
  }
  return {coefficient, scale};
}

Date SqliteRow::date(std::size_t column) const {
  const std::int64_t days = integer(column);
  if (days < Date::first().days() || days > Date::last().days()) {
    corrupt(column, "a date outside of the years 1 to 9999");
  }
  return Date(std::chrono::sys_days(std::chrono::days(days)));
}

Microseconds SqliteRow::duration(std::size_t column) const { return Microseconds(integer(column)); }

Uuid SqliteRow::uuid(std::size_t column) const {
  const auto held = bytes(column);
  Uuid::Bytes copy;
  if (held.size() != copy.size()) corrupt(column, "a UUID that has not 16 bytes");
  std::memcpy(copy.data(), held.data(), copy.size());
  return Uuid(copy);
}

std::string_view SqliteRow::json(std::size_t column) const { return text(column); }

IpNetwork SqliteRow::network(std::size_t column) const {
  const auto value = IpNetwork::from_sort_key(text(column));
  if (!value) corrupt(column, "no IP network");
  return *value;
}

void SqliteRow::array(std::size_t column, const RowSink& on_element) const {
  read_array(column_name(column), text(column), on_element);
}

RangeValue SqliteRow::range(std::size_t column, ElementType type) const {
  return read_range(column_name(column), text(column), type);
}

}  // namespace mpf::db::sqlite
