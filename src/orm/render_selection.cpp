#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/render.hpp"

/// Selections in SQL: computed columns, groups, sets of rows combined.
namespace mpf::orm::detail {

namespace {

const SelectionPlan& first_part(const SelectionPlan& plan) {
  const SelectionPlan* part = &plan;
  while (part->left) part = part->left.get();
  return *part;
}

void write_column_names(Sql& sql, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) sql << fmt::format("{}\"c{}\"", i == 0 ? "" : ", ", i);
}

bool is_value(const Node& node) {
  if (const auto* const search = std::get_if<SearchNode>(&node.content)) return search->rank;
  if (const auto* const related = std::get_if<RelatedNode>(&node.content))
    return related->aggregate != nullptr;
  static const Node first_condition{CompareNode{}};
  return node.content.index() < first_condition.content.index();
}

constexpr std::string_view set_words[] = {" UNION ALL ", " UNION ", " INTERSECT ", " EXCEPT "};

/// The parts are sub-selects, which SQLite demands where they have an order or limit of their own.
void write_combined(Sql& sql, const SelectionPlan& plan, Renderer* outer, bool named) {
  const std::size_t columns = first_part(plan).columns.size();
  const bool wrapped = !plan.order.empty() || plan.limit || plan.offset;
  if (wrapped) {
    sql << "SELECT ";
    write_column_names(sql, columns);
    sql << " FROM (";
  }
  for (const PlanPtr& part : {plan.left, plan.right}) {
    sql << "SELECT ";
    write_column_names(sql, columns);
    sql << " FROM (";
    Renderer::select_plan(sql, *part, outer, true);
    sql << ") AS part";
    if (part == plan.left) sql << set_words[static_cast<std::size_t>(plan.operation)];
  }
  if (!wrapped) return;
  sql << ") AS combined";
  static_cast<void>(named);  // they are
  std::vector<bool> seen(columns, false);
  bool first = true;
  const auto term = [&](std::size_t column, bool descending, bool nulls_first) {
    sql << (first ? " ORDER BY " : ", ") << fmt::format("\"c{}\"", column);
    first = false;
    if (!sql.sqlite() && type_of(*first_part(plan).columns[column]) == ColumnType::text) {
      sql << " COLLATE \"C\"";
    }
    sql << (descending ? " DESC" : "") << (nulls_first ? " NULLS FIRST" : " NULLS LAST");
    seen[column] = true;
  };
  for (const SelectionPlan::Order& order : plan.order) {
    if (order.value) {
      throw Error(ErrorKind::internal,
                  "combined selections are ordered by their columns: order_by(column<0>)");
    }
    term(order.column, order.descending, OrderBy{nullptr, order.descending, order.nulls}.nulls_first());
  }
  if (!plan.limit && !plan.offset) return;
  for (std::size_t i = 0; i < columns; ++i) {
    if (!seen[i]) term(i, false, true);
  }
}

}  // namespace

void Renderer::select_plan(Sql& sql, const SelectionPlan& plan, Renderer* outer, bool named) {
  if (plan.left) {
    write_combined(sql, plan, outer, named);
    // Of the root only the dialect matters for the limit.
    Renderer limits(sql, first_part(plan).source, outer);
    limits.write_limit(plan.limit, plan.offset);
    return;
  }
  if (plan.grouped || plan.distinct) sql.reuse_placeholders();
  Renderer(sql, plan.source, outer).write_plan(plan, named);
}

/// What is neither grouped by nor inside an aggregate has no one value in a group. SQLite would take any.
void Renderer::check_grouped(const Node& node, const std::vector<std::string>& groups) {
  if (is_value(node)) {
    const bool outside = std::exchange(aggregates_, true);
    const std::string text = sql_.capture([&] { write_value(node); });
    aggregates_ = outside;
    if (std::ranges::find(groups, text) != groups.end()) return;
  }
  if (const auto* const column = std::get_if<ColumnNode>(&node.content)) {
    throw Error(ErrorKind::internal,
                fmt::format("{} is neither in group_by() nor inside an aggregate", column->path->spelled));
  }
  const auto* const call = std::get_if<CallNode>(&node.content);
  if (call && is_aggregate(call->function)) return;
  if (std::holds_alternative<FilterNode>(node.content)) return;
  for_each_child(node, [&](const Node& child) { check_grouped(child, groups); });
}

