#include <mpf/orm/relation.hpp>

#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/orm/query.hpp>

#include "orm/execute.hpp"
#include "orm/render.hpp"
#include "orm/tenancy.hpp"
#include "orm/values.hpp"

namespace mpf::orm::detail {

struct PrefetchStep {
  SetLoader load;
  std::shared_ptr<const PrefetchStep> before;
};

void throw_set_not_loaded(const std::string_view* origin) {
  if (!origin) {
    throw Error(ErrorKind::internal,
                "a set of rows was not loaded: the row that it belongs to was made by no query");
  }
  throw Error(ErrorKind::internal,
              fmt::format("the set {} was not loaded: add .prefetch<&{}>() to the query", *origin, *origin));
}

bool same_tenant(const ModelInfo& a, const void* a_row, const ModelInfo& b, const void* b_row) {
  if (a.site != no_column && b.site != no_column) {
    return id_in(a, a.site, a_row) == id_in(b, b.site, b_row);
  }
  if (a.provider == no_column || b.provider == no_column) return true;
  const Id first = id_in(a, a.provider, a_row);
  const Id second = id_in(b, b.provider, b_row);
  return first == second || !first || !second;  // the system's rows go with everybody's
}

QueryCore QueryCore::from_replica() const {
  QueryCore next = *this;
  next.scope_.replica = true;
  return next;
}

QueryCore QueryCore::with_retired() const {
  QueryCore next = *this;
  next.scope_.with_retired = true;
  return next;
}

QueryCore QueryCore::prefetch(SetLoader loader) const {
  QueryCore next = *this;
  next.prefetch_ = std::make_shared<const PrefetchStep>(PrefetchStep{std::move(loader), prefetch_});
  return next;
}

void QueryCore::load_sets(void* rows, std::size_t count, std::size_t stride) const {
  if (!prefetch_ || count == 0) return;
  std::vector<const PrefetchStep*> steps;
  for (const PrefetchStep* step = prefetch_.get(); step; step = step->before.get()) steps.push_back(step);
  // Sets are asked for by the scope itself: retired rows of one model say nothing about those of another.
  ScopeData scope = scope_;
  scope.with_retired = false;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    (*step)->load(scope, origin_, rows, count, stride);
  }
}

void QueryCore::fetch_of_each(const Partition& partition, std::span<const std::int64_t> parents,
                              const RowTarget& target,
                              void (*of_parent)(void* context, std::int64_t parent)) const {
  if (parents.empty()) return;
  std::vector<LoadNode> loads;
  Sql sql(scope_);
  Renderer renderer(sql, *this);
  if (renderer.locks()) check_lock(*scope_.db);
  renderer.select_of_each(partition, parents, &loads);
  const db::Access access = renderer.locks() ? db::Access::write : db::Access::read;
  execute(
      *scope_.db, std::move(sql), access, origin_,
      [&](const db::Row& row) {
        void* const object = target.place(target.context);
        model_->decode(object, row, 0);
        load_children(object, row, *model_, loads);
        of_parent(target.context, row.integer(row.columns() - 1));
      },
      false, scope_.replica);
}

QueryCore::Prepared QueryCore::prepared() const {
  Prepared prepared;
  Sql sql(scope_);
  Renderer renderer(sql, *this);
  if (renderer.locks()) check_lock(*scope_.db);
  renderer.select(&prepared.loads);
  prepared.statement = std::move(sql).take(renderer.locks() ? db::Access::write : db::Access::read);
  prepared.statement.origin = origin_;
  prepared.statement.replica = scope_.replica;
  return prepared;
}

std::vector<std::int64_t> QueryCore::ids(db::Access access) const {
  std::vector<std::int64_t> ids;
  Sql sql(scope_);
  Renderer(sql, *this).ids(access == db::Access::write);
  execute(
      *scope_.db, std::move(sql), access, origin_, [&](const db::Row& row) { ids.push_back(row.integer(0)); },
      false, scope_.replica);
  return ids;
}

QueryCore QueryCore::only(std::span<const std::int64_t> ids) const {
  static constexpr ColumnPath id{{}, "id", "id", ColumnType::id, false};
  QueryCore next = where(in_node(column_node(id), std::vector<db::Param>(ids.begin(), ids.end()), &id));
  next.limit_.reset();
  next.offset_.reset();
  return next;
}

void Renderer::select_of_each(const Partition& partition, std::span<const std::int64_t> parents,
                              std::vector<LoadNode>* loads) {
  const bool part = limit_ || offset_;
  const Sql::Alias link = partition.links ? sql_.new_alias() : root_;
  const std::string parent =
      sql_.capture([&] { sql_.column(link, partition.links ? partition.source : partition.reference); });
  const std::string where = where_text() + " AND " + parent + sql_.capture([&] { sql_.is_one_of(parents); });
  const std::string order = order_text(part);
  const auto write_rows = [&] {
    write_from();
    if (partition.links) {
      sql_ << " JOIN ";
      sql_.name(partition.links->table.name) << " ";
      sql_.alias(link) << " ON ";
      sql_.column(link, partition.target) << " = ";
      sql_.column(root_, id_column());
      write_tenant_condition(sql_, link, *partition.links, scope_);
      if (scope_.kind != ScopeKind::site) {
        write_tenant_match(sql_, link, *partition.links, owner_columns(model_, root_));
      }
    }
    sql_ << where;
  };
  // Which rows, counted for each parent; then these rows with all that is loaded of them.
  std::string numbered;
  if (part) {
    numbered = sql_.capture([&] {
      sql_ << "SELECT ";
      sql_.column(root_, id_column())
          << " AS row_id, " << parent << " AS parent, row_number() OVER (PARTITION BY " << parent << order
          << ") AS place";
      write_rows();
    });
  }
  const std::vector<std::size_t> loaded = join_loaded();
  sql_ << "SELECT ";
  write_select_list(0);
  write_loaded(loaded, loads);
  sql_ << ", ";
  if (!part) {
    sql_ << parent;
    write_rows();
    sql_ << order;
    write_lock();
    return;
  }
  sql_ << "part.parent";
  write_from();
  sql_ << " JOIN (" << numbered << ") AS part ON part.row_id = ";
  sql_.column(root_, id_column());
  const auto most = static_cast<std::size_t>(INT64_MAX);
  const std::size_t skipped = std::min(offset_.value_or(0), most);
  sql_ << " WHERE part.place > ";
  sql_.bind(static_cast<std::int64_t>(skipped));
  if (limit_) {
    sql_ << " AND part.place <= ";
    sql_.bind(static_cast<std::int64_t>(skipped + std::min(*limit_, most - skipped)));
  }
  sql_ << order;
  write_lock();
}

}  // namespace mpf::orm::detail
