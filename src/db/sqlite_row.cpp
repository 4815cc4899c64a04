#include "db/sqlite_row.hpp"

#include <fmt/core.h>
#include <sqlite3.h>

namespace mpf::db::sqlite {

namespace {
int index_of(std::size_t column) noexcept { return static_cast<int>(column); }
}  // namespace

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
  if (sqlite3_column_type(statement_, index_of(column)) != SQLITE_INTEGER) wrong_type(column, "an integer");
  return sqlite3_column_int64(statement_, index_of(column));
}

double SqliteRow::real(std::size_t column) const {
  const int type = sqlite3_column_type(statement_, index_of(column));
  if (type != SQLITE_FLOAT && type != SQLITE_INTEGER) wrong_type(column, "a number");
  return sqlite3_column_double(statement_, index_of(column));
}

std::string_view SqliteRow::text(std::size_t column) const {
  const int type = sqlite3_column_type(statement_, index_of(column));
  if (type == SQLITE_NULL || type == SQLITE_BLOB) wrong_type(column, "text");
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, index_of(column)));
  if (!text) throw std::bad_alloc();
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, index_of(column)))};
}

std::span<const std::byte> SqliteRow::bytes(std::size_t column) const {
  const int type = sqlite3_column_type(statement_, index_of(column));
  if (type != SQLITE_BLOB && type != SQLITE_TEXT) wrong_type(column, "bytes");
  const auto* const data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, index_of(column)));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, index_of(column)))};
}

Timestamp SqliteRow::timestamp(std::size_t column) const { return Timestamp(Microseconds(integer(column))); }

}  // namespace mpf::db::sqlite
