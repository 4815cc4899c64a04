#include <algorithm>
#include <set>

#include "migrate/renderer.hpp"
#include "migrate/twins.hpp"
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
    fresh_.insert(table.name);
    for (auto& statement : ddl::create_all(table, postgres)) sql(std::move(statement));
    secure(table);
  }
  void render(const DropTable& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    sql("DROP TABLE " + ddl::quote(op.table));
  }
  void render(const RenameTable& op, const Operation& operation, const std::string& module) {
    const auto before = state_.table(op.from);
    state_.apply(operation, module);
    if (fresh_.contains(op.from)) fresh_.insert(op.to);
    sql(alter(op.from) + "RENAME TO " + ddl::quote(op.to));
    for (const auto& column : before.columns) rename_constraints(op.to, op.from, column, column);
  }
  void render(const MoveTable&, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
  }
  void render(const AlterTable&, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
  }
  void render(const AlterRowSecurity& op, const Operation& operation, const std::string& module) {
    unsecure(state_.table(op.table));
    state_.apply(operation, module);
    secure(state_.table(op.table));
  }
  void render(const AddColumn& op, const Operation& operation, const std::string& module) {
    if (needs_value(op.column) && missing_value(op.column).empty()) {
      if (is_live(op.table)) next_phase();
      guard_added(op.table, op.column);
      if (is_live(op.table)) next_phase();
    }
    state_.apply(operation, module);
    auto column = op.column;
    const bool fills = needs_value(column) && !missing_value(column).empty();
    if (fills) column.default_value = missing_value(column);
    const auto adds = alter(op.table) + "ADD COLUMN ";
    if (!is_live(op.table) || column.generated) {
      add_bare(op.table, column, adds);
    } else {
      add_to_live(op.table, column, adds);
    }
    if (fills) sql(alter(op.table) + "ALTER COLUMN " + ddl::quote(column.name) + " DROP DEFAULT");
    if (is_live(op.table)) validate_all(op.table);
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
    const bool live = is_live(op.table);
    if (live && sorts_anew(before, after)) build_sorted(op.table, after);
    if (live) next_phase();  // rows are counted before any lock is taken
    guard_values(op.table, before, after);
    guard_tenant(op.table, before, after);
    if (live) next_phase();
    const auto change = alter(op.table) + "ALTER COLUMN " + ddl::quote(after.name) + " ";
    const auto old_checks = ddl::checks(op.table, before, postgres);
    const auto new_checks = ddl::checks(op.table, after, postgres);
    const auto is_in = [](const std::vector<ddl::ColumnCheck>& checks, const ddl::ColumnCheck& check) {
      return std::ranges::any_of(checks, [&](const ddl::ColumnCheck& c) {
        return c.name == check.name && c.condition == check.condition;
      });
    };
    const bool swaps = live && sorts_anew(before, after);
    for (const auto& check : old_checks) {
      if (swaps || !is_in(new_checks, check)) {
        sql(alter(op.table) + "DROP CONSTRAINT " + ddl::quote(check.name));
      }
    }
    if (swaps) drop_rules(op.table, after.name);
    const bool refers_anew = before.references != after.references;
    if (refers_anew && before.references) {
      sql(alter(op.table) + "DROP CONSTRAINT " + ddl::quote(ddl::reference_name(op.table, before)));
    }
    if (before.generated) sql(change + "DROP EXPRESSION");
    const auto old_default = ddl::default_sql(before, postgres);
    const auto new_default = ddl::default_sql(after, postgres);
    const auto new_type = ddl::type_name(after, postgres);
    if (ddl::type_name(before, postgres) != new_type || before.byte_order != after.byte_order) {
      const auto generated = generated_from(op.table, after.name);
      for (const auto& each : generated) drop(op.table, each);
      // Nor of one that policies read.
      std::vector<orm::Table> secured;
      for (const auto& [name, entry] : state_.tables()) {
        const auto& security = entry.table.row_security;
        if (security && uses(entry.table, *security, op.table, after.name)) secured.push_back(entry.table);
      }
      for (const auto& each : secured) unsecure(each);
      if (swaps) drop_unsorted(op.table, after.name);
      if (!old_default.empty()) sql(change + "DROP DEFAULT");
      sql(change + "TYPE " + new_type + std::string(ddl::collation(after, postgres)) + " USING " +
          conversion(ddl::quote(after.name), before, after, postgres).value);
      if (!new_default.empty()) sql(change + "SET DEFAULT " + new_default);
      for (const auto& each : generated) add_with_rules(op.table, each);
      for (const auto& each : secured) secure(each);
      if (swaps) rename_sorted(op.table, after.name);
    } else if (old_default != new_default) {
      sql(change + (new_default.empty() ? "DROP DEFAULT" : "SET DEFAULT " + new_default));
    }
    const auto name = ddl::quote(after.name);
    if (!before.nullable && after.nullable) sql(change + "DROP NOT NULL");
    for (const auto& check : new_checks) {
      if (swaps || !is_in(old_checks, check)) {
        add_rule(op.table, check.name, "CHECK (" + check.condition + ")");
      }
    }
    if (swaps) add_rules(op.table, after.name);
    if (refers_anew && after.references) {
      add_rule(op.table, ddl::reference_name(op.table, after), ddl::foreign_key(after, postgres));
    }
    validate_all(op.table);
    if (before.nullable && !after.nullable) {
      const auto missing = missing_value(after);
      if (live) {
        forbid_null(op.table, name, missing);
      } else {
        if (!missing.empty()) {
          sql("UPDATE " + ddl::quote(op.table) + " SET " + name + " = " + missing + " WHERE " + name +
              " IS NULL");
        }
        sql(change + "SET NOT NULL");
      }
    }
  }
  void render(const RenameColumn& op, const Operation& operation, const std::string& module) {
    const auto before = *find_column(state_.table(op.table), op.from);
    state_.apply(operation, module);
    sql(alter(op.table) + "RENAME COLUMN " + ddl::quote(op.from) + " TO " + ddl::quote(op.to));
    rename_constraints(op.table, op.table, before, *find_column(state_.table(op.table), op.to));
  }
  void render(const ExpandColumn& op, const Operation& operation, const std::string& module) {
    const auto* found = find_column(state_.table(op.table), op.from);
    const auto before = found ? *found : op.column;
    if (!convertible(before, op.column)) {
      throw StateError("values of this type cannot become values of the other");
    }
    const bool live = is_live(op.table);
    const auto value = conversion(ddl::quote(op.from), before, op.column, postgres).value;
    if (live) next_phase();
    guard_copy(op, before, value);
    if (live) next_phase();
    state_.apply(operation, module);
    const auto& table = state_.table(op.table);
    const auto name = ddl::quote(op.column.name);
    auto bare = op.column;
    bare.nullable = true;
    bare.default_value.reset();
    bare.computed_default.reset();
    add_bare(op.table, bare, alter(op.table) + "ADD COLUMN ");
    for (auto& each : hold_same(table, twins_of(op.table, op.from, op.column.name))) sql(std::move(each));
    // The trigger fills what is written from now on: what is left are older rows.
    const auto rest = name + " IS DISTINCT FROM " + value;
    if (live) {
      backfill({.table = op.table, .id = {}, .set = name + " = " + value, .where = rest});
      validate_all(op.table);
      if (!op.column.nullable) forbid_null(op.table, name, {});
    } else {
      sql("UPDATE " + ddl::quote(op.table) + " SET " + name + " = " + value + " WHERE " + rest);
      if (!op.column.nullable) sql(alter(op.table) + "ALTER COLUMN " + name + " SET NOT NULL");
    }
    const auto given = ddl::default_sql(op.column, postgres);
    if (!given.empty()) sql(alter(op.table) + "ALTER COLUMN " + name + " SET DEFAULT " + given);
  }
  void render(const ContractColumn& op, const Operation& operation, const std::string& module) {
    const auto table = state_.table(op.table);
    const bool known = find_column(table, op.from) && find_column(table, op.to);
    if (known) {
      const bool live = is_live(op.table);
      const auto twins = twins_of(op.table, op.from, op.to);
      if (live) next_phase();
      guard(op.table, differ(table, twins),
            "have another value in " + op.table + "." + op.from + " than in " + op.table + "." + op.to +
                ", which were to hold the same (was the trigger " + twins_name(table, twins) +
                " off?); make them equal first");
      if (live) next_phase();
      for (auto& each : let_go(table, twins)) sql(std::move(each));
    }
    state_.apply(operation, module);
    sql(alter(op.table) + "DROP COLUMN " + ddl::quote(op.from));
  }
  void render(const RenameIndex& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    sql("ALTER INDEX " + ddl::quote(op.from) + " RENAME TO " + ddl::quote(op.to));
  }
  void render(const CreateIndex& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    auto text = ddl::create_index(state_.table(op.table), op.index, postgres);
    if (!is_live(op.table)) return sql(std::move(text));
    apart(Step::Kind::build_index, concurrently(std::move(text)) + ";", op.index.name);
  }
  void render(const DropIndex& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    if (!is_live(op.table)) return sql("DROP INDEX " + ddl::quote(op.index));
    apart(Step::Kind::drop_index, "DROP INDEX CONCURRENTLY IF EXISTS " + ddl::quote(op.index) + ";",
          op.index);
  }
  void render(const AddCheck& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    const bool live = is_live(op.table);
    if (live) next_phase();
    guard_check(state_.table(op.table), op.check);
    if (live) next_phase();
    add_rule(op.table, op.check.name, "CHECK (" + op.check.condition.of(postgres) + ")");
    validate_all(op.table);
  }
  void render(const DropCheck& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    sql(alter(op.table) + "DROP CONSTRAINT " + ddl::quote(op.check));
  }
  void render(const RunSql& op, const Operation&, const std::string&) { run_by_hand(op); }
  void render(const Backfill& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    if (!op.set.empty()) backfill_by_hand(op);
  }
  void render(const CallFunction& op, const Operation&, const std::string&) { call(op); }

  void secure(const orm::Table& table) {
    if (!table.row_security) return;
    for (auto& each : ddl::make_role(table.row_security->role)) sql(std::move(each));
    for (auto& each : ddl::secure(table, *table.row_security)) sql(std::move(each));
  }
  void unsecure(const orm::Table& table) {
    if (!table.row_security) return;
    for (auto& each : ddl::unsecure(table, *table.row_security)) sql(std::move(each));
  }

  /// Whether the table was there before the migration: it has rows, and others work on it. What is done to
  /// it must not hold its lock for long.
  bool is_live(const std::string& table) const { return !fresh_.contains(table); }

  /// Adds the column itself with a constant default at most, which only changes the catalog, and values that
  /// each row gets of its own in batches.
  void add_to_live(const std::string& table, const orm::Column& column, const std::string& adds) {
    auto bare = column;
    const bool computed = column.computed_default.has_value();
    if (computed) {
      bare.computed_default.reset();
      bare.nullable = true;
    }
    add_bare(table, bare, adds);
    if (!computed) return;
    const auto name = ddl::quote(column.name);
    const auto value = ddl::default_sql(column, postgres);
    sql(alter(table) + "ALTER COLUMN " + name + " SET DEFAULT " + value);
    if (column.nullable) {
      backfill({.table = table, .id = {}, .set = name + " = " + value, .where = name + " IS NULL"});
    } else {
      forbid_null(table, name, value);
    }
  }

  /// Adds the column, whose rules are asked of a table in use as below.
  void add_bare(const std::string& table, const orm::Column& column, const std::string& adds) {
    if (!is_live(table) || column.generated) {
      sql(adds + ddl::column(table, column, postgres));
      const bool apart = column.references && !column.references->tenant.empty();
      if (apart) sql(ddl::add_foreign_key(table, column));
      return;
    }
    auto bare = column;
    bare.references.reset();
    bare.max_length.reset();
    bare.choices.clear();
    sql(adds + ddl::column(table, bare, postgres));
    for (const auto& check : ddl::checks(table, column, postgres)) {
      add_rule(table, check.name, "CHECK (" + check.condition + ")");
    }
    if (column.references) {
      add_rule(table, ddl::reference_name(table, column), ddl::foreign_key(column, postgres));
    }
  }

  /// Whether the column's text is put into another order, by which its indexes go.
  static bool sorts_anew(const orm::Column& before, const orm::Column& after) {
    return before.byte_order != after.byte_order &&
           ddl::type_name(before, postgres) == ddl::type_name(after, postgres);
  }

  /// Indexes in the new order, made while others write. PostgreSQL finds them right when the column gets that
  /// order, and does not make them again.
  void build_sorted(const std::string& table, const orm::Column& after) {
    const auto name = ddl::quote(after.name);
    const std::string order = after.byte_order ? " COLLATE \"C\"" : " COLLATE \"default\"";
    for (auto index : state_.table(table).indexes) {
      if (!sorts_by(index, after.name)) continue;
      index.name = next_name(index.name);
      auto text = concurrently(ddl::create_index(state_.table(table), index, postgres));
      const auto at = text.find(name, text.find(" ("));
      text.insert(at + name.size(), order);
      apart(Step::Kind::build_index, text + ";", index.name);
    }
  }
  void drop_unsorted(const std::string& table, const std::string& column) {
    for (const auto& index : state_.table(table).indexes) {
      if (sorts_by(index, column)) sql("DROP INDEX " + ddl::quote(index.name));
    }
  }
  void rename_sorted(const std::string& table, const std::string& column) {
    for (const auto& index : state_.table(table).indexes) {
      if (!sorts_by(index, column)) continue;
      sql("ALTER INDEX " + ddl::quote(next_name(index.name)) + " RENAME TO " + ddl::quote(index.name));
    }
  }

  /// PostgreSQL would look at all rows again, with the table locked, for rules that read the column: they go
  /// before it and come again after it, validated while others write.
  void drop_rules(const std::string& table, const std::string& column) {
    for (const auto& check : state_.table(table).checks) {
      if (!mentions(check.condition, column)) continue;
      sql(alter(table) + "DROP CONSTRAINT " + ddl::quote(check.name));
    }
  }
  void add_rules(const std::string& table, const std::string& column) {
    for (const auto& check : state_.table(table).checks) {
      if (!mentions(check.condition, column)) continue;
      add_rule(table, check.name, "CHECK (" + check.condition.of(postgres) + ")");
    }
  }

  static std::string concurrently(std::string text) {
    constexpr std::string_view before = "INDEX ";
    return text.insert(text.find(before) + before.size(), "CONCURRENTLY ");
  }

  /// Refuses to begin where a value has no place in the new column. A cast that fails says so itself.
  void guard_copy(const ExpandColumn& op, const orm::Column& before, const std::string& value) {
    auto after = op.column;
    after.name = op.from;
    guard_values(op.table, before, after);
    guard_tenant(op.table, before, after);
    if (ddl::type_name(before, postgres) == ddl::type_name(after, postgres)) return;
    guard(op.table, ddl::quote(op.from) + " IS NOT NULL AND " + value + " IS NULL",
          "have a value in " + op.table + "." + op.from +
              " that does not fit the new type; correct them first");
  }

  const Twins& twins_of(const std::string& table, const std::string& one, const std::string& other) const {
    const auto& all = state_.entry(table).twins;
    const auto found = std::ranges::find_if(all, [&](const Twins& each) {
      return each == Twins{one, other} || each == Twins{other, one};
    });
    if (found == all.end()) {
      throw StateError("columns '" + one + "' and '" + other + "' of '" + table + "' are not held the same");
    }
    return *found;
  }

  /// A rule for rows written from now on; validate_all() looks at the others, without keeping writers out.
  void add_rule(const std::string& table, const std::string& name, const std::string& rule) {
    const auto adds = alter(table) + "ADD CONSTRAINT " + ddl::quote(name) + " " + rule;
    if (!is_live(table)) return sql(adds);
    sql(adds + " NOT VALID");
    unvalidated_.push_back(name);
  }

  void validate_all(const std::string& table) {
    for (const auto& name : unvalidated_) {
      next_phase();
      sql(alter(table) + "VALIDATE CONSTRAINT " + ddl::quote(name));
      next_phase();
    }
    unvalidated_.clear();
  }

  /// NOT NULL by way of a check: once that is validated, PostgreSQL does not look at the rows again.
  void forbid_null(const std::string& table, const std::string& name, const std::string& missing) {
    const auto check = ddl::quote(not_null_name);
    const Batches fill{.table = table, .id = {}, .set = name + " = " + missing, .where = name + " IS NULL"};
    // Filled before the check is there, which no row without a value could be updated under; and once more
    // for what was written in between.
    if (!missing.empty()) backfill(fill);
    sql(alter(table) + "ADD CONSTRAINT " + check + " CHECK (" + name + " IS NOT NULL) NOT VALID");
    if (!missing.empty()) backfill(fill);
    next_phase();
    sql(alter(table) + "VALIDATE CONSTRAINT " + check);
    next_phase();
    sql(alter(table) + "ALTER COLUMN " + name + " SET NOT NULL, DROP CONSTRAINT " + check);
    next_phase();
  }

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

  static constexpr std::string_view not_null_name = "mpf_not_null";

  std::set<std::string> fresh_;  ///< tables that the migration itself makes
  std::vector<std::string> unvalidated_;
};

}  // namespace

std::unique_ptr<Renderer> make_postgres_renderer(State& state, Fill fill) {
  return std::make_unique<PostgresRenderer>(state, fill);
}

}  // namespace mpf::migrate
