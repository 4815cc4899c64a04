#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

#include "orm/render.hpp"
#include "orm/tenancy.hpp"

/// Values in SQL.
namespace mpf::orm::detail {

namespace {

/// %0 %1 …: arguments; %w0: 64 bits wide; %o0: compared bytewise; %*: all, separated; %u: the option; %r: the
/// order of values; %s: where FILTER and OVER belong.
struct Pattern {
  Function function;
  std::string_view sqlite;
  std::string_view postgres;
};

/// What a function is called differs, and so would what it gives: division by zero (absent), letters beyond
/// ASCII, rounding (half away from zero), weeks, numbers in texts.
constexpr Pattern patterns[] = {
    {Function::add, "(%0 + %1)", "(%w0 + %w1)"},
    {Function::subtract, "(%0 - %1)", "(%w0 - %w1)"},
    {Function::multiply, "(%0 * %1)", "(%w0 * %w1)"},
    {Function::divide, "(%0 / %1)", "(%w0 / NULLIF(%w1, 0))"},
    {Function::modulo, "(%0 % %1)", "(%w0 % NULLIF(%w1, 0))"},
    // Half away from zero: twice the number and the half that is to be added, whole, by twice the divisor.
    {Function::divide_decimal, "mpf_divide(%0, %1, %2)",
     "(sign(CAST(%0 AS numeric)) * sign(CAST(%1 AS numeric)) * div(abs(CAST(%0 AS numeric)) * %3 + "
     "abs(CAST(%1 AS numeric)), 2 * abs(NULLIF(CAST(%1 AS numeric), 0))) * %4)"},
    {Function::lower, "mpf_lower(%0)", "(lower(%0 COLLATE \"und-x-icu\") COLLATE \"C\")"},
    {Function::upper, "mpf_upper(%0)", "(upper(%0 COLLATE \"und-x-icu\") COLLATE \"C\")"},
    {Function::length, "length(%0)", "CAST(char_length(%0) AS int8)"},
    {Function::trim, "trim(%0, %1)", "btrim(%0, %1)"},
    {Function::trim_start, "ltrim(%0, %1)", "ltrim(%0, %1)"},
    {Function::trim_end, "rtrim(%0, %1)", "rtrim(%0, %1)"},
    {Function::substring, "substr(%0, %1, %2)", "substr(%0, CAST(%1 AS int4), CAST(%2 AS int4))"},
    {Function::replace, "replace(%0, %1, %2)", "replace(%0, %1, %2)"},
    {Function::coalesce, "coalesce(%*)", "coalesce(%*)"},
    {Function::null_if, "nullif(%0, %1)", "nullif(%0, %1)"},
    {Function::absolute, "abs(%0)", "abs(%w0)"},
    {Function::round, "mpf_round(%0, %1)",
     "(trunc(CAST(%0 AS float8) * CAST(%1 AS float8) + sign(CAST(%0 AS float8)) * CAST(0.5 AS float8)) / "
     "CAST(%1 AS float8) + CAST(0 AS float8))"},
    {Function::round_down, "mpf_floor(%0)", "(floor(CAST(%0 AS float8)) + CAST(0 AS float8))"},
    {Function::round_up, "mpf_ceil(%0)", "(ceil(CAST(%0 AS float8)) + CAST(0 AS float8))"},
    {Function::date_part, "mpf_date_part('%u', %0)",
     "CAST(floor(extract(%u FROM %0 AT TIME ZONE 'UTC')) AS int8)"},
    {Function::date_trunc, "mpf_date_trunc('%u', %0)", "date_trunc('%u', %0, 'UTC')"},
    {Function::day_part, "mpf_date_part('%u', %0 * 86400000000)", "CAST(extract(%u FROM %0) AS int8)"},
    {Function::day_trunc, "(mpf_date_trunc('%u', %0 * 86400000000) / 86400000000)",
     "CAST(date_trunc('%u', CAST(%0 AS timestamp)) AS date)"},
    {Function::integer_to_real, "CAST(%0 AS REAL)", "CAST(%0 AS float8)"},
    {Function::real_to_integer, "mpf_real_to_integer(%0)", "CAST(trunc(%0) AS int8)"},
    {Function::integer_to_text, "CAST(%0 AS TEXT)", "(CAST(%0 AS text) COLLATE \"C\")"},
    {Function::text_to_integer, "mpf_text_to_integer(%0)",
     "(CASE WHEN %0 ~ '^[-+]?[0-9]{1,18}$' THEN CAST(%0 AS int8) END)"},
    {Function::text_to_real, "mpf_text_to_real(%0)",
     "(CASE WHEN %0 ~ '^[-+]?([0-9]{1,100}[.]?[0-9]{0,100}|[.][0-9]{1,100})([eE][-+]?[0-9]{1,2})?$' "
     "THEN CAST(%0 AS float8) END)"},
    {Function::boolean_to_integer, "%0", "CAST(CAST(%0 AS int4) AS int8)"},
    {Function::array_length, "json_array_length(%0)", "CAST(cardinality(%0) AS int8)"},
    {Function::count_rows, "count(*)%s", "count(*)%s"},
    {Function::count, "count(%0)%s", "count(%0)%s"},
    {Function::count_distinct, "count(DISTINCT %0)%s", "count(DISTINCT %0)%s"},
    {Function::sum_integer, "sum(%0)%s", "CAST(sum(%0)%s AS int8)"},
    {Function::sum, "sum(%0)%s", "sum(%0)%s"},
    {Function::average_integer, "avg(%0)%s", "(CAST(sum(%0)%s AS float8) / NULLIF(count(%0)%s, 0))"},
    {Function::average_real, "avg(%0)%s", "avg(%0)%s"},
    {Function::average_decimal, "mpf_divide(sum(%0)%s, count(%0)%s, %1)",
     "(sign(sum(%0)%s) * div(abs(sum(%0)%s) * %2 + count(%0)%s, 2 * NULLIF(count(%0)%s, 0)) * %3)"},
    {Function::minimum, "min(%0)%s", "min(%o0)%s"},
    {Function::maximum, "max(%0)%s", "max(%o0)%s"},
    {Function::join_texts, "mpf_string_agg(%0, %1, %r)%s", "string_agg(%0, %1 ORDER BY %r)%s"},
    {Function::collect, "mpf_array_agg(%0, '%u', %r)%s",
     "coalesce(array_remove(array_agg(CAST(%0 AS %u) ORDER BY %r)%s, NULL), '{}')"},
    {Function::row_number, "row_number()%s", "row_number()%s"},
    {Function::rank, "rank()%s", "rank()%s"},
    {Function::dense_rank, "dense_rank()%s", "dense_rank()%s"},
    {Function::tile, "ntile(%0)%s", "ntile(CAST(%0 AS int4))%s"},
    {Function::lag, "lag(%0, %1)%s", "lag(%0, CAST(%1 AS int4))%s"},
    {Function::lead, "lead(%0, %1)%s", "lead(%0, CAST(%1 AS int4))%s"},
    {Function::first_value, "first_value(%0)%s", "first_value(%0)%s"},
    {Function::last_value, "last_value(%0)%s", "last_value(%0)%s"},
};

const Pattern& pattern_of(Function function) {
  const auto* const found = std::ranges::find(patterns, function, &Pattern::function);
  if (found == std::end(patterns)) throw Error(ErrorKind::internal, "a function without a pattern");
  return *found;
}

}  // namespace

void Renderer::write_column(const ColumnPath& path) {
  const auto hops = needed_hops(path);
  const bool of_referring = hops.size() < path.hops.size();
  const std::string_view column = of_referring ? path.hops.back().column : path.column;
  const std::size_t at = owner_of(follow(hops, false), column);
  const auto& columns = model_of(at).table.columns;
  if (std::ranges::none_of(columns, [&](const Column& each) { return each.name == column; })) {
    throw Error(ErrorKind::internal,
                fmt::format("{} has no column '{}' ({})", model_of(at).table.name, column, path.spelled));
  }
  sql_.column(alias_of(at), column);
}

void Renderer::write_ordered(const Node& node) {
  const bool computed = !std::holds_alternative<ColumnNode>(node.content);
  if (sql_.sqlite() || !computed || type_of(node) != ColumnType::text) {
    write_value(node);
    return;
  }
  sql_ << "(";
  write_value(node);
  sql_ << " COLLATE \"C\")";
}

void Renderer::write_wide(const Node& node) {
  const auto* const column = std::get_if<ColumnNode>(&node.content);
  const bool narrow =
      column && (column->path->type == ColumnType::integer || column->path->type == ColumnType::smallint);
  if (narrow && !sql_.sqlite()) sql_ << "CAST(";
  write_value(node);
  if (narrow && !sql_.sqlite()) sql_ << " AS int8)";
}

/// For SQLite, whose aggregates know no order, arguments of our own: how and by what.
void Renderer::write_order_within(const CallNode& call) {
  for (const OrderBy& term : call.order) {
    if (&term != call.order.data()) sql_ << ", ";
    if (!sql_.sqlite()) {
      write_order_term(term);
      continue;
    }
    sql_ << (term.descending ? "'d" : "'a") << (term.nulls_first() ? "f', " : "l', ");
    write_value(*term.value);
  }
}

void Renderer::write_pattern(const CallNode& call) {
  std::string_view pattern =
      sql_.sqlite() ? pattern_of(call.function).sqlite : pattern_of(call.function).postgres;
  const std::string suffix = std::exchange(suffix_, {});
  while (!pattern.empty()) {
    const std::size_t mark = pattern.find('%');
    sql_ << pattern.substr(0, mark);
    if (mark == std::string_view::npos) return;
    pattern.remove_prefix(mark + 1);
    const char kind = pattern.front();
    if (kind == ' ') {
      sql_ << "%";
      continue;
    }
    pattern.remove_prefix(1);
    if (kind == 'u') {
      sql_ << call.option;
    } else if (kind == 'r') {
      write_order_within(call);
    } else if (kind == 's') {
      sql_ << suffix;
    } else if (kind == '*') {
      for (const NodePtr& argument : call.arguments) {
        if (&argument != call.arguments.data()) sql_ << ", ";
        write_value(*argument);
      }
    } else if (kind == 'w' || kind == 'o') {
      const Node& argument = *call.arguments[static_cast<std::size_t>(pattern.front() - '0')];
      pattern.remove_prefix(1);
      if (kind == 'w') {
        write_wide(argument);
      } else {
        write_ordered(argument);
      }
    } else {
      write_value(*call.arguments[static_cast<std::size_t>(kind - '0')]);
    }
  }
}

/// What is absent does not count; SQLite's max() would be absent itself.
void Renderer::write_pairwise(const CallNode& call) {
  const bool greatest = call.function == Function::greatest;
  if (!sql_.sqlite()) {
    sql_ << (greatest ? "greatest(" : "least(");
    for (const NodePtr& argument : call.arguments) {
      if (&argument != call.arguments.data()) sql_ << ", ";
      write_ordered(*argument);
    }
    sql_ << ")";
    return;
  }
  std::vector<std::string> values;
  for (const NodePtr& argument : call.arguments) {
    values.push_back(sql_.capture([&] { write_value(*argument); }));
  }
  if (values.size() == 1) {  // of one value max() would be the aggregate
    sql_ << values.front();
    return;
  }
  sql_ << (greatest ? "max(" : "min(");
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) sql_ << ", ";
    if (!is_nullable(*call.arguments[i])) {
      sql_ << values[i];
      continue;
    }
    sql_ << "coalesce(" << values[i];  // or any of the others, which changes nothing
    for (std::size_t other = 0; other < values.size(); ++other) {
      if (other != i) sql_ << ", " << values[other];
    }
    sql_ << ")";
  }
  sql_ << ")";
}

