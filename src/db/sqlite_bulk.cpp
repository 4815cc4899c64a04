#include <optional>

#include <fmt/core.h>
#include <sqlite3.h>

#include <mpf/db/copy.hpp>

#include "db/quote.hpp"
#include "db/sqlite_bind.hpp"
#include "db/sqlite_connection.hpp"

namespace mpf::db::sqlite {
namespace {

std::string insert_sql(const std::string& table, const std::vector<BulkColumn>& columns) {
  std::string names, marks;
  for (const BulkColumn& column : columns) {
    const bool first = names.empty();
    names += (first ? "" : ", ") + quote_name(column.name);
    marks += first ? "?" : ", ?";
  }
  return "INSERT INTO " + quote_name(table) + " (" + names + ") VALUES (" + marks + ")";
}

}  // namespace

std::uint64_t Connection::insert_rows(const BulkInsert& insert) {
  std::size_t row = 0;
  return insert_rows(insert.table, insert.columns, [&](RowWriter& writer) {
    if (row == insert.rows) return false;
    insert.write(row++, writer);
    return true;
  });
}

std::uint64_t Connection::insert_rows(const std::string& table, const std::vector<BulkColumn>& columns,
                                      const std::function<bool(RowWriter&)>& next) {
  const std::string sql = insert_sql(table, columns);
  if (busy_) {
    throw Error(
        ErrorKind::internal,
        fmt::format("a bulk insert inside the row callback of a statement in the same transaction: {}",
                    table));
  }
  sqlite3_stmt* const statement = prepare(sql).statement.get();
  const StatementReset reset(statement, busy_);
  Binder binder(statement);
  std::uint64_t rows = 0;
  for (; next(binder); ++rows) {
    binder.end_row();
    if (const int code = sqlite3_step(statement); code != SQLITE_DONE) fail(code, sql);
    sqlite3_reset(statement);
  }
  stopped_by_ = nullptr;
  return rows;
}

/// In one transaction, which sees to the references at its end.
std::uint64_t Connection::copy_in(const CopyIn& copy) {
  std::uint64_t rows = 0;
  script("PRAGMA defer_foreign_keys = ON");
  try {
    insert_rows(copy.table, copy.columns, [&](RowWriter& writer) {
      if (abort_ && abort_->load(std::memory_order_relaxed)) throw Interrupted{};
      if (!copy.next(writer)) return false;
      ++rows;
      return true;
    });
  } catch (const ConstraintError& error) {
    throw RefusedRow(error, rows, {});
  }
  refuse_lost_references(copy.table);
  return rows;
}

void Connection::refuse_lost_references(const std::string& table) {
  struct Lost {
    std::int64_t row, key;
    std::string target;
  };
  std::optional<Lost> lost;
  run({"SELECT rowid, fkid, parent FROM pragma_foreign_key_check(?) LIMIT 1", {table}, Access::read},
      [&](const Row& row) {
        lost = {row.integer(0), row.integer(1), std::string(row.text(2))};
      });
  if (!lost) return;
  std::string names;
  std::vector<std::string> columns, values;
  run({R"(SELECT "from" FROM pragma_foreign_key_list(?) WHERE id = ? ORDER BY seq)",
       {table, lost->key},
       Access::read},
      [&](const Row& row) {
        names += (names.empty() ? "" : ", ") + quote_name(row.text(0));
        columns.push_back(table + "." + std::string(row.text(0)));
      });
  run({"SELECT " + names + " FROM " + quote_name(table) + " WHERE rowid = ?", {lost->row}, Access::read},
      [&](const Row& row) {
        for (std::size_t i = 0; i < row.columns(); ++i) values.emplace_back(row.text(i));
      });
  const auto text =
      fmt::format("a row of {} refers to a row of {} that does not exist ({})", table, lost->target, file_);
  throw RefusedRow({ConstraintError::Type::foreign_key, text, {}, columns, table}, 0, values);
}

}  // namespace mpf::db::sqlite
