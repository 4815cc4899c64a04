#include <fmt/core.h>
#include <sqlite3.h>

#include "db/sqlite_bind.hpp"
#include "db/sqlite_connection.hpp"

namespace mpf::db::sqlite {
namespace {

std::string quote_name(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"') text += c;
    text += c;
  }
  return text + "\"";
}

std::string insert_sql(const BulkInsert& insert) {
  std::string names, marks;
  for (const BulkColumn& column : insert.columns) {
    const bool first = names.empty();
    names += (first ? "" : ", ") + quote_name(column.name);
    marks += first ? "?" : ", ?";
  }
  return "INSERT INTO " + quote_name(insert.table) + " (" + names + ") VALUES (" + marks + ")";
}

}  // namespace

std::uint64_t Connection::insert_rows(const BulkInsert& insert) {
  const std::string sql = insert_sql(insert);
  if (busy_) {
    throw Error(
        ErrorKind::internal,
        fmt::format("a bulk insert inside the row callback of a statement in the same transaction: {}",
                    insert.table));
  }
  sqlite3_stmt* const statement = prepare(sql);
  const StatementReset reset(statement, busy_);
  Binder binder(statement);
  for (std::size_t row = 0; row < insert.rows; ++row) {
    insert.write(row, binder);
    binder.end_row();
    if (const int code = sqlite3_step(statement); code != SQLITE_DONE) fail(code, sql);
    sqlite3_reset(statement);
  }
  stopped_by_ = nullptr;
  return insert.rows;
}

}  // namespace mpf::db::sqlite
