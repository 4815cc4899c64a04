#include "db/sqlite_session.hpp"

#include <fmt/core.h>

#include <mpf/fiber/fiber.hpp>
#include <mpf/telemetry/log.hpp>

namespace mpf::db::sqlite {

namespace {
std::string savepoint(int depth) { return "mpf_" + std::to_string(depth); }
}  // namespace

void SqliteSession::begin() {
  if (reader_) {
    reader_->run({"BEGIN", {}, Access::read}, {});
  } else {
    writer_->call([this](Connection& connection) {
      // Inside a transaction the pragma would do nothing.
      if (!foreign_keys_) connection.script("PRAGMA foreign_keys = OFF");
      try {
        connection.run({"BEGIN IMMEDIATE", {}, Access::write}, {});
      } catch (...) {
        if (!foreign_keys_) connection.script("PRAGMA foreign_keys = ON");
        throw;
      }
    });
  }
}

void SqliteSession::release() noexcept {
  if (!foreign_keys_ && writer_->connection()) restore_foreign_keys();
  if (turn_.owns_lock()) turn_.unlock();
}

void SqliteSession::restore_foreign_keys() noexcept {
  const fiber::ShieldScope shield;
  try {
    writer_->call([](Connection& connection) { connection.script("PRAGMA foreign_keys = ON"); });
  } catch (...) {
    ended_by_ = std::current_exception();
  }
}

void SqliteSession::commit() {
  const fiber::ShieldScope shield;  // whether it has been committed must be known
  if (reader_) {
    reader_->run({"COMMIT", {}, Access::read}, {});
  } else {
    writer_->call([](Connection& connection) { connection.run({"COMMIT", {}, Access::write}, {}); });
  }
}

void SqliteSession::roll_back() noexcept {
  const fiber::ShieldScope shield;
  if (reader_) {
    reader_->roll_back();
  } else if (writer_->connection()) {
    writer_->call([](Connection& connection) { connection.roll_back(); });
  }
}

void SqliteSession::set_savepoint(int depth) {
  execute({"SAVEPOINT " + savepoint(depth), {}, Access::read}, {});
}

void SqliteSession::release_savepoint(int depth) {
  execute({"RELEASE " + savepoint(depth), {}, Access::read}, {});
}

void SqliteSession::return_to_savepoint(int depth) noexcept {
  if (ended_by_) return;
  const fiber::ShieldScope shield;
  try {
    const Statement undo{"ROLLBACK TO " + savepoint(depth), {}, Access::read};
    if (reader_) {
      reader_->run(undo, {});
    } else {
      writer_->call([&](Connection& connection) { connection.run(undo, {}); });
    }
    connection()->run({"RELEASE " + savepoint(depth), {}, Access::read}, {});
  } catch (...) {
    ended_by_ = std::current_exception();
  }
}

void SqliteSession::require_alive() {
  if (ended_by_) throw_ended(ended_by_);
}

template <class Work>
void SqliteSession::guarded(const Work& work) {
  require_alive();
  try {
    work();
  } catch (...) {
    Connection* const used = connection();
    if (!used || !used->in_transaction()) ended_by_ = std::current_exception();
    throw;
  }
  if (!connection()->in_transaction()) {
    ended_by_ = std::make_exception_ptr(
        Error(ErrorKind::internal, "a statement ended the transaction: use Database::transaction()"));
    require_alive();
  }
}

std::uint64_t SqliteSession::execute(const Statement& statement, const RowSink& on_row) {
  std::uint64_t changed = 0;
  guarded([&] {
    if (statement.access == Access::read) {
      changed = connection()->run(statement, on_row);
    } else if (!writer_) {
      throw Error(ErrorKind::internal,
                  fmt::format("a write inside a read-only transaction: {}", statement.sql));
    } else {
      writer_->call([&](Connection& connection) { changed = connection.run(statement, on_row); });
    }
  });
  return changed;
}

std::uint64_t SqliteSession::bulk_insert(const BulkInsert& insert) {
  if (reader_) {
    throw Error(ErrorKind::internal,
                fmt::format("a bulk insert into {} in a read-only transaction", insert.table));
  }
  std::uint64_t rows = 0;
  guarded([&] {
    writer_->call([&](Connection& connection) {
      connection.script("SAVEPOINT mpf_bulk");
      try {
        rows = connection.insert_rows(insert);
      } catch (...) {
        connection.return_to_savepoint("ROLLBACK TO mpf_bulk; RELEASE mpf_bulk");
        throw;
      }
      connection.script("RELEASE mpf_bulk");
    });
  });
  return rows;
}

std::uint64_t SqliteSession::copy_in(const CopyIn& copy) {
  std::uint64_t rows = 0;
  guarded([&] { writer_->call([&](Connection& connection) { rows = connection.copy_in(copy); }); });
  return rows;
}

void SqliteSession::script(std::string_view sql) {
  guarded([&] {
    if (!writer_) throw Error(ErrorKind::internal, "a script inside a read-only transaction");
    writer_->call([&](Connection& connection) { connection.script(sql); });
  });
}

}  // namespace mpf::db::sqlite
