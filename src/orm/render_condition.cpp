#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/base/json_writer.hpp>

#include "orm/render.hpp"

/// Conditions and values in SQL.
namespace mpf::orm::detail {

void Renderer::write_column(const ColumnPath& path) {
  const auto hops = needed_hops(path);
  const std::size_t alias = follow(hops, false);
  const bool of_referring = hops.size() < path.hops.size();
  const std::string_view column = of_referring ? path.hops.back().column : path.column;
  const auto& columns = model_of(alias).table.columns;
  if (std::ranges::none_of(columns, [&](const Column& each) { return each.name == column; })) {
    throw Error(ErrorKind::internal,
                fmt::format("{} has no column '{}' ({})", model_of(alias).table.name, column, path.spelled));
  }
  sql_.column(Sql::Alias{alias}, column);
}

void Renderer::write_value(const Node& node) {
  if (const auto* const column = std::get_if<ColumnNode>(&node.content)) {
    write_column(*column->path);
  } else if (const auto* const value = std::get_if<ValueNode>(&node.content)) {
    sql_.bind(value->value);
  } else {
    const auto& computed = std::get<ArithmeticNode>(node.content);
    constexpr std::string_view signs[] = {" + ", " - ", " * "};
    sql_ << "(";
    write_value(*computed.left);
    sql_ << signs[static_cast<std::size_t>(computed.operation)];
    write_value(*computed.right);
    sql_ << ")";
  }
}

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
  write_value(*node.left);
  sql_ << signs[static_cast<std::size_t>(comparison)];
  write_value(*node.right);
  if (absent_counts) write_absent_or({node.left.get(), node.right.get()});
}

namespace {

constexpr std::size_t most_listed = 64;

/// A JSON array of the values; nothing where JSON cannot carry them exactly.
std::optional<std::string> json_list(std::span<const db::Param> values) {
  std::string text;
  JsonWriter json(text);
  json.begin_array();
  for (const db::Param& value : values) {
    if (const auto* const number = std::get_if<std::int64_t>(&value)) {
      json.value(*number);
    } else if (const auto* const string = std::get_if<std::string>(&value)) {
      json.value(*string);
    } else if (const auto* const time = std::get_if<Timestamp>(&value)) {
      json.value(time->micros());
    } else {
      return std::nullopt;
    }
  }
  json.end_array();
  return text;
}

}  // namespace

void Renderer::write_in(const InNode& node, bool negated) {
  if (node.values.empty()) {
    sql_ << (negated ? "TRUE" : "FALSE");
    return;
  }
  const bool absent_counts = negated && is_nullable(*node.operand);
  if (absent_counts) sql_ << "(";
  write_value(*node.operand);
  sql_ << (negated ? " NOT IN (" : " IN (");
  // A long list as one value: SQLite bounds the number of parameters, and the statement's text stays the
  // same.
  std::optional<std::string> list;
  if (sql_.sqlite() && node.values.size() > most_listed) list = json_list(node.values);
  if (list) {
    sql_ << "SELECT value FROM json_each(";
    sql_.bind(std::move(*list));
    sql_ << ")";
  } else {
    for (const db::Param& value : node.values) {
      if (&value != node.values.data()) sql_ << ", ";
      sql_.bind(value);
    }
  }
  sql_ << ")";
  if (absent_counts) write_absent_or({node.operand.get()});
}

namespace {

/// SQLite refuses LIKE and GLOB patterns beyond 50,000 bytes; escaping may treble a text.
constexpr std::size_t longest_pattern = 16'000;

std::string like_pattern(std::string_view text) {
  std::string pattern = "%";
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

void Renderer::write_positive_match(const MatchNode& node) {
  const auto text = [&] { sql_.bind(node.text); };
  const auto operand = [&] { write_value(*node.operand); };
  const bool sqlite = sql_.sqlite();
  const bool is_long = node.text.size() > longest_pattern;
  switch (node.match) {
    case Match::contains:
      sql_ << (sqlite ? "instr(" : "strpos(");
      operand();
      sql_ << ", ";
      text();
      sql_ << ") > 0";
      return;
    case Match::icontains:
      if (is_long && sqlite) {
        sql_ << "instr(lower(";
        operand();
        sql_ << "), lower(";
        text();
        sql_ << ")) > 0";
        return;
      }
      operand();
      sql_ << (sqlite ? " LIKE " : " ILIKE ");
      sql_.bind(like_pattern(node.text));
      sql_ << " ESCAPE '\\'";
      return;
    case Match::starts_with:
      if (sqlite && !is_long) {  // can use an index
        operand();
        sql_ << " GLOB ";
        sql_.bind(glob_prefix(node.text));
        return;
      }
      sql_ << (sqlite ? "substr(" : "left(");
      operand();
      sql_ << (sqlite ? ", 1, length(" : ", char_length(");
      text();
      sql_ << ")) = ";
      text();
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

/// Negation is carried to the leaves, where it can tell absent values from others: SQL's own NOT would let
/// neither a condition nor its negation hold for them.
void Renderer::write_condition(const Node& node, bool negated) {
  struct Visitor {
    Renderer& self;
    bool negated;
    void operator()(const CompareNode& compare) const { self.write_comparison(compare, negated); }
    void operator()(const InNode& in) const { self.write_in(in, negated); }
    void operator()(const MatchNode& match) const { self.write_match(match, negated); }
    void operator()(const NullNode& null) const {
      self.write_value(*null.operand);
      self.sql_ << (null.is_null != negated ? " IS NULL" : " IS NOT NULL");
    }
    void operator()(const JunctionNode& junction) const {
      self.write_junction(junction.all, junction.parts, negated);
    }
    void operator()(const NotNode& negation) const { self.write_condition(*negation.operand, !negated); }
    void operator()(const ColumnNode&) const { unreachable(); }
    void operator()(const ValueNode&) const { unreachable(); }
    void operator()(const ArithmeticNode&) const { unreachable(); }
    [[noreturn]] static void unreachable() {
      throw Error(ErrorKind::internal, "a value stands where a condition belongs");
    }
  };
  std::visit(Visitor{*this, negated}, node.content);
}

}  // namespace mpf::orm::detail
