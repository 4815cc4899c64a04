#include <mpf/db/sqlite.hpp>

#include <sys/stat.h>

#include <map>
#include <mutex>
#include <utility>

#include <fmt/core.h>

#include <mpf/db/copy.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/local.hpp>
#include <mpf/fiber/sync.hpp>

#include "db/own_thread.hpp"
#include "db/query_timer.hpp"
#include "db/quote.hpp"
#include "db/sqlite_backup.hpp"
#include "db/sqlite_connection.hpp"
#include "db/sqlite_session.hpp"
#include "db/sqlite_writer.hpp"

namespace mpf::db {

namespace {

using sqlite::Connection;
using sqlite::SqliteSession;

/// The read connections of one loop.
class ReaderPool {
 public:
  explicit ReaderPool(const SqliteOptions& options)
      : options_(options), permits_(std::max<std::size_t>(options.readers, 1)) {
    idle_.reserve(std::max<std::size_t>(options.readers, 1));  // giving back cannot fail
  }

  class Lease {
   public:
    explicit Lease(ReaderPool& pool) : pool_(pool) {
      pool_.permits_.acquire();
      try {
        connection_ = pool_.take();
      } catch (...) {
        pool_.permits_.release();
        throw;
      }
    }
    ~Lease() {
      connection_->roll_back();  // whatever was begun in it by hand
      if (!connection_->lost()) pool_.give(std::move(connection_));
      pool_.permits_.release();
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    Connection& operator*() const noexcept { return *connection_; }
    Connection* operator->() const noexcept { return connection_.get(); }

   private:
    ReaderPool& pool_;
    std::unique_ptr<Connection> connection_;
  };

 private:
  std::unique_ptr<Connection> take() {
    {
      const std::scoped_lock lock(mutex_);
      if (!idle_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
      }
    }
    return std::make_unique<Connection>(options_, Connection::Role::reader);
  }

  void give(std::unique_ptr<Connection> connection) {
    const std::scoped_lock lock(mutex_);
    idle_.push_back(std::move(connection));
  }

