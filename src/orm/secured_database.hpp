#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <mpf/db/database.hpp>
#include <mpf/orm/detail/core.hpp>

namespace mpf::orm::detail {

/// Passes everything on to another database.
class ForwardingDatabase : public db::Database {
 public:
  explicit ForwardingDatabase(db::Database& inner) : inner_(inner) {}

  db::Dialect dialect() const noexcept override { return inner_.dialect(); }
  std::string description() const override { return inner_.description(); }
  std::uint64_t execute(const db::Statement& statement, const db::RowSink& on_row) override {
    return inner_.execute(statement, on_row);
  }
  std::uint64_t execute_batch(std::span<const db::Statement> statements, const BatchSink& on_row) override {
    return inner_.execute_batch(statements, on_row);
  }
  std::uint64_t bulk_insert(const db::BulkInsert& insert) override { return inner_.bulk_insert(insert); }
  std::uint64_t copy_out(const db::CopyOut& copy) override { return inner_.copy_out(copy); }
  std::uint64_t copy_in(const db::CopyIn& copy) override { return inner_.copy_in(copy); }
  void backup(const std::filesystem::path& file) override { inner_.backup(file); }
  void execute_script(std::string_view sql) override { inner_.execute_script(sql); }
  void execute_long(std::string_view sql) override { inner_.execute_long(sql); }
  db::Transaction* current() const noexcept override { return inner_.current(); }
  std::uint64_t change_counter() override { return inner_.change_counter(); }
  void ping() override { inner_.ping(); }

 protected:
  void run_transaction(const std::function<void(db::Transaction&)>& body,
                       db::TransactionOptions options) override {
    inner_.transaction([&](db::Transaction& transaction) { body(transaction); }, options);
  }

  db::Database& inner_;
};

/// The database as one scope sees it.
class ScopedView final : public ForwardingDatabase {
 public:
  ScopedView(db::Database& inner, const std::string& role, const ScopeData& scope);

  std::uint64_t execute(const db::Statement& statement, const db::RowSink& on_row) override;
  std::uint64_t execute_batch(std::span<const db::Statement> statements, const BatchSink& on_row) override;
  std::uint64_t bulk_insert(const db::BulkInsert& insert) override;

 private:
  void enter();

  db::Statement settings_;
};

class SecuredDatabase final : public ForwardingDatabase {
 public:
  SecuredDatabase(std::unique_ptr<db::Database> database, std::string role)
      : ForwardingDatabase(*database), owned_(std::move(database)), role_(std::move(role)) {}

  /// In a transaction a scope may have been at work before: leaves it.
  std::uint64_t execute(const db::Statement& statement, const db::RowSink& on_row) override;
  std::uint64_t execute_batch(std::span<const db::Statement> statements, const BatchSink& on_row) override;
  std::uint64_t bulk_insert(const db::BulkInsert& insert) override;
  void execute_script(std::string_view sql) override;

  std::shared_ptr<db::Database> view(const ScopeData& scope) {
    return std::make_shared<ScopedView>(inner_, role_, scope);
  }

 private:
  void leave();

  std::unique_ptr<db::Database> owned_;
  std::string role_;
};

}  // namespace mpf::orm::detail
