#include "db/postgres_session.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <exception>

#include <fmt/core.h>

#include <mpf/db/error.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/telemetry/log.hpp>

#include "db/postgres_row.hpp"

namespace mpf::db::postgres {

namespace {

constexpr int portion = 1000;     // rows that a stream fetches at once
constexpr int stray_cancels = 5;  // so often a statement is run again that was hit by others'

std::string savepoint(int depth) { return "mpf_" + std::to_string(depth); }

std::string begin_sql(const TransactionOptions& options) {
  std::string sql = "BEGIN";
  switch (options.isolation) {
    case Isolation::database_default:
      if (options.read_only) sql += " ISOLATION LEVEL REPEATABLE READ";  // one moment
      break;
    case Isolation::read_committed:
      sql += " ISOLATION LEVEL READ COMMITTED";
      break;
    case Isolation::repeatable_read:
      sql += " ISOLATION LEVEL REPEATABLE READ";
      break;
    case Isolation::serializable:
      sql += " ISOLATION LEVEL SERIALIZABLE";
      break;
  }
  if (options.read_only) sql += " READ ONLY";
  return sql;
}

[[noreturn]] void throw_stale() {
  throw SerializationError(
      "a table was changed by a migration while it was used: the transaction has to be run again");
}

}  // namespace

std::uint64_t deliver(const Result& result, const RowSink& on_row) {
  pg_result* const raw = result.get();
  if (on_row) {
    PostgresRow row(raw);
    const int rows = PQntuples(raw);
    for (int i = 0; i < rows; ++i) {
      row.move_to(i);
      on_row(row);
    }
  }
  const std::string_view tag = PQcmdStatus(raw);  // "INSERT 0 1"
  if (tag.starts_with("SELECT") || tag.starts_with("FETCH")) return 0;
  const char* const count = PQcmdTuples(raw);
  return std::strtoull(count, nullptr, 10);
}

Result run_alone(LoopPool& pool, const Statement& statement) {
  const bool write = statement.access == Access::write;
  for (int attempt = 0;; ++attempt) {
    const LoopPool::Share link(pool);
    Completion completion;
    Request* const request =
        &link->send({}, statement.sql, statement.params, completion, purpose_of(statement));
    link->wait({&request, 1}, completion, write ? Link::Giving::no_rest : Link::Giving::up);
    struct Forget {
      Link& link;
      Request& request;
      ~Forget() { link.forget(request); }
    };
    const Forget forget{*link, *request};
    const bool again = link->hit_by_stray_cancel(*request) || link->was_stale(*request);
    if (again && attempt < stray_cancels) continue;
    link->check(*request, statement.sql);
    return std::move(request->result);
  }
}

std::vector<Result> run_batch_alone(LoopPool& pool, std::span<const Statement> statements) {
  const bool writes =
      std::ranges::any_of(statements, [](const Statement& each) { return each.access == Access::write; });
  std::vector<std::string> nothing;
  for (int attempt = 0; attempt < stray_cancels; ++attempt) {
    std::optional<std::vector<Result>> results;
    if (writes) {
      const LoopPool::Lease link(pool);  // of its own: others need not wait for locks that it waits for
      results = run_batch(*link, nothing, statements, Link::Giving::no_rest);
    } else {
      const LoopPool::Share link(pool);
      results = run_batch(*link, nothing, statements, Link::Giving::up);
    }
    if (results) return std::move(*results);
  }
  throw SerializationError(fmt::format(
      "a batch was hit {} times by changes of its tables, or by the cancellation of others on its "
      "connection: it has to be run again",
      stray_cancels));
}

std::optional<std::vector<Result>> run_batch(Link& link, std::vector<std::string>& before,
                                             std::span<const Statement> statements, Link::Giving giving) {
  struct Sent {
    Link& link;
    std::vector<Request*> requests;
    bool waited = false;
    ~Sent() {
      if (!waited) return;  // who gave up has forgotten them
      for (Request* const each : requests) link.forget(*each);
    }
  };
  Completion completion;
  Sent sent{link, link.send_batch(before, statements, completion)};
  before.clear();
  link.wait(sent.requests, completion, giving);
  sent.waited = true;
  std::vector<Result> results;
  results.reserve(statements.size());
  for (std::size_t i = 0; i < statements.size(); ++i) {
    Request& request = *sent.requests[i];
    if (link.hit_by_stray_cancel(request) || link.was_stale(request)) return {};
    link.check(request, statements[i].sql);
    results.push_back(std::move(request.result));
  }
  return results;
}

void PostgresSession::begin() {
  lease_.emplace(*pool_);
  pending_.push_back(begin_sql(options_));
}

void PostgresSession::require_alive() {
  if (ended_by_) throw_ended(ended_by_);
}

template <class Work>
void PostgresSession::guarded(const Work& work) {
  require_alive();
  try {
    run_here_or_elsewhere(work);
  } catch (...) {
    ended_by_ = std::current_exception();
    throw;
  }
}

template <class Work>
void PostgresSession::run_here_or_elsewhere(const Work& work) {
  if (!elsewhere_) return work();
  const Elsewhere elsewhere = std::exchange(elsewhere_, {});
  std::vector<std::string> opening = pending_;
  LoopPool* other = nullptr;
  try {
    return work();
  } catch (const Error& error) {
    other = elsewhere(error);
    if (!other) throw;
  }
  lease_.reset();
  pool_ = other;
  begun_ = false;
  pending_ = std::move(opening);
  lease_.emplace(*pool_);
  work();
}

Result PostgresSession::run(std::string_view sql, const std::vector<Param>& params, Purpose purpose) {
  Link& link = **lease_;
  Completion completion;
  Request& request = link.send(pending_, sql, params, completion, purpose);
  pending_.clear();
  begun_ = true;
  Request* const one = &request;
  link.wait({&one, 1}, completion, Link::Giving::no_rest);
  struct Forget {
    Link& link;
    Request& request;
    ~Forget() { link.forget(request); }
  };
  const Forget forget{link, request};
  if (link.was_stale(request)) throw_stale();
  link.check(request, sql);
  return std::move(request.result);
}

std::uint64_t PostgresSession::show(const Result& result, const RowSink& on_row) {
  showing_ = true;
  struct Shown {
    bool& flag;
    ~Shown() { flag = false; }
  };
  const Shown shown{showing_};
  return deliver(result, on_row);
}

void PostgresSession::refuse_write(const Statement& statement) const {
  if (showing_) {
    throw Error(ErrorKind::internal,
                fmt::format("a statement inside the row callback of another one in the same transaction: {}",
                            statement.sql));
  }
  if (options_.read_only && statement.access == Access::write) {
    throw Error(ErrorKind::internal,
                fmt::format("a write inside a read-only transaction: {}", statement.sql));
  }
}

std::uint64_t PostgresSession::execute(const Statement& statement, const RowSink& on_row) {
  require_alive();
  refuse_write(statement);
  if (statement.stream && statement.access == Access::read) return stream(statement, on_row);
  Result result;
  guarded([&] { result = run(statement.sql, statement.params, purpose_of(statement)); });
  return show(result, on_row);
}

std::uint64_t PostgresSession::stream(const Statement& statement, const RowSink& on_row) {
  const std::string name = "mpf_stream_" + std::to_string(++cursors_);
  guarded([&] {
    run("DECLARE " + name + " NO SCROLL CURSOR FOR " + parse_sql(statement.sql).text, statement.params);
  });
  const std::string fetch = fmt::format("FETCH FORWARD {} FROM {}", portion, name);
  std::exception_ptr thrown;  // by who gets the rows
  while (!thrown) {
    Result rows;
    guarded([&] { rows = run(fetch, {}); });
    try {
      show(rows, on_row);
    } catch (...) {
      thrown = std::current_exception();
    }
    if (PQntuples(rows.get()) < portion) break;
  }
  // An open cursor would keep the rest of the transaction from altering the table.
  const auto close = [&] { guarded([&] { run("CLOSE " + name, {}); }); };
  if (thrown) {
    const fiber::ShieldScope shield;
    try {
      close();
    } catch (const std::exception& error) {
      log::debug("a cursor is not closed: {}", error.what());
    }
    --cursors_;
    std::rethrow_exception(thrown);
  }
  close();
  --cursors_;
  return 0;
}

std::uint64_t PostgresSession::execute_batch(std::span<const Statement> statements,
                                             const Database::BatchSink& on_row) {
  require_alive();
  for (const Statement& each : statements) refuse_write(each);
  if (statements.empty()) return 0;
  std::optional<std::vector<Result>> results;
  guarded([&] {
    begun_ = true;
    results = run_batch(**lease_, pending_, statements, Link::Giving::no_rest);
    if (!results) throw_stale();
  });
  std::uint64_t changed = 0;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    changed += show((*results)[i], on_row ? RowSink([&, i](const Row& row) { on_row(i, row); }) : RowSink());
  }
  return changed;
}

