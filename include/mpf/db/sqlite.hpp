#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>

#include <mpf/db/database.hpp>

namespace mpf::db {

struct SqliteOptions {
  std::filesystem::path file;
  bool create = true;                              ///< false: a missing file is Error(unavailable)
  std::chrono::milliseconds busy_timeout{10'000};  ///< for the lock that another process holds
  std::size_t readers = 4;                         ///< read connections per loop at most, opened when needed
  std::size_t cached_statements = 256;             ///< per connection
  /// What is committed survives kill -9; with `full` also a power loss, as each write waits for the disk.
  /// Those of several fibers that end at about the same time share a sync; each is a transaction of its own,
  /// which others can see before the disk has it.
  enum class Durability { full, normal };
  Durability durability = Durability::normal;
};

/// Opens an SQLite database in WAL mode with foreign keys on. Readers run beside the one writer; writers of
/// this process queue fairly, those of others by busy_timeout. Long reads yield their loop by SQLite's
/// progress callback; writes run off the loops. Throws Error(corrupt) for a file that is no database or
/// damaged, Error(unavailable) for one that cannot be opened, both naming the file and what to do.
std::unique_ptr<Database> open_sqlite(SqliteOptions options);

}  // namespace mpf::db
