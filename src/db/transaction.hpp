#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/fiber/local.hpp>
#include <mpf/fiber/wait_watch.hpp>

#include "db/wait_warnings.hpp"

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
  /// After commit() and release(): what the commit still has to wait for, while others go on.
  virtual void settle() {}

  virtual void set_savepoint(int depth) = 0;
  virtual void release_savepoint(int depth) = 0;
  virtual void return_to_savepoint(int depth) noexcept = 0;

  /// Throws if the transaction has been ended by an error that nobody passed on.
  virtual void require_alive() = 0;
};

/// What require_alive() throws, with the reason.
[[noreturn]] void throw_ended(const std::exception_ptr& by);

/// Where an outermost transaction began, and who is told what it waits for.
struct Watched {
  std::source_location origin;
  WaitWarnings* warnings = nullptr;
};

class OpenTransaction final : public Transaction, public fiber::WaitWatch {
 public:
  using Hooks = std::vector<std::function<void()>>;

  OpenTransaction(Session& session, const Watched& watched) : session_(session), watched_(watched) {}
  /// A savepoint.
  explicit OpenTransaction(std::shared_ptr<OpenTransaction> outer)
      : session_(outer->session_), outer_(std::move(outer)), depth_(outer_->depth_ + 1) {}

  void on_commit(std::function<void()> hook) override { on_commit_.push_back(std::move(hook)); }
  void on_rollback(std::function<void()> hook) override { on_rollback_.push_back(std::move(hook)); }
  void before_commit(std::function<void()> hook, const void* key) override;
  int depth() const noexcept override { return depth_; }
  void on_wait(std::string_view what) noexcept override { watched_.warnings->warn(watched_.origin, what); }

  Session& session() noexcept { return session_; }

  void run_before_commit();
  /// A released savepoint's hooks become those of what is around it; memory for that is taken before, while
  /// the savepoint can still be rolled back.
  void prepare_hand_over();
  void hand_over() noexcept;
  Hooks take_on_commit() noexcept { return std::move(on_commit_); }
  Hooks take_on_rollback() noexcept { return std::move(on_rollback_); }

 private:
  struct BeforeCommit {
    std::function<void()> hook;
    const void* key;
  };

  Session& session_;
  const std::shared_ptr<OpenTransaction> outer_;
  const int depth_ = 1;
  const Watched watched_{};  ///< of the outermost, which hears of the waits in its savepoints as well
  Hooks on_commit_;
  Hooks on_rollback_;
  std::vector<BeforeCommit> before_commit_;
};

/// The innermost open transaction of a fiber on one database.
using CurrentTransaction = fiber::Local<OpenTransaction>;

void run_outermost(Session& session, const CurrentTransaction& current,
                   const std::function<void(Transaction&)>& body, const Watched& watched);
void run_savepoint(std::shared_ptr<OpenTransaction> outer, const CurrentTransaction& current,
                   const std::function<void(Transaction&)>& body);

/// Runs attempt() again after each SerializationError, so many times, with pauses that grow.
void with_retries(int retries, const std::function<void()>& attempt);

}  // namespace mpf::db
