#include "db/sqlite_transaction.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <mpf/fiber/fiber.hpp>
#include <mpf/telemetry/log.hpp>

namespace mpf::db::sqlite {

namespace {
std::string savepoint(int depth) { return "mpf_" + std::to_string(depth); }
}  // namespace

void Session::begin() {
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

void Session::restore() noexcept {
  if (foreign_keys_ || !writer_->connection()) return;
  const fiber::ShieldScope shield;
  try {
    writer_->call([](Connection& connection) { connection.script("PRAGMA foreign_keys = ON"); });
  } catch (...) {
    ended_by_ = std::current_exception();
  }
}

void Session::commit() {
  const fiber::ShieldScope shield;  // whether it has been committed must be known
  if (reader_) {
    reader_->run({"COMMIT", {}, Access::read}, {});
  } else {
    writer_->call([](Connection& connection) { connection.run({"COMMIT", {}, Access::write}, {}); });
  }
}

void Session::roll_back() noexcept {
  const fiber::ShieldScope shield;
  if (reader_) {
    reader_->roll_back();
  } else if (writer_->connection()) {
    writer_->call([](Connection& connection) { connection.roll_back(); });
  }
}

void Session::set_savepoint(int depth) { execute({"SAVEPOINT " + savepoint(depth), {}, Access::read}, {}); }

void Session::release_savepoint(int depth) { execute({"RELEASE " + savepoint(depth), {}, Access::read}, {}); }

void Session::return_to_savepoint(int depth) noexcept {
  if (ended_by_) return;
  const fiber::ShieldScope shield;
  const Statement undo{"ROLLBACK TO " + savepoint(depth), {}, Access::read};
  try {
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

void Session::require_alive() {
  if (!ended_by_) return;
  ErrorKind kind = ErrorKind::internal;
  std::string cause = "its fiber was cancelled";
  try {
    std::rethrow_exception(ended_by_);
  } catch (const Error& error) {
    kind = error.kind();
    cause = error.what();
  } catch (const std::exception& error) {
    cause = error.what();
  } catch (...) {
  }
  throw Error(
      kind, fmt::format("this transaction has been rolled back, because an error in it was not passed on: {}",
                        cause));
}

template <class Work>
void Session::guarded(const Work& work) {
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

std::uint64_t Session::execute(const Statement& statement, const RowSink& on_row) {
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

std::uint64_t Session::bulk_insert(const BulkInsert& insert) {
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
        connection.return_to_savepoint("mpf_bulk");
        throw;
      }
      connection.script("RELEASE mpf_bulk");
    });
  });
  return rows;
}

void Session::script(std::string_view sql) {
  guarded([&] {
    if (!writer_) throw Error(ErrorKind::internal, "a script inside a read-only transaction");
    writer_->call([&](Connection& connection) { connection.script(sql); });
  });
}

void SqliteTransaction::before_commit(std::function<void()> hook, const void* key) {
  if (key) {
    for (const SqliteTransaction* each = this; each; each = each->outer_.get()) {
      const auto same = [key](const BeforeCommit& known) { return known.key == key; };
      if (std::ranges::any_of(each->before_commit_, same)) return;
    }
  }
  before_commit_.push_back({std::move(hook), key});
}

void SqliteTransaction::run_before_commit() {
  for (std::size_t i = 0; i < before_commit_.size(); ++i) {
    const auto hook = before_commit_[i].hook;  // hooks may register more
    hook();
  }
}

void SqliteTransaction::hand_over() {
  const auto append = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    from.clear();
  };
  append(on_commit_, outer_->on_commit_);
  append(on_rollback_, outer_->on_rollback_);
  append(before_commit_, outer_->before_commit_);
}

void run_hooks(const SqliteTransaction::Hooks& hooks, std::string_view when) {
  std::exception_ptr cancelled;
  for (const auto& hook : hooks) {
    try {
      hook();
    } catch (const std::exception& error) {
      log::error("a hook that runs {} failed: {}", when, error.what());
    } catch (...) {
      cancelled = std::current_exception();
    }
  }
  if (cancelled) std::rethrow_exception(cancelled);
}

}  // namespace mpf::db::sqlite
