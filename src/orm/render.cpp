#include "orm/render.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/tenancy.hpp"

namespace mpf::orm::detail {

namespace {
constexpr Sql::Alias root{0};
}  // namespace

Renderer::Renderer(const ScopeData& scope, const ModelInfo& model,
                   const std::shared_ptr<const Clause>& clauses)
    : scope_(scope), model_(model), sql_(scope.db->dialect()) {
  for (const Clause* clause = clauses.get(); clause; clause = clause->before.get()) {
    if (const auto* const where = std::get_if<Clause::Where>(&clause->content)) {
      conditions_.push_back(where->condition);
    } else if (const auto* const order = std::get_if<Clause::OrderBy>(&clause->content)) {
      order_.push_back(*order);
    } else {
      with_.push_back(std::get<Clause::With>(clause->content).hops);
    }
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
  joins_.push_back({parent, &hop, &hop.target(), outer});
  return joins_.size();
}

std::size_t Renderer::follow(std::span<const Hop> hops, bool optional) {
  std::size_t alias = 0;
  for (const Hop& hop : hops) alias = join(alias, hop, optional);
  return alias;
}

/// The id of a referred row is in the referring one.
std::span<const Hop> Renderer::needed_hops(const ColumnPath& path) {
  const bool is_id = path.column == "id" && !path.hops.empty();
  return is_id ? path.hops.first(path.hops.size() - 1) : path.hops;
}

void Renderer::find_joins(const Node& node) {
  struct Visitor {
    Renderer& self;
    void operator()(const ColumnNode& column) const { self.follow(needed_hops(*column.path), false); }
    void operator()(const ValueNode&) const {}
    void operator()(const CompareNode& compare) const {
      self.find_joins(*compare.left);
      self.find_joins(*compare.right);
    }
    void operator()(const InNode& in) const { self.find_joins(*in.operand); }
    void operator()(const NullNode& null) const { self.find_joins(*null.operand); }
    void operator()(const MatchNode& match) const { self.find_joins(*match.operand); }
    void operator()(const ArithmeticNode& computed) const {
      self.find_joins(*computed.left);
      self.find_joins(*computed.right);
    }
    void operator()(const JunctionNode& junction) const {
      for (const NodePtr& part : junction.parts) self.find_joins(*part);
    }
    void operator()(const NotNode& negation) const { self.find_joins(*negation.operand); }
  };
  std::visit(Visitor{*this}, node.content);
}

void Renderer::find_filter_joins() {
  for (const NodePtr& condition : conditions_) find_joins(*condition);
}

void Renderer::write_select_list(std::size_t alias) {
  bool first = true;
  for (const Column& column : model_of(alias).table.columns) {
    if (!first) sql_ << ", ";
    first = false;
    sql_.column(Sql::Alias{alias}, column.name);
  }
}

void Renderer::write_from() {
  sql_ << " FROM ";
  sql_.name(model_.table.name) << " ";
  sql_.alias(root);
  for (std::size_t i = 0; i < joins_.size(); ++i) {
    const Join& join = joins_[i];
    const Sql::Alias alias{i + 1};
    const Sql::Alias parent{join.parent};
    sql_ << (join.optional ? " LEFT JOIN " : " JOIN ");
    sql_.name(join.target->table.name) << " ";
    sql_.alias(alias) << " ON ";
    sql_.column(alias, join.target->table.columns[join.target->id].name) << " = ";
    sql_.column(parent, join.hop->column);
    write_reference_condition(sql_, alias, *join.target, scope_,
                              owner_columns(model_of(join.parent), parent));
  }
}

void Renderer::write_where() {
  sql_ << " WHERE TRUE";
  write_scope_condition(sql_, root, model_, scope_);
  for (const NodePtr& condition : conditions_) {
    sql_ << " AND ";
    write_condition(*condition, false);
  }
}

void Renderer::write_order(bool total) {
  const std::string& id = model_.table.columns[model_.id].name;
  bool has_id = false;
  bool first = true;
  const auto term = [&](bool descending, bool nullable, const auto& write) {
    sql_ << (first ? " ORDER BY " : ", ");
    first = false;
    write();
    if (descending) sql_ << " DESC";
    if (nullable && !sql_.sqlite()) sql_ << (descending ? " NULLS LAST" : " NULLS FIRST");
  };
  for (const Clause::OrderBy& order : order_) {
    term(order.descending, order.path->nullable, [&] { write_column(*order.path); });
    has_id = has_id || (order.path->hops.empty() && order.path->column == id);
  }
  if (!total || has_id) return;
  term(!order_.empty() && order_.back().descending, false, [&] { sql_.column(root, id); });
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

db::Statement Renderer::select(std::optional<std::size_t> limit, std::optional<std::size_t> offset,
                               std::vector<LoadNode>* loads) {
  // What is loaded never decides which rows there are, but filters on the same reference may join it first.
  find_filter_joins();
  for (const Clause::OrderBy& order : order_) follow(needed_hops(*order.path), true);
  std::vector<std::size_t> loaded;  // aliases, parents first
  for (const auto& hops : with_) {
    std::size_t alias = 0;
    for (const Hop& hop : hops) {
      alias = join(alias, hop, true);
      if (std::ranges::find(loaded, alias) == loaded.end()) loaded.push_back(alias);
    }
  }
  sql_ << "SELECT ";
  write_select_list(0);
  std::vector<std::size_t> first_columns(joins_.size() + 1, 0);
  std::size_t columns = model_.columns.size();
  for (const std::size_t alias : loaded) {
    sql_ << ", ";
    write_select_list(alias);
    first_columns[alias] = columns;
    columns += model_of(alias).columns.size();
  }
  if (loads) {
    const auto collect = [&](const auto& self, std::size_t parent) -> std::vector<LoadNode> {
      std::vector<LoadNode> nodes;
      for (const std::size_t alias : loaded) {
        const Join& join = joins_[alias - 1];
        if (join.parent != parent) continue;
        const auto& referring = model_of(parent).table.columns;
        const auto column = std::ranges::find(referring, join.hop->column, &Column::name);
        nodes.push_back(
            {static_cast<std::size_t>(column - referring.begin()), first_columns[alias], self(self, alias)});
      }
      return nodes;
    };
    *loads = collect(collect, 0);
  }
  write_from();
  write_where();
  write_order(limit || offset);
  write_limit(limit, offset);
  return std::move(sql_).take(db::Access::read);
}

db::Statement Renderer::project(std::span<const ColumnPath* const> columns, std::optional<std::size_t> limit,
                                std::optional<std::size_t> offset) {
  find_filter_joins();
  for (const Clause::OrderBy& order : order_) follow(needed_hops(*order.path), true);
  for (const ColumnPath* const path : columns) follow(needed_hops(*path), false);
  sql_ << "SELECT ";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) sql_ << ", ";
    write_column(*columns[i]);
  }
  write_from();
  write_where();
  write_order(limit || offset);
  write_limit(limit, offset);
  return std::move(sql_).take(db::Access::read);
}

db::Statement Renderer::count(std::optional<std::size_t> limit, std::optional<std::size_t> offset) {
  find_filter_joins();
  const bool part = limit || offset;
  sql_ << (part ? "SELECT count(*) FROM (SELECT 1" : "SELECT count(*)");
  write_from();
  write_where();
  write_limit(limit, offset);
  if (part) sql_ << ") AS part";
  return std::move(sql_).take(db::Access::read);
}

db::Statement Renderer::exists(std::optional<std::size_t> offset) {
  find_filter_joins();
  sql_ << "SELECT 1";
  write_from();
  write_where();
  write_limit(1, offset);
  return std::move(sql_).take(db::Access::read);
}

void Renderer::write_target_rows(std::optional<std::size_t> limit, std::optional<std::size_t> offset) {
  find_filter_joins();
  const bool part = limit || offset;
  if (part) {
    for (const Clause::OrderBy& order : order_) follow(needed_hops(*order.path), true);
  }
  if (!part && joins_.empty()) {
    write_where();
    return;
  }
  const std::string& id = model_.table.columns[model_.id].name;
  sql_ << " WHERE ";
  sql_.column(root, id) << " IN (SELECT ";
  sql_.column(root, id);
  write_from();
  write_where();
  if (part) write_order(true);
  write_limit(limit, offset);
  sql_ << ")";
}

db::Statement Renderer::remove(std::optional<std::size_t> limit, std::optional<std::size_t> offset) {
  sql_ << "DELETE FROM ";
  sql_.name(model_.table.name) << " AS ";
  sql_.alias(root);
  write_target_rows(limit, offset);
  return std::move(sql_).take(db::Access::write);
}

db::Statement Renderer::update(std::span<const NewValue> values, std::optional<std::size_t> limit,
                               std::optional<std::size_t> offset) {
  sql_ << "UPDATE ";
  sql_.name(model_.table.name) << " AS ";
  sql_.alias(root) << " SET ";
  bool first = true;
  for (const NewValue& value : values) {
    if (!first) sql_ << ", ";
    first = false;
    sql_.name(value.column) << " = ";
    if (value.value) {
      write_value(*value.value);
    } else {
      sql_.column(root, value.column) << " + 1";
    }
  }
  if (!joins_.empty()) {
    throw Error(ErrorKind::internal, "update(): a new value cannot come from another row");
  }
  write_target_rows(limit, offset);
  return std::move(sql_).take(db::Access::write);
}

db::Statement Renderer::rows_refusing(const ModelInfo& target, std::int64_t id,
                                      std::optional<std::size_t> limit, std::optional<std::size_t> offset) {
  constexpr Sql::Alias referred{2000};
  sql_ << "SELECT 1 FROM ";
  sql_.name(model_.table.name) << " ";
  sql_.alias(root);
  write_target_rows(limit, offset);
  sql_ << " AND NOT EXISTS (SELECT 1 FROM ";
  sql_.name(target.table.name) << " ";
  sql_.alias(referred) << " WHERE ";
  sql_.column(referred, target.table.columns[target.id].name) << " = ";
  sql_.bind(id);
  write_reference_condition(sql_, referred, target, scope_, owner_columns(model_, root));
  sql_ << ") LIMIT 1";
  return std::move(sql_).take(db::Access::read);
}

}  // namespace mpf::orm::detail
