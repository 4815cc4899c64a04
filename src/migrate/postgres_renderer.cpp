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
    for (const auto& index : table.indexes) sql(ddl::create_index(table, index, postgres));
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
    if (op.column.generated) {
      generate(op, operation, module);
      return;
    }
    if (!convertible(before, op.column)) {
      throw StateError("values of this type cannot become values of the other");
    }
    state_.apply(operation, module);
    const auto& after = op.column;
    guard_values(op.table, before, after);
    const auto change = alter(op.table) + "ALTER COLUMN " + ddl::quote(after.name) + " ";
    const auto old_checks = ddl::checks(op.table, before, postgres);
    const auto new_checks = ddl::checks(op.table, after, postgres);
    const auto is_in = [](const std::vector<ddl::ColumnCheck>& checks, const ddl::ColumnCheck& check) {
      return std::ranges::any_of(checks, [&](const ddl::ColumnCheck& c) {
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
    if (before.generated) sql(change + "DROP EXPRESSION");
    const auto old_default = ddl::default_sql(before, postgres);
    const auto new_default = ddl::default_sql(after, postgres);
    const auto new_type = ddl::type_name(after, postgres);
    if (ddl::type_name(before, postgres) != new_type) {
      const auto generated = generated_from(op.table, after.name);
      for (const auto& each : generated) drop(op.table, each);
      if (!old_default.empty()) sql(change + "DROP DEFAULT");
      sql(change + "TYPE " + new_type + " USING " +
          conversion(ddl::quote(after.name), before, after, postgres).value);
      if (!new_default.empty()) sql(change + "SET DEFAULT " + new_default);
      for (const auto& each : generated) add_with_rules(op.table, each);
    } else if (old_default != new_default) {
      sql(change + (new_default.empty() ? "DROP DEFAULT" : "SET DEFAULT " + new_default));
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
    sql(ddl::create_index(state_.table(op.table), op.index, postgres));
  }
  void render(const DropIndex& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    sql("DROP INDEX " + ddl::quote(op.index));
  }
  void render(const AddCheck& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    guard_check(state_.table(op.table), op.check);
    sql(alter(op.table) + "ADD " + ddl::check(op.check, postgres));
  }
  void render(const DropCheck& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    sql(alter(op.table) + "DROP CONSTRAINT " + ddl::quote(op.check));
  }
  void render(const RunSql& op, const Operation&, const std::string&) { run_by_hand(op); }

  /// A column generated in another way than before is made anew.
  void generate(const AlterColumn& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    drop(op.table, op.column);
    add_with_rules(op.table, op.column);
  }

  void drop(const std::string& table, const orm::Column& column) {
    sql(alter(table) + "DROP COLUMN " + ddl::quote(column.name));
  }

  /// With the indexes and checks that went with the column.
  void add_with_rules(const std::string& name, const orm::Column& column) {
    const auto& table = state_.table(name);
    sql(alter(name) + "ADD COLUMN " + ddl::column(name, column, postgres));
    for (const auto& index : table.indexes) {
      if (uses(index, column.name)) sql(ddl::create_index(table, index, postgres));
    }
    for (const auto& check : table.checks) {
      if (mentions(check.condition, column.name)) sql(alter(name) + "ADD " + ddl::check(check, postgres));
    }
  }

  /// PostgreSQL changes no type of a column that others are generated from.
  std::vector<orm::Column> generated_from(const std::string& table, const std::string& column) const {
    std::vector<orm::Column> result;
    for (const auto& each : state_.table(table).columns) {
      if (each.generated && mentions(*each.generated, column)) result.push_back(each);
    }
    return result;
  }

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
