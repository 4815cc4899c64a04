#pragma once

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <mpf/db/database.hpp>
#include <mpf/db/postgres.hpp>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

namespace mpf::test {

/// Kills its process before the write or commit of that number. Reads do not count: a kill before one leaves
/// the same database as a kill before the next write.
class KillingDatabase final : public db::Database {
 public:
  KillingDatabase(std::unique_ptr<db::Database> inner, int writes)
      : inner_(std::move(inner)), writes_(writes) {}

  db::Dialect dialect() const noexcept override { return inner_->dialect(); }
  std::string description() const override { return inner_->description(); }
  std::uint64_t execute(const db::Statement& statement, const db::RowSink& on_row) override {
    if (statement.access == db::Access::write) count();
    return inner_->execute(statement, on_row);
  }
  std::uint64_t bulk_insert(const db::BulkInsert& insert) override {
    count();
    return inner_->bulk_insert(insert);
  }
  void execute_script(std::string_view sql) override {
    if (writes(sql)) count();
    inner_->execute_script(sql);
  }
  void execute_long(std::string_view sql) override {
    count();
    inner_->execute_long(sql);
  }
  db::Transaction* current() const noexcept override { return inner_->current(); }
  std::uint64_t change_counter() override { return inner_->change_counter(); }
  void ping() override { inner_->ping(); }

 protected:
  void run_transaction(const std::function<void(db::Transaction&)>& body,
                       db::TransactionOptions options) override {
    inner_->transaction(
        [&](db::Transaction& tx) {
          body(tx);
          if (!options.read_only) count();
        },
        options);
  }

 private:
  static bool writes(std::string_view script) {
    return !script.starts_with("SET ") && !script.starts_with("SELECT ") && !script.starts_with("PRAGMA ");
  }

  void count() {
    if (--writes_ < 0) ::kill(::getpid(), SIGKILL);
  }

  const std::unique_ptr<db::Database> inner_;
  int writes_;
};

/// The exit status of a process that runs body in a fiber.
inline int in_process(const std::function<void()>& body) {
  const auto child = ::fork();
  if (child == 0) {
    int code = 0;
    try {
      run(body);
    } catch (const std::exception& e) {
      (void)!::write(2, e.what(), std::string(e.what()).size());
      code = 1;
    }
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

inline bool was_killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

/// Runs the body in a process of its own that is killed before a write; whether it was.
inline bool killed_at(const db::PostgresOptions& options, int writes,
                      const std::function<void(db::Database&)>& body) {
  const int status = in_process([&] {
    KillingDatabase database(db::open_postgres(options), writes);
    body(database);
  });
  CHECK((was_killed(status) || status == 0));
  return was_killed(status);
}

/// Works on copies of a database, killed before each of the writes in turn; then `again` finds each copy as
/// that left it. Returns how many there were.
inline int killed_everywhere(const std::string& model, const std::function<void(db::Database&)>& work,
                             const std::function<void(db::Database&)>& again) {
  int points = 0;
  for (bool more = true; more; ++points) {
    CAPTURE(points);
    db::PostgresOptions options;
    run([&] { options = Postgres::shared().copy(model); });
    more = killed_at(options, points, work);
    run([&] {
      again(*db::open_postgres(options));
      Postgres::shared().drop(options.database);
    });
  }
  return points;
}

}  // namespace mpf::test
