#include "orm/ast.hpp"

#include <cstdint>
#include <utility>

#include <fmt/core.h>

#include <mpf/base/decimal.hpp>
#include <mpf/base/error.hpp>
#include <mpf/base/unicode.hpp>

#include "orm/value_defect.hpp"

namespace mpf::orm::detail {

namespace {

/// SQLite refuses LIKE patterns beyond 50,000 bytes.
constexpr std::size_t longest_pattern = 16'000;

template <class Content>
NodePtr make(Content content) {
  return std::make_shared<const Node>(std::move(content));
}

bool is_null_value(const NodePtr& node) {
  const auto* const value = std::get_if<ValueNode>(&node->content);
  return value && std::holds_alternative<std::nullptr_t>(value->value);
}

void check_operand(const db::Param& value, const ColumnPath* path) {
  const auto defect = defect_of(value);
  if (!defect) return;
  throw Error(
      ErrorKind::invalid,
      fmt::format("a value to compare with {} {}", path ? path->spelled : "an expression", defect->message),
      fmt::format("A value to search for {}", defect->message));
}

void check_steps(const std::vector<JsonStep>& steps) {
  for (const JsonStep& step : steps) {
    if (const auto* const key = std::get_if<std::string>(&step)) {
      check_operand(*key, nullptr);
    } else if (!std::in_range<std::int32_t>(std::get<std::int64_t>(step)) ||
               std::get<std::int64_t>(step) < 0) {
      fail(ErrorKind::invalid,
           fmt::format("{} is no index of a JSON array: they are counted from 0, up to 2^31 - 1",
                       std::get<std::int64_t>(step)));
    }
  }
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

bool is_aggregate(Function function) noexcept {
  return function >= Function::count_rows && function <= Function::collect;
}

void for_each_child(const Node& node, const std::function<void(const Node&)>& visit) {
  struct Visitor {
    const std::function<void(const Node&)>& visit;
    void all(const std::vector<NodePtr>& nodes) const {
      for (const NodePtr& each : nodes) visit(*each);
    }
    void operator()(const ColumnNode&) const {}
    void operator()(const OuterNode&) const {}
    void operator()(const ValueNode&) const {}
    void operator()(const NowNode&) const {}
    void operator()(const CallNode& call) const {
      all(call.arguments);
      for (const OrderBy& term : call.order) visit(*term.value);
    }
    void operator()(const CaseNode& cases) const {
      for (const auto& [condition, value] : cases.cases) {
        visit(*condition);
        visit(*value);
      }
      if (cases.otherwise) visit(*cases.otherwise);
    }
    void operator()(const TruthNode& truth) const { visit(*truth.condition); }
    void operator()(const JsonNode& json) const { visit(*json.document); }
    void operator()(const FilterNode& filter) const {
      visit(*filter.aggregate);
      visit(*filter.condition);
    }
    void operator()(const OverNode& over) const {
      visit(*over.function);
      all(over.window.partition);
      for (const OrderBy& term : over.window.order) visit(*term.value);
    }
    void operator()(const ScalarNode&) const {}
    void operator()(const RelatedNode&) const {}
    void operator()(const CompareNode& compare) const {
      visit(*compare.left);
      visit(*compare.right);
    }
    void operator()(const InNode& in) const { visit(*in.operand); }
    void operator()(const InSelectionNode& in) const { visit(*in.operand); }
    void operator()(const ExistsNode&) const {}
    void operator()(const NullNode& null) const { visit(*null.operand); }
    void operator()(const MatchNode& match) const { visit(*match.operand); }
    void operator()(const ArrayNode& array) const { visit(*array.operand); }
    void operator()(const RangeNode& range) const {
      visit(*range.operand);
      visit(*range.other);
    }
    void operator()(const JsonContainsNode& json) const { visit(*json.document); }
    void operator()(const SearchNode& search) const { all(search.fields); }
    void operator()(const JunctionNode& junction) const { all(junction.parts); }
    void operator()(const NotNode& negation) const { visit(*negation.operand); }
  };
  std::visit(Visitor{visit}, node.content);
}

namespace {

struct NullableVisitor {
  bool operator()(const ColumnNode& column) const { return column.path->nullable; }
  bool operator()(const OuterNode& outer) const { return is_nullable(*outer.column); }
  bool operator()(const ValueNode& value) const {
    return std::holds_alternative<std::nullptr_t>(value.value);
  }
  bool operator()(const CallNode& call) const { return call.nullable; }
  bool operator()(const CaseNode& cases) const {
    if (!cases.otherwise || is_nullable(*cases.otherwise)) return true;
    for (const auto& [condition, value] : cases.cases) {
      if (is_nullable(*value)) return true;
    }
    return false;
  }
  bool operator()(const JsonNode&) const { return true; }
  bool operator()(const FilterNode& filter) const { return is_nullable(*filter.aggregate); }
  bool operator()(const OverNode& over) const { return is_nullable(*over.function); }
  bool operator()(const ScalarNode&) const { return true; }
  bool operator()(const RelatedNode& related) const { return related.nullable; }
  bool operator()(const NowNode&) const { return false; }
  bool operator()(const TruthNode&) const { return false; }
  bool operator()(const SearchNode&) const { return false; }
  bool operator()(const auto&) const { return false; }  // conditions
};

}  // namespace

bool is_nullable(const Node& node) { return std::visit(NullableVisitor{}, node.content); }

namespace {

struct TypeVisitor {
  ColumnType operator()(const ColumnNode& column) const { return column.path->type; }
  ColumnType operator()(const OuterNode& outer) const { return type_of(*outer.column); }
  ColumnType operator()(const ValueNode& value) const {
    if (std::holds_alternative<std::string>(value.value)) return ColumnType::text;
    if (std::holds_alternative<double>(value.value)) return ColumnType::real;
    if (std::holds_alternative<bool>(value.value)) return ColumnType::boolean;
    if (std::holds_alternative<Timestamp>(value.value)) return ColumnType::timestamp;
    return ColumnType::bigint;
  }
  ColumnType operator()(const NowNode&) const { return ColumnType::timestamp; }
  ColumnType operator()(const CallNode& call) const { return call.type; }
  ColumnType operator()(const CaseNode& cases) const { return cases.type; }
  ColumnType operator()(const JsonNode& json) const {
    constexpr ColumnType types[] = {ColumnType::boolean, ColumnType::text,    ColumnType::bigint,
                                    ColumnType::real,    ColumnType::boolean, ColumnType::bigint};
    return types[static_cast<std::size_t>(json.type)];
  }
  ColumnType operator()(const FilterNode& filter) const { return type_of(*filter.aggregate); }
  ColumnType operator()(const OverNode& over) const { return type_of(*over.function); }
  ColumnType operator()(const ScalarNode& scalar) const { return scalar.type; }
  ColumnType operator()(const RelatedNode& related) const { return related.type; }
  ColumnType operator()(const SearchNode& search) const {
    return search.rank ? ColumnType::real : ColumnType::boolean;
  }
  ColumnType operator()(const auto&) const { return ColumnType::boolean; }
};

}  // namespace

ColumnType type_of(const Node& node) { return std::visit(TypeVisitor{}, node.content); }

Node::~Node() = default;

NodePtr column_node(const ColumnPath& path) { return make(ColumnNode{&path}); }

NodePtr outer_node(NodePtr column) { return make(OuterNode{std::move(column)}); }
NodePtr now_node() { return make(NowNode{}); }

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

NodePtr match_node(NodePtr operand, Match match, bool any_case, std::string_view text,
                   const ColumnPath* path) {
  check_operand(std::string(text), path);
  if (match == Match::like && text.size() > longest_pattern) {
    fail(ErrorKind::invalid, "a pattern for like() is longer than 16,000 bytes");
  }
  const std::size_t last = text.find_last_not_of('\\');
  if (match == Match::like && (text.size() - (last == std::string_view::npos ? 0 : last + 1)) % 2 == 1) {
    fail(ErrorKind::invalid, "a pattern for like() ends with a backslash that stands before nothing");
  }
  return make(MatchNode{std::move(operand), match, any_case, any_case ? to_lower(text) : std::string(text)});
}

NodePtr call_node(Function function, std::vector<NodePtr> arguments, ColumnType type, bool nullable,
                  std::string_view option, std::vector<OrderBy> order) {
  return make(CallNode{function, std::move(arguments), type, nullable, option, std::move(order)});
}

namespace {

/// What the patterns of decimals take: the power of ten that SQLite raises a coefficient by; twice that by
/// which PostgreSQL raises a number to round it when it is whole, and the way back.
std::vector<NodePtr> with_digits(std::vector<NodePtr> arguments, int scale, int raise) {
  arguments.push_back(value_node(std::int64_t{raise}, nullptr));
  arguments.push_back(value_node(2 * decimal::whole(1, scale), nullptr));
  arguments.push_back(value_node(db::Numeric{1, scale}, nullptr));
  return arguments;
}

}  // namespace

NodePtr divide_decimal_node(NodePtr dividend, NodePtr divisor, int scale, int raise, bool nullable) {
  return call_node(Function::divide_decimal,
                   with_digits({std::move(dividend), std::move(divisor)}, scale, raise), ColumnType::decimal,
                   nullable);
}
NodePtr average_decimal_node(NodePtr value, int scale, int raise) {
  return call_node(Function::average_decimal, with_digits({std::move(value)}, scale, raise),
                   ColumnType::decimal, true);
}

NodePtr case_node(std::vector<std::pair<NodePtr, NodePtr>> cases, NodePtr otherwise, ColumnType type) {
  return make(CaseNode{std::move(cases), std::move(otherwise), type});
}

NodePtr truth_node(NodePtr condition) { return make(TruthNode{std::move(condition)}); }

NodePtr json_node(NodePtr document, std::vector<JsonStep> steps, JsonType type) {
  check_steps(steps);
  return make(JsonNode{std::move(document), std::move(steps), type});
}

NodePtr filter_node(NodePtr aggregate, NodePtr condition) {
  return make(FilterNode{std::move(aggregate), std::move(condition)});
}
NodePtr over_node(NodePtr function, WindowParts window) {
  return make(OverNode{std::move(function), std::move(window)});
}
NodePtr scalar_node(PlanPtr selection, ColumnType type) {
  return make(ScalarNode{std::move(selection), type});
}
NodePtr related_value_node(Related related, NodePtr aggregate, ColumnType type, bool nullable) {
  return make(RelatedNode{std::move(related), std::move(aggregate), type, nullable});
}
NodePtr related_node(Related related) { return make(RelatedNode{std::move(related), nullptr}); }
NodePtr in_selection_node(NodePtr operand, PlanPtr selection) {
  return make(InSelectionNode{std::move(operand), std::move(selection)});
}
NodePtr exists_node(PlanPtr selection) { return make(ExistsNode{std::move(selection)}); }

NodePtr array_node(NodePtr operand, ArrayMatch match, db::Param values) {
  return make(ArrayNode{std::move(operand), match, std::move(values)});
}

NodePtr range_node(NodePtr operand, RangeMatch match, NodePtr other) {
  return make(RangeNode{std::move(operand), match, std::move(other)});
}

NodePtr json_contains_node(NodePtr document, std::vector<JsonStep> steps, std::string wanted) {
  check_operand(db::JsonText{wanted}, nullptr);
  check_steps(steps);
  return make(JsonContainsNode{std::move(document), std::move(steps), std::move(wanted)});
}

NodePtr search_node(std::vector<NodePtr> fields, std::string_view query) {
  check_operand(std::string(query), nullptr);
  return make(SearchNode{std::move(fields), parse_search(query), false});
}
NodePtr search_rank_node(std::vector<NodePtr> fields, std::string_view query) {
  check_operand(std::string(query), nullptr);
  return make(SearchNode{std::move(fields), parse_search(query), true});
}

NodePtr and_node(NodePtr left, NodePtr right) { return join(true, std::move(left), std::move(right)); }
NodePtr or_node(NodePtr left, NodePtr right) { return join(false, std::move(left), std::move(right)); }
NodePtr not_node(NodePtr operand) { return make(NotNode{std::move(operand)}); }

void throw_too_big() { fail(ErrorKind::invalid, "a number is larger than databases store (2^63 - 1)"); }
void throw_division_by_zero() { fail(ErrorKind::invalid, "an expression divides by zero"); }

}  // namespace mpf::orm::detail