void Renderer::write_call(const CallNode& call) {
  if (is_aggregate(call.function)) {
    if (!aggregates_) {
      throw Error(
          ErrorKind::internal,
          "an aggregate stands where rows are told apart: where() and update() take none; use having(), "
          "related<>() or a subquery");
    }
    aggregates_ = false;  // none inside another
    write_pattern(call);
    aggregates_ = true;
    return;
  }
  switch (call.function) {
    case Function::concat:
      sql_ << "(";
      for (const NodePtr& argument : call.arguments) {
        if (&argument != call.arguments.data()) sql_ << " || ";
        write_value(*argument);
      }
      sql_ << ")";
      return;
    case Function::greatest:
    case Function::least:
      write_pairwise(call);
      return;
    default:
      write_pattern(call);
  }
}

void Renderer::write_case(const CaseNode& node) {
  sql_ << "(CASE";
  for (const auto& [condition, value] : node.cases) {
    sql_ << " WHEN ";
    write_condition(*condition, false);
    sql_ << " THEN ";
    write_wide(*value);
  }
  if (node.otherwise) {
    sql_ << " ELSE ";
    write_wide(*node.otherwise);
  }
  sql_ << " END)";
}

void Renderer::write_order_term(const std::string& value, bool nullable, const OrderBy& term) {
  sql_ << value;
  if (term.descending) sql_ << " DESC";
  const bool usual = sql_.sqlite() == (term.nulls_first() != term.descending);
  if (nullable && !usual) sql_ << (term.nulls_first() ? " NULLS FIRST" : " NULLS LAST");
}

