#include "migrate/state.hpp"

#include <algorithm>

#include <mpf/base/text.hpp>

#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

auto column_at(orm::Table& table, const std::string& name) {
  const auto found = std::ranges::find(table.columns, name, &orm::Column::name);
  if (found == table.columns.end())
    throw StateError("table '" + table.name + "' has no column '" + name + "'");
  return found;
}

/// The parts of SQL, told apart as names in double quotes and everything else.
template <class Name, class Other>
void split_sql(const std::string& sql, const Name& name, const Other& other) {
  std::size_t at = 0;
  while (at < sql.size()) {
    const std::size_t mark = sql.find_first_of("'\"", at);
    if (mark == std::string::npos) break;
    std::size_t end = sql.find(sql[mark], mark + 1);
    if (end == std::string::npos) break;
    const bool collation = std::string_view(sql).substr(at, mark - at).ends_with("COLLATE ");
    if (sql[mark] == '"' && !collation) {
      other(std::string_view(sql).substr(at, mark - at));
      name(sql.substr(mark + 1, end - mark - 1));
    } else {
      other(std::string_view(sql).substr(at, end + 1 - at));
    }
    at = end + 1;
  }
  other(std::string_view(sql).substr(at));
}

void rename_in(std::string& sql, const std::string& from, const std::string& to) {
  std::string result;
  split_sql(
      sql, [&](const std::string& name) { result += '"' + (name == from ? to : name) + '"'; },
      [&](std::string_view text) { result += text; });
  sql = std::move(result);
}

void rename_in(orm::SqlText& sql, const std::string& from, const std::string& to) {
  rename_in(sql.sqlite, from, to);
  rename_in(sql.postgres, from, to);
}

void check_names(const orm::Table& table, const orm::SqlText& sql, const std::string& where) {
  for (const auto* text : {&sql.sqlite, &sql.postgres}) {
    if (text->empty()) throw StateError(where + " has SQL that is empty for one of the databases");
    split_sql(
        *text,
        [&](const std::string& name) {
          if (find_column(table, name)) return;
          throw StateError(where + " names the column '" + name + "', which table '" + table.name +
                           "' has not");
        },
        [](std::string_view) {});
  }
}

void check_type(const orm::Column& column, const std::string& where) {
  using orm::ColumnType;
  using orm::ElementType;
  if (column.scale < 0 || column.scale > 18 || (column.scale != 0 && column.type != ColumnType::decimal)) {
    throw StateError(where + " has a scale that is not 0 to 18, or is not decimal");
  }
  const bool has_elements = column.type == ColumnType::array || column.type == ColumnType::range;
  if (has_elements != column.element.has_value()) {
    throw StateError(where + (has_elements ? " does not say of what it is an array or range"
                                           : " has elements and is neither array nor range"));
  }
  const bool good_range = column.element == ElementType::integer ||
                          column.element == ElementType::timestamp || column.element == ElementType::date;
  if (column.type == ColumnType::range && !good_range) {
    throw StateError(where + " is a range of other than integer, timestamp and date");
  }
}

void check_computed(const orm::Table& table, const orm::Column& column, const std::string& where) {
  if (column.computed_default) {
    if (column.default_value) throw StateError(where + " has two defaults");
    check_names({.name = table.name, .columns = {}, .indexes = {}, .tenant_column = {}},
                *column.computed_default, "the default of " + where);
  }
  if (column.generated) {
    if (column.default_value || column.computed_default || column.primary_key || column.references) {
      throw StateError(where + " is generated, so it has neither a default nor a reference, nor is it a key");
    }
    if (mentions(*column.generated, column.name)) throw StateError(where + " is generated from itself");
  }
}

void check_column(const orm::Table& table, const orm::Column& column) {
  const auto where = "column '" + table.name + "." + column.name + "'";
  check_type(column, where);
  check_computed(table, column, where);
  if (column.default_value && !orm::ddl::is_literal(*column.default_value)) {
    throw StateError("the default of " + where + " is no SQL literal: " + *column.default_value +
                     " (text needs single quotes: 'text')");
  }
  if (column.default_value && !column.nullable && iequals(*column.default_value, "null")) {
    throw StateError(where + " may not be null and has the default NULL");
  }
  if (column.primary_key && (column.type != orm::ColumnType::id || column.nullable)) {
    throw StateError("the primary key " + where + " must be of type id and not null");
  }
  if (column.max_length && column.type != orm::ColumnType::text) {
    throw StateError(where + " has a max_length and is not text");
  }
  if (!column.choices.empty() && column.type != orm::ColumnType::text) {
    throw StateError(where + " has choices and is not text");
  }
  if (column.byte_order && column.type != orm::ColumnType::text && column.element != orm::ElementType::text) {
    throw StateError(where + " is compared byte by byte and is not text");
  }
  if (!column.references) return;
  if (column.references->on_delete == orm::OnDelete::set_null && !column.nullable) {
    throw StateError(where + " is set to null when what it refers to is deleted, and may not be null");
  }
  if (column.references->on_delete == orm::OnDelete::set_default && !column.default_value &&
      !column.computed_default) {
    throw StateError(where + " is set to its default when what it refers to is deleted, and has none");
  }
}

