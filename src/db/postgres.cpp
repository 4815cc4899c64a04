#include <mpf/db/postgres.hpp>

#include <libpq-fe.h>

#include <algorithm>
#include <atomic>
#include <functional>

#include <fmt/core.h>

#include <mpf/db/own_writes.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

#include "db/postgres_copy.hpp"
#include "db/postgres_replica.hpp"
#include "db/postgres_session.hpp"
#include "db/postgres_transfer.hpp"
#include "db/query_timer.hpp"
#include "fiber/loop_impl.hpp"

namespace mpf::db {

namespace {

using namespace postgres;

class PostgresDatabase final : public Database {
 public:
  explicit PostgresDatabase(PostgresOptions options)
      : options_(std::make_shared<const PostgresOptions>(std::move(options))),
        runtime_(fiber::Loop::current()->runtime()),
        primary_(runtime_, options_, Address(*options_)),
        replicas_(runtime_, *options_, primary_) {}

  Dialect dialect() const noexcept override { return Dialect::postgres; }
  std::string description() const override { return primary_.where(); }

  std::uint64_t execute(const Statement& statement, const RowSink& on_row) override {
    if (!fiber::in_fiber()) return in_fiber([&] { return execute(statement, on_row); });
    const QueryTimer timer(statement);
    note_write(statement.access);
    if (OpenTransaction* const transaction = current_.get()) {
      return session_of(*transaction).execute(statement, on_row);
    }
    if (statement.replica && statement.access == Access::read) {
      std::uint64_t changed = 0;
      bool shown = false;
      const RowSink noting = [&](const Row& row) {
        shown = true;
        if (on_row) on_row(row);
      };
      const bool done =
          by_replica([&](LoopPool& pool, Replica&) { changed = execute_on(pool, statement, noting); }, shown);
      if (done) return changed;
    }
    return execute_on(pool(), statement, on_row);
  }

  std::uint64_t execute_batch(std::span<const Statement> statements, const BatchSink& on_row) override {
    if (statements.empty()) return 0;
    if (!fiber::in_fiber()) return in_fiber([&] { return execute_batch(statements, on_row); });
    const QueryTimer timer(statements);
    for (const Statement& each : statements) note_write(each.access);
    if (OpenTransaction* const transaction = current_.get()) {
      return session_of(*transaction).execute_batch(statements, on_row);
    }
    std::vector<Result> results;
    const auto may_lag = [](const Statement& each) { return each.replica && each.access == Access::read; };
    const auto run = [&](LoopPool& pool) { results = run_batch_alone(pool, statements); };
    const auto run_there = [&](LoopPool& pool, Replica&) { run(pool); };
    if (!std::ranges::all_of(statements, may_lag) || !by_replica(run_there, false)) run(pool());
    std::uint64_t changed = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
      changed += deliver(results[i], on_row ? RowSink([&](const Row& row) { on_row(i, row); }) : RowSink());
    }
    return changed;
  }

  std::uint64_t bulk_insert(const BulkInsert& insert) override {
    if (!fiber::in_fiber()) return in_fiber([&] { return bulk_insert(insert); });
    const QueryTimer timer(insert);
    note_write(Access::write);
    if (OpenTransaction* const transaction = current_.get()) {
      return copy_rows(session_of(*transaction), insert);
    }
    std::uint64_t rows = 0;
    in_own_transaction(pool(), [&](PostgresSession& session) { rows = copy_rows(session, insert); });
    return rows;
  }

  std::uint64_t copy_out(const CopyOut& copy) override {
    if (!fiber::in_fiber()) return in_fiber([&] { return copy_out(copy); });
    refuse_transaction();
    return transfer_out(primary_.address(), copy);
  }

  std::uint64_t copy_in(const CopyIn& copy) override {
    if (!fiber::in_fiber()) return in_fiber([&] { return copy_in(copy); });
    refuse_transaction();
    note_write(Access::write);
    return transfer_in(primary_.address(), copy);
  }

