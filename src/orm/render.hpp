#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
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
  struct OrderBy {
    const ColumnPath* path;
    bool descending;
  };
  struct With {
    std::span<const Hop> hops;
  };
  std::variant<Where, OrderBy, With> content;
  std::shared_ptr<const Clause> before;
};

/// Writes one statement for a query: finds out which joins it needs, then the text from front to back.
class Renderer {
 public:
  Renderer(const ScopeData& scope, const ModelInfo& model, const std::shared_ptr<const Clause>& clauses);

  /// SELECT of the model and what it loads; `loads` tells where.
  db::Statement select(std::optional<std::size_t> limit, std::optional<std::size_t> offset,
                       std::vector<LoadNode>* loads);
  db::Statement project(std::span<const ColumnPath* const> columns, std::optional<std::size_t> limit,
                        std::optional<std::size_t> offset);
  db::Statement count(std::optional<std::size_t> limit, std::optional<std::size_t> offset);
  db::Statement exists(std::optional<std::size_t> offset);
  db::Statement remove(std::optional<std::size_t> limit, std::optional<std::size_t> offset);
  db::Statement update(std::span<const NewValue> values, std::optional<std::size_t> limit,
                       std::optional<std::size_t> offset);
  /// SELECT 1 for the first row that must not get the reference.
  db::Statement rows_refusing(const ModelInfo& target, std::int64_t id, std::optional<std::size_t> limit,
                              std::optional<std::size_t> offset);

 private:
  struct Join {
    std::size_t parent;
    const Hop* hop;
    const ModelInfo* target;
    bool optional;  ///< rows without it stay
  };

  const ModelInfo& model_of(std::size_t alias) const {
    return alias == 0 ? model_ : *joins_[alias - 1].target;
  }
  std::size_t join(std::size_t parent, const Hop& hop, bool optional);
  std::size_t follow(std::span<const Hop> hops, bool optional);
  static std::span<const Hop> needed_hops(const ColumnPath& path);
  void find_joins(const Node& node);
  void find_filter_joins();

  void write_column(const ColumnPath& path);
  void write_value(const Node& node);
  void write_condition(const Node& node, bool negated);
  void write_comparison(const CompareNode& node, bool negated);
  void write_in(const InNode& node, bool negated);
  void write_match(const MatchNode& node, bool negated);
  void write_positive_match(const MatchNode& node);
  void write_junction(bool all, std::span<const NodePtr> parts, bool negated);
  void write_absent_or(std::initializer_list<const Node*> operands);

  void write_from();
  void write_where();
  void write_order(bool total);
  void write_limit(std::optional<std::size_t> limit, std::optional<std::size_t> offset);
  void write_select_list(std::size_t alias);
  /// " WHERE …": by the conditions themselves, or by ids of a sub-select where these need joins or a limit.
  void write_target_rows(std::optional<std::size_t> limit, std::optional<std::size_t> offset);

  const ScopeData& scope_;
  const ModelInfo& model_;
  std::vector<NodePtr> conditions_;
  std::vector<Clause::OrderBy> order_;
  std::vector<std::span<const Hop>> with_;
  std::vector<Join> joins_;  ///< alias is index + 1
  Sql sql_;
};

}  // namespace mpf::orm::detail
