#include <libpq-fe.h>

#include <mpf/base/text.hpp>
#include <mpf/db/error.hpp>

#include "db/postgres_error.hpp"
#include "db/postgres_link.hpp"

/// What a pipeline cannot do: several commands in one text, and COPY. The link is somebody's own meanwhile.
namespace mpf::db::postgres {

using fiber::SteadyClock;

void Link::begin_plain(std::string_view sql) {
  if (broken_) throw_lost(sql);
  if (sql.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::invalid, "SQL cannot hold the character NUL");
  }
  PGconn* const c = connection_.get();
  const std::string text(sql);
  if (PQexitPipelineMode(c) != 1 || PQsendQuery(c, text.c_str()) != 1) {
    break_off(last_error(c));
    throw_lost(sql);
  }
  plain_ = true;
  plain_since_ = SteadyClock::now();
  flush();
}

bool Link::wait_for_socket(fiber::TimePoint until) {
  Completion ready;
  ready.open = 1;
  socket_waiter_ = &ready;
  try {
    if (ready.waiter.wait_until(until)) return true;
  } catch (...) {
    if (socket_waiter_ == &ready) socket_waiter_ = nullptr;
    throw;
  }
  socket_waiter_ = nullptr;
  return false;
}

bool Link::plain_result_came(fiber::TimePoint until) {
  while (!broken_ && PQisBusy(connection_.get()) != 0) {
    if (!wait_for_socket(until)) return false;
  }
  return true;
}

Result Link::next_plain_result() {
  plain_result_came(fiber::TimePoint::max());
  if (broken_) return nullptr;
  return Result(PQgetResult(connection_.get()));
}

/// Takes what is left and goes back to pipeline mode; the first error, if there was one. When the fiber is
/// cancelled or late the commands are cancelled on the server, and what ended the wait is thrown, unless they
/// were finished nevertheless.
Result Link::finish_plain() {
  Result error;
  std::exception_ptr ended;
  const auto all_taken = [&](fiber::TimePoint until) {
    while (plain_result_came(until)) {
      Result result = next_plain_result();
      if (!result) return true;
      const auto status = PQresultStatus(result.get());
      if (status == PGRES_FATAL_ERROR && !error) error = std::move(result);
      if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
        break_off("a script cannot run COPY: use bulk_insert()");
      }
    }
    return false;
  };
  try {
    all_taken(fiber::TimePoint::max());
  } catch (...) {
    ended = std::current_exception();
  }
  if (ended) {
    const fiber::ShieldScope shield;
    const auto give_up = SteadyClock::now() + options_->answer_grace;
    // Told again: the server may not have begun with it when it was told.
    for (auto patience = std::chrono::milliseconds(50); !broken_; patience *= 2) {
      if (!tell_server_to_cancel()) {
        break_off("a statement could not be cancelled");
      } else if (all_taken(SteadyClock::now() + patience)) {
        break;
      } else if (SteadyClock::now() >= give_up) {
        break_off("a statement could not be cancelled");
      }
    }
  }
  plain_ = copying_ = false;
  if (!broken_ && PQstatus(connection_.get()) == CONNECTION_BAD) {
    break_off(last_error(connection_.get()));
  }
  if (!broken_ && PQenterPipelineMode(connection_.get()) != 1) break_off("it left its pipeline mode");
  const bool undone = broken_ || sqlstate_of(error.get()) == sqlstate::query_canceled;
  if (ended && undone) std::rethrow_exception(ended);
  return error;
}

void Link::script(std::string_view sql) {
  begin_plain(sql);
  const Result error = finish_plain();
  if (broken_) throw_lost(sql);
  if (error) fail(error, true, sql);
}

void Link::put_copy_data(const std::string& data) {
  PGconn* const c = connection_.get();
  if (PQputCopyData(c, data.data(), static_cast<int>(data.size())) != 1) return;  // the result tells why
  flush();
  // Not more in memory than one piece, however slow the server takes them.
  while (!broken_ && PQflush(c) > 0) wait_for_socket();
}

std::uint64_t Link::copy_in(const std::string& sql, const std::function<void(std::string&)>& fill) {
  begin_plain(sql);
  copying_ = true;
  std::exception_ptr failed;
  std::uint64_t rows = 0;
  try {
    const Result begun = next_plain_result();
    if (begun && PQresultStatus(begun.get()) == PGRES_FATAL_ERROR) fail(begun, true, sql);
    std::string data;
    for (;;) {
      data.clear();
      fill(data);
      if (data.empty() || broken_) break;
      put_copy_data(data);
      fiber::yield();
    }
  } catch (...) {
    failed = std::current_exception();
  }
  if (!broken_) {
    // Fails where no COPY was begun; the results tell.
    PQputCopyEnd(connection_.get(), failed ? "given up" : nullptr);
    flush();
  }
  Result error;
  if (failed) {
    const fiber::ShieldScope shield;
    error = finish_plain();
    std::rethrow_exception(failed);
  }
  {
    const Result copied = next_plain_result();
    if (copied && PQresultStatus(copied.get()) == PGRES_FATAL_ERROR) {
      finish_plain();
      fail(copied, true, sql);
    }
    if (copied)
      rows = static_cast<std::uint64_t>(
          std::strtoull(PQcmdTuples(const_cast<pg_result*>(copied.get())), nullptr, 10));
  }
  error = finish_plain();
  if (broken_) throw_lost(sql);
  if (error) fail(error, true, sql);
  return rows;
}

}  // namespace mpf::db::postgres
