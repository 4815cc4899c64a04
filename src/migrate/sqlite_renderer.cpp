#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "migrate/renderer.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

namespace ddl = orm::ddl;
constexpr auto sqlite = db::Dialect::sqlite;

bool has_checks(const orm::Table& table) {
  return std::ranges::any_of(table.columns, [&](const orm::Column& column) {
    return !ddl::checks(table.name, column, sqlite).empty();
  });
}

/// ALTER TABLE of SQLite can do little. Operations on the columns of one table are gathered; if one of them
/// is beyond it, the table is made anew once for all of them, in the way that SQLite's documentation tells
/// ("Making Other Kinds Of Table Schema Changes").
class SqliteRenderer final : public Renderer {
 public:
  SqliteRenderer(State& state, Fill fill) : Renderer(state, sqlite, fill) {}

  void add(const Operation& operation, const std::string& module) override {
    std::visit(Overloaded{
                   [&](const AddColumn& op) { add_column(op, operation, module); },
                   [&](const DropColumn& op) { drop_column(op, operation, module); },
                   [&](const AlterColumn& op) { alter_column(op, operation, module); },
                   [&](const ExpandColumn& op) { expand_column(op, operation, module); },
                   [&](const ContractColumn& op) { contract_column(op, operation, module); },
                   [&](const AddCheck& op) { change_checks(op.table, operation, module); },
                   [&](const DropCheck& op) { change_checks(op.table, operation, module); },
                   [&](const AlterTable&) { state_.apply(operation, module); },
                   [&](const AlterRowSecurity&) { state_.apply(operation, module); },
                   [&](const MoveTable&) { state_.apply(operation, module); },
                   [&](const auto& op) {
                     finish();
                     render(op, operation, module);
                   },
               },
               operation);
  }

  void finish() override {
    if (!group_) return;
    const auto group = std::move(*group_);
    group_.reset();
    const auto current = std::exchange(operation_, group.operation);
    if (group.rebuild) {
      rebuild(group);
    } else {
      for (const auto& statement : group.cheap) sql(statement);
    }
    operation_ = current;
  }

 private:
  /// Changes of one table's columns that wait for what comes next.
  struct Group {
    std::string table;
    std::size_t operation;
    orm::Table before;
    std::map<std::string, std::string> origin;  ///< column → the column of `before` that it was
    bool rebuild = false;
    std::vector<std::string> cheap;
  };

  Group& group(const std::string& table) {
    if (group_ && group_->table != table) finish();
    if (!group_) {
      group_ = Group{table, operation_, state_.table(table), {}, false, {}};
      for (const auto& column : group_->before.columns) group_->origin[column.name] = column.name;
    }
    return *group_;
  }

  static std::string alter(const std::string& table) { return "ALTER TABLE " + ddl::quote(table) + " "; }

  void add_column(const AddColumn& op, const Operation& operation, const std::string& module) {
    auto& changes = group(op.table);
    state_.apply(operation, module);
    const auto& column = op.column;
    // With foreign keys on, a new column that refers to something must be null at first.
    const bool beyond = needs_value(column) || column.generated || column.computed_default ||
                        (column.references &&
                         (!column.nullable || column.default_value || !column.references->tenant.empty()));
    changes.rebuild = changes.rebuild || beyond;
    changes.cheap.push_back(alter(op.table) + "ADD COLUMN " + ddl::column(op.table, column, sqlite));
  }

  void drop_column(const DropColumn& op, const Operation& operation, const std::string& module) {
    auto& changes = group(op.table);
    const auto* column = find_column(state_.table(op.table), op.column);
    changes.rebuild = changes.rebuild || (column && (column->references || column->generated));
    state_.apply(operation, module);
    changes.origin.erase(op.column);
    changes.cheap.push_back(alter(op.table) + "DROP COLUMN " + ddl::quote(op.column));
  }

  void alter_column(const AlterColumn& op, const Operation& operation, const std::string& module) {
    auto& changes = group(op.table);
    const auto* column = find_column(state_.table(op.table), op.column.name);
    if (column && !op.column.generated && !convertible(*column, op.column)) {
      throw StateError("values of this type cannot become values of the other");
    }
    const bool same = column && is_same(*column, op.column);
    state_.apply(operation, module);
    changes.rebuild = changes.rebuild || !same;
  }

