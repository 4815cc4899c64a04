#pragma once

#include <memory>
#include <vector>

#include <mpf/db/sqlite.hpp>
#include <mpf/orm/ddl.hpp>

#include "support/temp_dir.hpp"

namespace mpf::test {

/// A fresh SQLite database with these tables. Made and used in a fiber.
class Database {
 public:
  explicit Database(const std::vector<std::vector<orm::Table>>& tables) {
    db_ = db::open_sqlite({.file = folder_ / "test.db"});
    for (const auto& list : tables) {
      for (const orm::Table& table : list) {
        for (const std::string& sql : orm::create_table_sql(table, db_->dialect())) db_->execute_script(sql);
      }
    }
  }

  db::Database& operator*() const { return *db_; }
  db::Database* operator->() const { return db_.get(); }

 private:
  TempDir folder_;
  std::unique_ptr<db::Database> db_;
};

}  // namespace mpf::test
