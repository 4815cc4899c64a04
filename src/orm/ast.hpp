#pragma once

#include <string>
#include <variant>
#include <vector>

#include <mpf/orm/detail/ast.hpp>

namespace mpf::orm::detail {

struct ColumnNode {
  const ColumnPath* path;
};
struct ValueNode {
  db::Param value;
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
struct NullNode {
  NodePtr operand;
  bool is_null;
};
struct MatchNode {
  NodePtr operand;
  Match match;
  std::string text;
};
struct ArithmeticNode {
  Arithmetic operation;
  NodePtr left;
  NodePtr right;
};
/// Flat, however many conditions are chained.
struct JunctionNode {
  bool all;
  std::vector<NodePtr> parts;
};
struct NotNode {
  NodePtr operand;
};

struct Node {
  std::variant<ColumnNode, ValueNode, CompareNode, InNode, NullNode, MatchNode, ArithmeticNode, JunctionNode,
               NotNode>
      content;
};

/// Whether the value may be absent.
bool is_nullable(const Node& node);

/// Nothing for text that both databases take; otherwise what is wrong with it, for people.
const char* text_defect(std::string_view text);

}  // namespace mpf::orm::detail
