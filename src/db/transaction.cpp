#include "db/transaction.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <random>

#include <fmt/core.h>

#include <mpf/fiber/fiber.hpp>
#include <mpf/telemetry/log.hpp>

namespace mpf::db {

namespace {

/// Runs all; logs what they throw, but for a cancellation, which is passed on after the last.
void run_hooks(const OpenTransaction::Hooks& hooks, std::string_view when) {
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

}  // namespace

void throw_ended(const std::exception_ptr& by) {
  ErrorKind kind = ErrorKind::internal;
  std::string cause = "its fiber was cancelled";
  try {
    std::rethrow_exception(by);
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

void OpenTransaction::before_commit(std::function<void()> hook, const void* key) {
  if (key) {
    for (const OpenTransaction* each = this; each; each = each->outer_.get()) {
      const auto same = [key](const BeforeCommit& known) { return known.key == key; };
      if (std::ranges::any_of(each->before_commit_, same)) return;
    }
  }
  before_commit_.push_back({std::move(hook), key});
}

void OpenTransaction::run_before_commit() {
  for (std::size_t i = 0; i < before_commit_.size(); ++i) {
    const auto hook = before_commit_[i].hook;  // hooks may register more
    hook();
  }
}

void OpenTransaction::prepare_hand_over() {
  const auto make_room = [](const auto& from, auto& to) {
    const std::size_t needed = from.size() + to.size();
    if (to.capacity() < needed) to.reserve(std::max(needed, 2 * to.capacity()));
  };
  make_room(on_commit_, outer_->on_commit_);
  make_room(on_rollback_, outer_->on_rollback_);
  make_room(before_commit_, outer_->before_commit_);
}

void OpenTransaction::hand_over() noexcept {
  const auto append = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    from.clear();
  };
  append(on_commit_, outer_->on_commit_);
  append(on_rollback_, outer_->on_rollback_);
  append(before_commit_, outer_->before_commit_);
}

void run_outermost(Session& session, const CurrentTransaction& current,
                   const std::function<void(Transaction&)>& body, const Watched& watched) {
  const auto transaction = std::make_shared<OpenTransaction>(session, watched);
  session.begin();
  std::exception_ptr error;
  try {
    const auto scope = current.set(transaction);
    const auto watch = fiber::wait_watch.set(transaction);
    body(*transaction);
    transaction->run_before_commit();
    session.require_alive();
    fiber::checkpoint();
    session.commit();
  } catch (...) {
    error = std::current_exception();
  }
  if (error) session.roll_back();
  session.release();
  if (!error) {
    try {
      session.settle();
    } catch (...) {
      error = std::current_exception();
    }
  }
  if (error) {
    run_hooks(transaction->take_on_rollback(), "after a rollback");
    std::rethrow_exception(error);
  }
  run_hooks(transaction->take_on_commit(), "after a commit");
}

void run_savepoint(std::shared_ptr<OpenTransaction> outer, const CurrentTransaction& current,
                   const std::function<void(Transaction&)>& body) {
  Session& session = outer->session();
  const auto transaction = std::make_shared<OpenTransaction>(std::move(outer));
  session.set_savepoint(transaction->depth());
  std::exception_ptr error;
  try {
    const auto scope = current.set(transaction);
    body(*transaction);
    transaction->prepare_hand_over();
    session.release_savepoint(transaction->depth());
  } catch (...) {
    error = std::current_exception();
  }
  if (error) {
    session.return_to_savepoint(transaction->depth());
    run_hooks(transaction->take_on_rollback(), "after a rollback");
    std::rethrow_exception(error);
  }
  transaction->hand_over();
}

void with_retries(int retries, const std::function<void()>& attempt) {
  std::chrono::microseconds pause(2'000);
  constexpr std::chrono::microseconds longest(500'000);
  for (; retries > 0; --retries) {
    try {
      return attempt();
    } catch (const SerializationError& error) {
      log::debug("a transaction is run again: {}", error.what());
    }
    // Those that met would meet again after equal pauses.
    static thread_local std::minstd_rand dice(std::random_device{}());
    fiber::sleep_for(std::chrono::microseconds(
        std::uniform_int_distribution<std::int64_t>(pause.count() / 2, pause.count())(dice)));
    pause = std::min(pause * 2, longest);
  }
  attempt();
}

}  // namespace mpf::db