void PostgresSession::send_pending() {
  if (pending_.empty()) return;
  std::string all;
  for (const std::string& each : pending_) all += each + ";";
  pending_.clear();
  begun_ = true;
  (*lease_)->script(all);
}

void PostgresSession::script(std::string_view sql) {
  require_alive();
  if (options_.read_only) throw Error(ErrorKind::internal, "a script inside a read-only transaction");
  guarded([&] {
    send_pending();
    (*lease_)->script(sql);
    if (!(*lease_)->in_transaction()) {
      throw Error(ErrorKind::internal, "a script ended the transaction: use Database::transaction()");
    }
  });
}

std::uint64_t PostgresSession::copy_in(const std::string& sql,
                                       const std::function<void(std::string&)>& fill) {
  std::uint64_t rows = 0;
  if (options_.read_only) throw Error(ErrorKind::internal, "a bulk write inside a read-only transaction");
  guarded([&] {
    send_pending();
    rows = (*lease_)->copy_in(sql, fill);
  });
  return rows;
}

void PostgresSession::set_savepoint(int depth) {
  require_alive();
  pending_.push_back("SAVEPOINT " + savepoint(depth));
}

void PostgresSession::release_savepoint(int depth) {
  require_alive();
  if (!pending_.empty() && pending_.back() == "SAVEPOINT " + savepoint(depth)) {
    pending_.pop_back();
  } else {
    pending_.push_back("RELEASE " + savepoint(depth));
  }
}