void check_index(const orm::Table& table, const orm::Index& index) {
  const auto where = "index '" + index.name + "'";
  if (index.columns.empty() && index.expressions.empty()) throw StateError(where + " has no columns");
  for (const auto& each : index.expressions) check_names(table, each, where);
  if (index.where) check_names(table, *index.where, where);
  for (const auto& each : index.descending) {
    if (std::ranges::find(index.columns, each) == index.columns.end()) {
      throw StateError(where + " is descending by '" + each + "', which is not among its columns");
    }
  }
  if (index.nulls_equal && !index.unique) throw StateError(where + " has nulls_equal and is not unique");
  if (index.method != orm::IndexMethod::btree && (index.unique || !index.descending.empty())) {
    throw StateError(where + " is unique or descending, which only btree can be");
  }
  for (const auto& column : index.columns) {
    if (!find_column(table, column)) {
      throw StateError("index '" + index.name + "' has the column '" + column + "', which table '" +
                       table.name + "' has not");
    }
  }
}

}  // namespace

const orm::Column* find_column(const orm::Table& table, const std::string& name) {
  const auto found = std::ranges::find(table.columns, name, &orm::Column::name);
  return found == table.columns.end() ? nullptr : &*found;
}

const orm::Index* find_index(const orm::Table& table, const std::string& name) {
  const auto found = std::ranges::find(table.indexes, name, &orm::Index::name);
  return found == table.indexes.end() ? nullptr : &*found;
}

const orm::Check* find_check(const orm::Table& table, const std::string& name) {
  const auto found = std::ranges::find(table.checks, name, &orm::Check::name);
  return found == table.checks.end() ? nullptr : &*found;
}

bool equivalent(const State& a, const State& b) {
  const auto sorted = [](orm::Table table) {
    std::ranges::sort(table.columns, {}, &orm::Column::name);
    return table;
  };
  return std::ranges::equal(a.tables(), b.tables(), [&](const auto& left, const auto& right) {
    return left.first == right.first && left.second.module == right.second.module &&
           sorted(left.second.table) == sorted(right.second.table);
  });
}

const orm::Index* tenant_key(const orm::Table& target, const orm::Reference& reference) {
  const std::vector<std::string> columns{reference.target_tenant, reference.column};
  const auto found = std::ranges::find_if(target.indexes, [&](const orm::Index& index) {
    return index.unique && index.columns == columns && index.expressions.empty() && !index.where;
  });
  return found == target.indexes.end() ? nullptr : &*found;
}

bool mentions(const orm::SqlText& sql, const std::string& column) {
  bool found = false;
  for (const auto* text : {&sql.sqlite, &sql.postgres}) {
    split_sql(
        *text, [&](const std::string& name) { found = found || name == column; }, [](std::string_view) {});
  }
  return found;
}

bool uses(const orm::Index& index, const std::string& column) {
  return std::ranges::find(index.columns, column) != index.columns.end() ||
         (index.where && mentions(*index.where, column)) ||
         std::ranges::any_of(index.expressions,
                             [&](const orm::SqlText& each) { return mentions(each, column); });
}

orm::Table normalized(orm::Table table) {
  table.renamed_from.clear();
  for (auto& column : table.columns) column.renamed_from.clear();
  std::ranges::sort(table.indexes, {}, &orm::Index::name);
  std::ranges::sort(table.checks, {}, &orm::Check::name);
  return table;
}

const orm::Table* State::find(const std::string& table) const {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : &found->second.table;
}

const State::Entry& State::entry(const std::string& table) const {
  const auto found = tables_.find(table);
  if (found == tables_.end()) throw StateError("there is no table '" + table + "'");
  return found->second;
}

orm::Table& State::change(const std::string& table) {
  return const_cast<orm::Table&>(entry(table).table);  // NOLINT: ours, and not const
}