void Renderer::write_plan_order(const SelectionPlan& plan, const std::vector<std::string>& columns,
                                bool total) {
  std::vector<bool> seen(columns.size(), false);
  bool first = true;
  const auto separate = [&] {
    sql_ << (first ? " ORDER BY " : ", ");
    first = false;
  };
  /// DISTINCT orders by what it selects, and says so by position.
  const auto by_position = [&](std::size_t column, const OrderBy& term) {
    separate();
    write_order_term(std::to_string(column + 1), is_nullable(*plan.columns[column]), term);
    seen[column] = true;
  };
  for (const SelectionPlan::Order& order : plan.order) {
    const OrderBy term{order.value ? order.value : plan.columns.at(order.column), order.descending,
                       order.nulls};
    const std::string text = sql_.capture([&] {
      join_optionally(*term.value);
      write_value(*term.value);
    });
    const auto column = static_cast<std::size_t>(std::ranges::find(columns, text) - columns.begin());
    if (plan.distinct && column == columns.size()) {
      throw Error(ErrorKind::internal,
                  "a distinct selection is ordered by what it selects: add the term to it");
    }
    if (plan.distinct) {
      by_position(column, term);
      continue;
    }
    separate();
    write_order_term(term);
  }
  if (!total) return;
  if (plan.distinct || plan.grouped) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!seen[i]) by_position(i, {});
    }
  } else if (!plan.order.empty()) {
    separate();
    sql_.column(root_, id_column());
    if (plan.order.back().descending) sql_ << " DESC";
  }
}

void Renderer::write_plan(const SelectionPlan& plan, bool named) {
  const bool own_limit = plan.limit || plan.offset;
  const bool reshaped = plan.grouped || plan.distinct || own_limit || !plan.order.empty();
  std::string where;
  if ((limit_ || offset_) && reshaped) {
    where = sql_.capture([&] {
      Renderer rows(sql_, plan.source, outer_);
      sql_ << " WHERE ";
      sql_.column(root_, id_column()) << " IN (";
      rows.write_ids();
      sql_ << ")";
    });
    limit_.reset();
    offset_.reset();
  } else {
    where = where_text();
  }
  std::string order;
  if (!reshaped) order = order_text(limit_ || offset_);

  std::vector<std::string> groups;
  for (const NodePtr& group : plan.groups) {
    groups.push_back(sql_.capture([&] { write_value(*group); }));
  }
  aggregates_ = plan.grouped;
  std::vector<std::string> columns;
  for (const NodePtr& column : plan.columns) {
    if (plan.grouped) check_grouped(*column, groups);
    columns.push_back(sql_.capture([&] {
      if (plan.distinct) {
        write_ordered(*column);
      } else {
        write_value(*column);
      }
    }));
  }
  std::string having;
  if (plan.having) {
    check_grouped(*plan.having, groups);
    having = sql_.capture([&] {
      sql_ << " HAVING ";
      write_condition(*plan.having, false);
    });
  }
  if (reshaped && plan.order.empty() && !plan.grouped && !plan.distinct) {
    order = order_text(own_limit);
  } else if (reshaped) {
    if (plan.grouped) {
      for (const SelectionPlan::Order& term : plan.order) {
        if (term.value) check_grouped(*term.value, groups);
      }
    }
    order = sql_.capture([&] { write_plan_order(plan, columns, own_limit); });
  }
  aggregates_ = false;

  sql_ << (plan.distinct ? "SELECT DISTINCT " : "SELECT ");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) sql_ << ", ";
    sql_ << columns[i];
    if (named) sql_ << fmt::format(" AS \"c{}\"", i);
  }
  write_from();
  sql_ << where;
  for (std::size_t i = 0; i < groups.size(); ++i) sql_ << (i == 0 ? " GROUP BY " : ", ") << groups[i];
  sql_ << having << order;
  if (own_limit) {
    write_limit(plan.limit, plan.offset);
  } else {
    write_limit(limit_, offset_);
  }
  if (!plan.grouped && !plan.distinct) write_lock();
}

}  // namespace mpf::orm::detail
