#include "db/postgres_link.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <fmt/core.h>

#include <mpf/db/error.hpp>

#include "db/postgres_error.hpp"
#include "fiber/loop_impl.hpp"

namespace mpf::db::postgres {

using fiber::SteadyClock;

namespace {
// Beyond these libpq or the server breaks the connection, under everybody who shares it.
constexpr std::size_t most_parameters = 65'535;
constexpr std::size_t largest_message = (std::size_t{1} << 30) - (std::size_t{1} << 20);
}  // namespace

Link::Link(fiber::Loop& loop, ConnectionHandle connection, std::shared_ptr<const PostgresOptions> options,
           std::string where)
    : loop_(loop),
      connection_(std::move(connection)),
      options_(std::move(options)),
      where_(std::move(where)),
      descriptor_(fiber::io_context(loop)),
      statements_(options_->cached_statements),
      born_(SteadyClock::now()),
      idle_since_(born_) {}

Link::~Link() { stop_watching(); }

void Link::open(Owner& owner) {
  owner_ = &owner;
  // libpq closes its socket by itself when the server breaks off, and the number may be another connection's
  // before anybody stops watching it. A duplicate is ours until then.
  const int watched = ::fcntl(PQsocket(connection_.get()), F_DUPFD_CLOEXEC, 0);
  if (watched < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot watch the connection to " + where_);
  }
  boost::system::error_code problem;
  descriptor_.assign(watched, problem);
  if (problem) {
    ::close(watched);
    throw std::system_error(problem, "cannot watch the connection to " + where_);
  }
  watch_reads();
}

void Link::stop_watching() noexcept {
  if (descriptor_.is_open()) ::close(descriptor_.release());
}

void Link::close() noexcept {
  owner_ = nullptr;
  break_off("the database was closed");
}

void Link::break_off(std::string_view why) noexcept {
  if (broken_) return;
  broken_ = true;
  try {
    loss_ = why;
  } catch (...) {  // without the reason, then
  }
  stop_watching();
  connection_.reset();
  if (Completion* const waiting = std::exchange(socket_waiter_, nullptr)) waiting->finish_one();
  while (head_) {
    head_->lost = true;
    if (head_->preparing) head_->preparing->state = Variant::State::unprepared;
    finish_head();
  }
  if (Owner* const owner = std::exchange(owner_, nullptr)) owner->link_broken(*this);
}

Request& Link::take_request() {
  if (!free_) {
    free_ = &requests_.emplace_back();
    free_->next = nullptr;
  }
  Request& request = *free_;
  free_ = request.next;
  request.done = request.lost = false;
  request.completion = request.at_head = nullptr;
  request.writes = false;
  request.preparing = request.used = nullptr;
  request.used_number = request.deallocating = 0;
  request.prepare_at = -1;
  request.commands = request.seen = 0;
  request.synced = true;
  request.keepers = 1;
  request.next = nullptr;
  return request;
}

void Link::forget(Request& request) noexcept {
  if (--request.keepers > 0) return;
  request.result.reset();
  if (Variant* const used = std::exchange(request.used, nullptr)) --used->users;
  request.next = free_;
  free_ = &request;
}

namespace {
void check_kind(const CachedStatement& statement, Purpose purpose) {
  const auto refuse = [&](const char* why) {
    throw SqlError("", fmt::format("{}: {}", why, excerpt(statement.sql)));
  };
  switch (statement.parsed.kind) {
    case Kind::empty:
      refuse("an empty SQL statement");
      break;
    case Kind::write:
      if (purpose == Purpose::read) refuse("this statement writes, so it needs Access::write");
      break;
    case Kind::transaction:
      refuse("a statement cannot begin or end a transaction: use Database::transaction()");
      break;
    case Kind::copy:
      refuse("COPY is run by Database::bulk_insert()");
      break;
    case Kind::session:
      refuse("a statement cannot change the session, which others use as well");
      break;
    case Kind::other:
      break;
  }
}
}  // namespace

CachedStatement& Link::ready(std::string_view sql, const std::vector<Param>& params, Purpose purpose) {
  CachedStatement& statement = statements_.find(sql);
  if (purpose != Purpose::own) check_kind(statement, purpose);
  if (statement.parsed.parameters != params.size()) {
    throw SqlError("08P01", fmt::format("{} values for the {} parameters of: {}", params.size(),
                                        statement.parsed.parameters, sql));
  }
  if (params.size() > most_parameters) {
    throw Error(
        ErrorKind::too_large,
        fmt::format("{} parameters of a statement, where PostgreSQL takes {}: hand over a list as one "
                    "array, or the work in portions: {}",
                    params.size(), most_parameters, excerpt(sql)));
  }
  values_.clear();
  lengths_.clear();
  for (const Param& each : params) {
    const std::size_t start = values_.size();
    append_value(values_, each);
    values_ += '\0';  // so that an empty value has a place
    if (values_.size() + sql.size() > largest_message) {
      values_ = {};
      throw Error(
          ErrorKind::too_large,
          fmt::format("more than 1 GiB of values for one statement, which PostgreSQL does not take: {}",
                      excerpt(sql)));
    }
    lengths_.push_back(static_cast<int>(values_.size() - start - 1));
  }
  return statement;
}

Request& Link::send(std::span<const std::string> before, std::string_view sql,
                    const std::vector<Param>& params, Completion& completion, Purpose purpose) {
  if (broken_) throw_lost(sql);
  Request& request = put(before, sql, params, completion, purpose, true);
  flush();
  return request;
}

std::vector<Request*> Link::send_batch(std::span<const std::string> before,
                                       std::span<const Statement> statements, Completion& completion) {
  if (broken_) throw_lost(statements.front().sql);
  for (const Statement& each : statements) ready(each.sql, each.params, purpose_of(each));
  std::vector<Request*> requests;
  requests.reserve(statements.size());
  completion.open = 1;  // until all are sent
  try {
    for (const Statement& each : statements) {
      const bool last = requests.size() + 1 == statements.size();
      requests.push_back(&put(before, each.sql, each.params, completion, purpose_of(each), last));
      before = {};
    }
  } catch (...) {  // half of it is in libpq's buffer
    break_off("no memory to send a batch");
    for (Request* const each : requests) forget(*each);
    throw;
  }
  flush();
  completion.finish_one();
  return requests;
}

Request& Link::put(std::span<const std::string> before, std::string_view sql,
                   const std::vector<Param>& params, Completion& completion, Purpose purpose, bool last) {
  CachedStatement& statement = ready(sql, params, purpose);
  if (!in_batch_) deallocate_evicted();
  Request& request = take_request();
  request.writes = purpose == Purpose::write;
  bool sent = true;
  for (const std::string& command : before) {
    sent = sent && PQsendQueryParams(connection_.get(), command.c_str(), 0, nullptr, nullptr, nullptr,
                                     nullptr, 1) == 1;
    ++request.commands;
  }
  if (sent) {
    try {
      send_statement(request, statement, params);
    } catch (...) {  // half of it is in libpq's buffer
      forget(request);
      break_off("no memory to send a statement");
      throw;
    }
  }
  if (!sent || !end_request(request, last)) {
    forget(request);
    break_off(last_error(connection_.get()));
    throw_lost(sql);
  }
  in_batch_ = !last;
  request.completion = &completion;
  ++completion.open;
  return request;
}

/// A Sync also hands everything to the socket: libpq keeps what is before it while it is small.
bool Link::end_request(Request& request, bool sync) {
  if (sync && PQpipelineSync(connection_.get()) != 1) return false;
  request.synced = sync;
  request.number = ++last_number_;
  (tail_ ? tail_->next : head_) = &request;
  tail_ = &request;
  if (head_ == &request) request.since = SteadyClock::now();
  ++in_flight_;
  return true;
}

void Link::send_statement(Request& request, CachedStatement& statement, const std::vector<Param>& params) {
  const auto count = params.size();
  pointers_.resize(count);
  formats_.assign(count, 1);
  const char* at = values_.data();
  for (std::size_t i = 0; i < count; ++i) {
    pointers_[i] = std::holds_alternative<std::nullptr_t>(params[i]) ? nullptr : at;
    at += lengths_[i] + 1;
  }
  const int n = static_cast<int>(count);
  PGconn* const c = connection_.get();
  bool sent = true;
  Variant* variant = options_->transaction_pooler ? nullptr : &statement.variant(params);
  if (variant && variant->state == Variant::State::unprepared && std::exchange(variant->used, true)) {
    // Seen for the second time: it will come again.
    variant->number = ++last_name_;
    sent = PQsendPrepare(c, statement_name(variant->number).c_str(), statement.parsed.text.c_str(), n,
                         variant->types.data()) == 1;
    variant->state = Variant::State::preparing;
    request.preparing = variant;
    request.prepare_at = request.commands++;
  }
  const bool named = variant && (variant->state == Variant::State::prepared || request.preparing == variant);
  if (named) {
    request.used = variant;
    request.used_number = variant->number;
    ++variant->users;
    sent = sent && PQsendQueryPrepared(c, statement_name(variant->number).c_str(), n, pointers_.data(),
                                       lengths_.data(), formats_.data(), 1) == 1;
  } else {
    types_.clear();
    for (const Param& each : params) types_.push_back(oid_of(each));
    sent = sent && PQsendQueryParams(c, statement.parsed.text.c_str(), n, types_.data(), pointers_.data(),
                                     lengths_.data(), formats_.data(), 1) == 1;
  }
  ++request.commands;
  if (!sent) throw ConnectionLost(fmt::format("{}: {}", where_, last_error(c)));
}

/// Nobody waits for them. Each with a Sync of its own, so that one that fails harms nothing behind it.
void Link::deallocate_evicted() {
  // As many as there are now: in a transaction that has failed the answers bring them back.
  while (statements_.has_evicted()) {
    Request& request = take_request();
    request.deallocating = statements_.take_evicted();
    const std::string sql = "DEALLOCATE " + statement_name(request.deallocating);
    request.commands = 1;
    if (PQsendQueryParams(connection_.get(), sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1) != 1 ||
        !end_request(request, true)) {
      forget(request);
      return;  // the statement behind it will tell
    }
  }
}

/// What the server refused to forget, as it refuses everything in a transaction that has failed, is told to
/// it again.
void Link::end_deallocation(const Request& request) noexcept {
  const pg_result* const result = request.result.get();
  if (broken_ || (result && PQresultStatus(result) == PGRES_COMMAND_OK)) return;
  if (sqlstate_of(result) == sqlstate::no_such_statement) return;
  try {
    statements_.add_evicted(request.deallocating);
  } catch (...) {  // the server keeps it for as long as the connection lives
  }
}

bool Link::was_stale(const Request& request) {
  if (!request.used || !request.result) return false;
  const std::string_view state = sqlstate_of(request.result.get());
  if (state == sqlstate::stale_plan) {  // also what the server does not support: told apart by who says it
    const char* const by = PQresultErrorField(request.result.get(), PG_DIAG_SOURCE_FUNCTION);
    if (!by || std::string_view(by) != "RevalidateCachedQuery") return false;
  } else if (state != sqlstate::no_such_statement) {
    return false;
  }
  // It may have been prepared anew for another request meanwhile.
  if (request.used->number != request.used_number || request.used->state != Variant::State::prepared) {
    return true;
  }
  if (state == sqlstate::stale_plan) statements_.add_evicted(request.used_number);
  request.used->state = Variant::State::unprepared;
  return true;
}

void Link::check(const Request& request, std::string_view sql) {
  if (request.lost || !request.result) throw_lost(sql);
  if (PQresultStatus(request.result.get()) == PGRES_FATAL_ERROR) fail(request.result, request.writes, sql);
}

void Link::fail(const Result& result, bool writes, std::string_view sql) {
  // Writes are not sent in read-only transactions: the server itself has changed.
  if (!writes || sqlstate_of(result.get()) != sqlstate::read_only) throw_error(result.get(), where_, sql);
  if (owner_) owner_->server_refuses_writes();
  throw ConnectionLost(
      fmt::format("{} takes no writes: it is read-only now, as a primary is that has been demoted; its "
                  "connections are replaced, so that the next ones may lead to the new primary (in: {})",
                  where_, excerpt(sql)));
}

void Link::throw_lost(std::string_view sql) const {
  throw ConnectionLost(fmt::format("the connection to {} broke: {} (in: {})", where_,
                                   loss_.empty() ? "no answer" : loss_, excerpt(sql)));
}

bool Link::in_transaction() const noexcept {
  return connection_ && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE;
}

void Link::look_at_the_clock(fiber::TimePoint now) noexcept {
  if (options_->statement_timeout.count() == 0) return;
  if (plain_ ? !copying_ : !head_) return;  // a script may take off the limits
  if (owed_for(now) > options_->statement_timeout + options_->answer_grace) {
    break_off("no answer came in time");
  }
}

}  // namespace mpf::db::postgres