std::vector<std::string> State::referrers(const std::string& table) const {
  std::vector<std::string> result;
  for (const auto& [name, entry] : tables_) {
    const bool refers = std::ranges::any_of(entry.table.columns, [&](const orm::Column& column) {
      return column.references && column.references->table == table;
    });
    if (refers && name != table) result.push_back(name);
  }
  return result;
}

void State::apply(const Operation& operation, const std::string& module) {
  std::visit(Overloaded{
                 [&](const CreateTable& op) { create(op, module); },
                 [&](const DropTable& op) { drop(op); },
                 [&](const RenameTable& op) { rename(op); },
                 [&](const MoveTable& op) {
                   if (const auto& owner = entry(op.table).module; owner != op.from) {
                     throw StateError("table '" + op.table + "' belongs to module '" + owner + "', not to '" +
                                      op.from + "'");
                   }
                   tables_.at(op.table).module = op.to;
                 },
                 [&](const AlterTable& op) {
                   auto& table = change(op.table);
                   if (!op.tenant_column.empty()) column_at(table, op.tenant_column);
                   table.tenant_column = op.tenant_column;
                 },
                 [&](const AddColumn& op) { add(op); },
                 [&](const DropColumn& op) { drop(op); },
                 [&](const AlterColumn& op) { alter(op); },
                 [&](const RenameColumn& op) { rename(op); },
                 [&](const CreateIndex& op) { create(op); },
                 [&](const DropIndex& op) { drop(op); },
                 [&](const AddCheck& op) { add(op); },
                 [&](const DropCheck& op) { drop(op); },
                 [](const RunSql&) {},
                 [&](const Backfill& op) {
                   auto& table = change(op.table);
                   for (const auto& [column, value] : op.set) column_at(table, column);
                 },
                 [](const CallFunction&) {},
             },
             operation);
}

void State::check_references(const orm::Table& table, const orm::Column& column) const {
  if (!column.references) return;
  const auto& to = *column.references;
  const auto* target = to.table == table.name ? &table : find(to.table);
  if (!target) {
    throw StateError("column '" + table.name + "." + column.name + "' refers to the table '" + to.table +
                     "', which does not exist (yet): is a migration missing among 'depends'?");
  }
  const auto* key = find_column(*target, to.column);
  if (!key || !key->primary_key) {
    throw StateError("column '" + table.name + "." + column.name + "' refers to '" + to.table + "." +
                     to.column + "', which is no primary key");
  }
  if (to.tenant.empty() != to.target_tenant.empty()) {
    throw StateError("column '" + table.name + "." + column.name +
                     "' refers to a row of the same tenant, and one side does not say which column tells it");
  }
  if (to.tenant.empty()) return;
  if (to.tenant == column.name || !find_column(table, to.tenant)) {
    throw StateError("column '" + table.name + "." + column.name + "' goes by the tenant column '" +
                     to.tenant + "', which is not another column of the table");
  }
  if (!tenant_key(*target, to)) {
    throw StateError("column '" + table.name + "." + column.name + "' goes by the tenant of '" + to.table +
                     "', which has no unique index on '" + to.target_tenant + "' and '" + to.column +
                     "' (yet)");
  }
}

void State::check_not_needed(const std::string& table, const orm::Index& index) const {
  if (!index.unique) return;
  auto left = this->table(table);
  std::erase_if(left.indexes, [&](const orm::Index& each) { return each.name == index.name; });
  for (const auto& [name, entry] : tables_) {
    for (const auto& column : entry.table.columns) {
      const auto& to = column.references;
      if (!to || to->table != table || to->tenant.empty() || tenant_key(left, *to)) continue;
      throw StateError("index '" + index.name + "' cannot be dropped: the column '" + name + "." +
                       column.name + "' refers by it");
    }
  }
}

void State::create(const CreateTable& op, const std::string& module) {
  auto table = normalized(op.table);
  if (find(table.name)) throw StateError("there is a table '" + table.name + "' already");
  if (table.columns.empty()) throw StateError("table '" + table.name + "' has no columns");
  for (const auto& column : table.columns) {
    if (std::ranges::count(table.columns, column.name, &orm::Column::name) > 1) {
      throw StateError("table '" + table.name + "' has the column '" + column.name + "' twice");
    }
    check_column(table, column);
    check_references(table, column);
  }
  if (std::ranges::count_if(table.columns, &orm::Column::primary_key) > 1) {
    throw StateError("table '" + table.name + "' has more than one primary key");
  }
  for (const auto& column : table.columns) {
    if (column.generated) check_names(table, *column.generated, "column '" + column.name + "'");
  }
  for (const auto& check : table.checks) {
    check_names(table, check.condition, "check '" + check.name + "'");
    if (std::ranges::count(table.checks, check.name, &orm::Check::name) > 1) {
      throw StateError("table '" + table.name + "' has the check '" + check.name + "' twice");
    }
  }
  for (const auto& index : table.indexes) {
    check_index(table, index);
    if (std::ranges::count(table.indexes, index.name, &orm::Index::name) > 1) {
      throw StateError("table '" + table.name + "' has the index '" + index.name + "' twice");
    }
  }
  if (!table.tenant_column.empty()) column_at(table, table.tenant_column);
  auto name = table.name;
  tables_.emplace(std::move(name), Entry{module, std::move(table)});
}

