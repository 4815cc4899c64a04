#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/db/sqlite.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace mpf::db::sqlite {

/// Thrown where a statement on the writer's thread stopped because its caller gave up; the caller knows why.
class Interrupted final {};

/// One connection. Used by one fiber or thread at a time, on whatever thread that is.
///
/// In a fiber long statements yield the loop and heed cancellation and deadline, from SQLite's callbacks.
/// What SQLite does at one go, as sorting, has no such callback: a statement that may do that, and did not
/// show last time that it takes no time, makes its first step on a thread off the loops. With an abort flag
/// (on the writer's thread) they end with Interrupted once the flag is set.
class Connection {
 public:
  enum class Role { reader, writer };

  Connection(const SqliteOptions& options, Role role);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs one statement to its end; the rows that it changed.
  std::uint64_t run(const Statement& statement, const RowSink& on_row);

  /// One prepared statement, run for each row; in the open transaction.
  std::uint64_t insert_rows(const BulkInsert& insert);

  /// As Database::copy_in(), but for the transaction around it.
  std::uint64_t copy_in(const CopyIn& copy);

  /// Statements without parameters and results.
  void script(std::string_view sql);

  /// A single value, for pragmas.
  std::int64_t number(const char* sql);

  /// False outside BEGIN … COMMIT, also after SQLite has rolled back by itself.
  bool in_transaction() const noexcept;

  /// ROLLBACK where that is needed. If even that fails the connection is lost.
  void roll_back() noexcept;

  /// Runs `undo` ("ROLLBACK TO x; RELEASE x"), unless SQLite has rolled everything back. If that fails so
  /// does all the rest: the transaction is rolled back.
  void return_to_savepoint(const char* undo) noexcept;

  /// Not to be used any more, but for being destroyed.
  bool lost() const noexcept { return lost_; }

  /// Nested uses of a connection: a statement inside the callback of another.
  bool busy() const noexcept { return busy_; }

  /// For the lifetime of the guard callbacks heed the flag instead of the fiber.
  class AbortScope {
   public:
    AbortScope(Connection& connection, const std::atomic<bool>& flag) : connection_(connection) {
      connection_.abort_ = &flag;
    }
    ~AbortScope() { connection_.abort_ = nullptr; }
    AbortScope(const AbortScope&) = delete;
    AbortScope& operator=(const AbortScope&) = delete;

   private:
    Connection& connection_;
  };

 private:
  struct Close {
    void operator()(sqlite3* handle) const noexcept;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;
  /// How long a statement kept its loop from others when it last ran.
  enum class Pace : std::uint8_t { unknown, quick, slow };
  struct Cached {
    std::string sql;
    Prepared statement;
    Pace pace = Pace::unknown;
  };

  void configure(Role role, const SqliteOptions& options);
  std::uint64_t insert_rows(const std::string& table, const std::vector<BulkColumn>& columns,
                            const std::function<bool(RowWriter&)>& next);
  /// RefusedRow if a row of the table refers to nothing.
  void refuse_lost_references(const std::string& table);
  Cached& prepare(std::string_view sql);
  /// To the first row or the end; SQLite's code.
  int start(Cached& cached);
  /// On a thread of its own, not one of offload()'s: those may all wait for the writer's turn that this
  /// connection's fiber has.
  int start_beside(Cached& cached);
  Prepared compile(std::string_view sql, bool kept, std::string_view* rest);
  void check(int code, std::string_view sql);
  [[noreturn]] void fail(int code, std::string_view sql);
  /// Whatever wants it to stop.
  bool run_undisturbed(const char* sql) noexcept;
  int progress() noexcept;
  int wait_for_lock(int attempt) noexcept;

  std::string file_;
  std::chrono::milliseconds busy_timeout_;
  std::size_t cached_statements_;
  std::unique_ptr<sqlite3, Close> handle_;
  std::list<Cached> cache_;  ///< most recently used first
  std::unordered_map<std::string_view, std::list<Cached>::iterator> by_sql_;
  const std::atomic<bool>* abort_ = nullptr;
  std::exception_ptr stopped_by_;  ///< what a wait inside a callback threw
  std::chrono::steady_clock::time_point busy_since_;
  std::chrono::steady_clock::time_point held_since_;     ///< the loop
  std::chrono::steady_clock::duration longest_hold_{0};  ///< of the statement that runs
  bool busy_ = false;
  bool lost_ = false;
};

}  // namespace mpf::db::sqlite
