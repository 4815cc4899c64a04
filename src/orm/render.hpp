#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <mpf/orm/detail/core.hpp>

#include "orm/ast.hpp"
#include "orm/sql.hpp"

namespace mpf::orm::detail {

/// One step of a query's making; the steps form a list from the last to the first.
struct Clause {
  struct Where {
    NodePtr condition;
  };
  struct Order {
    OrderBy term;
  };
  struct With {
    std::span<const Hop> hops;
  };
  /// Instead of all terms before.
  struct Reorder {
    std::vector<OrderBy> terms;
  };
  struct FirstPer {
    std::vector<NodePtr> values;
    std::size_t rows;
    std::vector<OrderBy> order;  ///< which are the first
  };
  struct Lock {
    LockStrength strength;
    LockWait wait;
  };
  std::variant<Where, Order, Reorder, With, FirstPer, Lock> content;
  std::shared_ptr<const Clause> before;
};

/// Writes one query into a statement: its parts first, which find out what joins are needed, then these
/// around them. Subqueries have a renderer of their own that writes into the same statement.
class Renderer {
 public:
  Renderer(Sql& sql, const QueryCore& query, Renderer* outer = nullptr);
  /// About rows of a model, without a query.
  Renderer(Sql& sql, const ScopeData& scope, const ModelInfo& model, Renderer* outer);

  /// SELECT of the model and what it loads; `loads` tells where, `first_extra` where the extra values begin.
  void select(std::vector<LoadNode>* loads, std::span<const NodePtr> extra = {},
              std::size_t* first_extra = nullptr);
  void count();
  void exists();
  /// `returning`: all columns of the rows.
  void remove(bool returning);
  void update(std::span<const NewValue> values, bool returning);
  /// SELECT 1 for the first row that must not get the reference.
  void rows_refusing(const ModelInfo& target, std::int64_t id);
  /// SELECT of the first reference of the rows that leads to a row it may not.
  void bad_references(std::string_view column, const ModelInfo& target);
  /// SELECT of the rows of each parent, limit and offset counting for each by itself; the parent's id is the
  /// last column.
  void select_of_each(const Partition& partition, std::span<const std::int64_t> parents,
                      std::vector<LoadNode>* loads);
  /// SELECT id of the query's rows in order; `changing`: of those that the scope may change.
  void ids(bool changing);

  /// SELECT of a plan's columns; `named`: as "c0", "c1", … for a statement around it.
  static void select_plan(Sql& sql, const SelectionPlan& plan, Renderer* outer, bool named);

  /// Whether rows are locked, which only the writer's connection can do.
  bool locks() const noexcept { return lock_.has_value(); }
  /// The terms of the order with the id at the end, which make it total.
  std::vector<OrderBy> total_order() const;
  const std::vector<OrderBy>& order() const noexcept { return order_; }
  void write_value(const Node& node);

 private:
  struct Join {
    std::size_t parent;  ///< index of a join + 1; 0 is the root
    const Hop* hop;
    const ModelInfo* target;
    bool optional;  ///< rows without it stay
    Sql::Alias alias;
  };

  struct ValueVisitor;
  struct ConditionVisitor;

  const ModelInfo& model_of(std::size_t join) const { return join == 0 ? model_ : *joins_[join - 1].target; }
  Sql::Alias alias_of(std::size_t join) const { return join == 0 ? root_ : joins_[join - 1].alias; }
  const std::string& id_column() const { return model_.table.columns[model_.id].name; }
  std::size_t join(std::size_t parent, const Hop& hop, bool optional);
  std::size_t follow(std::span<const Hop> hops, bool optional);
  /// Where that column of a row is: in the row of its model, or in that of a model that it extends.
  std::size_t owner_of(std::size_t at, std::string_view column);
  std::size_t join_base(std::size_t at);
  static std::span<const Hop> needed_hops(const ColumnPath& path);
  /// Joins for what the value needs so that no row is lost by it.
  void join_optionally(const Node& node);

  // render_value.cpp
  void write_column(const ColumnPath& path);
  void write_call(const CallNode& call);
  void write_pattern(const CallNode& call);
  void write_order_within(const CallNode& call);
  void write_pairwise(const CallNode& call);
  void write_case(const CaseNode& node);
  void write_over(const OverNode& node);
  void write_frame(const Frame& frame);
  void write_related(const RelatedNode& node);
  /// Bytewise, whatever the database's collation.
  void write_ordered(const Node& node);
  /// 64 bits wide.
  void write_wide(const Node& node);
  void write_order_term(const OrderBy& term);
  void write_order_term(const std::string& value, bool nullable, const OrderBy& term);

  // render_json.cpp
  void write_json(const JsonNode& node);
  void write_json_place(const Node& document, std::span<const JsonStep> steps);
  void write_json_contains(const JsonContainsNode& node);

  // render_search.cpp
  void write_search_words(const SearchNode& node);
  void write_search_rank(const SearchNode& node);
  void write_search(const SearchNode& node);
  bool write_indexed_search(const SearchNode& node);

  // render_condition.cpp
  void write_condition(const Node& node, bool negated);
  void write_comparison(const CompareNode& node, bool negated);
  void write_in(const InNode& node, bool negated);
  void write_match(const MatchNode& node, bool negated);
  void write_positive_match(const MatchNode& node);
  void write_like(const MatchNode& node);
  void write_text_operand(const MatchNode& node);
  void write_array_match(const ArrayNode& node);
  void write_range_match(const RangeNode& node);
  void write_junction(bool all, std::span<const NodePtr> parts, bool negated);
  void write_absent_or(std::initializer_list<const Node*> operands);

  // render.cpp, render_selection.cpp
  void write_from();
  void write_where();
  void write_first_per();
  std::string order_text(bool total);
  std::string where_text();
  void write_limit(std::optional<std::size_t> limit, std::optional<std::size_t> offset);
  void write_lock();
  void write_select_list(std::size_t join);
  /// The joins of what is loaded, parents first; then their columns after the model's own, which end before
  /// the column that is returned.
  std::vector<std::size_t> join_loaded();
  std::size_t write_loaded(const std::vector<std::size_t>& loaded, std::vector<LoadNode>* loads);
  void write_returning();
  /// SELECT id of the query's rows, its limit heeded.
  void write_ids();
  void write_ids(std::string_view where, std::string_view order);
  /// " WHERE …": by the conditions themselves, or by ids of a sub-select where these need joins or a limit.
  void write_target_rows();
  void write_plan(const SelectionPlan& plan, bool named);
  void write_plan_order(const SelectionPlan& plan, const std::vector<std::string>& columns, bool total);
  void check_grouped(const Node& node, const std::vector<std::string>& groups);

  Sql& sql_;
  const ScopeData& scope_;
  const ModelInfo& model_;
  Renderer* outer_;
  Sql::Alias root_;
  std::optional<std::size_t> limit_;
  std::optional<std::size_t> offset_;
  std::vector<NodePtr> conditions_;
  std::vector<OrderBy> order_;
  std::vector<std::span<const Hop>> with_;
  std::optional<Clause::FirstPer> first_per_;
  std::optional<Clause::Lock> lock_;
  std::vector<Join> joins_;
  std::string suffix_;       ///< FILTER and OVER of the function to be written next
  bool aggregates_ = false;  ///< allowed where it is being written
  bool changing_ = false;    ///< only rows that the scope may change
};

}  // namespace mpf::orm::detail