void State::drop(const DropTable& op) {
  entry(op.table);
  if (const auto others = referrers(op.table); !others.empty()) {
    throw StateError("table '" + op.table + "' cannot be dropped: table '" + others.front() +
                     "' refers to it");
  }
  tables_.erase(op.table);
}

void State::rename(const RenameTable& op) {
  entry(op.from);
  if (find(op.to)) throw StateError("there is a table '" + op.to + "' already");
  auto node = tables_.extract(op.from);
  node.key() = op.to;
  node.mapped().table.name = op.to;
  tables_.insert(std::move(node));
  for (auto& [name, entry] : tables_) {
    for (auto& column : entry.table.columns) {
      if (column.references && column.references->table == op.from) column.references->table = op.to;
    }
  }
}

void State::add(const AddColumn& op) {
  auto& table = change(op.table);
  if (find_column(table, op.column.name)) {
    throw StateError("table '" + op.table + "' has a column '" + op.column.name + "' already");
  }
  if (op.column.primary_key) throw StateError("a primary key cannot be added to a table that exists");
  check_column(table, op.column);
  check_references(table, op.column);
  if (op.column.generated) check_names(table, *op.column.generated, "column '" + op.column.name + "'");
  table.columns.push_back(op.column);
  table.columns.back().renamed_from.clear();
}

void State::drop(const DropColumn& op) {
  auto& table = change(op.table);
  const auto column = column_at(table, op.column);
  for (const auto& index : table.indexes) {
    if (uses(index, op.column)) {
      throw StateError("column '" + op.table + "." + op.column + "' cannot be dropped before the index '" +
                       index.name + "'");
    }
  }
  for (const auto& check : table.checks) {
    if (mentions(check.condition, op.column)) {
      throw StateError("column '" + op.table + "." + op.column + "' cannot be dropped before the check '" +
                       check.name + "'");
    }
  }
  for (const auto& other : table.columns) {
    if (other.generated && mentions(*other.generated, op.column)) {
      throw StateError("column '" + op.table + "." + op.column + "' cannot be dropped before '" + other.name +
                       "', which is generated from it");
    }
  }
  if (table.tenant_column == op.column) {
    throw StateError("column '" + op.table + "." + op.column + "' scopes the rows: change 'tenant' first");
  }
  for (const auto& other : table.columns) {
    if (other.references && other.references->tenant == op.column) {
      throw StateError("column '" + op.table + "." + op.column + "' cannot be dropped before '" + other.name +
                       "' refers without it");
    }
  }
  if (column->primary_key)
    throw StateError("a primary key cannot be dropped: '" + op.table + "." + op.column + "'");
  if (table.columns.size() == 1) throw StateError("the only column of '" + op.table + "' cannot be dropped");
  table.columns.erase(column);
}

void State::alter(const AlterColumn& op) {
  auto& table = change(op.table);
  const auto column = column_at(table, op.column.name);
  if (column->primary_key != op.column.primary_key) {
    throw StateError("'" + op.table + "." + op.column.name +
                     "' cannot become or cease to be the primary key");
  }
  check_column(table, op.column);
  check_references(table, op.column);
  if (op.column.generated) check_names(table, *op.column.generated, "column '" + op.column.name + "'");
  *column = op.column;
  column->renamed_from.clear();
}