  /// One release runs: its column is written from now on, and nobody fills the other one.
  void expand_column(const ExpandColumn& op, const Operation& operation, const std::string& module) {
    if (group_ && !group_->origin.contains(op.from)) finish();
    auto& changes = group(op.table);
    const auto* from = find_column(state_.table(op.table), op.from);
    if (from && !convertible(*from, op.column)) {
      throw StateError("values of this type cannot become values of the other");
    }
    state_.apply(operation, module);
    changes.origin[op.column.name] = changes.origin.at(op.from);
    changes.rebuild = true;
  }

  void contract_column(const ContractColumn& op, const Operation& operation, const std::string& module) {
    if (group_ && !group_->origin.contains(op.from)) finish();
    auto& changes = group(op.table);
    const auto& twins = state_.entry(op.table).twins;
    const bool back = std::ranges::find(twins, Twins{op.to, op.from}) != twins.end();
    const auto* column = find_column(state_.table(op.table), op.from);
    const bool refers = column && column->references;
    state_.apply(operation, module);
    // Undoing an expansion: what was written since is in the column that goes.
    if (back) changes.origin[op.to] = changes.origin.at(op.from);
    changes.rebuild = changes.rebuild || back || refers;
    changes.origin.erase(op.from);
    changes.cheap.push_back(alter(op.table) + "DROP COLUMN " + ddl::quote(op.from));
  }

  /// What differs is nothing to SQLite.
  static bool is_same(orm::Column before, const orm::Column& after) {
    before.byte_order = after.byte_order;
    return before == after;
  }

  void change_checks(const std::string& table, const Operation& operation, const std::string& module) {
    group(table).rebuild = true;
    state_.apply(operation, module);
  }

  void render(const CreateTable& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    const auto& table = state_.table(op.table.name);
    for (auto& statement : ddl::create_all(table, sqlite)) sql(std::move(statement));
  }
  void render(const DropTable& op, const Operation& operation, const std::string& module) {
    drop_search_tables(op.table);
    state_.apply(operation, module);
    sql("DROP TABLE " + ddl::quote(op.table));
  }
  void render(const RenameTable& op, const Operation& operation, const std::string& module) {
    drop_search_tables(op.from);
    state_.apply(operation, module);
    sql(alter(op.from) + "RENAME TO " + ddl::quote(op.to));
    create_search_tables(state_.table(op.to));
    // The names of its rules say the table's: make them anew.
    if (has_checks(state_.table(op.to))) group(op.to).rebuild = true;
  }
  void render(const RenameColumn& op, const Operation& operation, const std::string& module) {
    const auto before = *find_column(state_.table(op.table), op.from);
    drop_search_tables(op.table);
    state_.apply(operation, module);
    sql(alter(op.table) + "RENAME COLUMN " + ddl::quote(op.from) + " TO " + ddl::quote(op.to));
    create_search_tables(state_.table(op.table));
    if (!ddl::checks(op.table, before, sqlite).empty()) group(op.table).rebuild = true;
  }
  void render(const CreateIndex& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    create(state_.table(op.table), op.index);
  }
  void render(const DropIndex& op, const Operation& operation, const std::string& module) {
    if (const auto* index = find_index(state_.table(op.table), op.index)) {
      drop(state_.table(op.table), *index);
    }
    state_.apply(operation, module);
  }
  void render(const RenameIndex& op, const Operation& operation, const std::string& module) {
    if (const auto* index = find_index(state_.table(op.table), op.from)) {
      drop(state_.table(op.table), *index);
    }
    state_.apply(operation, module);
    const auto& table = state_.table(op.table);
    create(table, *find_index(table, op.to));
  }
  void render(const RunSql& op, const Operation&, const std::string&) { run_by_hand(op); }
  void render(const Backfill& op, const Operation& operation, const std::string& module) {
    state_.apply(operation, module);
    if (!op.set.empty()) backfill_by_hand(op);
  }
  void render(const CallFunction& op, const Operation&, const std::string&) { call(op); }

