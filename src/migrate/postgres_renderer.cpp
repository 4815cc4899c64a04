#include <algorithm>

#include "migrate/renderer.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

namespace ddl = orm::ddl;
constexpr auto postgres = db::Dialect::postgres;

class PostgresRenderer final : public Renderer {
 public:
  PostgresRenderer(State& state, Fill fill) : Renderer(state, postgres, fill) {}

  void add(const Operation& operation, const std::string& module) override {
    std::visit([&](const auto& op) { render(op, operation, module); }, operation);
  }

 private:
  static std::string alter(const std::string& table) { return "ALTER TABLE " + ddl::quote(table) + " "; }

  void render(const CreateTable& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    const auto& table = state_.table(op.table.name);
    sql(ddl::create_table(table, postgres));
    for (const auto& index : table.indexes) sql(ddl::create_index(table.name, index));
  }
  void render(const DropTable& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    sql("DROP TABLE " + ddl::quote(op.table));
  }
  void render(const RenameTable& op, const Operation& operation, const std::string& module) {
    const auto before = state_.table(op.from);
    state_.apply(operation, module);
    sql(alter(op.from) + "RENAME TO " + ddl::quote(op.to));
    for (const auto& column : before.columns) rename_constraints(op.to, op.from, column, column);
  }
  void render(const MoveTable&, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
  }
  void render(const AlterTable&, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
  }
  void render(const AddColumn& op, const Operation& operation, const std::string& module) {
    guard_added(op.table, op.column);
    state_.apply(operation, module);
    auto column = op.column;
    const bool fills = needs_value(column) && !missing_value(column).empty();
    if (!fills) {
      sql(alter(op.table) + "ADD COLUMN " + ddl::column(op.table, column, postgres));
      return;
    }
    column.default_value = missing_value(column);
    sql(alter(op.table) + "ADD COLUMN " + ddl::column(op.table, column, postgres));
    sql(alter(op.table) + "ALTER COLUMN " + ddl::quote(column.name) + " DROP DEFAULT");
  }
  void render(const DropColumn& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    sql(alter(op.table) + "DROP COLUMN " + ddl::quote(op.column));
  }
  void render(const AlterColumn& op, const Operation& operation, const std::string& module) {
    const auto* found = find_column(state_.table(op.table), op.column.name);
    const auto before = found ? *found : op.column;
    if (!convertible(before.type, op.column.type)) {
      throw StateError("values of this type cannot become values of the other");
    }
    state_.apply(operation, module);
    const auto& after = op.column;
    guard_values(op.table, before, after);
    const auto change = alter(op.table) + "ALTER COLUMN " + ddl::quote(after.name) + " ";
    const auto old_checks = ddl::checks(op.table, before, postgres);
    const auto new_checks = ddl::checks(op.table, after, postgres);
    const auto is_in = [](const std::vector<ddl::Check>& checks, const ddl::Check& check) {
      return std::ranges::any_of(checks, [&](const ddl::Check& c) {
        return c.name == check.name && c.condition == check.condition;
      });
    };
    for (const auto& check : old_checks) {
      if (!is_in(new_checks, check)) sql(alter(op.table) + "DROP CONSTRAINT " + ddl::quote(check.name));
    }
    const bool refers_anew = before.references != after.references;
    if (refers_anew && before.references) {
      sql(alter(op.table) + "DROP CONSTRAINT " + ddl::quote(ddl::reference_name(op.table, before)));
    }
    if (before.type != after.type) {
      if (before.default_value) sql(change + "DROP DEFAULT");
      sql(change + "TYPE " + std::string(ddl::type_name(after.type, postgres)) + " USING " +
          conversion(ddl::quote(after.name), before.type, after.type, postgres).value);
      if (after.default_value) sql(change + "SET DEFAULT " + ddl::default_literal(after, postgres));
    } else if (before.default_value != after.default_value) {
      sql(change +
          (after.default_value ? "SET DEFAULT " + ddl::default_literal(after, postgres) : "DROP DEFAULT"));
    }
    if (before.nullable && !after.nullable) {
      if (const auto missing = missing_value(after); !missing.empty()) {
        const auto name = ddl::quote(after.name);
        sql("UPDATE " + ddl::quote(op.table) + " SET " + name + " = " + missing + " WHERE " + name +
            " IS NULL");
      }
      sql(change + "SET NOT NULL");
    } else if (!before.nullable && after.nullable) {
      sql(change + "DROP NOT NULL");
    }
    for (const auto& check : new_checks) {
      if (is_in(old_checks, check)) continue;
      sql(alter(op.table) + "ADD CONSTRAINT " + ddl::quote(check.name) + " CHECK (" + check.condition + ")");
    }
    if (refers_anew && after.references) {
      sql(alter(op.table) + "ADD CONSTRAINT " + ddl::quote(ddl::reference_name(op.table, after)) +
          " FOREIGN KEY (" + ddl::quote(after.name) + ") " + ddl::references(*after.references));
    }
  }
  void render(const RenameColumn& op, const Operation& operation, const std::string& module) {
    const auto before = *find_column(state_.table(op.table), op.from);
    state_.apply(operation, module);
    sql(alter(op.table) + "RENAME COLUMN " + ddl::quote(op.from) + " TO " + ddl::quote(op.to));
    rename_constraints(op.table, op.table, before, *find_column(state_.table(op.table), op.to));
  }
  void render(const CreateIndex& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    sql(ddl::create_index(op.table, op.index));
  }
  void render(const DropIndex& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    sql("DROP INDEX " + ddl::quote(op.index));
  }
  void render(const RunSql& op, const Operation&, const std::string&) { run_by_hand(op); }

  /// Their names say those of table and column.
  void rename_constraints(const std::string& table, const std::string& old_table, const orm::Column& before,
                          const orm::Column& after) {
    const auto rename = [&](const std::string& from, const std::string& to) {
      if (from != to) sql(alter(table) + "RENAME CONSTRAINT " + ddl::quote(from) + " TO " + ddl::quote(to));
    };
    const auto old_checks = ddl::checks(old_table, before, postgres);
    const auto new_checks = ddl::checks(table, after, postgres);
    for (std::size_t i = 0; i < old_checks.size(); ++i) rename(old_checks[i].name, new_checks[i].name);
    if (before.references) rename(ddl::reference_name(old_table, before), ddl::reference_name(table, after));
  }
};

}  // namespace

std::unique_ptr<Renderer> make_postgres_renderer(State& state, Fill fill) {
  return std::make_unique<PostgresRenderer>(state, fill);
}

}  // namespace mpf::migrate
