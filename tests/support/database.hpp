#pragma once

#include <memory>
#include <string>
#include <vector>

#include <mpf/orm/ddl.hpp>

#include "support/place.hpp"

namespace mpf::test {

/// Makes tables as migrations would.
inline void create_tables(db::Database& db, const std::vector<orm::Table>& tables) {
  for (const orm::Table& table : tables) {
    for (const std::string& sql : orm::create_table_sql(table, db.dialect())) db.execute_script(sql);
  }
}

/// A fresh database with these tables. Made and used in a fiber.
class Database {
 public:
  explicit Database(const std::vector<std::vector<orm::Table>>& tables) : db_(place_.open()) {
    for (const auto& list : tables) create_tables(*db_, list);
  }

  db::Database& operator*() const { return *db_; }
  db::Database* operator->() const { return db_.get(); }

 private:
  DatabasePlace place_;
  std::unique_ptr<db::Database> db_;
};

}  // namespace mpf::test
