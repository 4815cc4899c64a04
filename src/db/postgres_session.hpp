#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "db/postgres_pool.hpp"
#include "db/transaction.hpp"

namespace mpf::db::postgres {

/// The rows to the callback; the number of rows that it changed.
std::uint64_t deliver(const Result& result, const RowSink& on_row);

/// A statement outside of transactions, on a connection that others use as well: its result.
Result run_alone(LoopPool& pool, const Statement& statement);

/// Several of them, as one transaction.
std::vector<Result> run_batch_alone(LoopPool& pool, std::span<const Statement> statements);

/// Sends all at once; their results. Throws the first error. Nothing where the batch was hit by the
/// cancellation of another, or by a change of its tables: then none of it has been done.
std::optional<std::vector<Result>> run_batch(Link& link, std::vector<std::string>& before,
                                             std::span<const Statement> statements, Link::Giving giving);

/// A transaction's connection. BEGIN and savepoints travel with the next statement, so they cost no
/// round trip.
class PostgresSession final : public Session {
 public:
  /// Where to go on when the first statement fails, for reasons that are the server's alone: none of it has
  /// been seen yet. Null: nowhere.
  using Elsewhere = std::function<LoopPool*(const Error& why)>;

  PostgresSession(LoopPool& pool, const TransactionOptions& options, Elsewhere elsewhere = {})
      : pool_(&pool), options_(options), elsewhere_(std::move(elsewhere)) {}
  ~PostgresSession() override { release(); }

  void begin() override;
  void commit() override;
  void roll_back() noexcept override;
  void release() noexcept override { lease_.reset(); }
  void set_savepoint(int depth) override;
  void release_savepoint(int depth) override;
  void return_to_savepoint(int depth) noexcept override;
  void require_alive() override;

  std::uint64_t execute(const Statement& statement, const RowSink& on_row);
  std::uint64_t execute_batch(std::span<const Statement> statements, const Database::BatchSink& on_row);
  void script(std::string_view sql);
  std::uint64_t copy_in(const std::string& sql, const std::function<void(std::string&)>& fill);

 private:
  template <class Work>
  void guarded(const Work& work);
  template <class Work>
  void run_here_or_elsewhere(const Work& work);
  void refuse_write(const Statement& statement) const;
  Result run(std::string_view sql, const std::vector<Param>& params, Purpose purpose = Purpose::own);
  std::uint64_t stream(const Statement& statement, const RowSink& on_row);
  std::uint64_t show(const Result& result, const RowSink& on_row);
  void send_pending();

  LoopPool* pool_;
  const TransactionOptions options_;
  Elsewhere elsewhere_;  ///< until a statement has been answered
  std::optional<LoopPool::Lease> lease_;
  std::vector<std::string> pending_;  ///< BEGIN, SAVEPOINT… that have not been sent
  bool begun_ = false;                ///< something has been sent
  bool showing_ = false;              ///< a row callback runs
  int cursors_ = 0;
  std::exception_ptr ended_by_;
};

}  // namespace mpf::db::postgres
