#pragma once

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <mpf/base/word_search.hpp>
#include <mpf/orm/detail/ast.hpp>

namespace mpf::orm::detail {

struct ColumnNode {
  const ColumnPath* path;
};
struct OuterNode {
  NodePtr column;
};
struct ValueNode {
  db::Param value;
};
struct NowNode {};
struct CallNode {
  Function function;
  std::vector<NodePtr> arguments;
  ColumnType type;
  bool nullable;
  std::string_view option;
  std::vector<OrderBy> order;  ///< of the values of an aggregate that keeps one
};
struct CaseNode {
  std::vector<std::pair<NodePtr, NodePtr>> cases;  ///< condition, value
  NodePtr otherwise;                               ///< null: absent
  ColumnType type;
};
struct TruthNode {
  NodePtr condition;
};
struct JsonNode {
  NodePtr document;
  std::vector<JsonStep> steps;
  JsonType type;
};
struct FilterNode {
  NodePtr aggregate;
  NodePtr condition;
};
struct OverNode {
  NodePtr function;
  WindowParts window;
};
struct ScalarNode {
  PlanPtr selection;
  ColumnType type;
};
struct RelatedNode {
  Related related;
  NodePtr aggregate;  ///< null: whether there are any, a condition
  ColumnType type = ColumnType::boolean;
  bool nullable = false;
};

struct CompareNode {
  Comparison comparison;
  NodePtr left;
  NodePtr right;
};
struct InNode {
  NodePtr operand;
  std::vector<db::Param> values;
};
struct InSelectionNode {
  NodePtr operand;
  PlanPtr selection;
};
struct ExistsNode {
  PlanPtr selection;
};
struct NullNode {
  NodePtr operand;
  bool is_null;
};
struct MatchNode {
  NodePtr operand;
  Match match;
  bool any_case;
  std::string text;  ///< lower-case already for any_case
};
struct ArrayNode {
  NodePtr operand;
  ArrayMatch match;
  db::Param values;
};
struct RangeNode {
  NodePtr operand;
  RangeMatch match;
  NodePtr other;
};
struct JsonContainsNode {
  NodePtr document;
  std::vector<JsonStep> steps;
  std::string wanted;
};
/// A condition, or with `rank` a value.
struct SearchNode {
  std::vector<NodePtr> fields;
  SearchQuery query;
  bool rank;
};
/// Flat, however many conditions are chained.
struct JunctionNode {
  bool all;
  std::vector<NodePtr> parts;
};
struct NotNode {
  NodePtr operand;
};

/// What destroys and moves it is compiled once, in ast.cpp.
struct Node {
  using Content = std::variant<ColumnNode, OuterNode, ValueNode, NowNode, CallNode, CaseNode, TruthNode,
                               JsonNode, FilterNode, OverNode, ScalarNode, RelatedNode, CompareNode, InNode,
                               InSelectionNode, ExistsNode, NullNode, MatchNode, ArrayNode, RangeNode,
                               JsonContainsNode, SearchNode, JunctionNode, NotNode>;
  Content content;

  template <class Part>
  explicit Node(Part part) : content(std::in_place_type<Part>, std::move(part)) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();
};

/// The nodes right below that belong to the same query.
void for_each_child(const Node& node, const std::function<void(const Node&)>& visit);

/// Whether the value may be absent.
bool is_nullable(const Node& node);
/// Of a value.
ColumnType type_of(const Node& node);
bool is_aggregate(Function function) noexcept;

}  // namespace mpf::orm::detail