void Renderer::write_order_term(const OrderBy& term) {
  write_order_term(sql_.capture([&] { write_ordered(*term.value); }), is_nullable(*term.value), term);
}

/// The aggregates inside are computed before the window is, by GROUP BY, if there is one.
void Renderer::write_over(const OverNode& node) {
  const WindowParts& window = node.window;
  const std::string over = sql_.capture([&] {
    sql_ << " OVER (";
    for (const NodePtr& value : window.partition) {
      sql_ << (&value == window.partition.data() ? "PARTITION BY " : ", ");
      write_value(*value);
    }
    for (const OrderBy& term : window.order) {
      sql_ << (&term == window.order.data() ? " ORDER BY " : ", ");
      write_order_term(term);
    }
    if (window.frame) write_frame(*window.frame);
    sql_ << ")";
  });
  suffix_ = over;
  const bool outside = std::exchange(aggregates_, true);
  write_value(*node.function);
  aggregates_ = outside;
}

void Renderer::write_frame(const Frame& frame) {
  const auto bound = [&](const std::optional<std::int64_t>& rows, std::string_view unbounded) {
    if (!rows) return std::string(unbounded);
    if (*rows == 0) return std::string("CURRENT ROW");
    return fmt::format("{} {}", *rows < 0 ? -*rows : *rows, *rows < 0 ? "PRECEDING" : "FOLLOWING");
  };
  sql_ << fmt::format(" ROWS BETWEEN {} AND {}", bound(frame.from, "UNBOUNDED PRECEDING"),
                      bound(frame.to, "UNBOUNDED FOLLOWING"));
}

