#include <algorithm>
#include <bit>

#include <mpf/base/error.hpp>

#include "orm/render.hpp"
#include "orm/value_list.hpp"

/// Conditions in SQL.
namespace mpf::orm::detail {

/// Closes "(x OR …" by what else makes a negated comparison true: one side is absent.
void Renderer::write_absent_or(std::initializer_list<const Node*> operands) {
  for (const Node* const operand : operands) {
    if (!is_nullable(*operand)) continue;
    sql_ << " OR ";
    write_value(*operand);
    sql_ << " IS NULL";
  }
  sql_ << ")";
}

void Renderer::write_comparison(const CompareNode& node, bool negated) {
  const bool left_null = is_nullable(*node.left);
  const bool right_null = is_nullable(*node.right);
  Comparison comparison = node.comparison;
  if (comparison == Comparison::equal || comparison == Comparison::not_equal) {
    const bool equal = (comparison == Comparison::equal) != negated;
    write_value(*node.left);
    if (equal) {
      const bool both = left_null && right_null;
      sql_ << (!both ? " = " : sql_.sqlite() ? " IS " : " IS NOT DISTINCT FROM ");
    } else {
      const bool any = left_null || right_null;
      sql_ << (!any ? " <> " : sql_.sqlite() ? " IS NOT " : " IS DISTINCT FROM ");
    }
    write_value(*node.right);
    return;
  }
  constexpr std::string_view signs[] = {"", "", " < ", " <= ", " > ", " >= "};
  constexpr Comparison opposite[] = {Comparison::not_equal, Comparison::equal,      Comparison::greater_equal,
                                     Comparison::greater,   Comparison::less_equal, Comparison::less};
  if (negated) comparison = opposite[static_cast<std::size_t>(comparison)];
  const bool absent_counts = negated && (left_null || right_null);
  if (absent_counts) sql_ << "(";
  write_ordered(*node.left);
  sql_ << signs[static_cast<std::size_t>(comparison)];
  write_ordered(*node.right);
  if (absent_counts) write_absent_or({node.left.get(), node.right.get()});
}

namespace {

constexpr std::size_t most_listed = 64;

}  // namespace

void Renderer::write_in(const InNode& node, bool negated) {
  if (node.values.empty()) {
    sql_ << (negated ? "TRUE" : "FALSE");
    return;
  }
  const bool absent_counts = negated && is_nullable(*node.operand);
  if (absent_counts) sql_ << "(";
  write_value(*node.operand);
  // As one value: databases bound the number of parameters, and the statement's text stays the same for any
  // number of values.
  if (!sql_.sqlite()) {
    sql_ << (negated ? " <> ALL (" : " = ANY (");
    write_list(sql_, node.values);
    sql_ << ")";
  } else if (node.values.size() > most_listed) {
    sql_ << (negated ? " NOT IN (" : " IN (");
    write_list(sql_, node.values);
    sql_ << ")";
  } else {
    // The last one again, so that there are few texts for lists of any length.
    const std::size_t listed = std::bit_ceil(node.values.size());
    sql_ << (negated ? " NOT IN (" : " IN (");
    for (std::size_t i = 0; i < listed; ++i) {
      if (i > 0) sql_ << ", ";
      sql_.bind(node.values[std::min(i, node.values.size() - 1)]);
    }
    sql_ << ")";
  }
  if (absent_counts) write_absent_or({node.operand.get()});
}

namespace {

/// SQLite refuses LIKE and GLOB patterns beyond 50,000 bytes; escaping may treble a text.
constexpr std::size_t longest_pattern = 16'000;

std::string like_prefix(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + '%';
}

std::string glob_prefix(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[') {
      pattern += '[';
      pattern += c;
      pattern += ']';
    } else {
      pattern += c;
    }
  }
  return pattern + '*';
}

}  // namespace

void Renderer::write_like(const MatchNode& node) {
  const std::string operand = sql_.capture([&] { write_text_operand(node); });
  if (sql_.sqlite()) {  // LIKE itself takes no heed of case
    sql_ << "mpf_like(" << operand << ", ";
    sql_.bind(node.text) << ")";
    return;
  }
  sql_ << operand << " LIKE ";
  sql_.bind(node.text);
}

void Renderer::write_text_operand(const MatchNode& node) {
  if (!node.any_case) {
    write_value(*node.operand);
    return;
  }
  sql_ << (sql_.sqlite() ? "mpf_lower(" : "(lower(");
  write_value(*node.operand);
  sql_ << (sql_.sqlite() ? ")" : " COLLATE \"und-x-icu\") COLLATE \"C\")");
}

void Renderer::write_positive_match(const MatchNode& node) {
  const auto text = [&] { sql_.bind(node.text); };
  const auto operand = [&] { write_text_operand(node); };
  const bool sqlite = sql_.sqlite();
  switch (node.match) {
    case Match::contains:
      sql_ << (sqlite ? "instr(" : "strpos(");
      operand();
      sql_ << ", ";
      text();
      sql_ << ") > 0";
      return;
    case Match::exactly:
      operand();
      sql_ << " = ";
      text();
      return;
    case Match::starts_with:
      if (sqlite && node.text.size() <= longest_pattern) {  // can use an index
        operand();
        sql_ << " GLOB ";
        sql_.bind(glob_prefix(node.text));
        return;
      }
      if (sqlite) {
        sql_ << "substr(";
        operand();
        sql_ << ", 1, length(";
        text();
        sql_ << ")) = ";
        text();
        return;
      }
      operand();  // likewise, with an index in the order of bytes
      sql_ << " LIKE ";
      sql_.bind(like_prefix(node.text));
      return;
    case Match::ends_with:
      if (node.text.empty()) {
        operand();
        sql_ << " IS NOT NULL";
        return;
      }
      sql_ << (sqlite ? "substr(" : "right(");
      operand();
      sql_ << (sqlite ? ", -length(" : ", char_length(");
      text();
      sql_ << ")) = ";
      text();
      return;
    case Match::like:
      write_like(node);
      return;
  }
}

