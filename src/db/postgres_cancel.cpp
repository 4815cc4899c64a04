#include <libpq-fe.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <thread>

#include <mpf/db/error.hpp>
#include <mpf/fiber/fiber.hpp>

#include "db/postgres_error.hpp"
#include "db/postgres_link.hpp"
#include "fiber/loop_impl.hpp"

/// Waiting for requests, and what becomes of one whose fiber is cancelled or late.
namespace mpf::db::postgres {

using fiber::SteadyClock;

namespace {

struct FreeCancelKey {
  void operator()(PGcancel* key) const noexcept { PQfreeCancel(key); }
};
using CancelKey = std::unique_ptr<PGcancel, FreeCancelKey>;

struct Telling {
  CancelKey key;
  std::mutex mutex;
  fiber::Waiter* waiting = nullptr;  ///< null when who asked has gone
  bool told = false;
};

/// A server that has fallen silent keeps PQcancel() for minutes, and nothing interrupts it: who has waited
/// long enough leaves its thread to itself.
bool tell(CancelKey key, fiber::Duration patience) {
  const auto telling = std::make_shared<Telling>();
  telling->key = std::move(key);
  fiber::Waiter waiter;
  telling->waiting = &waiter;
  std::thread([telling] {
    char message[256];
    const bool told = PQcancel(telling->key.get(), message, sizeof message) == 1;
    const std::scoped_lock lock(telling->mutex);
    telling->told = told;
    if (telling->waiting) telling->waiting->wake();
  }).detach();
  const fiber::ShieldScope shield;
  waiter.wait_until(SteadyClock::now() + patience);
  const std::scoped_lock lock(telling->mutex);
  telling->waiting = nullptr;
  return telling->told;
}

}  // namespace

void Link::wait(std::span<Request* const> requests, Completion& completion, Giving giving) {
  std::exception_ptr ended;
  try {
    completion.waiter.wait();
    return;
  } catch (...) {
    ended = std::current_exception();
  }
  if (giving == Giving::up) {
    for (Request* const each : requests) {
      if (!each->done) {
        abandon(*each);
      } else {
        forget(*each);
      }
    }
    std::rethrow_exception(ended);
  }
  bool undone = false;
  {
    const fiber::ShieldScope shield;
    for (Request* const each : requests) {
      if (!each->done) cancel_on_server(*each);
    }
    completion.waiter.wait_through();
    for (Request* const each : requests) {
      undone = undone || each->lost || sqlstate_of(each->result.get()) == sqlstate::query_canceled;
    }
    if (!undone) return;
    for (Request* const each : requests) forget(*each);
  }
  std::rethrow_exception(ended);
}

/// The fiber goes; the request stays until the server has ended it.
void Link::abandon(Request& request) noexcept {
  request.completion = nullptr;
  ++request.keepers;
  try {
    const bool started = fiber::start(loop_, "cancelling a statement", [self = shared_from_this(), &request] {
      self->cancel_on_server(request);
      self->forget(request);
    });
    if (started) return;
  } catch (...) {  // as below
  }
  --request.keepers;
  break_off("a statement could not be cancelled");
}

/// Returns once the request has ended. Its neighbours may be hit, as the server cancels whatever it is at
/// when it is told: it is told when this one is at the head, and who is hit by mistake (an error of the
/// server, so it has done nothing) is run again by who asked for it.
void Link::cancel_on_server(Request& request) {
  const fiber::ShieldScope shield;
  while (!request.done && head_ != &request) {
    Completion turn;
    turn.open = 1;
    request.at_head = &turn;
    turn.waiter.wait_through();
  }
  const auto give_up = SteadyClock::now() + options_->answer_grace;
  for (auto patience = std::chrono::milliseconds(50); !request.done; patience *= 2) {
    ++cancelling_;
    const bool told = tell_server_to_cancel();
    --cancelling_;
    risky_until_ = last_number_;
    if (request.done) return;
    if (!told || SteadyClock::now() >= give_up) {
      break_off("a statement could not be cancelled");
      return;
    }
    // The server may not have begun with it when it was told.
    Completion end;
    end.open = 1;
    request.at_head = &end;
    end.waiter.wait_until(SteadyClock::now() + patience);
    if (request.at_head == &end) request.at_head = nullptr;
  }
}

bool Link::tell_server_to_cancel() noexcept {
  if (broken_) return false;
  CancelKey key(PQgetCancel(connection_.get()));
  if (!key) return false;
  try {
    return tell(std::move(key), options_->answer_grace);
  } catch (...) {  // no memory, or no thread
    return false;
  }
}

bool Link::hit_by_stray_cancel(const Request& request) const noexcept {
  // The server says the same of what has run for too long. Its clock and ours differ a little.
  const fiber::Duration limit = options_->statement_timeout;
  if (limit.count() > 0 && request.took > limit / 2) return false;
  return (request.number <= risky_until_ || cancelling_ > 0) &&
         sqlstate_of(request.result.get()) == sqlstate::query_canceled;
}

}  // namespace mpf::db::postgres