/// Rows that the scope sees and that belong to the tenant of the row they refer to.
void Renderer::write_related(const RelatedNode& node) {
  const ModelInfo& model = node.related.model();
  Renderer inner(sql_, scope_, model, this);
  if (node.related.condition) inner.conditions_.push_back(node.related.condition);
  const std::string value = sql_.capture([&] {
    if (!node.aggregate) {
      sql_ << "1";
      return;
    }
    inner.aggregates_ = true;
    inner.write_value(*node.aggregate);
    inner.aggregates_ = false;
  });
  const std::string where = inner.where_text();
  sql_ << (node.aggregate ? "(SELECT " : "EXISTS (SELECT ") << value;
  inner.write_from();
  sql_ << where << " AND ";
  sql_.column(inner.root_, node.related.reference.column) << " = ";
  sql_.column(root_, id_column());
  if (scope_.kind != ScopeKind::site) {
    write_tenant_match(sql_, inner.root_, model, owner_columns(model_, root_));
  }
  sql_ << ")";
}

struct Renderer::ValueVisitor {
  Renderer& self;
  void operator()(const ColumnNode& column) const { self.write_column(*column.path); }
  void operator()(const OuterNode& outer) const {
    if (!self.outer_) throw Error(ErrorKind::internal, "outer<>() stands outside of a subquery");
    self.outer_->write_value(*outer.column);
  }
  void operator()(const ValueNode& value) const { self.sql_.bind(value.value); }
  void operator()(const NowNode&) const { self.sql_.bind(self.scope_.clock->now()); }
  void operator()(const CallNode& call) const { self.write_call(call); }
  void operator()(const CaseNode& cases) const { self.write_case(cases); }
  void operator()(const TruthNode& truth) const {
    self.sql_ << "((";
    self.write_condition(*truth.condition, false);
    self.sql_ << ") IS TRUE)";
  }
  void operator()(const JsonNode& json) const { self.write_json(json); }
  void operator()(const FilterNode& filter) const {
    const std::string condition = self.sql_.capture([&] {
      const bool outside = std::exchange(self.aggregates_, false);
      self.write_condition(*filter.condition, false);
      self.aggregates_ = outside;
    });
    self.suffix_ = fmt::format(" FILTER (WHERE {}){}", condition, self.suffix_);
    self.write_value(*filter.aggregate);
  }
  void operator()(const OverNode& over) const { self.write_over(over); }
  void operator()(const ScalarNode& scalar) const {
    self.sql_ << "(";
    Renderer::select_plan(self.sql_, *scalar.selection, &self, false);
    self.sql_ << ")";
  }
  void operator()(const RelatedNode& related) const { self.write_related(related); }
  void operator()(const SearchNode& search) const { self.write_search_rank(search); }
  void operator()(const auto&) const {
    throw Error(ErrorKind::internal, "a condition stands where a value belongs");
  }
};

void Renderer::write_value(const Node& node) { std::visit(ValueVisitor{*this}, node.content); }

}  // namespace mpf::orm::detail
