#include "migrate/sql.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include <mpf/base/hash.hpp>

#include "migrate/renderer.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {

namespace ddl = orm::ddl;
using db::Dialect;

std::string next_name(const std::string& index) {
  constexpr std::size_t longest = 63;
  constexpr std::size_t told_digits = 16;
  const auto name = "mpf_next_" + index;
  if (name.size() <= longest) return name;
  auto end = longest - told_digits;
  while ((static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;  // within a character
  return name.substr(0, end) + sha256(index).substr(0, told_digits);
}

bool sorts_by(const orm::Index& index, const std::string& column) {
  return std::ranges::find(index.columns, column) != index.columns.end() &&
         index.method == orm::IndexMethod::btree && !(index.where && mentions(*index.where, column)) &&
         index.expressions.empty();
}

namespace {

/// Names that the operation gives another meaning; nothing: nobody knows what it changes.
std::optional<std::vector<std::string>> changed_by(const Operation& operation) {
  using Names = std::optional<std::vector<std::string>>;
  return std::visit(Overloaded{
                        [](const CreateTable& op) -> Names { return {{op.table.name}}; },
                        [](const DropTable& op) -> Names { return {{op.table}}; },
                        [](const RenameTable& op) -> Names {
                          return {{op.from, op.to}};
                        },
                        [](const AddColumn& op) -> Names { return {{op.column.name}}; },
                        [](const DropColumn& op) -> Names { return {{op.column}}; },
                        [](const AlterColumn& op) -> Names { return {{op.column.name}}; },
                        [](const RenameColumn& op) -> Names {
                          return {{op.from, op.to}};
                        },
                        [](const ExpandColumn& op) -> Names { return {{op.column.name}}; },
                        [](const ContractColumn& op) -> Names {
                          return {{op.from, op.to}};
                        },
                        [](const RunSql&) -> Names { return std::nullopt; },
                        [](const Backfill&) -> Names { return std::nullopt; },
                        [](const CallFunction&) -> Names { return std::nullopt; },
                        [](const auto&) -> Names { return std::vector<std::string>(); },
                    },
                    operation);
}

/// Rows in the way are counted before anything is changed, wherever the tables can be asked already.
void count_first(Script& script, std::span<const Operation> operations) {
  std::vector<std::string> changed;
  std::size_t next = 0;
  bool known = true;
  std::vector<Step> first;
  std::vector<Step> rest;
  for (auto& step : script.steps) {
    for (; next < step.operation && known; ++next) {
      const auto names = changed_by(operations[next]);
      known = names.has_value();
      if (names) changed.insert(changed.end(), names->begin(), names->end());
    }
    const bool early = known && step.kind == Step::Kind::guard &&
                       std::ranges::none_of(changed, [&](const std::string& name) {
                         return step.text.find(ddl::quote(name)) != std::string::npos;
                       });
    (early ? first : rest).push_back(std::move(step));
  }
  for (auto& step : first) step.phase = 0;
  for (auto& step : rest) step.phase += first.empty() ? 0 : 1;
  script.steps = std::move(first);
  std::ranges::move(rest, std::back_inserter(script.steps));
}

/// A phase's number is its place among them.
void number_phases(Script& script) {
  std::size_t phase = 0;
  std::size_t seen = script.steps.empty() ? 0 : script.steps.front().phase;
  for (auto& each : script.steps) {
    if (each.phase != seen) ++phase;
    seen = std::exchange(each.phase, phase);
  }
}

}  // namespace

std::string drop_not_null_check(const std::string& table) {
  return "ALTER TABLE " + ddl::quote(table) + " DROP CONSTRAINT IF EXISTS " +
         ddl::quote(std::string(not_null_check));
}

bool needs_value(const orm::Column& column) {
  return !column.nullable && !column.default_value && !column.computed_default && !column.generated;
}

void Renderer::guard(const std::string& table, const std::string& condition, const std::string& message) {
  auto query = "SELECT count(*) FROM " + ddl::quote(table);
  if (!condition.empty()) query += " WHERE " + condition;
  step(Step::Kind::guard, std::move(query)).message = message;
}

void Renderer::backfill(Batches batches) {
  next_phase();
  auto text = "UPDATE " + ddl::quote(batches.table) + " SET " + batches.set;
  if (!batches.where.empty()) text += " WHERE " + batches.where;
  if (const auto* table = state_.find(batches.table)) {
    const auto key = std::ranges::find(table->columns, true, &orm::Column::primary_key);
    if (key != table->columns.end()) batches.id = key->name;
  }
  step(Step::Kind::backfill, std::move(text)).batches = std::move(batches);
  next_phase();
}

void Renderer::backfill_by_hand(const Backfill& op) {
  const auto& table = state_.table(op.table);
  std::string set;
  for (const auto& [column, value] : op.set) {
    if (!find_column(table, column)) {
      throw StateError("table '" + op.table + "' has no column '" + column + "'");
    }
    set += (set.empty() ? "" : ", ") + ddl::quote(column) + " = " + value.of(dialect_);
  }
  backfill({.table = op.table,
            .id = {},
            .set = std::move(set),
            .where = op.where ? op.where->of(dialect_) : std::string(),
            .rows = op.batch,
            .pause = std::chrono::milliseconds(op.pause_ms)});
}

void Renderer::call(const CallFunction& op) {
  if (!op.function.empty()) apart(Step::Kind::call, op.function);
}

void Renderer::guard_values(const std::string& table, const orm::Column& before, const orm::Column& after) {
  const auto name = ddl::quote(before.name);
  const auto where = table + "." + before.name;
  if (after.generated) return;
  const auto convert = conversion(name, before, after, dialect_);
  if (!convert.unfit.empty()) {
    guard(table, convert.unfit,
          "have a value in " + where + " that does not fit the new type; correct them first");
  }
  if (before.nullable && !after.nullable && missing_value(after).empty()) {
    guard(table, name + " IS NULL",
          "have no value in " + where +
              ", which may no longer be null; fill them in first or give the column a "
              "default");
  }
  if (before.type != after.type) return;
  const auto old_checks = ddl::checks(table, before, dialect_);
  for (const auto& check : ddl::checks(table, after, dialect_)) {
    const bool known = std::ranges::any_of(
        old_checks, [&](const ddl::ColumnCheck& old) { return old.condition == check.condition; });
    if (known) continue;
    guard(table, "NOT (" + check.condition + ")",
          "have a value in " + where + " that is " + check.meaning + "; correct them first");
  }
}

void Renderer::guard_tenant(const std::string& table, const orm::Column& before, const orm::Column& after) {
  if (!after.references || after.references->tenant.empty() || before.references == after.references) return;
  const auto& to = *after.references;
  const auto own = ddl::quote(table) + ".";
  guard(table,
        ddl::quote(before.name) + " IS NOT NULL AND NOT EXISTS (SELECT 1 FROM " + ddl::quote(to.table) +
            " AS mpf_target WHERE mpf_target." + ddl::quote(to.column) + " = " + own +
            ddl::quote(before.name) + " AND mpf_target." + ddl::quote(to.target_tenant) + " = " + own +
            ddl::quote(to.tenant) + ")",
        "refer by " + table + "." + before.name + " to a row of another tenant; correct them first");
}

void Renderer::guard_reference(const std::string& table, const orm::Column& before,
                               const orm::Column& after) {
  if (!after.references || !after.references->tenant.empty()) return;  // guard_tenant() looks at both
  const auto& to = *after.references;
  const bool known =
      before.references && before.references->table == to.table && before.references->column == to.column;
  if (known || ddl::type_name(before, dialect_) != ddl::type_name(after, dialect_)) return;
  const auto name = ddl::quote(before.name);
  guard(table,
        name + " IS NOT NULL AND NOT EXISTS (SELECT 1 FROM " + ddl::quote(to.table) +
            " AS mpf_target WHERE mpf_target." + ddl::quote(to.column) + " = " + ddl::quote(table) + "." +
            name + ")",
        "refer by " + table + "." + before.name + " to rows of " + to.table +
            " that do not exist; correct or delete them first");
}

void Renderer::guard_unique(const orm::Table& table, const orm::Index& index) {
  std::string keys;
  std::string names;
  std::string where = index.where ? "(" + index.where->of(dialect_) + ")" : std::string();
  const auto add = [&](const std::string& key, const std::string& name) {
    keys += (keys.empty() ? "" : ", ") + key;
    names += (names.empty() ? "" : ", ") + name;
    if (!index.nulls_equal) where += (where.empty() ? "" : " AND ") + key + " IS NOT NULL";
  };
  for (const auto& each : index.columns) add(ddl::quote(each), each);
  for (const auto& each : index.expressions) add("(" + each.of(dialect_) + ")", each.of(dialect_));
  auto query = "SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM " + ddl::quote(table.name);
  if (!where.empty()) query += " WHERE " + where;
  query += " GROUP BY " + keys + " HAVING count(*) > 1) AS mpf_equal";
  step(Step::Kind::guard, std::move(query)).message = "of " + table.name + " have the same " + names +
                                                      " as others, which " + index.name +
                                                      " forbids; correct them first";
}

void Renderer::guard_check(const orm::Table& table, const orm::Check& check) {
  guard(table.name, "NOT (" + check.condition.of(dialect_) + ")",
        "break the new rule " + check.name + "; correct them first");
}

void Renderer::guard_added(const std::string& table, const orm::Column& column) {
  if (!needs_value(column) || !missing_value(column).empty()) return;
  guard(table, {},
        "have no value for the new column " + table + "." + column.name +
            ", which may not be null; give it a default, or add it as nullable first");
}

std::string Renderer::missing_value(const orm::Column& column) const {
  if (auto value = ddl::default_sql(column, dialect_); !value.empty()) return value;
  if (column.nullable) return "NULL";
  return fill_ == Fill::zero ? zero_literal(column, dialect_) : std::string();
}

void Renderer::run_by_hand(const RunSql& op) {
  const auto& text = dialect_ == Dialect::sqlite ? op.sqlite : op.postgres;
  if (!text) {
    throw StateError(std::string("this SQL has no text for ") +
                     (dialect_ == Dialect::sqlite ? "sqlite" : "postgres"));
  }
  if (!text->empty()) step(Step::Kind::sql, *text);
  script_.by_hand = true;
}

Script Renderer::take() {
  script_.rebuilds = !rebuilt_.empty();
  std::set<std::string> check;
  for (const auto& table : rebuilt_) {
    if (!state_.find(table)) continue;  // dropped later
    check.insert(table);
    for (auto& referrer : state_.referrers(table)) check.insert(std::move(referrer));
  }
  script_.check.assign(check.begin(), check.end());
  return std::move(script_);
}

Script render(std::span<const Operation> operations, State& state, const std::string& module, Dialect dialect,
              Fill fill) {
  const auto renderer =
      dialect == Dialect::sqlite ? make_sqlite_renderer(state, fill) : make_postgres_renderer(state, fill);
  std::size_t at = 0;
  try {
    for (; at < operations.size(); ++at) {
      renderer->begin(at);
      renderer->add(operations[at], module);
    }
    renderer->finish();
  } catch (const StateError& e) {
    throw RenderError(std::min(at, operations.size() - 1), e.what());
  }
  auto script = renderer->take();
  if (dialect == Dialect::postgres) count_first(script, operations);
  number_phases(script);
  return script;
}

std::string to_text(const Script& script) {
  std::string text;
  if (script.rebuilds) text += "PRAGMA foreign_keys = OFF;\n";
  std::size_t phase = 0;
  for (const auto& step : script.steps) {
    if (step.phase != phase) text += "-- committed; then:\n";
    phase = step.phase;
    switch (step.kind) {
      case Step::Kind::sql:
        text += step.text + "\n";
        break;
      case Step::Kind::guard:
        text += "-- refused if rows " + step.message + ":\n--   " + step.text + "\n";
        break;
      case Step::Kind::keep_extras:
        text += "-- triggers and indexes made by hand on " + step.text + " are kept\n";
        break;
      case Step::Kind::restore_extras:
        break;
      case Step::Kind::rename_rebuilt:
        text += "PRAGMA legacy_alter_table = ON;\n" + step.text + "\nPRAGMA legacy_alter_table = OFF;\n";
        break;
      case Step::Kind::build_index:
      case Step::Kind::drop_index:
        text += step.text + "\n";
        break;
      case Step::Kind::backfill:
        text += "-- in batches of " + std::to_string(step.batches->rows) + " rows, each committed:\n" +
                step.text + ";\n";
        break;
      case Step::Kind::call:
        text += "-- calls the function " + step.text + "\n";
        break;
    }
  }
  for (const auto& table : script.check) {
    text += "-- refused if it names rows:\nPRAGMA foreign_key_check(" + ddl::quote(table) + ");\n";
  }
  if (script.rebuilds) text += "PRAGMA foreign_keys = ON;\n";
  return text;
}

}  // namespace mpf::migrate
