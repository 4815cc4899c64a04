#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "migrate/renderer.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {

/// Changes of tables in use by steps that hold no lock for long; of those that the migration itself makes, at
/// once.
class PostgresRenderer final : public Renderer {
 public:
  PostgresRenderer(State& state, Fill fill) : Renderer(state, db::Dialect::postgres, fill) {}

  void add(const Operation& operation, const std::string& module) override {
    std::visit([&](const auto& op) { render(op, operation, module); }, operation);
  }

 private:
  static std::string alter(const std::string& table) { return "ALTER TABLE " + orm::ddl::quote(table) + " "; }
  static std::string alter_column(const std::string& table, const std::string& column) {
    return alter(table) + "ALTER COLUMN " + orm::ddl::quote(column) + " ";
  }

  void render(const CreateTable& op, const Operation& operation, const std::string& module);
  void render(const DropTable& op, const Operation& operation, const std::string& module);
  void render(const RenameTable& op, const Operation& operation, const std::string& module);
  void render(const MoveTable& op, const Operation& operation, const std::string& module);
  void render(const AlterTable& op, const Operation& operation, const std::string& module);
  void render(const AlterRowSecurity& op, const Operation& operation, const std::string& module);
  void render(const CreateIndex& op, const Operation& operation, const std::string& module);
  void render(const DropIndex& op, const Operation& operation, const std::string& module);
  void render(const RenameIndex& op, const Operation& operation, const std::string& module);
  void render(const AddCheck& op, const Operation& operation, const std::string& module);
  void render(const DropCheck& op, const Operation& operation, const std::string& module);
  void render(const RunSql& op, const Operation& operation, const std::string& module);
  void render(const Backfill& op, const Operation& operation, const std::string& module);
  void render(const CallFunction& op, const Operation& operation, const std::string& module);

  void render(const AddColumn& op, const Operation& operation, const std::string& module);
  void render(const DropColumn& op, const Operation& operation, const std::string& module);
  void render(const AlterColumn& op, const Operation& operation, const std::string& module);
  void render(const RenameColumn& op, const Operation& operation, const std::string& module);
  void render(const ExpandColumn& op, const Operation& operation, const std::string& module);
  void render(const ContractColumn& op, const Operation& operation, const std::string& module);

  /// Whether the table was there before the migration: it has rows, and others work on it. What is done to
  /// it must not hold its lock for long.
  bool is_live(const std::string& table) const { return !fresh_.contains(table); }

  void rename_own(const std::string& table);
  void secure(const orm::Table& table);
  void unsecure(const orm::Table& table);

  // Columns (postgres_columns.cpp).
  void add_to_live(const std::string& table, const orm::Column& column, const std::string& adds);
  void add_bare(const std::string& table, const orm::Column& column, const std::string& adds);
  void generate(const AlterColumn& op, const Operation& operation, const std::string& module);
  void drop(const std::string& table, const orm::Column& column);
  void add_with_rules(const std::string& name, const orm::Column& column);
  void change_type(const std::string& table, const orm::Column& before, const orm::Column& after);
  std::vector<orm::Column> generated_from(const std::string& table, const std::string& column) const;
  std::vector<orm::Table> secured_by(const std::string& table, const std::string& column) const;
  void guard_copy(const ExpandColumn& op, const orm::Column& before, const std::string& value);
  const Twins& twins_of(const std::string& table, const std::string& one, const std::string& other) const;
  void rename_constraints(const std::string& table, const std::string& old_table, const orm::Column& before,
                          const orm::Column& after);

  // Rules and indexes while others write (postgres_rules.cpp).
  void drop_rules(const std::string& table, const orm::Column& before, const orm::Column& after, bool all);
  void add_rules(const std::string& table, const orm::Column& before, const orm::Column& after, bool all);
  void add_rule(const std::string& table, const std::string& name, const std::string& rule);
  void drop_constraint(const std::string& table, const std::string& name);
  void validate_all(const std::string& table);
  void forbid_null(const std::string& table, const std::string& name, const std::string& missing);
  void build_sorted(const std::string& table, const orm::Column& after);
  void drop_unsorted(const std::string& table, const std::string& column);
  void rename_sorted(const std::string& table, const std::string& column);

  std::set<std::string> fresh_;  ///< tables that the migration itself makes
  std::vector<std::string> unvalidated_;
};

/// The statement, run while others write.
std::string concurrently(std::string create_index);

}  // namespace mpf::migrate
