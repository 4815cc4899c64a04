#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <mpf/db/sqlite.hpp>

#include "support/temp_dir.hpp"

namespace mpf::test {

inline db::Statement read(std::string sql, std::vector<db::Param> params = {}) {
  return {std::move(sql), std::move(params), db::Access::read};
}
inline db::Statement write(std::string sql, std::vector<db::Param> params = {}) {
  return {std::move(sql), std::move(params), db::Access::write};
}

inline std::int64_t number(db::Database& db, std::string sql, std::vector<db::Param> params = {}) {
  std::int64_t value = -1;
  db.execute(read(std::move(sql), std::move(params)), [&](const db::Row& row) { value = row.integer(0); });
  return value;
}

/// Takes hundreds of milliseconds and touches no table.
inline const std::string long_query =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM "
    "n";
/// Never ends by itself.
inline const std::string endless_query =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/// A database with a table item(id, name unique, amount > 0). To be made in a fiber.
struct ItemDatabase {
  TempDir folder;
  std::unique_ptr<db::Database> owned;
  db::Database& db;

  explicit ItemDatabase(db::SqliteOptions options = {})
      : owned(open(folder, std::move(options))), db(*owned) {
    db.execute_script(
        "CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, "
        "amount INTEGER NOT NULL DEFAULT 1, parent_id INTEGER REFERENCES item (id), "
        "CONSTRAINT item_amount_check CHECK (amount > 0)) STRICT;"
        "CREATE UNIQUE INDEX item_name_key ON item (name);");
  }

  static std::unique_ptr<db::Database> open(const TempDir& folder, db::SqliteOptions options) {
    options.file = folder / "item.db";
    return db::open_sqlite(std::move(options));
  }

  void add(const std::string& name) const { db.execute(write("INSERT INTO item (name) VALUES (?)", {name})); }
  std::int64_t count() const { return number(db, "SELECT count(*) FROM item"); }
};

}  // namespace mpf::test
