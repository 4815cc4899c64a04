#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/execute.hpp"
#include "orm/render.hpp"

namespace mpf::orm::detail {

namespace {

db::Access access_of(const SelectionPlan& plan, Sql& sql) {
  if (plan.left || plan.grouped || plan.distinct) return db::Access::read;
  Sql unused(sql.dialect());
  return Renderer(unused, plan.source).locks() ? db::Access::write : db::Access::read;
}

}  // namespace

const QueryCore& source_of(const SelectionPlan& plan) {
  return plan.left ? source_of(*plan.left) : plan.source;
}

void run_selection(const SelectionPlan& plan, const db::RowSink& on_row, bool stream,
                   const std::source_location& origin) {
  db::Database& db = *source_of(plan).scope().db;
  Sql sql(db.dialect());
  const db::Access access = access_of(plan, sql);
  Renderer::select_plan(sql, plan, nullptr, false);
  execute(db, std::move(sql), access, origin, on_row, stream, source_of(plan).scope().replica);
}

std::uint64_t count_selection(const SelectionPlan& plan, const std::source_location& origin) {
  db::Database& db = *source_of(plan).scope().db;
  Sql sql(db.dialect());
  sql << "SELECT count(*) FROM (";
  Renderer::select_plan(sql, plan, nullptr, true);
  sql << ") AS counted";
  std::uint64_t rows = 0;
  execute(
      db, std::move(sql), db::Access::read, origin,
      [&](const db::Row& row) { rows = static_cast<std::uint64_t>(row.integer(0)); }, false,
      source_of(plan).scope().replica);
  return rows;
}

std::string selection_sql(const SelectionPlan& plan) {
  Sql sql(source_of(plan).scope().db->dialect());
  Renderer::select_plan(sql, plan, nullptr, false);
  return sql.text();
}

std::string explain_selection(const SelectionPlan& plan, const std::source_location& origin) {
  db::Database& db = *source_of(plan).scope().db;
  Sql sql(db.dialect());
  sql << (sql.sqlite() ? "EXPLAIN QUERY PLAN " : "EXPLAIN ");
  Renderer::select_plan(sql, plan, nullptr, false);
  return explain(db, std::move(sql), origin);
}

std::string explain(db::Database& db, Sql&& sql, const std::source_location& origin) {
  const std::size_t column = sql.sqlite() ? 3 : 0;
  std::string text;
  execute(db, std::move(sql), db::Access::read, origin, [&](const db::Row& row) {
    text += row.text(column);
    text += '\n';
  });
  return text;
}

void check_same_scope(const QueryCore& left, const QueryCore& right) {
  const ScopeData& a = left.scope();
  const ScopeData& b = right.scope();
  if (a.db == b.db && a.kind == b.kind && a.site == b.site && a.provider == b.provider) return;
  throw Error(ErrorKind::internal, "queries of different scopes cannot be combined");
}

}  // namespace mpf::orm::detail
