#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/db/bulk.hpp>
#include <mpf/db/row.hpp>
#include <mpf/db/value.hpp>

/// Databases: statements with bound parameters, rows, transactions. Every call suspends the fiber, never its
/// loop. Everything is safe to use from any fiber of the runtime unless said otherwise.
namespace mpf::db {

enum class Dialect : std::uint8_t { sqlite, postgres };

/// What kind of work a statement is; decides the connection it runs on.
enum class Access : std::uint8_t { read, write };

/// SQL in the database's dialect, "?" standing for each parameter in turn ("$1", "$2"… on PostgreSQL).
struct Statement {
  std::string sql;
  std::vector<Param> params;
  Access access = Access::read;
};

/// A constraint of the database that a write broke; kind() is conflict (unique, foreign key) or invalid.
class ConstraintError : public Error {
 public:
  enum class Type { unique, foreign_key, not_null, check };
  /// `columns` are "table.column" where the database tells them; `constraint` its name, or empty.
  ConstraintError(Type type, const std::string& message, std::string constraint,
                  std::vector<std::string> columns);

  Type type() const noexcept { return type_; }
  const std::string& constraint() const noexcept { return constraint_; }
  const std::vector<std::string>& columns() const noexcept { return columns_; }

 private:
  Type type_;
  std::string constraint_;
  std::vector<std::string> columns_;
};

struct TransactionOptions {
  bool read_only = false;
  /// False switches SQLite's foreign keys off until the transaction ends, for rebuilding tables: whoever
  /// does it checks them (PRAGMA foreign_key_check) before the end. Only of the outermost transaction; no
  /// effect on PostgreSQL.
  bool foreign_keys = true;
};

/// An open transaction, or a savepoint inside one. Belongs to the fiber that began it; every statement this
/// fiber runs on the same database meanwhile is part of it. Fibers spawned from it are not.
class Transaction {
 public:
  virtual ~Transaction() = default;

  /// Runs after the outermost transaction has committed, in its fiber, in the order of registration; dropped
  /// if this savepoint or anything around it rolls back. An exception out of a hook is logged; the others
  /// run.
  virtual void on_commit(std::function<void()> hook) = 0;

  /// Runs after this transaction or savepoint, or one around it, has rolled back.
  virtual void on_rollback(std::function<void()> hook) = 0;

  /// Runs just before the outermost transaction commits, inside it: statements still belong to it, throwing
  /// rolls it back. `key` non-null: registered once per transaction however often it is asked for.
  virtual void before_commit(std::function<void()> hook, const void* key = nullptr) = 0;

  /// 1 for the transaction itself, 2 for a savepoint in it, …
  virtual int depth() const noexcept = 0;
};

/// A database and its connections.
class Database {
 public:
  virtual ~Database() = default;

  virtual Dialect dialect() const noexcept = 0;

  /// Where it is, without secrets: for logs and messages.
  virtual std::string description() const = 0;

  /// Runs one statement: in the fiber's open transaction, or by itself. Returns the number of rows that a
  /// write changed. Throws ConstraintError, Error(unavailable) (locked for too long, disk full, gone),
  /// Error(corrupt), Error(timeout), Error(internal) for a mistake in the SQL.
  virtual std::uint64_t execute(const Statement& statement, const RowSink& on_row = {}) = 0;

  /// Writes many rows into one table, faster than statements do: all or none, as part of the fiber's
  /// transaction if one is open. Returns their number. Throws what execute() throws, and what `write` throws.
  virtual std::uint64_t bulk_insert(const BulkInsert& insert) = 0;

  /// Runs several statements without parameters or results, separated by ";": DDL.
  virtual void execute_script(std::string_view sql) = 0;

  /// Runs body(Transaction&) and commits; rolls back if it throws. In an open transaction: a savepoint.
  template <class Body>
  auto transaction(Body&& body, TransactionOptions options = {})
      -> std::invoke_result_t<Body&, Transaction&> {
    using T = std::invoke_result_t<Body&, Transaction&>;
    if constexpr (std::is_void_v<T>) {
      run_transaction([&](Transaction& tx) { body(tx); }, options);
    } else {
      std::optional<T> result;
      run_transaction([&](Transaction& tx) { result.emplace(body(tx)); }, options);
      return std::move(*result);
    }
  }

  /// The innermost open transaction of the current fiber on this database, or null.
  virtual Transaction* current() const noexcept = 0;

  /// Calls hook once the current transaction has committed, or at once when none is open.
  void on_commit(std::function<void()> hook);

  /// A number that is another one whenever anybody, in any process, has committed a change since the last
  /// call gave it. Cheap enough for every request.
  virtual std::uint64_t change_counter() = 0;

  /// Throws unless the database answers.
  virtual void ping() = 0;

 protected:
  virtual void run_transaction(const std::function<void(Transaction&)>& body, TransactionOptions options) = 0;
};

}  // namespace mpf::db
