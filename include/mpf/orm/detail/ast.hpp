#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/orm/detail/model_info.hpp>

/// The tree that typed expressions build: nodes without C++ types, rendered per dialect. Not for users.
namespace mpf::orm::detail {

struct Node;
using NodePtr = std::shared_ptr<const Node>;

/// From the queried model over references to a column. Static data.
struct ColumnPath {
  std::span<const Hop> hops;
  std::string_view column;
  std::string_view spelled;
  ColumnType type = ColumnType::text;
  bool nullable = false;  ///< the column, or a reference on the way
};

enum class Comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };
enum class Match : std::uint8_t {
  contains,
  starts_with,
  ends_with,
  exactly,
  like,  ///< the text is a pattern: % and _, with a backslash before those that are meant
};
enum class ArrayMatch : std::uint8_t { contains_all, overlaps };
enum class RangeMatch : std::uint8_t {
  has,  ///< a value
  contains,
  overlaps,
  within,
};

/// What a call computes. How each is written, per dialect, stands in src/orm/render_value.cpp.
enum class Function : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  modulo,
  divide_decimal,
  concat,
  lower,
  upper,
  length,
  trim,
  trim_start,
  trim_end,
  substring,
  replace,
  coalesce,
  null_if,
  greatest,
  least,
  absolute,
  round,
  round_down,
  round_up,
  date_part,
  date_trunc,
  day_part,   ///< of a date
  day_trunc,  ///< of a date
  integer_to_real,
  real_to_integer,
  integer_to_text,
  text_to_integer,
  text_to_real,
  boolean_to_integer,
  array_length,
  // Aggregates.
  count_rows,
  count,
  count_distinct,
  sum_integer,
  sum,
  average_integer,
  average_real,
  average_decimal,
  minimum,
  maximum,
  join_texts,
  collect,
  // Of windows alone.
  row_number,
  rank,
  dense_rank,
  tile,
  lag,
  lead,
  first_value,
  last_value,
};

/// Where absent values stand; automatic: first in ascending order, last in descending.
enum class Nulls : std::uint8_t { automatic, first, last };

struct OrderBy {
  NodePtr value;
  bool descending = false;
  Nulls nulls = Nulls::automatic;

  bool nulls_first() const noexcept {
    return nulls == Nulls::first || (nulls == Nulls::automatic && !descending);
  }
};

/// A key of an object or an index of an array.
using JsonStep = std::variant<std::string, std::int64_t>;
enum class JsonType : std::uint8_t { exists, text, integer, real, boolean, array_length };

/// Rows before (negative) and after the current one; nothing is "all of them".
struct Frame {
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> to;
};
struct WindowParts {
  std::vector<NodePtr> partition;
  std::vector<OrderBy> order;
  std::optional<Frame> frame;  ///< in rows; without one SQL's default
};

struct SelectionPlan;
using PlanPtr = std::shared_ptr<const SelectionPlan>;

/// Rows of another model that refer to this one.
struct Related {
  ModelGetter model = nullptr;
  Hop reference;      ///< from there to here
  NodePtr condition;  ///< or null
};

NodePtr column_node(const ColumnPath& path);
/// A column of the query around a subquery.
NodePtr outer_node(NodePtr column);
/// Error(invalid) for text that no database takes (malformed UTF-8, NUL); the path is told in the message.
NodePtr value_node(db::Param value, const ColumnPath* compared_with);
/// The scope's clock when the statement is written.
NodePtr now_node();
/// `option` is static text: the part of a date, the type of collected values. `order` is that of the values
/// of an aggregate.
NodePtr call_node(Function function, std::vector<NodePtr> arguments, ColumnType type, bool nullable,
                  std::string_view option = {}, std::vector<OrderBy> order = {});
/// The quotient at `scale` digits behind the point. `raise`: the power of ten by which the coefficient of the
/// dividend is too small for it.
NodePtr divide_decimal_node(NodePtr dividend, NodePtr divisor, int scale, int raise, bool nullable);
NodePtr average_decimal_node(NodePtr value, int scale, int raise);
NodePtr case_node(std::vector<std::pair<NodePtr, NodePtr>> cases, NodePtr otherwise, ColumnType type);
/// A condition as a value.
NodePtr truth_node(NodePtr condition);
NodePtr json_node(NodePtr document, std::vector<JsonStep> steps, JsonType type);
NodePtr filter_node(NodePtr aggregate, NodePtr condition);
NodePtr over_node(NodePtr function, WindowParts window);
/// The value of a selection of one column and at most one row.
NodePtr scalar_node(PlanPtr selection, ColumnType type);
/// An aggregate over related rows.
NodePtr related_value_node(Related related, NodePtr aggregate, ColumnType type, bool nullable);
/// How well fields match a search.
NodePtr search_rank_node(std::vector<NodePtr> fields, std::string_view query);

NodePtr compare_node(Comparison comparison, NodePtr left, NodePtr right);
NodePtr in_node(NodePtr operand, std::vector<db::Param> values, const ColumnPath* path);
NodePtr in_selection_node(NodePtr operand, PlanPtr selection);
NodePtr exists_node(PlanPtr selection);
NodePtr related_node(Related related);
NodePtr null_node(NodePtr operand, bool is_null);
NodePtr match_node(NodePtr operand, Match match, bool any_case, std::string_view text,
                   const ColumnPath* path);
NodePtr array_node(NodePtr operand, ArrayMatch match, db::Param values);
NodePtr range_node(NodePtr operand, RangeMatch match, NodePtr other);
NodePtr json_contains_node(NodePtr document, std::vector<JsonStep> steps, std::string wanted);
NodePtr search_node(std::vector<NodePtr> fields, std::string_view query);
NodePtr and_node(NodePtr left, NodePtr right);
NodePtr or_node(NodePtr left, NodePtr right);
NodePtr not_node(NodePtr operand);

/// Throws Error(invalid): an unsigned value beyond what databases store.
[[noreturn]] void throw_too_big();
/// Throws Error(invalid).
[[noreturn]] void throw_division_by_zero();

template <auto Member>
constexpr Hop hop_of() {
  using Type = bare<member_type<Member>>;
  if constexpr (is_ref<Type>) {
    return {column_name<Member>, spelled_pointer<Member>(), is_optional<member_type<Member>>,
            &model_info<typename Type::model_type>};
  } else {
    return {};  // refused where the path is checked
  }
}

template <auto... Members>
inline constexpr std::array<Hop, sizeof...(Members)> hops_of{hop_of<Members>()...};

template <auto First, auto... Rest>
struct LastMember : LastMember<Rest...> {};
template <auto Last>
struct LastMember<Last> {
  using type = member_type<Last>;
  static constexpr std::string_view column = column_name<Last>;
  static constexpr std::string_view spelled = spelled_pointer<Last>();
};

template <auto... Path>
constexpr ColumnPath make_path() {
  using Last = LastMember<Path...>;
  using Type = bare<typename Last::type>;
  constexpr auto& hops = hops_of<Path...>;
  ColumnPath path;
  path.hops = std::span<const Hop>(hops).first(sizeof...(Path) - 1);
  path.column = Last::column;
  path.spelled = Last::spelled;
  if constexpr (ColumnValue<Type>) path.type = ColumnCodec<Type>::type;
  path.nullable = is_optional<typename Last::type>;
  for (const Hop& hop : path.hops) path.nullable = path.nullable || hop.nullable;
  return path;
}

template <auto... Path>
inline constexpr ColumnPath path_of = make_path<Path...>();

}  // namespace mpf::orm::detail
