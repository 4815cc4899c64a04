#include "orm/render.hpp"

#include <algorithm>

#include <mpf/base/error.hpp>

#include "orm/tenancy.hpp"

namespace mpf::orm::detail {

Renderer::Renderer(Sql& sql, const ScopeData& scope, const ModelInfo& model, Renderer* outer)
    : sql_(sql), scope_(scope), model_(model), outer_(outer), root_(sql.new_alias()) {}

Renderer::Renderer(Sql& sql, const QueryCore& query, Renderer* outer)
    : Renderer(sql, query.scope(), query.model(), outer) {
  limit_ = query.limit();
  offset_ = query.offset();
  struct Visitor {
    Renderer& self;
    bool& reordered;
    void operator()(const Clause::Where& where) const { self.conditions_.push_back(where.condition); }
    void operator()(const Clause::Order& order) const {
      if (!reordered) self.order_.push_back(order.term);
    }
    void operator()(const Clause::Reorder& order) const {
      if (!reordered) self.order_.insert(self.order_.end(), order.terms.rbegin(), order.terms.rend());
      reordered = true;
    }
    void operator()(const Clause::With& with) const { self.with_.push_back(with.hops); }
    void operator()(const Clause::FirstPer& first) const {
      if (!self.first_per_) self.first_per_ = first;  // the last one said
    }
    void operator()(const Clause::Lock& lock) const {
      if (!self.lock_) self.lock_ = lock;
    }
  };
  bool reordered = false;
  for (const Clause* clause = query.clauses().get(); clause; clause = clause->before.get()) {
    std::visit(Visitor{*this, reordered}, clause->content);
  }
  std::ranges::reverse(conditions_);
  std::ranges::reverse(order_);
  std::ranges::reverse(with_);
}

std::size_t Renderer::join(std::size_t parent, const Hop& hop, bool optional) {
  for (std::size_t i = 0; i < joins_.size(); ++i) {
    if (joins_[i].parent == parent && joins_[i].hop->column == hop.column) return i + 1;
  }
  const bool outer = optional || hop.nullable || (parent != 0 && joins_[parent - 1].optional);
  joins_.push_back({parent, &hop, &hop.target(), outer, sql_.new_alias()});
  return joins_.size();
}

std::size_t Renderer::follow(std::span<const Hop> hops, bool optional) {
  std::size_t at = 0;
  for (const Hop& hop : hops) at = join(owner_of(at, hop.column), hop, optional);
  return at;
}

std::size_t Renderer::join_base(std::size_t at) { return join(at, model_of(at).to_base, false); }

std::size_t Renderer::owner_of(std::size_t at, std::string_view column) {
  const ModelInfo& model = model_of(at);
  if (!model.base ||
      std::ranges::find(model.table.columns, column, &Column::name) != model.table.columns.end()) {
    return at;
  }
  return owner_of(join_base(at), column);
}

/// The id of a referred row is in the referring one.
std::span<const Hop> Renderer::needed_hops(const ColumnPath& path) {
  const bool is_id = path.column == "id" && !path.hops.empty();
  return is_id ? path.hops.first(path.hops.size() - 1) : path.hops;
}

void Renderer::join_optionally(const Node& node) {
  if (const auto* const column = std::get_if<ColumnNode>(&node.content)) {
    const auto hops = needed_hops(*column->path);
    const bool of_referring = hops.size() < column->path->hops.size();
    owner_of(follow(hops, true), of_referring ? column->path->hops.back().column : column->path->column);
  } else {
    for_each_child(node, [this](const Node& child) { join_optionally(child); });
  }
}

void Renderer::write_select_list(std::size_t join) {
  bool first = true;
  for (const Column& column : model_of(join).table.columns) {
    if (!first) sql_ << ", ";
    first = false;
    sql_.column(alias_of(join), column.name);
  }
  if (!model_of(join).base) return;
  sql_ << ", ";
  write_select_list(join_base(join));
}

void Renderer::write_from() {
  sql_ << " FROM ";
  sql_.name(model_.table.name) << " ";
  sql_.alias(root_);
  for (const Join& join : joins_) {
    sql_ << (join.optional ? " LEFT JOIN " : " JOIN ");
    sql_.name(join.target->table.name) << " ";
    sql_.alias(join.alias) << " ON ";
    sql_.column(join.alias, join.target->table.columns[join.target->id].name) << " = ";
    sql_.column(alias_of(join.parent), join.hop->column);
    write_reference_condition(sql_, join.alias, *join.target, scope_,
                              owner_columns(model_of(join.parent), alias_of(join.parent)));
  }
}

void Renderer::write_where() {
  sql_ << " WHERE TRUE";
  write_scope_condition(sql_, root_, model_, changing_ ? writing(scope_) : scope_);
  for (std::size_t at = 0; has_retired_base(model_of(at)) && !scope_.with_retired;) {
    at = join_base(at);
    write_retired_condition(sql_, alias_of(at), model_of(at), scope_);
  }
  if (first_per_) {
    write_first_per();
    return;
  }
  for (const NodePtr& condition : conditions_) {
    sql_ << " AND ";
    write_condition(*condition, false);
  }
}

std::string Renderer::where_text() {
  return sql_.capture([this] { write_where(); });
}

/// A window function numbers the rows of each group; both databases have these, only one has DISTINCT ON.
void Renderer::write_first_per() {
  Renderer inner(sql_, scope_, model_, outer_);
  inner.conditions_ = conditions_;
  inner.order_ = first_per_->order;
  inner.changing_ = changing_;
  const std::string where = inner.where_text();
  const std::string order = inner.order_text(true);
  const std::string groups = sql_.capture([&] {
    for (const NodePtr& value : first_per_->values) {
      if (&value != first_per_->values.data()) sql_ << ", ";
      inner.join_optionally(*value);
      inner.write_value(*value);
    }
  });
  sql_ << " AND ";
  sql_.column(root_, id_column()) << " IN (SELECT \"id\" FROM (SELECT ";
  sql_.column(inner.root_, id_column())
      << " AS \"id\", row_number() OVER (PARTITION BY " << groups << order << ") AS \"n\"";
  inner.write_from();
  sql_ << where << ") AS ranked WHERE \"n\" <= ";
  sql_.bind(static_cast<std::int64_t>(std::min<std::size_t>(first_per_->rows, INT64_MAX))) << ")";
}

std::vector<OrderBy> Renderer::total_order() const {
  std::vector<OrderBy> terms = order_;
  for (const OrderBy& term : terms) {
    const auto* const column = std::get_if<ColumnNode>(&term.value->content);
    if (column && column->path->hops.empty() && column->path->column == id_column()) return terms;
  }
  static constexpr ColumnPath id{{}, "id", "id", ColumnType::id, false};
  terms.push_back({column_node(id), !terms.empty() && terms.back().descending});
  return terms;
}

std::string Renderer::order_text(bool total) {
  const std::vector<OrderBy> terms = total ? total_order() : order_;
  return sql_.capture([&] {
    for (const OrderBy& term : terms) {
      sql_ << (&term == terms.data() ? " ORDER BY " : ", ");
      join_optionally(*term.value);
      write_order_term(term);
    }
  });
}

void Renderer::write_limit(std::optional<std::size_t> limit, std::optional<std::size_t> offset) {
  if (limit || (offset && sql_.sqlite())) {  // SQLite knows OFFSET only after LIMIT
    sql_ << " LIMIT ";
    sql_.bind(limit ? static_cast<std::int64_t>(std::min<std::size_t>(*limit, INT64_MAX)) : std::int64_t{-1});
  }
  if (offset) {
    sql_ << " OFFSET ";
    sql_.bind(static_cast<std::int64_t>(std::min<std::size_t>(*offset, INT64_MAX)));
  }
}

/// SQLite's writer, whose connection locked statements run on, holds the whole database.
void Renderer::write_lock() {
  if (!lock_ || sql_.sqlite()) return;
  sql_ << (lock_->strength == LockStrength::update ? " FOR UPDATE OF " : " FOR SHARE OF ");
  sql_.alias(root_);
  for (std::size_t i = 0, at = 0; i < joins_.size(); ++i) {  // and what it extends, as far as it is there
    if (joins_[i].parent != at || joins_[i].hop != &model_of(at).to_base) continue;
    at = i + 1;
    sql_ << ", ";
    sql_.alias(alias_of(at));
  }
  if (lock_->wait == LockWait::skip_locked) sql_ << " SKIP LOCKED";
  if (lock_->wait == LockWait::fail) sql_ << " NOWAIT";
}

std::vector<std::size_t> Renderer::join_loaded() {
  std::vector<std::size_t> loaded;
  for (const auto& hops : with_) {
    std::size_t at = 0;
    for (const Hop& hop : hops) {
      at = join(owner_of(at, hop.column), hop, true);
      if (std::ranges::find(loaded, at) == loaded.end()) loaded.push_back(at);
    }
  }
  return loaded;
}

std::size_t Renderer::write_loaded(const std::vector<std::size_t>& loaded, std::vector<LoadNode>* loads) {
  std::vector<std::size_t> first_columns(joins_.size() + 1, 0);
  std::size_t columns = model_.width;
  for (const std::size_t at : loaded) {
    sql_ << ", ";
    write_select_list(at);
    first_columns[at] = columns;
    columns += model_of(at).width;
  }
  if (!loads) return columns;
  const auto collect = [&](const auto& self, std::size_t parent) -> std::vector<LoadNode> {
    std::vector<LoadNode> nodes;
    for (const std::size_t at : loaded) {
      const Join& join = joins_[at - 1];
      if (join.parent != parent) continue;
      const auto& referring = model_of(parent).table.columns;
      const auto column = std::ranges::find(referring, join.hop->column, &Column::name);
      nodes.push_back(
          {static_cast<std::size_t>(column - referring.begin()), first_columns[at], self(self, at)});
    }
    if (model_of(parent).base) {
      if (auto of_base = self(self, join_base(parent)); !of_base.empty()) {
        nodes.push_back({no_column, 0, std::move(of_base)});
      }
    }
    return nodes;
  };
  *loads = collect(collect, 0);
  return columns;
}

void Renderer::select(std::vector<LoadNode>* loads, std::span<const NodePtr> extra,
                      std::size_t* first_extra) {
  // What is loaded never decides which rows there are, but filters on the same reference may join it first.
  const std::string where = where_text();
  const std::string order = order_text(limit_ || offset_);
  const std::vector<std::size_t> loaded = join_loaded();
  const std::string list = sql_.capture([&] {
    write_select_list(0);
    const std::size_t columns = write_loaded(loaded, loads);
    if (first_extra) *first_extra = columns;
    for (const NodePtr& value : extra) {
      sql_ << ", ";
      write_value(*value);
    }
  });
  sql_ << "SELECT " << list;
  write_from();
  sql_ << where << order;
  write_limit(limit_, offset_);
  write_lock();
}

void Renderer::count() {
  const bool part = limit_ || offset_;
  const std::string where = where_text();
  sql_ << (part ? "SELECT count(*) FROM (SELECT 1" : "SELECT count(*)");
  write_from();
  sql_ << where;
  write_limit(limit_, offset_);
  if (part) sql_ << ") AS part";
}

void Renderer::exists() {
  const std::string where = where_text();
  sql_ << "SELECT 1";
  write_from();
  sql_ << where;
  write_limit(1, offset_);
}

void Renderer::write_ids() {
  const std::string where = where_text();
  const std::string order = limit_ || offset_ ? order_text(true) : std::string();
  write_ids(where, order);
}

void Renderer::ids(bool changing) {
  changing_ = changing;
  const std::string where = where_text();
  write_ids(where, order_text(limit_ || offset_));
}

void Renderer::write_ids(std::string_view where, std::string_view order) {
  sql_ << "SELECT ";
  sql_.column(root_, id_column());
  write_from();
  sql_ << where << order;
  write_limit(limit_, offset_);
  write_lock();
}

void Renderer::write_target_rows() {
  if (!limit_ && !offset_) {
    const std::string where = where_text();
    if (joins_.empty()) {
      sql_ << where;
      return;
    }
    joins_.clear();
  }
  sql_ << " WHERE ";
  sql_.column(root_, id_column()) << " IN (";
  write_ids();
  sql_ << ")";
}

/// Unqualified: SQLite knows no alias there.
void Renderer::write_returning() {
  sql_ << " RETURNING ";
  for (const Column& column : model_.table.columns) {
    if (&column != model_.table.columns.data()) sql_ << ", ";
    sql_.name(column.name);
  }
}

void Renderer::remove(bool returning) {
  changing_ = true;
  sql_ << "DELETE FROM ";
  sql_.name(model_.table.name) << " AS ";
  sql_.alias(root_);
  write_target_rows();
  if (returning) write_returning();
}

void Renderer::update(std::span<const NewValue> values, bool returning) {
  changing_ = true;
  sql_ << "UPDATE ";
  sql_.name(model_.table.name) << " AS ";
  sql_.alias(root_) << " SET ";
  for (const NewValue& value : values) {
    if (&value != values.data()) sql_ << ", ";
    sql_.name(value.column) << " = ";
    if (value.value) {
      write_value(*value.value);
    } else {
      sql_.column(root_, value.column) << " + 1";
    }
  }
  if (!joins_.empty()) {
    throw Error(ErrorKind::internal,
                "update(): a new value cannot come from another row, except by a subquery");
  }
  write_target_rows();
  if (returning) write_returning();
}

void Renderer::bad_references(std::string_view column, const ModelInfo& target) {
  changing_ = true;
  const Sql::Alias referred = sql_.new_alias();
  sql_ << "SELECT ";
  sql_.column(root_, column) << " FROM ";
  sql_.name(model_.table.name) << " ";
  sql_.alias(root_);
  write_target_rows();
  sql_ << " AND ";
  sql_.column(root_, column) << " IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ";
  sql_.name(target.table.name) << " ";
  sql_.alias(referred) << " WHERE ";
  sql_.column(referred, target.table.columns[target.id].name) << " = ";
  sql_.column(root_, column);
  write_reference_condition(sql_, referred, target, scope_, owner_columns(model_, root_));
  sql_ << ") LIMIT 1";
}

void Renderer::rows_refusing(const ModelInfo& target, std::int64_t id) {
  changing_ = true;
  const Sql::Alias referred = sql_.new_alias();
  sql_ << "SELECT 1 FROM ";
  sql_.name(model_.table.name) << " ";
  sql_.alias(root_);
  write_target_rows();
  sql_ << " AND NOT EXISTS (SELECT 1 FROM ";
  sql_.name(target.table.name) << " ";
  sql_.alias(referred) << " WHERE ";
  sql_.column(referred, target.table.columns[target.id].name) << " = ";
  sql_.bind(id);
  write_reference_condition(sql_, referred, target, scope_, owner_columns(model_, root_));
  sql_ << ") LIMIT 1";
}

}  // namespace mpf::orm::detail
