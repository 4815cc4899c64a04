#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <mpf/db/database.hpp>

#include "db/sqlite_connection.hpp"
#include "db/sqlite_writer.hpp"

namespace mpf::db::sqlite {

/// What a transaction and the savepoints in it share: the connection.
class Session {
 public:
  explicit Session(Connection& reader) noexcept : reader_(&reader) {}
  Session(Writer& writer, bool foreign_keys) noexcept : writer_(&writer), foreign_keys_(foreign_keys) {}

  void begin();
  void commit();
  void roll_back() noexcept;
  /// Once it is committed or rolled back: foreign keys count again.
  void restore() noexcept;
  void set_savepoint(int depth);
  void release_savepoint(int depth);
  void return_to_savepoint(int depth) noexcept;

  std::uint64_t execute(const Statement& statement, const RowSink& on_row);
  std::uint64_t bulk_insert(const BulkInsert& insert);
  void script(std::string_view sql);

  /// Throws if SQLite has rolled the transaction back by itself after an error that nobody passed on.
  void require_alive();

 private:
  template <class Work>
  void guarded(const Work& work);
  Connection* connection() noexcept { return reader_ ? reader_ : writer_->connection(); }

  Connection* reader_ = nullptr;  ///< of a read-only transaction
  Writer* writer_ = nullptr;      ///< of any other
  bool foreign_keys_ = true;
  std::exception_ptr ended_by_;
};

class SqliteTransaction final : public Transaction {
 public:
  using Hooks = std::vector<std::function<void()>>;

  SqliteTransaction(Session& session, std::shared_ptr<SqliteTransaction> outer)
      : session_(session), outer_(std::move(outer)), depth_(outer_ ? outer_->depth_ + 1 : 1) {}

  void on_commit(std::function<void()> hook) override { on_commit_.push_back(std::move(hook)); }
  void on_rollback(std::function<void()> hook) override { on_rollback_.push_back(std::move(hook)); }
  void before_commit(std::function<void()> hook, const void* key) override;
  int depth() const noexcept override { return depth_; }

  Session& session() noexcept { return session_; }

  void run_before_commit();
  /// A released savepoint's hooks become those of what is around it.
  void hand_over();
  Hooks take_on_commit() noexcept { return std::move(on_commit_); }
  Hooks take_on_rollback() noexcept { return std::move(on_rollback_); }

 private:
  struct BeforeCommit {
    std::function<void()> hook;
    const void* key;
  };

  Session& session_;
  const std::shared_ptr<SqliteTransaction> outer_;
  const int depth_;
  Hooks on_commit_;
  Hooks on_rollback_;
  std::vector<BeforeCommit> before_commit_;
};

/// Runs all; logs what they throw, but for a cancellation, which is passed on after the last.
void run_hooks(const SqliteTransaction::Hooks& hooks, std::string_view when);

}  // namespace mpf::db::sqlite