void State::rename(const RenameColumn& op) {
  auto& table = change(op.table);
  const auto column = column_at(table, op.from);
  if (find_column(table, op.to)) {
    throw StateError("table '" + op.table + "' has a column '" + op.to + "' already");
  }
  column->name = op.to;
  if (table.tenant_column == op.from) table.tenant_column = op.to;
  for (auto& index : table.indexes) {
    std::ranges::replace(index.columns, op.from, op.to);
    std::ranges::replace(index.descending, op.from, op.to);
    if (index.where) rename_in(*index.where, op.from, op.to);
    for (auto& each : index.expressions) rename_in(each, op.from, op.to);
  }
  for (auto& check : table.checks) rename_in(check.condition, op.from, op.to);
  for (auto& each : table.columns) {
    if (each.generated) rename_in(*each.generated, op.from, op.to);
  }
  for (auto& [name, entry] : tables_) {
    for (auto& each : entry.table.columns) {
      if (!each.references) continue;
      auto& to = *each.references;
      if (name == op.table && to.tenant == op.from) to.tenant = op.to;
      if (to.table != op.table) continue;
      if (to.column == op.from) to.column = op.to;
      if (to.target_tenant == op.from) to.target_tenant = op.to;
    }
  }
}

void State::create(const CreateIndex& op) {
  auto& table = change(op.table);
  for (const auto& [name, entry] : tables_) {
    if (find_index(entry.table, op.index.name)) {
      throw StateError("there is an index '" + op.index.name + "' already, on table '" + name + "'");
    }
  }
  check_index(table, op.index);
  table.indexes.push_back(op.index);
  std::ranges::sort(table.indexes, {}, &orm::Index::name);
}

void State::drop(const DropIndex& op) {
  auto& table = change(op.table);
  const auto found = std::ranges::find(table.indexes, op.index, &orm::Index::name);
  if (found == table.indexes.end()) {
    throw StateError("table '" + op.table + "' has no index '" + op.index + "'");
  }
  check_not_needed(op.table, *found);
  table.indexes.erase(found);
}

void State::add(const AddCheck& op) {
  auto& table = change(op.table);
  if (find_check(table, op.check.name)) {
    throw StateError("table '" + op.table + "' has a check '" + op.check.name + "' already");
  }
  check_names(table, op.check.condition, "check '" + op.check.name + "'");
  table.checks.push_back(op.check);
  std::ranges::sort(table.checks, {}, &orm::Check::name);
}

void State::drop(const DropCheck& op) {
  auto& table = change(op.table);
  const auto found = std::ranges::find(table.checks, op.check, &orm::Check::name);
  if (found == table.checks.end()) {
    throw StateError("table '" + op.table + "' has no check '" + op.check + "'");
  }
  table.checks.erase(found);
}

std::optional<Operation> reverse_of(const Operation& operation, const State& before) {
  using Result = std::optional<Operation>;
  return std::visit(
      Overloaded{
          [](const CreateTable& op) -> Result { return DropTable{op.table.name}; },
          [&](const DropTable& op) -> Result { return CreateTable{before.table(op.table)}; },
          [](const RenameTable& op) -> Result {
            return RenameTable{op.to, op.from};
          },
          [](const MoveTable& op) -> Result {
            return MoveTable{op.table, op.to, op.from};
          },
          [&](const AlterTable& op) -> Result {
            return AlterTable{op.table, before.table(op.table).tenant_column};
          },
          [](const AddColumn& op) -> Result {
            return DropColumn{op.table, op.column.name};
          },
          [&](const DropColumn& op) -> Result {
            return AddColumn{op.table, *find_column(before.table(op.table), op.column)};
          },
          [&](const AlterColumn& op) -> Result {
            return AlterColumn{op.table, *find_column(before.table(op.table), op.column.name)};
          },
          [](const RenameColumn& op) -> Result {
            return RenameColumn{op.table, op.to, op.from};
          },
          [](const CreateIndex& op) -> Result {
            return DropIndex{op.table, op.index.name};
          },
          [&](const DropIndex& op) -> Result {
            return CreateIndex{op.table, *find_index(before.table(op.table), op.index)};
          },
          [](const AddCheck& op) -> Result {
            return DropCheck{op.table, op.check.name};
          },
          [&](const DropCheck& op) -> Result {
            return AddCheck{op.table, *find_check(before.table(op.table), op.check)};
          },
          [](const RunSql& op) -> Result {
            if (!op.reverse_sqlite && !op.reverse_postgres) return std::nullopt;
            return RunSql{op.reverse_sqlite, op.reverse_postgres, op.sqlite, op.postgres, false};
          },
          [](const Backfill& op) -> Result {
            if (op.irreversible) return std::nullopt;
            auto back = op;
            back.set = op.reverse;
            back.where.reset();
            back.reverse.clear();
            return back;
          },
          [](const CallFunction& op) -> Result {
            if (op.irreversible || op.reverse.empty()) return std::nullopt;
            return CallFunction{op.reverse, op.function, false};
          },
      },
      operation);
}

}  // namespace mpf::migrate
