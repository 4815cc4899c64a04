#include "orm/ast.hpp"

#include <cmath>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/base/text.hpp>

namespace mpf::orm::detail {

namespace {

template <class Content>
NodePtr make(Content content) {
  return std::make_shared<const Node>(Node{std::move(content)});
}

bool is_null_value(const NodePtr& node) {
  const auto* const value = std::get_if<ValueNode>(&node->content);
  return value && std::holds_alternative<std::nullptr_t>(value->value);
}

void check_operand(const db::Param& value, const ColumnPath* path) {
  const char* defect = nullptr;
  if (const auto* const text = std::get_if<std::string>(&value)) {
    defect = text_defect(*text);
  } else if (const auto* const real = std::get_if<double>(&value)) {
    if (std::isnan(*real)) defect = "not a number";
  }
  if (!defect) return;
  throw Error(ErrorKind::invalid,
              fmt::format("a value to compare with {} is {}", path ? path->spelled : "an expression", defect),
              fmt::format("A value to search for is {}", defect));
}

NodePtr join(bool all, NodePtr left, NodePtr right) {
  JunctionNode joined{all, {}};
  for (NodePtr* const part : {&left, &right}) {
    const auto* const inner = std::get_if<JunctionNode>(&(*part)->content);
    if (inner && inner->all == all) {
      joined.parts.insert(joined.parts.end(), inner->parts.begin(), inner->parts.end());
    } else {
      joined.parts.push_back(std::move(*part));
    }
  }
  return make(std::move(joined));
}

}  // namespace

const char* text_defect(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return "text with a NUL character";
  if (!is_valid_utf8(text)) return "no valid UTF-8";
  return nullptr;
}

bool is_nullable(const Node& node) {
  if (const auto* const column = std::get_if<ColumnNode>(&node.content)) return column->path->nullable;
  if (const auto* const value = std::get_if<ValueNode>(&node.content)) {
    return std::holds_alternative<std::nullptr_t>(value->value);
  }
  if (const auto* const computed = std::get_if<ArithmeticNode>(&node.content)) {
    return is_nullable(*computed->left) || is_nullable(*computed->right);
  }
  return false;
}

NodePtr column_node(const ColumnPath& path) { return make(ColumnNode{&path}); }

NodePtr value_node(db::Param value, const ColumnPath* compared_with) {
  check_operand(value, compared_with);
  return make(ValueNode{std::move(value)});
}

NodePtr compare_node(Comparison comparison, NodePtr left, NodePtr right) {
  if (is_null_value(right)) {
    if (comparison == Comparison::equal) return null_node(std::move(left), true);
    if (comparison == Comparison::not_equal) return null_node(std::move(left), false);
    return make(JunctionNode{false, {}});  // nothing is less or more than what is absent
  }
  return make(CompareNode{comparison, std::move(left), std::move(right)});
}

NodePtr in_node(NodePtr operand, std::vector<db::Param> values, const ColumnPath* path) {
  for (const db::Param& value : values) check_operand(value, path);
  return make(InNode{std::move(operand), std::move(values)});
}

NodePtr null_node(NodePtr operand, bool is_null) { return make(NullNode{std::move(operand), is_null}); }

NodePtr match_node(NodePtr operand, Match match, std::string_view text, const ColumnPath* path) {
  check_operand(std::string(text), path);
  return make(MatchNode{std::move(operand), match, std::string(text)});
}

NodePtr arithmetic_node(Arithmetic operation, NodePtr left, NodePtr right) {
  return make(ArithmeticNode{operation, std::move(left), std::move(right)});
}

NodePtr and_node(NodePtr left, NodePtr right) { return join(true, std::move(left), std::move(right)); }
NodePtr or_node(NodePtr left, NodePtr right) { return join(false, std::move(left), std::move(right)); }
NodePtr not_node(NodePtr operand) { return make(NotNode{std::move(operand)}); }

void throw_too_big() { fail(ErrorKind::invalid, "a number is larger than databases store (2^63 - 1)"); }

}  // namespace mpf::orm::detail
