#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/orm/functions.hpp>
#include <mpf/orm/window.hpp>

/// Aggregates: one value of many rows, for aggregate(), group_by(), related<>() and windows. Absent values do
/// not count; of no values at all a sum, an average, the least and the greatest are absent.
namespace mpf::orm {

/// A value of a group of rows. Also an operand: having(sum(f<&Sale::amount>) > 100).
template <class Root, class Value, bool absent>
class Aggregate : public detail::Operand<Aggregate<Root, Value, absent>> {
 public:
  using root_type = Root;
  using value_type = Value;
  static constexpr bool nullable = absent;
  static constexpr const detail::ColumnPath* path = nullptr;

  explicit Aggregate(detail::NodePtr node) : node_(std::move(node)) {}
  const detail::NodePtr& node() const noexcept { return node_; }

  /// Only of rows for which that holds.
  template <detail::AnyCondition C>
  auto filter(const C& condition) const {
    using Next = detail::RootOf<Aggregate, detail::Term<C>>;
    return Aggregate<Next, Value, absent>(detail::filter_node(node_, condition.node()));
  }

  /// Beside each row the value of its window. Not for join_texts() and collect().
  template <class R>
  auto over(const Window<R>& window) const {
    return Expression<detail::common_root<Root, R>, Value, absent>(detail::over_node(node_, window.parts()));
  }

 private:
  detail::NodePtr node_;
};

namespace detail {

template <class Value, bool absent, class V, class... More>
auto aggregate(Function function, const V& value, const More&... more) {
  return Aggregate<typename TermOf<V>::root_type, Value, absent>(
      call_node(function, {node_of(value), node_of(more)...}, ColumnCodec<Value>::type, absent));
}

template <class V, bool number>
struct CheckSum : std::true_type {
  static_assert(number, "only numbers and durations have a sum");
};

template <class Value>
consteval bool has_sum() {
  return is_number<Value> || is_decimal<Value> || std::same_as<Value, Microseconds>;
}

}  // namespace detail

/// How many rows.
inline Aggregate<void, std::int64_t, false> count() {
  return Aggregate<void, std::int64_t, false>(
      detail::call_node(detail::Function::count_rows, {}, ColumnType::bigint, false));
}
/// How many values that are there.
template <class V>
auto count(const V& value) {
  return detail::aggregate<std::int64_t, false>(detail::Function::count, value);
}
/// How many different ones.
template <class V>
auto count_distinct(const V& value) {
  return detail::aggregate<std::int64_t, false>(detail::Function::count_distinct, value);
}

/// Of whole numbers a whole one (more than 64 bits hold is refused by the database), of real ones a real one.
template <class V>
auto sum(const V& value) {
  using Value = typename detail::TermOf<V>::value_type;
  static_assert(detail::check<detail::CheckSum<std::decay_t<V>, detail::has_sum<Value>()>>());
  constexpr bool whole = std::integral<Value>;
  using Sum =
      std::conditional_t<whole, std::int64_t, std::conditional_t<std::floating_point<Value>, double, Value>>;
  return detail::aggregate<Sum, true>(whole ? detail::Function::sum_integer : detail::Function::sum, value);
}
/// Of whole and real numbers a real one. Of decimals a Decimal: exact, then rounded to `scale` digits behind
/// the point (without one as many as the values have: average<4>(f<&Sale::price>)), halves away from zero. On
/// SQLite the sum of coefficients must fit 64 bits, else the database refuses it.
template <int scale = -1, class V>
auto average(const V& value) {
  using Value = typename detail::TermOf<V>::value_type;
  constexpr bool decimal = detail::is_decimal<Value>;
  static_assert(detail::check<detail::CheckNumber<std::decay_t<V>, detail::is_number<Value> || decimal>>());
  if constexpr (decimal) {
    constexpr int digits = scale < 0 ? detail::scale_of<Value> : scale;
    constexpr int raise = digits - detail::scale_of<Value>;
    return Aggregate<typename detail::TermOf<V>::root_type, Decimal<digits>, true>(
        detail::average_decimal_node(detail::node_of(value), digits, raise));
  } else {
    static_assert(scale < 0, "only an average of decimals is rounded to digits");
    return detail::aggregate<double, true>(
        std::integral<Value> ? detail::Function::average_integer : detail::Function::average_real, value);
  }
}
template <class V>
auto minimum(const V& value) {
  using Value = typename detail::TermOf<V>::value_type;
  static_assert(detail::check<detail::CheckOrdered<std::decay_t<V>, detail::is_ordered<Value>>>());
  return detail::aggregate<Value, true>(detail::Function::minimum, value);
}
template <class V>
auto maximum(const V& value) {
  using Value = typename detail::TermOf<V>::value_type;
  static_assert(detail::check<detail::CheckOrdered<std::decay_t<V>, detail::is_ordered<Value>>>());
  return detail::aggregate<Value, true>(detail::Function::maximum, value);
}
namespace detail {

/// The order of what an aggregate joins: as asked for, else that of the values.
template <class V, class... Orders>
std::vector<OrderBy> order_within(const V& value, const Orders&... order) {
  if constexpr (sizeof...(Orders) == 0) {
    return {{node_of(value), false}};
  } else {
    return {order_of(order)...};
  }
}

/// What rows of an array hold.
template <class Value>
struct Collected {
  using type = Value;
};
template <class T>
struct Collected<Ref<T>> {
  using type = Id;
};

}  // namespace detail

/// The texts with a separator between them: in their order, or in that given, for which the terms of
/// order_by() serve.
template <class V, class... Orders>
auto join_texts(const V& text, std::string_view separator, const Orders&... order) {
  static_assert(detail::check_text<V>());
  using Root = detail::RootOf<detail::TermOf<V>, Orders...>;
  return Aggregate<Root, std::string, true>(
      detail::call_node(detail::Function::join_texts, {detail::node_of(text), detail::node_of(separator)},
                        ColumnType::text, true, {}, detail::order_within(text, order...)));
}
/// The values that are there as a std::vector, in their order or in that given, as with join_texts(); empty
/// where there are none. Of what arrays hold; references give Ids.
template <class V, class... Orders>
auto collect(const V& value, const Orders&... order) {
  using Value = typename detail::Collected<typename detail::TermOf<V>::value_type>::type;
  constexpr bool fits = detail::is_array_element<Value>();
  static_assert(detail::check<detail::CheckElement<std::decay_t<V>, fits>>());
  using Element = std::conditional_t<fits, Value, bool>;
  using Root = detail::RootOf<detail::TermOf<V>, Orders...>;
  return Aggregate<Root, std::vector<Element>, false>(
      detail::call_node(detail::Function::collect, {detail::node_of(value)}, ColumnType::array, false,
                        detail::element_names[static_cast<std::size_t>(detail::element_type<Element>())],
                        detail::order_within(value, order...)));
}

}  // namespace mpf::orm