  void create(const orm::Table& table, const orm::Index& index) {
    for (auto& statement : ddl::make_index(table, index, sqlite)) sql(std::move(statement));
    if (ddl::has_search_table(table, index)) sql(ddl::fill_search_table(table, index));
  }
  void drop(const orm::Table& table, const orm::Index& index) {
    for (auto& statement : ddl::remove_index(table, index, sqlite)) sql(std::move(statement));
  }

  /// Views and triggers name the table and its columns, and are not dropped with them or renamed as we write
  /// them: what has some is taken away before and made again, filled, afterwards.
  void drop_search_tables(const std::string& name) {
    const auto& table = state_.table(name);
    for (const auto& index : table.indexes) {
      if (ddl::has_search_table(table, index)) drop(table, index);
    }
  }
  void create_search_tables(const orm::Table& table) {
    for (const auto& index : table.indexes) {
      if (ddl::has_search_table(table, index)) create(table, index);
    }
  }

  /// SQL for the column's value, from the row as it was.
  std::string value(const Group& group, const orm::Column& column) const {
    const auto origin = group.origin.find(column.name);
    const auto missing = missing_value(column);
    if (origin == group.origin.end()) return missing.empty() ? "NULL" : missing;
    const auto& before = *find_column(group.before, origin->second);
    auto result = conversion(ddl::quote(before.name), before, column, sqlite).value;
    const bool fills = before.nullable && !column.nullable && !missing.empty();
    return fills ? "coalesce(" + result + ", " + missing + ")" : result;
  }

  /// Whether the rows as they are show if the rule holds.
  static bool is_testable(const Group& group, const orm::Table& after, const orm::Check& check) {
    return std::ranges::none_of(after.columns, [&](const orm::Column& column) {
      if (!mentions(check.condition, column.name)) return false;
      const auto origin = group.origin.find(column.name);
      if (origin == group.origin.end() || origin->second != column.name) return true;
      return *find_column(group.before, column.name) != column;
    });
  }

  void rebuild(const Group& group) {
    const auto& after = state_.table(group.table);
    const auto fresh = "mpf_new_" + after.name;
    std::string columns;
    std::string values;
    for (const auto& column : after.columns) {
      const auto origin = group.origin.find(column.name);
      if (origin == group.origin.end()) {
        guard_added(after.name, column);
      } else {
        const auto& before = *find_column(group.before, origin->second);
        auto now = column;
        now.name = before.name;  // the rows still call it so
        guard_values(after.name, before, now);
        const bool known = column.references && find_column(group.before, column.references->tenant);
        if (known) guard_tenant(after.name, before, now);
      }
      if (column.generated) continue;
      columns += (columns.empty() ? "" : ", ") + ddl::quote(column.name);
      values += (values.empty() ? "" : ", ") + value(group, column);
    }
    for (const auto& check : after.checks) {
      const auto* known = find_check(group.before, check.name);
      if ((!known || *known != check) && is_testable(group, after, check)) guard_check(after, check);
    }
    const auto old_table = ddl::quote(after.name);
    drop_search_tables(after.name);
    step(Step::Kind::keep_extras, after.name);
    for (const auto& index : after.indexes) script_.steps.back().indexes.push_back(index.name);
    sql(ddl::create_table(after, sqlite, fresh));
    sql("INSERT INTO " + ddl::quote(fresh) + " (" + columns + ")\n  SELECT " + values + " FROM " + old_table);
    if (std::ranges::any_of(after.columns, &orm::Column::primary_key)) {
      // Ids that were given and deleted must not be given again.
      sql("DELETE FROM sqlite_sequence WHERE name = " + ddl::literal(fresh));
      sql("INSERT INTO sqlite_sequence (name, seq) SELECT " + ddl::literal(fresh) +
          ", seq FROM sqlite_sequence WHERE name = " + ddl::literal(after.name));
    }
    sql("DROP TABLE " + old_table);
    step(Step::Kind::rename_rebuilt, alter(fresh) + "RENAME TO " + old_table + ";");
    for (const auto& index : after.indexes) create(after, index);
    step(Step::Kind::restore_extras, after.name);
    rebuilt_.push_back(after.name);
  }

  std::optional<Group> group_;
};

}  // namespace

std::unique_ptr<Renderer> make_sqlite_renderer(State& state, Fill fill) {
  return std::make_unique<SqliteRenderer>(state, fill);
}

}  // namespace mpf::migrate
