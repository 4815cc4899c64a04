#pragma once

#include <exception>
#include <mutex>
#include <string>

#include <mpf/fiber/sync.hpp>

#include "db/sqlite_connection.hpp"
#include "db/sqlite_sync.hpp"
#include "db/sqlite_writer.hpp"
#include "db/transaction.hpp"

namespace mpf::db::sqlite {

/// A transaction's connection: a reader, or the writer with its turn.
class SqliteSession final : public Session {
 public:
  explicit SqliteSession(Connection& reader) noexcept : reader_(&reader) {}
  /// `sync`: brings its commit to the disk; null where that is not wanted.
  SqliteSession(Writer& writer, std::unique_lock<fiber::Mutex> turn, bool foreign_keys,
                GroupSync* sync) noexcept
      : writer_(&writer), turn_(std::move(turn)), foreign_keys_(foreign_keys), sync_(sync) {}

  void begin() override;
  void commit() override;
  void roll_back() noexcept override;
  /// Foreign keys count again, and the next one may write.
  void release() noexcept override;
  void settle() override {
    if (sync_) sync_->wait();
  }
  void set_savepoint(int depth) override;
  void release_savepoint(int depth) override;
  void return_to_savepoint(int depth) noexcept override;
  /// Throws if SQLite has rolled the transaction back by itself after an error that nobody passed on.
  void require_alive() override;

  std::uint64_t execute(const Statement& statement, const RowSink& on_row);
  void script(std::string_view sql);
  std::uint64_t bulk_insert(const BulkInsert& insert);
  std::uint64_t copy_in(const CopyIn& copy);

 private:
  void restore_foreign_keys() noexcept;
  template <class Work>
  void guarded(const Work& work);
  Connection* connection() noexcept { return reader_ ? reader_ : writer_->connection(); }

  Connection* reader_ = nullptr;  ///< of a read-only transaction
  Writer* writer_ = nullptr;      ///< of any other
  std::unique_lock<fiber::Mutex> turn_;
  bool foreign_keys_ = true;
  GroupSync* sync_ = nullptr;
  std::exception_ptr ended_by_;
};

}  // namespace mpf::db::sqlite
