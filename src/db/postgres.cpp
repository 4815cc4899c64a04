#include <mpf/db/postgres.hpp>

#include <libpq-fe.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>

#include <fmt/core.h>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

#include "db/postgres_copy.hpp"
#include "db/postgres_session.hpp"
#include "db/query_timer.hpp"
#include "fiber/loop_impl.hpp"

namespace mpf::db {

namespace {

using namespace postgres;

constexpr int stray_cancels = 5;  ///< so often a statement is run again that was hit by others'

class PostgresDatabase final : public Database {
 public:
  explicit PostgresDatabase(PostgresOptions options)
      : options_(std::make_shared<const PostgresOptions>(std::move(options))),
        address_(*options_),
        runtime_(fiber::Loop::current()->runtime()),
        pools_(runtime_.loop_count()) {}

  ~PostgresDatabase() override {
    for (const auto& slot : pools_) {
      if (slot.pool) close(slot);
    }
    for (const auto& [loop, slot] : foreign_) close(slot);
  }

  Dialect dialect() const noexcept override { return Dialect::postgres; }
  std::string description() const override { return address_.description(); }

  std::uint64_t execute(const Statement& statement, const RowSink& on_row) override {
    if (!fiber::in_fiber()) return in_fiber([&] { return execute(statement, on_row); });
    const QueryTimer timer(statement.origin);
    if (OpenTransaction* const transaction = current_.get()) {
      return session_of(*transaction).execute(statement, on_row);
    }
    return execute_alone(statement, on_row);
  }

  /// Outside of the fiber's transaction.
  std::uint64_t execute_alone(const Statement& statement, const RowSink& on_row) {
    const bool write = statement.access == Access::write;
    if ((write && on_row) || (statement.stream && !write)) return execute_owned(statement, on_row);
    for (int attempt = 0;; ++attempt) {
      Result result;
      {
        const LoopPool::Share link(pool());
        Completion completion;
        Request* const request =
            &link->send({}, statement.sql, statement.params, completion, purpose_of(statement));
        link->wait({&request, 1}, completion, write ? Link::Giving::no_rest : Link::Giving::up);
        const bool again = link->hit_by_stray_cancel(*request) || link->was_stale(*request);
        struct Forget {
          Link& link;
          Request& request;
          ~Forget() { link.forget(request); }
        };
        const Forget forget{*link, *request};
        if (again && attempt < stray_cancels) continue;
        link->check(*request, statement.sql);
        result = std::move(request->result);
      }
      return deliver(result, on_row);
    }
  }

  std::uint64_t execute_batch(std::span<const Statement> statements, const BatchSink& on_row) override {
    if (statements.empty()) return 0;
    if (!fiber::in_fiber()) return in_fiber([&] { return execute_batch(statements, on_row); });
    const QueryTimer timer(statements.front().origin, statements.size());
    if (OpenTransaction* const transaction = current_.get()) {
      return session_of(*transaction).execute_batch(statements, on_row);
    }
    bool writes = false;
    for (const Statement& each : statements) writes = writes || each.access == Access::write;
    std::vector<std::string> nothing;
    const LoopPool::Lease link(pool());  // of its own: no cancellation of others may hit a part of it
    return run_batch(*link, nothing, statements, writes ? Link::Giving::no_rest : Link::Giving::up,
                     [&](std::size_t i, const Result& result) {
                       return deliver(result,
                                      on_row ? RowSink([&](const Row& row) { on_row(i, row); }) : RowSink());
                     });
  }

  std::uint64_t bulk_insert(const BulkInsert& insert) override {
    if (!fiber::in_fiber()) return in_fiber([&] { return bulk_insert(insert); });
    if (OpenTransaction* const transaction = current_.get()) {
      return copy_rows(session_of(*transaction), insert);
    }
    std::uint64_t rows = 0;
    in_own_transaction([&](PostgresSession& session) { rows = copy_rows(session, insert); });
    return rows;
  }

  void execute_script(std::string_view sql) override {
    if (!fiber::in_fiber()) return in_fiber([&] { execute_script(sql); });
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
    execute_alone({"SELECT pg_current_snapshot()::text", {}, Access::read},
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
      PostgresSession session(pool(), options);
      run_outermost(session, current_, body);
    });
  }

 private:
  struct Slot {
    fiber::Loop* loop = nullptr;
    std::shared_ptr<LoopPool> pool;
  };

  static PostgresSession& session_of(OpenTransaction& transaction) {
    return static_cast<PostgresSession&>(transaction.session());
  }

  /// In a transaction that is nobody's: of a stream, or of a write whose rows somebody looks at.
  std::uint64_t execute_owned(const Statement& statement, const RowSink& on_row) {
    std::uint64_t changed = 0;
    in_own_transaction([&](PostgresSession& session) { changed = session.execute(statement, on_row); });
    return changed;
  }

  template <class Work>
  void in_own_transaction(const Work& work) {
    PostgresSession session(pool(), {});
    session.begin();
    try {
      work(session);
      session.commit();
    } catch (...) {
      session.roll_back();
      throw;
    }
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

  /// Of the current loop; made when it is needed.
  LoopPool& pool() {
    fiber::Loop& loop = *fiber::Loop::current();
    if (&loop.runtime() == &runtime_) {
      Slot& slot = pools_[loop.index()];
      if (!slot.pool) slot = {&loop, std::make_shared<LoopPool>(loop, options_, address_)};
      return *slot.pool;
    }
    const std::scoped_lock lock(foreign_mutex_);
    Slot& slot = foreign_[&loop];
    if (!slot.pool) slot = {&loop, std::make_shared<LoopPool>(loop, options_, address_)};
    return *slot.pool;
  }

  static void close(const Slot& slot) noexcept {
    if (fiber::Loop::current() == slot.loop) return slot.pool->close();
    // Kept alive by what is posted: the loop may have ended, then this is dropped with it.
    struct Closing {
      std::shared_ptr<LoopPool> pool;
      fiber::Waiter* waiter;
      ~Closing() {
        if (waiter) waiter->wake();
      }
    };
    try {
      if (fiber::in_fiber()) {
        fiber::Waiter closed;
        slot.loop->post(
            [closing = std::make_shared<Closing>(slot.pool, &closed)] { closing->pool->close(); });
        closed.wait_through();
      } else {
        slot.loop->post([pool = slot.pool] { pool->close(); });
      }
    } catch (...) {  // no memory: the loop's end closes them
    }
  }

  const std::shared_ptr<const PostgresOptions> options_;
  const Address address_;
  fiber::Runtime& runtime_;
  std::vector<Slot> pools_;  ///< by loop, each touched by its own only
  std::mutex foreign_mutex_;
  std::map<const fiber::Loop*, Slot> foreign_;
  CurrentTransaction current_{false};

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
