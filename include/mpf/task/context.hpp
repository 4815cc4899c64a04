#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <mpf/base/id.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/db/database.hpp>

namespace mpf::task {

class Queue;
class Attempt;  // the worker's side of it, hidden

/// What a running task knows about itself. Used by the fiber of the task and those it spawns.
///
/// A task may run more than once (its process may die after the work and before that is recorded), but never
/// twice at a time as far as the database is concerned: what it writes in a transaction that complete_in()
/// belongs to happens exactly once. For effects elsewhere, task_id() is the idempotency key.
class Context {
 public:
  Context(Attempt& attempt, Queue& queue) : attempt_(attempt), queue_(queue) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Id task_id() const noexcept;
  std::string_view name() const noexcept;
  int attempt() const noexcept;  ///< from 1; attempts cut short by a crash or shutdown are not counted
  std::optional<Id> site() const noexcept;
  std::optional<Id> job() const noexcept;

  Queue& queue() const noexcept { return queue_; }  ///< to enqueue more
  db::Database& db() const noexcept;

  /// Says how far it is; total 0 means "not known". Cheap: written about twice a second, and at the end.
  void progress(std::int64_t done, std::int64_t total, std::string_view note = {});

  /// Somebody has cancelled the task, the worker is stopping, or the lease is lost. The waits of the fiber
  /// then throw fiber::Cancelled too.
  bool cancelled() const noexcept;

  /// Throws Error(conflict), to be let through, when the task is not this attempt's any more because its
  /// process was taken for dead. In a transaction it holds the task until that ends, so that writes after it
  /// cannot collide with those of a newer attempt.
  void check_lease();

  /// Makes "this task is done" part of the caller's transaction, with the result set so far: both or neither
  /// happen. Throws as check_lease() does. Whatever the task throws after that commit is only logged.
  void complete_in(db::Transaction& transaction);

  /// What TaskStatus::result will show.
  void set_result(Json result);

 private:
  Attempt& attempt_;
  Queue& queue_;
};

}  // namespace mpf::task
