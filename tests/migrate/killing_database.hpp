#pragma once

#include <signal.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <mpf/db/database.hpp>

namespace mpf::test {

/// Kills its process before the statement of that number.
class KillingDatabase final : public db::Database {
 public:
  KillingDatabase(std::unique_ptr<db::Database> inner, int statements)
      : inner_(std::move(inner)), statements_(statements) {}

  db::Dialect dialect() const noexcept override { return inner_->dialect(); }
  std::string description() const override { return inner_->description(); }
  std::uint64_t execute(const db::Statement& statement, const db::RowSink& on_row) override {
    count();
    return inner_->execute(statement, on_row);
  }
  std::uint64_t bulk_insert(const db::BulkInsert& insert) override {
    count();
    return inner_->bulk_insert(insert);
  }
  void execute_script(std::string_view sql) override {
    count();
    inner_->execute_script(sql);
  }
  void execute_long(std::string_view sql) override {
    count();
    inner_->execute_long(sql);
    count();
  }
  db::Transaction* current() const noexcept override { return inner_->current(); }
  std::uint64_t change_counter() override { return inner_->change_counter(); }
  void ping() override { inner_->ping(); }

 protected:
  void run_transaction(const std::function<void(db::Transaction&)>& body,
                       db::TransactionOptions options) override {
    count();
    inner_->transaction([&](db::Transaction& tx) { body(tx); }, options);
    count();
  }

 private:
  void count() {
    if (--statements_ < 0) ::kill(::getpid(), SIGKILL);
  }

  const std::unique_ptr<db::Database> inner_;
  int statements_;
};

}  // namespace mpf::test