  void execute_script(std::string_view sql) override {
    if (!fiber::in_fiber()) return in_fiber([&] { execute_script(sql); });
    note_write(Access::write);
    if (OpenTransaction* const transaction = current_.get()) {
      session_of(*transaction).script(sql);
      return;
    }
    const LoopPool::Lease link(pool());
    link->script(sql);
    if (link->in_transaction()) {
      throw Error(ErrorKind::internal, "a script left a transaction open: use Database::transaction()");
    }
  }

  void execute_long(std::string_view sql) override {
    if (!fiber::in_fiber()) return in_fiber([&] { execute_long(sql); });
    if (current_.get()) throw Error(ErrorKind::internal, "execute_long() inside a transaction");
    const LoopPool::Lease link(pool());
    // Behind a pooler the session is another one with each statement, and others get the one that was set.
    if (options_->transaction_pooler) return long_behind_pooler(*link, sql);
    link->script("SET statement_timeout = 0; SET lock_timeout = 0");
    struct Reset {
      Link& link;
      ~Reset() {
        const fiber::ShieldScope shield;
        try {
          if (!link.broken()) link.script("RESET statement_timeout; RESET lock_timeout");
        } catch (...) {  // the connection is broken then, and nobody gets it
        }
      }
    };
    const Reset reset{*link};
    link->script(sql);
  }

  Transaction* current() const noexcept override { return current_.get(); }

  /// The visible state of the database changes exactly when its snapshot does: by its text, every process
  /// has the same number for the same state. Fibers that ask while a query is under way share the next one.
  std::uint64_t change_counter() override {
    if (!fiber::in_fiber()) return in_fiber([&] { return change_counter(); });
    const std::uint64_t needed = counters_begun_.load() + 1;
    const std::unique_lock lock(counting_);
    if (counters_ended_ >= needed) return counter_;
    const std::uint64_t number = ++counters_begun_;
    // A transaction of this fiber may see an older state.
    execute_on(pool(), {"SELECT pg_current_snapshot()::text", {}, Access::read},
               [&](const Row& row) { counter_ = std::hash<std::string_view>{}(row.text(0)); });
    counters_ended_ = number;
    return counter_;
  }

  void ping() override { execute({"SELECT 1", {}, Access::read}, {}); }

 protected:
  void run_transaction(const std::function<void(Transaction&)>& body, TransactionOptions options) override {
    if (!fiber::in_fiber()) return in_fiber([&] { run_transaction(body, options); });
    if (auto outer = current_.share()) {
      run_savepoint(std::move(outer), current_, body);
      return;
    }
    with_retries(options.retries, [&] {
      if (options.replica && options.read_only) {
        bool entered = false;
        const auto entering = [&](Transaction& transaction) {
          entered = true;
          body(transaction);
        };
        // The body is not run twice; but what its first statement waits for may come from elsewhere.
        const bool done = by_replica(
            [&](LoopPool& pool, Replica& replica) {
              run_outermost_on(pool, entering, options, [&](const Error& why) {
                return primary_may_serve(replica, why) ? &this->pool() : nullptr;
              });
            },
            entered);
        if (done) return;
      }
      run_outermost_on(pool(), body, options);
    });
  }

 private:
  static PostgresSession& session_of(OpenTransaction& transaction) {
    return static_cast<PostgresSession&>(transaction.session());
  }

  void refuse_transaction() const {
    if (current_.get())
      throw Error(ErrorKind::internal, "whole tables are copied in transactions of their own");
  }

  void run_outermost_on(LoopPool& pool, const std::function<void(Transaction&)>& body,
                        const TransactionOptions& options, PostgresSession::Elsewhere elsewhere = {}) {
    PostgresSession session(pool, options, std::move(elsewhere));
    run_outermost(session, current_, body, {options.origin, &waits_});
  }