void PostgresSession::return_to_savepoint(int depth) noexcept {
  if (!lease_ || (*lease_)->broken()) return;
  const fiber::ShieldScope shield;
  try {
    const auto unsent = std::find(pending_.begin(), pending_.end(), "SAVEPOINT " + savepoint(depth));
    if (unsent != pending_.end()) {
      pending_.erase(unsent, pending_.end());
    } else {
      pending_.assign({"ROLLBACK TO " + savepoint(depth)});  // what else was pending lies inside it
      run("RELEASE " + savepoint(depth), {});
    }
    ended_by_ = nullptr;
  } catch (...) {
    ended_by_ = std::current_exception();
  }
}

void PostgresSession::commit() {
  if (!begun_) return;
  const fiber::ShieldScope shield;  // whether it has been committed must be known
  Result result;
  try {
    result = run("COMMIT", {});
  } catch (const ConnectionLost& lost) {
    throw ConnectionLost(fmt::format(
        "{}: whether the transaction has been committed is not known, so look before it is done again",
        lost.what()));
  }
  if (std::string_view(PQcmdStatus(result.get())) != "COMMIT") {
    throw Error(ErrorKind::internal, "the transaction was rolled back by the server when it was committed");
  }
}

void PostgresSession::roll_back() noexcept {
  if (!lease_) return;
  Link& link = **lease_;
  pending_.clear();
  if (!begun_ || link.broken() || !link.in_transaction()) return;
  const fiber::ShieldScope shield;
  try {
    run("ROLLBACK", {});
  } catch (...) {
    link.break_off("a transaction could not be rolled back");
  }
}

}  // namespace mpf::db::postgres
