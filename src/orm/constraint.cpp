#include <mpf/orm/constraint.hpp>

#include <mpf/orm/ddl.hpp>
#include <mpf/orm/detail/model_info.hpp>

#include "orm/ddl.hpp"
#include "orm/search_sql.hpp"

namespace mpf::orm::detail {
namespace {

std::string_view symbol(RuleOperator op) {
  switch (op) {
    case RuleOperator::equal:
      return " = ";
    case RuleOperator::not_equal:
      return " <> ";
    case RuleOperator::less:
      return " < ";
    case RuleOperator::less_equal:
      return " <= ";
    case RuleOperator::greater:
      return " > ";
    case RuleOperator::greater_equal:
      return " >= ";
  }
  return {};
}

/// A comparison with something absent is null in SQL; here it is false, and "not equal" true.
void write_two_valued(std::string& out, const std::string& comparison, bool nullable, RuleOperator op) {
  if (!nullable) {
    out += comparison;
  } else if (op == RuleOperator::not_equal) {
    out += "(" + comparison + ") IS NOT FALSE";
  } else {
    out += "(" + comparison + ") IS TRUE";
  }
}

}  // namespace

void write_rule(std::string& out, std::string_view column, bool nullable, RuleOperator op,
                const db::Param& value, db::Dialect dialect) {
  std::string comparison = ddl::quote(column);
  comparison += symbol(op);
  comparison += ddl::literal(value, dialect);
  write_two_valued(out, comparison, nullable, op);
}

void write_rule(std::string& out, std::string_view left, std::string_view right, bool nullable,
                RuleOperator op) {
  std::string comparison = ddl::quote(left);
  comparison += symbol(op);
  comparison += ddl::quote(right);
  // Absent equals absent.
  if (nullable && (op == RuleOperator::equal || op == RuleOperator::not_equal)) {
    const bool equal = op == RuleOperator::equal;
    const std::string both = ddl::quote(left) + " IS NULL AND " + ddl::quote(right) + " IS NULL";
    const std::string same = ddl::quote(left) + " = " + ddl::quote(right);
    out += (equal ? "((" : "NOT ((") + same + ") IS TRUE OR (" + both + "))";
    return;
  }
  write_two_valued(out, comparison, nullable, op);
}

void write_null_rule(std::string& out, std::string_view column, bool is_null) {
  out += ddl::quote(column) + (is_null ? " IS NULL" : " IS NOT NULL");
}

Index search_index_on(std::string_view table, std::vector<std::string> columns) {
  std::string document;
  for (const std::string& column : columns) add_text(document, ddl::quote(column));
  columns.emplace_back("search");
  Index index{index_name(table, columns, false), {}, false};
  index.expressions = {{document, vector_of(words_of(document))}};
  index.method = IndexMethod::gin;
  return index;
}

std::string lowered_sql(std::string_view column) { return "lower(" + ddl::quote(column) + ")"; }

}  // namespace mpf::orm::detail