  static void long_behind_pooler(Link& link, std::string_view sql) {
    constexpr auto* hint =
        "; behind a pooler the limits of the server's role or database hold: raise them, or connect to the "
        "server itself for this";
    try {
      link.script(sql);
    } catch (const StatementTimeout& e) {
      throw StatementTimeout(std::string(e.what()) + hint);
    } catch (const LockTimeout& e) {
      throw LockTimeout(std::string(e.what()) + hint);
    }
  }

  /// Outside of the fiber's transaction.
  static std::uint64_t execute_on(LoopPool& pool, const Statement& statement, const RowSink& on_row) {
    const bool write = statement.access == Access::write;
    if ((write && on_row) || (statement.stream && !write)) {
      // In a transaction that is nobody's: of a stream, or of a write whose rows somebody looks at.
      std::uint64_t changed = 0;
      in_own_transaction(pool,
                         [&](PostgresSession& session) { changed = session.execute(statement, on_row); });
      return changed;
    }
    return deliver(run_alone(pool, statement), on_row);
  }

  template <class Work>
  static void in_own_transaction(LoopPool& pool, const Work& work) {
    PostgresSession session(pool, {});
    session.begin();
    try {
      work(session);
      session.commit();
    } catch (...) {
      session.roll_back();
      throw;
    }
  }

  /// False where no replica may be used, or the one that was asked could not answer and `begun` is false:
  /// then the primary serves.
  template <class Work>
  bool by_replica(const Work& work, const bool& begun) {
    if (replicas_.none() || OwnWritesScope::any()) return false;
    const auto replica = replicas_.pick();
    if (!replica) return false;
    LoopPool& pool = *replica->pools().here();
    if (!pool.warm()) return false;  // nobody waits for a server that may be gone
    const Replica::Reading reading(*replica);
    try {
      work(pool, *replica);
      return true;
    } catch (const Error& error) {
      if (begun || !primary_may_serve(*replica, error)) throw;
    }
    return false;
  }

  /// The error is the replica's and not the statement's.
  static bool primary_may_serve(Replica& replica, const Error& error) noexcept {
    // It had to replay what the statement was looking at.
    if (dynamic_cast<const SerializationError*>(&error)) return true;
    if (error.kind() != ErrorKind::unavailable) return false;
    replica.failed(error.what());
    return true;
  }

  void note_write(Access access) {
    if (access == Access::write && !replicas_.none()) OwnWritesScope::note();
  }

  /// Connections belong to loops: what other threads ask for runs in a fiber. What offload() runs belongs to
  /// the transaction of its fiber.
  template <class Work>
  std::invoke_result_t<const Work&> in_fiber(const Work& work) {
    const auto run = [&, transaction = current_.share()] {
      const auto scope = current_.set(transaction);
      return work();
    };
    fiber::Fiber<decltype(run())> fiber;
    try {
      fiber = fiber::spawn(run);
    } catch (const Error&) {  // on a thread that acts for no fiber
      fiber = fiber::spawn(runtime_, run);
    }
    return fiber.get();
  }

  LoopPool& pool() { return *primary_.here(); }

  const std::shared_ptr<const PostgresOptions> options_;
  fiber::Runtime& runtime_;
  ServerPools primary_;
  Replicas replicas_;
  CurrentTransaction current_{false};
  WaitWarnings waits_;

  fiber::Mutex counting_;
  std::atomic<std::uint64_t> counters_begun_{0};
  std::uint64_t counters_ended_ = 0;
  std::uint64_t counter_ = 0;
};

}  // namespace

std::unique_ptr<Database> open_postgres(PostgresOptions options) {
  if (!fiber::in_fiber()) throw Error(ErrorKind::internal, "open_postgres() is to be called in a fiber");
  auto database = std::make_unique<PostgresDatabase>(std::move(options));
  database->ping();
  return database;
}

}  // namespace mpf::db
