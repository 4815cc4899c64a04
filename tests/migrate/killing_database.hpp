#pragma once

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <mpf/db/database.hpp>
#include <mpf/db/postgres.hpp>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

namespace mpf::test {

/// A number that a process and those that it forks have in common.
class SharedCount {
 public:
  SharedCount() {
    void* const place =
        ::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) throw std::runtime_error("mmap");
    number_ = static_cast<int*>(place);
  }
  ~SharedCount() { ::munmap(number_, sizeof(int)); }
  SharedCount(const SharedCount&) = delete;
  SharedCount& operator=(const SharedCount&) = delete;

  int& operator*() const noexcept { return *number_; }

 private:
  int* number_ = nullptr;
};

/// Kills its process before the write, or the commit of writes, of that number. Reads do not count: a kill
/// before one leaves the same database as a kill before the next write. Counts what was committed in
/// `committed`.
class KillingDatabase final : public db::Database {
 public:
  KillingDatabase(std::unique_ptr<db::Database> inner, int writes, int* committed = nullptr)
      : inner_(std::move(inner)), writes_(writes), committed_(committed) {}

  db::Dialect dialect() const noexcept override { return inner_->dialect(); }
  std::string description() const override { return inner_->description(); }
  std::uint64_t execute(const db::Statement& statement, const db::RowSink& on_row) override {
    const bool is_write = statement.access == db::Access::write;
    if (is_write) count();
    const auto changed = inner_->execute(statement, on_row);
    if (is_write) note_commit();
    return changed;
  }
  std::uint64_t bulk_insert(const db::BulkInsert& insert) override {
    count();
    const auto changed = inner_->bulk_insert(insert);
    note_commit();
    return changed;
  }
  void execute_script(std::string_view sql) override {
    if (!writes(sql)) return inner_->execute_script(sql);
    count();
    inner_->execute_script(sql);
    note_commit();
  }
  void execute_long(std::string_view sql) override {
    count();
    inner_->execute_long(sql);
    note_commit();
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
          if (wrote_) count();
        },
        options);
    note_commit();
  }

 private:
  static bool writes(std::string_view script) {
    return !script.starts_with("SET ") && !script.starts_with("SELECT ") && !script.starts_with("PRAGMA ");
  }

  void count() {
    if (--writes_ < 0) ::kill(::getpid(), SIGKILL);
    wrote_ = true;
  }
  void note_commit() {
    if (!wrote_ || inner_->current()) return;
    wrote_ = false;
    if (committed_) ++*committed_;
  }

  const std::unique_ptr<db::Database> inner_;
  int writes_;
  bool wrote_ = false;  ///< and has not committed it
  int* const committed_;
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

/// All that a migration reads of a database and the tables' own definitions, in one text.
inline std::string state_of(const db::PostgresOptions& options) {
  std::string state;
  run([&] {
    const auto database = db::open_postgres(options);
    for (const auto& fact : catalog(*database)) state += fact + "\n";
    for (const std::string table : {"mpf_migration", "mpf_migration_progress"}) {
      const auto known = "SELECT count(*) FROM pg_class WHERE relname = '" + table + "'";
      if (number(*database, known) == 0) continue;
      const auto columns = table == "mpf_migration" ? "name" : "t";
      for (const auto& row :
           texts(*database, std::string("SELECT ") + columns + "::text FROM " + table + " AS t ORDER BY 1")) {
        state += row + "\n";
      }
    }
  });
  return state;
}

using Work = std::function<void(db::Database&)>;

/// Runs `work` in processes of their own until one comes to its end. All others are killed: before the first
/// write, before the second one, and so on, each going on with the database as the one before has left it.
/// Where something was committed, `changed` is called, and the count begins anew: what would be done before
/// is done. So there is a kill before each write, and a look at each state that one may leave behind. Returns
/// the number of processes.
inline int killed_again_and_again(const db::PostgresOptions& options, const Work& work,
                                  const std::function<void()>& changed = {}) {
  auto state = state_of(options);
  int processes = 0;
  for (int writes = 0;;) {
    const SharedCount committed;
    const int status = in_process([&] {
      KillingDatabase database(db::open_postgres(options), writes, &*committed);
      work(database);
    });
    ++processes;
    CHECK((was_killed(status) || status == 0));
    bool other = false;
    if (*committed > 0) {
      auto now = state_of(options);
      other = std::exchange(state, now) != now;
    }
    if (other && changed) changed();
    if (!was_killed(status)) return processes;
    writes = other ? 0 : writes + 1;
  }
}

/// `seen` gets a copy of the database.
inline void with_copy(const std::string& database,
                      const std::function<void(const db::PostgresOptions&)>& seen) {
  db::PostgresOptions options;
  run([&] { options = Postgres::shared().copy(database); });
  seen(options);
  run([&] { Postgres::shared().drop(options.database); });
}

/// Works on a copy of a database, killed before each write in turn; then `again` finds a copy of each state
/// that this leaves behind. Returns how many kills there were.
inline int killed_everywhere(const std::string& model, const Work& work, const Work& again) {
  int points = 0;
  with_copy(model, [&](const db::PostgresOptions& options) {
    const auto look = [&] {
      with_copy(options.database,
                [&](const db::PostgresOptions& copy) { run([&] { again(*db::open_postgres(copy)); }); });
    };
    look();
    points = killed_again_and_again(options, work, look);
  });
  return points;
}

}  // namespace mpf::test