  const SqliteOptions& options_;
  fiber::Semaphore permits_;
  std::mutex mutex_;  ///< threads outside loops share a pool
  std::vector<std::unique_ptr<Connection>> idle_;
};

struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

FileIdentity identity_of(const std::filesystem::path& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

SqliteOptions checked(SqliteOptions options) {
  namespace fs = std::filesystem;
  if (options.file.empty() || options.file.string().starts_with(":memory:")) {
    throw Error(ErrorKind::configuration, "an SQLite database needs a file; several connections use it");
  }
  std::error_code error;
  options.file = fs::absolute(options.file, error);
  const fs::path folder = options.file.parent_path();
  if (!fs::is_directory(folder, error)) {
    throw Error(ErrorKind::unavailable,
                fmt::format("cannot open database {}: there is no folder {}; create it",
                            options.file.string(), folder.string()));
  }
  if (fs::exists(options.file, error) && !fs::is_regular_file(options.file, error)) {
    throw Error(ErrorKind::unavailable,
                fmt::format("cannot open database {}: it is no regular file; give another path",
                            options.file.string()));
  }
  if (!options.create && !fs::exists(options.file, error)) {
    throw Error(
        ErrorKind::unavailable,
        fmt::format("there is no database {}: check the path, or create it first", options.file.string()));
  }
  return options;
}

class SqliteDatabase final : public Database {
 public:
  explicit SqliteDatabase(SqliteOptions options)
      : options_(checked(std::move(options))),
        writer_(options_),
        watcher_(options_, Connection::Role::reader),
        identity_(identity_of(options_.file)) {
    if (options_.durability == SqliteOptions::Durability::full) {
      sync_ = std::make_unique<sqlite::GroupSync>(options_.file.string() + "-wal");
    }
  }

  Dialect dialect() const noexcept override { return Dialect::sqlite; }
  std::string description() const override { return "sqlite:" + options_.file.string(); }

  std::uint64_t execute(const Statement& statement, const RowSink& on_row) override {
    const QueryTimer timer(statement);
    if (OpenTransaction* const transaction = current_.get()) {
      return session_of(*transaction).execute(statement, on_row);
    }
    if (statement.access == Access::read) {
      const ReaderPool::Lease reader(readers());
      return reader->run(statement, on_row);
    }
    std::uint64_t changed = 0;
    {
      const std::unique_lock lock(writer_turn_);
      writer_.call([&](Connection& connection) { changed = write_alone(connection, statement, on_row); });
    }
    if (sync_) sync_->wait();
    return changed;
  }

  std::uint64_t bulk_insert(const BulkInsert& insert) override {
    const QueryTimer timer(insert);
    if (OpenTransaction* const transaction = current_.get()) {
      return session_of(*transaction).bulk_insert(insert);
    }
    std::uint64_t rows = 0;
    run_transaction([&](Transaction&) { rows = session_of(*current_.get()).bulk_insert(insert); }, {});
    return rows;
  }

  std::uint64_t copy_out(const CopyOut& copy) override {
    refuse_transaction();
    std::string columns;
    for (const BulkColumn& column : copy.columns) {
      columns += (columns.empty() ? "" : ", ") + quote_name(column.name);
    }
    Statement statement{"SELECT " + columns + " FROM " + quote_name(copy.table), {}, Access::read};
    if (!copy.order.empty()) statement.sql += " ORDER BY " + quote_name(copy.order);
    std::uint64_t rows = 0;
    const ReaderPool::Lease reader(readers());
    on_own_thread([&](const std::atomic<bool>& stop) {
      const Connection::AbortScope scope(*reader, stop);
      reader->run(statement, [&](const Row& row) {
        copy.on_row(row);
        ++rows;
      });
    });
    return rows;
  }

  std::uint64_t copy_in(const CopyIn& copy) override {
    refuse_transaction();
    std::uint64_t rows = 0;
    run_transaction([&](Transaction&) { rows = session_of(*current_.get()).copy_in(copy); }, {});
    return rows;
  }

  void execute_script(std::string_view sql) override {
    if (OpenTransaction* const transaction = current_.get()) {
      session_of(*transaction).script(sql);
      return;
    }
    {
      const std::unique_lock lock(writer_turn_);
      writer_.call([&](Connection& connection) {
        try {
          connection.script(sql);
        } catch (...) {
          connection.roll_back();
          throw;
        }
        refuse_open_transaction(connection);
      });
    }
    if (sync_) sync_->wait();
  }

  Transaction* current() const noexcept override { return current_.get(); }

  std::uint64_t change_counter() override {
    static const std::atomic<bool> never_wait{true};
    const std::scoped_lock lock(watcher_mutex_);
    const Connection::AbortScope scope(watcher_, never_wait);
    try {
      const std::int64_t version = watcher_.number("PRAGMA data_version");
      if (version != seen_version_) ++changes_;
      seen_version_ = version;
    } catch (const sqlite::Interrupted&) {
      ++changes_;  // locked by a recovery: who knows
    }
    return changes_;
  }

  void backup(const std::filesystem::path& file) override {
    fiber::offload([&] { sqlite::copy_database(options_.file, file); });
  }

  void ping() override {
    if (identity_of(options_.file) != identity_) {
      throw Error(ErrorKind::unavailable,
                  fmt::format("database {} has been removed or replaced while it was open: restart",
                              options_.file.string()));
    }
    execute({"SELECT count(*) FROM sqlite_schema", {}, Access::read}, {});
  }

 protected:
  void run_transaction(const std::function<void(Transaction&)>& body, TransactionOptions options) override {
    if (auto outer = current_.share()) {
      run_savepoint(std::move(outer), current_, body);
      return;
    }
    with_retries(options.retries, [&] {
      if (options.read_only) {
        const ReaderPool::Lease reader(readers());
        SqliteSession session(*reader);
        run_outermost(session, current_, body, {options.origin, &waits_});
      } else {
        SqliteSession session(writer_, std::unique_lock(writer_turn_), options.foreign_keys, sync_.get());
        run_outermost(session, current_, body, {options.origin, &waits_});
      }
    });
  }

 private:
  static SqliteSession& session_of(OpenTransaction& transaction) {
    return static_cast<SqliteSession&>(transaction.session());
  }

  void refuse_transaction() const {
    if (current_.get())
      throw Error(ErrorKind::internal, "whole tables are copied in transactions of their own");
  }

  static std::uint64_t write_alone(Connection& connection, const Statement& statement,
                                   const RowSink& on_row) {
    const Statement begin{"BEGIN IMMEDIATE", {}, Access::write};
    const Statement commit{"COMMIT", {}, Access::write};
    try {
      if (on_row) connection.run(begin, {});  // what the callback throws must undo the statement
      const std::uint64_t changed = connection.run(statement, on_row);
      if (on_row) connection.run(commit, {});
      refuse_open_transaction(connection);
      return changed;
    } catch (...) {
      connection.roll_back();
      throw;
    }
  }

  static void refuse_open_transaction(Connection& connection) {
    if (!connection.in_transaction()) return;
    connection.roll_back();
    throw Error(ErrorKind::internal, "a statement left a transaction open: use Database::transaction()");
  }

  ReaderPool& readers() {
    const std::scoped_lock lock(pools_mutex_);
    auto& pool = pools_[fiber::Loop::current()];
    if (!pool) pool = std::make_unique<ReaderPool>(options_);
    return *pool;
  }

  const SqliteOptions options_;
  fiber::Mutex writer_turn_;  ///< held for a write, or for a whole transaction
  sqlite::Writer writer_;
  std::unique_ptr<sqlite::GroupSync> sync_;  ///< with Durability::full
  CurrentTransaction current_{false};
  WaitWarnings waits_;

  std::mutex pools_mutex_;
  std::map<const fiber::Loop*, std::unique_ptr<ReaderPool>> pools_;

  std::mutex watcher_mutex_;
  Connection watcher_;  ///< never writes, so it sees every commit as one of others
  std::int64_t seen_version_ = 0;
  std::uint64_t changes_ = 0;

  const FileIdentity identity_;
};

}  // namespace

std::unique_ptr<Database> open_sqlite(SqliteOptions options) {
  return fiber::offload(
      [&]() -> std::unique_ptr<Database> { return std::make_unique<SqliteDatabase>(std::move(options)); });
}

}  // namespace mpf::db
