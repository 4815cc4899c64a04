#include <libpq-fe.h>

#include <memory>
#include <string_view>
#include <utility>

#include <mpf/base/text.hpp>

#include "db/postgres_error.hpp"
#include "db/postgres_link.hpp"

/// The socket of a link: what goes out, and whose answer it is that comes in.
namespace mpf::db::postgres {

using fiber::SteadyClock;

namespace {
constexpr std::string_view no_memory_to_watch = "no memory to watch its socket";
}

void Link::flush() noexcept {
  const int left = PQflush(connection_.get());
  if (left < 0) {
    break_off(last_error(connection_.get()));
  } else if (left > 0 && !writing_) {
    watch_writes();
  }
}

void Link::watch_reads() noexcept {
  try {
    descriptor_.async_wait(Descriptor::wait_read,
                           [self = shared_from_this()](const boost::system::error_code& error) {
                             if (error || self->broken_) return;
                             self->on_readable();
                             if (!self->broken_) self->watch_reads();
                           });
  } catch (...) {  // nobody would notice what comes
    break_off(no_memory_to_watch);
  }
}

void Link::watch_writes() noexcept {
  try {
    descriptor_.async_wait(Descriptor::wait_write,
                           [self = shared_from_this()](const boost::system::error_code& error) {
                             self->writing_ = false;
                             if (error || self->broken_) return;
                             if (Completion* const waiting = std::exchange(self->socket_waiter_, nullptr)) {
                               waiting->finish_one();
                             }
                             self->flush();
                           });
    writing_ = true;
  } catch (...) {
    break_off(no_memory_to_watch);
  }
}

void Link::on_readable() noexcept {
  if (PQconsumeInput(connection_.get()) != 1) {
    if (!plain_) drain();  // what came before the end: mostly the reason
    if (!broken_) break_off(last_error(connection_.get()));
    return;
  }
  if (plain_) {
    if (Completion* const waiting = std::exchange(socket_waiter_, nullptr)) waiting->finish_one();
    return;
  }
  drain();
}

void Link::drain() {
  PGconn* const c = connection_.get();
  while (head_ && !broken_ && PQisBusy(c) == 0) {
    Result result(PQgetResult(c));
    if (!result) {
      if (PQstatus(c) == CONNECTION_BAD) return break_off(last_error(c));
      continue;  // between two commands
    }
    try {
      accept(*head_, std::move(result));
    } catch (...) {
      return break_off("no memory for a result");
    }
  }
  if (!broken_ && PQstatus(c) == CONNECTION_BAD) break_off(last_error(c));
}

void Link::accept(Request& request, Result result) {
  switch (PQresultStatus(result.get())) {
    case PGRES_PIPELINE_SYNC:
      finish_head();
      return;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY: {
      const int position = request.seen++;
      if (position == request.prepare_at) {
        request.preparing->state = Variant::State::prepared;
        request.preparing = nullptr;
      } else if (position == request.commands - 1 && !request.result) {
        request.result = std::move(result);
      }
      if (!request.synced && request.seen == request.commands) finish_head();
      return;
    }
    case PGRES_FATAL_ERROR:
      if (PQstatus(connection_.get()) == CONNECTION_BAD && sqlstate_of(result.get()).empty()) {
        const std::string_view why = trim(PQresultErrorMessage(result.get()));
        break_off(why.substr(0, why.find('\n')));
        return;
      }
      if (!request.result || PQresultStatus(request.result.get()) != PGRES_FATAL_ERROR) {
        request.result = std::move(result);
      }
      [[fallthrough]];
    case PGRES_PIPELINE_ABORTED:
      ++request.seen;
      if (request.preparing) {
        request.preparing->state = Variant::State::unprepared;
        request.preparing = nullptr;
      }
      if (!request.synced && request.seen == request.commands) finish_head();
      return;
    default:
      break_off("a COPY statement was run as a query: use bulk_insert()");
  }
}

void Link::finish_head() noexcept {
  Request& request = *head_;
  head_ = request.next;
  if (!head_) tail_ = nullptr;
  request.next = nullptr;
  --in_flight_;
  request.done = true;
  const auto now = SteadyClock::now();
  request.took = now - request.since;
  if (head_) {
    head_->since = now;
    if (Completion* const waiting = std::exchange(head_->at_head, nullptr)) waiting->finish_one();
  } else {
    idle_since_ = now;
  }
  if (Completion* const waiting = std::exchange(request.at_head, nullptr)) waiting->finish_one();
  if (Completion* const waiting = std::exchange(request.completion, nullptr)) {
    waiting->finish_one();
  } else {
    if (request.deallocating != 0) end_deallocation(request);
    forget(request);
  }
}

}  // namespace mpf::db::postgres
