#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include <mpf/fiber/local.hpp>

namespace mpf::db {

/// Counts the statements of one request or task, with where they come from. A bulk insert counts as one;
/// scripts don't count, nor BEGIN and COMMIT. Fibers that are spawned meanwhile count too. Thread-safe.
class QueryLog {
 public:
  /// More statements than the budget are worth a look; 0: any number is fine.
  explicit QueryLog(std::size_t budget = 0);
  ~QueryLog();
  QueryLog(const QueryLog&) = delete;
  QueryLog& operator=(const QueryLog&) = delete;

  struct Origin {
    std::string where;  ///< "src/user.cpp:42"
    std::size_t statements = 0;
    std::chrono::microseconds time{0};
  };

  std::size_t statements() const noexcept;
  std::chrono::microseconds time() const noexcept;  ///< spent waiting, in sum
  std::size_t budget() const noexcept;
  bool over_budget() const noexcept;

  /// Where the statements came from, the most frequent first.
  std::vector<Origin> origins() const;

  /// "31 statements, 12.4 ms"; over budget also the origins, by number: "…: 30 from src/user.cpp:42, 1 from
  /// …"
  std::string summary() const;

  /// For drivers: one more. Nothing when no log is on the fiber.
  static void note(const std::source_location& origin, std::chrono::microseconds took,
                   std::size_t statements = 1);
  /// Whether one is on the fiber.
  static bool active() noexcept;

  /// Puts a log on the current fiber, until it goes:
  ///
  ///     const db::QueryLogScope queries(20);
  ///     …
  ///     CHECK(!queries->over_budget());
  friend class QueryLogScope;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class QueryLogScope {
 public:
  explicit QueryLogScope(std::size_t budget = 0);
  const QueryLog* operator->() const noexcept { return log_.get(); }
  const QueryLog& operator*() const noexcept { return *log_; }

 private:
  std::shared_ptr<QueryLog> log_;
  fiber::Local<QueryLog>::Scope scope_;
};

}  // namespace mpf::db
