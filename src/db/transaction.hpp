#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/fiber/local.hpp>

/// What transactions of both databases have in common: savepoints, hooks, their order.
namespace mpf::db {

/// What a transaction and the savepoints in it share: a connection.
class Session {
 public:
  virtual ~Session() = default;

  virtual void begin() = 0;
  virtual void commit() = 0;
  virtual void roll_back() noexcept = 0;
  /// After commit() or roll_back(), before hooks run: the connection goes back.
  virtual void release() noexcept = 0;

  virtual void set_savepoint(int depth) = 0;
  virtual void release_savepoint(int depth) = 0;
  virtual void return_to_savepoint(int depth) noexcept = 0;

  /// Throws if the transaction has been ended by an error that nobody passed on.
  virtual void require_alive() = 0;
};

/// What require_alive() throws, with the reason.
[[noreturn]] void throw_ended(const std::exception_ptr& by);

class OpenTransaction final : public Transaction {
 public:
  using Hooks = std::vector<std::function<void()>>;

  OpenTransaction(Session& session, std::shared_ptr<OpenTransaction> outer)
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
  const std::shared_ptr<OpenTransaction> outer_;
  const int depth_;
  Hooks on_commit_;
  Hooks on_rollback_;
  std::vector<BeforeCommit> before_commit_;
};

/// The innermost open transaction of a fiber on one database.
using CurrentTransaction = fiber::Local<OpenTransaction>;

void run_outermost(Session& session, const CurrentTransaction& current,
                   const std::function<void(Transaction&)>& body);
void run_savepoint(std::shared_ptr<OpenTransaction> outer, const CurrentTransaction& current,
                   const std::function<void(Transaction&)>& body);

/// Runs attempt() again after each SerializationError, so many times, with pauses that grow.
void with_retries(int retries, const std::function<void()>& attempt);

}  // namespace mpf::db
