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
  for (const auto& column : entry.filled) sql_all(leave_nulls(entry.table, *find_column(entry.table, column)));
  sql("DROP TABLE " + ddl::quote(op.table));
}

void PostgresRenderer::render(const RenameTable& op, const Operation& operation, const std::string& module) {
  const auto before = state_.table(op.from);
  state_.apply(operation, module);
  if (fresh_.contains(op.from)) fresh_.insert(op.to);
  sql(alter(op.from) + "RENAME TO " + ddl::quote(op.to));
  for (const auto& column : before.columns) rename_constraints(op.to, op.from, column, column);
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

std::unique_ptr<Renderer> make_postgres_renderer(State& state, Fill fill) {
  return std::make_unique<PostgresRenderer>(state, fill);
}

}  // namespace mpf::migrate
