#pragma once

#include <cstdint>
#include <memory>

#include <mpf/db/postgres.hpp>

#include "db/database.hpp"

namespace mpf::test {

/// An empty PostgreSQL database. To be made in a fiber.
struct Opened {
  std::unique_ptr<db::Database> owned;
  db::Database& db;
  explicit Opened(const db::PostgresOptions& options = Postgres::shared().fresh())
      : owned(db::open_postgres(options)), db(*owned) {}
};

/// Sessions of this database that do something now, but for the one that asks.
inline std::int64_t active(db::Database& db) {
  return number(
      db,
      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND "
      "pid <> pg_backend_pid()");
}

}  // namespace mpf::test