void Renderer::write_match(const MatchNode& node, bool negated) {
  if (!negated) {
    write_positive_match(node);
    return;
  }
  sql_ << "(NOT (";
  write_positive_match(node);
  sql_ << ")";
  write_absent_or({node.operand.get()});
}

/// Balanced, so that a thousand conditions are ten levels deep for the database's parser.
void Renderer::write_junction(bool all, std::span<const NodePtr> parts, bool negated) {
  if (parts.empty()) {
    sql_ << (all != negated ? "TRUE" : "FALSE");
    return;
  }
  if (parts.size() == 1) {
    write_condition(*parts[0], negated);
    return;
  }
  const std::size_t half = parts.size() / 2;
  sql_ << "(";
  write_junction(all, parts.first(half), negated);
  sql_ << (all != negated ? " AND " : " OR ");
  write_junction(all, parts.subspan(half), negated);
  sql_ << ")";
}

void Renderer::write_array_match(const ArrayNode& node) {
  const bool all = node.match == ArrayMatch::contains_all;
  if (!sql_.sqlite()) {
    write_value(*node.operand);
    sql_ << (all ? " @> " : " && ");
    sql_.bind(node.values);
    return;
  }
  const std::string elements = sql_.capture([&] {
    sql_ << "(SELECT value FROM json_each(";
    write_value(*node.operand);
    sql_ << "))";
  });
  write_value(*node.operand);
  sql_ << " IS NOT NULL AND " << (all ? "NOT " : "") << "EXISTS (SELECT 1 FROM json_each(";
  sql_.bind(node.values) << ") AS wanted WHERE wanted.value " << (all ? "NOT " : "") << "IN " << elements
                         << ")";
}

void Renderer::write_range_match(const RangeNode& node) {
  if (sql_.sqlite()) {
    constexpr std::string_view names[] = {"has", "contains", "overlaps", "within"};
    sql_ << "mpf_range('" << names[static_cast<std::size_t>(node.match)] << "', ";
    write_value(*node.operand);
    sql_ << ", ";
    write_value(*node.other);
    sql_ << ")";
    return;
  }
  constexpr std::string_view signs[] = {" @> ", " @> ", " && ", " <@ "};
  write_value(*node.operand);
  sql_ << signs[static_cast<std::size_t>(node.match)];
  write_wide(*node.other);
}

struct Renderer::ConditionVisitor {
  Renderer& self;
  bool negated;
  void operator()(const CompareNode& compare) const { self.write_comparison(compare, negated); }
  void operator()(const InNode& in) const { self.write_in(in, negated); }
  void operator()(const MatchNode& match) const { self.write_match(match, negated); }
  void operator()(const NullNode& null) const {
    self.write_value(*null.operand);
    self.sql_ << (null.is_null != negated ? " IS NULL" : " IS NOT NULL");
  }
  void operator()(const InSelectionNode& in) const {
    leaf([&] {
      self.write_value(*in.operand);
      self.sql_ << " IN (";
      Renderer::select_plan(self.sql_, *in.selection, &self, false);
      self.sql_ << ")";
    });
  }
  void operator()(const ExistsNode& exists) const {
    leaf([&] {
      self.sql_ << "EXISTS (";
      Renderer::select_plan(self.sql_, *exists.selection, &self, false);
      self.sql_ << ")";
    });
  }
  void operator()(const RelatedNode& related) const {
    leaf([&] { self.write_related(related); });
  }
  void operator()(const ArrayNode& array) const {
    leaf([&] { self.write_array_match(array); });
  }
  void operator()(const RangeNode& range) const {
    leaf([&] { self.write_range_match(range); });
  }
  void operator()(const JsonContainsNode& json) const {
    leaf([&] { self.write_json_contains(json); });
  }
  void operator()(const SearchNode& search) const {
    leaf([&] { self.write_search(search); });
  }
  void operator()(const JunctionNode& junction) const {
    self.write_junction(junction.all, junction.parts, negated);
  }
  void operator()(const NotNode& negation) const { self.write_condition(*negation.operand, !negated); }
  void operator()(const auto&) const { unreachable(); }
  /// Negated: it is false, or tells nothing for want of a value.
  template <class Write>
  void leaf(const Write& write) const {
    if (negated) self.sql_ << "((";
    write();
    if (negated) self.sql_ << ") IS NOT TRUE)";
  }
  [[noreturn]] static void unreachable() {
    throw Error(ErrorKind::internal, "a value stands where a condition belongs");
  }
};

/// Negation is carried to the leaves, where it can tell absent values from others: SQL's own NOT would let
/// neither a condition nor its negation hold for them.
void Renderer::write_condition(const Node& node, bool negated) {
  std::visit(ConditionVisitor{*this, negated}, node.content);
}

}  // namespace mpf::orm::detail
