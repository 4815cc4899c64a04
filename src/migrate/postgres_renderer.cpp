#include <algorithm>

#include "migrate/null_filling.hpp"
#include "migrate/postgres_renderer.hpp"
#include "migrate/twins.hpp"

namespace mpf::migrate {

namespace ddl = orm::ddl;
constexpr auto postgres = db::Dialect::postgres;

void PostgresRenderer::render(const CreateTable& op, const Operation& operation, const std::string& module) {
  state_.apply(operation, module);
  const auto& table = state_.table(op.table.name);
  fresh_.insert(table.name);
  sql_all(ddl::create_all(table, postgres));
  secure(table);
}

void PostgresRenderer::render(const DropTable& op, const Operation& operation, const std::string& module) {
  const auto entry = state_.entry(op.table);
  state_.apply(operation, module);
  for (const auto& twins : entry.twins) sql_all(let_go(entry.table, twins));
  for (const auto& column : entry.filled)
    sql_all(leave_nulls(entry.table, *find_column(entry.table, column)));
  sql("DROP TABLE " + ddl::quote(op.table));
}

void PostgresRenderer::render(const RenameTable& op, const Operation& operation, const std::string& module) {
  const auto before = state_.table(op.from);
  state_.apply(operation, module);
  if (fresh_.contains(op.from)) fresh_.insert(op.to);
  sql(alter(op.from) + "RENAME TO " + ddl::quote(op.to));
  for (const auto& column : before.columns) rename_constraints(op.to, op.from, column, column);
  rename_own(op.to);
}

void PostgresRenderer::render(const MoveTable&, const Operation& operation, const std::string& module) {
  state_.apply(operation, module);
}

void PostgresRenderer::render(const AlterTable&, const Operation& operation, const std::string& module) {
  state_.apply(operation, module);
}

void PostgresRenderer::render(const AlterRowSecurity& op, const Operation& operation,
                              const std::string& module) {
  unsecure(state_.table(op.table));
  state_.apply(operation, module);
  secure(state_.table(op.table));
}

void PostgresRenderer::render(const CreateIndex& op, const Operation& operation, const std::string& module) {
  state_.apply(operation, module);
  auto text = ddl::create_index(state_.table(op.table), op.index, postgres);
  if (!is_live(op.table)) return sql(std::move(text));
  if (op.index.unique) {
    next_phase();
    guard_unique(state_.table(op.table), op.index);
  }
  apart(Step::Kind::build_index, concurrently(std::move(text)) + ";", op.index.name);
}

void PostgresRenderer::render(const DropIndex& op, const Operation& operation, const std::string& module) {
  state_.apply(operation, module);
  if (!is_live(op.table)) return sql("DROP INDEX " + ddl::quote(op.index));
  apart(Step::Kind::drop_index, "DROP INDEX CONCURRENTLY IF EXISTS " + ddl::quote(op.index) + ";", op.index);
}

void PostgresRenderer::render(const RenameIndex& op, const Operation& operation, const std::string& module) {
  state_.apply(operation, module);
  sql("ALTER INDEX " + ddl::quote(op.from) + " RENAME TO " + ddl::quote(op.to));
}

void PostgresRenderer::render(const AddCheck& op, const Operation& operation, const std::string& module) {
  state_.apply(operation, module);
  const bool live = is_live(op.table);
  if (live) next_phase();
  guard_check(state_.table(op.table), op.check);
  if (live) next_phase();
  add_rule(op.table, op.check.name, "CHECK (" + op.check.condition.of(postgres) + ")");
  validate_all(op.table);
}

void PostgresRenderer::render(const DropCheck& op, const Operation& operation, const std::string& module) {
  state_.apply(operation, module);
  drop_constraint(op.table, op.check);
}

void PostgresRenderer::render(const RunSql& op, const Operation&, const std::string&) {
  // Committed by itself: tables that were just changed would stay locked until its rows are done.
  next_phase();
  run_by_hand(op);
  next_phase();
}

void PostgresRenderer::render(const Backfill& op, const Operation& operation, const std::string& module) {
  state_.apply(operation, module);
  if (!op.set.empty()) backfill_by_hand(op);
}

void PostgresRenderer::render(const CallFunction& op, const Operation&, const std::string&) { call(op); }

void PostgresRenderer::secure(const orm::Table& table) {
  if (!table.row_security) return;
  sql_all(ddl::make_role(table.row_security->role));
  sql_all(ddl::secure(table, *table.row_security));
}

void PostgresRenderer::unsecure(const orm::Table& table) {
  if (!table.row_security) return;
  sql_all(ddl::unsecure(table, *table.row_security));
}

namespace {

/// "table_column_label", as PostgreSQL makes it of names that may be too long together.
std::string own_name(std::string table, std::string column, const std::string& label) {
  constexpr std::size_t longest = 63;
  const auto clip = [](std::string& name, std::size_t size) {
    while (size < name.size() && (static_cast<unsigned char>(name[size]) & 0xc0) == 0x80) --size;
    name.resize(std::min(size, name.size()));
  };
  const auto room = longest - label.size() - (column.empty() ? 1 : 2);
  auto first = table.size();
  auto second = column.size();
  while (first + second > room) --(first > second ? first : second);
  clip(table, first);
  clip(column, second);
  return table + (column.empty() ? "" : "_" + column) + "_" + label;
}

/// Within DO: gives what the query finds that name, unless something else has it.
std::string rename_found(const std::string& query, const std::string& kind, const std::string& name) {
  return query + "; IF known <> " + ddl::literal(name) + " AND to_regclass(" +
         ddl::literal(ddl::quote(name)) + ") IS NULL THEN EXECUTE format('ALTER " + kind +
         " %I RENAME TO %I', known, " + ddl::literal(name) + "); END IF;";
}

}  // namespace

/// Names that PostgreSQL made of the table's itself, those of its key and of the sequence behind it: a table
/// that is called so later gets the same as anywhere else.
void PostgresRenderer::rename_own(const std::string& table) {
  const auto& columns = state_.table(table).columns;
  const auto key = std::ranges::find(columns, true, &orm::Column::primary_key);
  if (key == columns.end()) return;
  const auto relation = ddl::literal(ddl::quote(table)) + "::regclass";
  sql("DO $mpf$ DECLARE known text; BEGIN " +
      rename_found(
          "SELECT conname INTO known FROM pg_constraint WHERE contype = 'p' AND conrelid = " + relation,
          "INDEX", own_name(table, {}, "pkey")) +
      " known := NULL; " +
      rename_found(
          "SELECT s.relname INTO known FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.classid "
          "= 'pg_class'::regclass AND d.refclassid = d.classid AND d.deptype = 'i' AND d.refobjsubid > 0 "
          "WHERE s.relkind = 'S' AND d.refobjid = " +
              relation,
          "SEQUENCE", own_name(table, key->name, "seq")) +
      " END $mpf$");
}

std::unique_ptr<Renderer> make_postgres_renderer(State& state, Fill fill) {
  return std::make_unique<PostgresRenderer>(state, fill);
}

}  // namespace mpf::migrate
