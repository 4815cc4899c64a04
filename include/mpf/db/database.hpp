#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/db/bulk.hpp>
#include <mpf/db/error.hpp>
#include <mpf/db/row.hpp>
#include <mpf/db/value.hpp>

/// Databases: statements with bound parameters, rows, transactions. Every call suspends the fiber, never its
/// loop. Everything is safe to use from any fiber of the runtime unless said otherwise.
namespace mpf::db {

struct CopyOut;
struct CopyIn;

/// What kind of work a statement is; decides the connection it runs on.
enum class Access : std::uint8_t { read, write };

/// SQL in the database's dialect, "?" standing for each parameter in turn ("$1", "$2"… on PostgreSQL).
/// Error(too_large), before anything is sent, for more parameters than the database takes (65,535 on
/// PostgreSQL, 32,766 on SQLite) or, on PostgreSQL, for more than 1 GiB of values: long lists go into one
/// parameter, an Array.
struct Statement {
  std::string sql;
  std::vector<Param> params;
  Access access = Access::read;
  bool stream = false;  ///< a read of very many rows: on PostgreSQL fetched in portions, at constant memory
  /// A read that may lag a little behind (PostgresOptions::replica_lag): served by a replica where there is
  /// one, outside of transactions, unless the request has written (OwnWritesScope).
  bool replica = false;
  bool counted = true;  ///< by QueryLog; not what only prepares for the statement behind it
  std::source_location origin = std::source_location::current();  ///< who asks, for QueryLog
};

/// How much transactions that run at the same time notice of each other; SQLite always is serializable.
enum class Isolation : std::uint8_t { database_default, read_committed, repeatable_read, serializable };

struct TransactionOptions {
  bool read_only = false;
  /// False switches SQLite's foreign keys off until the transaction ends, for rebuilding tables: whoever
  /// does it checks them (PRAGMA foreign_key_check) before the end. Only of the outermost transaction; no
  /// effect on PostgreSQL.
  bool foreign_keys = true;
  /// A read-only transaction sees one moment unless told otherwise.
  Isolation isolation = Isolation::database_default;
  /// How often the whole body is run again after a SerializationError, after a pause that grows. Only of the
  /// outermost transaction; on_rollback hooks run each time.
  int retries = 0;
  /// A read-only one may lag a little behind, as Statement::replica says.
  bool replica = false;
  std::source_location origin{};  ///< set by transaction()
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

  /// Runs after this transaction or savepoint, or one around it, has rolled back, or has failed in a way that
  /// does not tell: a connection that was lost at the commit, a disk that did not take it.
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

  /// Runs one statement: in the fiber's open transaction, or by itself; then what the callback throws undoes
  /// a write. Returns the number of rows that a write changed. Throws what error.hpp has, Error(unavailable)
  /// (disk full, too many connections), Error(corrupt), Error(timeout), Error(internal) for a mistake in the
  /// SQL. On PostgreSQL an error ends the innermost transaction or savepoint around it, even if it is caught:
  /// what may fail goes into a transaction() of its own.
  virtual std::uint64_t execute(const Statement& statement, const RowSink& on_row = {}) = 0;

  /// Gets each row of a batch, with the number of its statement.
  using BatchSink = std::function<void(std::size_t statement, const Row&)>;

  /// Runs several statements, on PostgreSQL sent together with one write to the socket. Where some of them
  /// write it is all or none: outside of a transaction they are one of their own. Returns the sum of rows
  /// changed. Throws the first error; those behind it have not run then, and rows of those before it have not
  /// been shown on PostgreSQL.
  virtual std::uint64_t execute_batch(std::span<const Statement> statements, const BatchSink& on_row = {});

  /// Writes many rows into one table, faster than statements do: all or none, as part of the fiber's
  /// transaction if one is open. Returns their number. Throws what execute() throws, and what `write` throws.
  virtual std::uint64_t bulk_insert(const BulkInsert& insert) = 0;

  /// All rows of a table, as of one moment; their number (copy.hpp).
  virtual std::uint64_t copy_out(const CopyOut& copy);
  /// Any number of rows into a table, all or none; their number (copy.hpp).
  virtual std::uint64_t copy_in(const CopyIn& copy);

  /// Runs several statements without parameters or results, separated by ";": DDL.
  virtual void execute_script(std::string_view sql) = 0;

  /// Runs one statement outside of transactions, for as long as it takes: on PostgreSQL on a connection of
  /// its own without statement_timeout and lock_timeout (CREATE INDEX CONCURRENTLY). Elsewhere
  /// execute_script().
  virtual void execute_long(std::string_view sql) { execute_script(sql); }

  /// Runs body(Transaction&) and commits; rolls back if it throws. In an open transaction: a savepoint. A
  /// body that waits for something slow that is none of the database's business (a sleep, another server,
  /// offload()) holds locks and a connection meanwhile: that is logged, once for each `origin`.
  template <class Body>
  auto transaction(Body&& body, TransactionOptions options = {},
                   const std::source_location& origin = std::source_location::current())
      -> std::invoke_result_t<Body&, Transaction&> {
    using T = std::invoke_result_t<Body&, Transaction&>;
    if (options.origin.line() == 0) options.origin = origin;
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

  /// Writes a copy of the whole database, as of one moment, into a new file, while others go on reading and
  /// writing. Error(conflict) if that file exists. SQLite only: elsewhere Error(unsupported).
  virtual void backup(const std::filesystem::path& file);

  /// Throws unless the database answers.
  virtual void ping() = 0;

 protected:
  virtual void run_transaction(const std::function<void(Transaction&)>& body, TransactionOptions options) = 0;
};

}  // namespace mpf::db
