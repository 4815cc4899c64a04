#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <mpf/db/postgres.hpp>

struct pg_conn;
struct pg_result;

namespace mpf::db::postgres {

struct CloseConnection {
  void operator()(pg_conn* connection) const noexcept;
};
using ConnectionHandle = std::unique_ptr<pg_conn, CloseConnection>;

struct ClearResult {
  void operator()(pg_result* result) const noexcept;
};
using Result = std::unique_ptr<pg_result, ClearResult>;

/// Where to connect and how, in libpq's words. Error(configuration) for a URL that is none.
class Address {
 public:
  explicit Address(const PostgresOptions& options);
  /// Another server, everything else as in the options.
  Address(const PostgresOptions& options, const std::string& url);

  /// "postgres:host:port/database", without secrets.
  const std::string& description() const noexcept { return description_; }

  /// All of it as one text, with the password: for libpqxx.
  std::string text() const;

  /// Connects, in a fiber. Throws ConnectionLost or Error(configuration). The connection is non-blocking, in
  /// pipeline mode.
  ConnectionHandle connect() const { return connect(timeout_); }
  ConnectionHandle connect(std::chrono::milliseconds timeout) const;

 private:
  ConnectionHandle connect_blocking(std::chrono::milliseconds timeout, const std::atomic<bool>& stop) const;

  std::vector<std::pair<std::string, std::string>> settings_;  ///< later ones win
  std::string description_;
  std::chrono::milliseconds timeout_;
};

}  // namespace mpf::db::postgres
