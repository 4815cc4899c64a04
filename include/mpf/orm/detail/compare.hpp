#pragma once

#include <chrono>

#include <mpf/orm/value.hpp>

/// What the operators of expression.hpp make of fields, expressions and plain values. Not for users.
namespace mpf::orm {

namespace detail {

/// The type that a plain value has in expressions.
template <class V>
struct LiteralType {
  using type = V;
};
template <class V>
  requires std::is_convertible_v<const V&, std::string_view>
struct LiteralType<V> {
  using type = std::string;
};
template <class V>
  requires is_number<V>
struct LiteralType<V> {
  using type = std::conditional_t<std::floating_point<V>, double, std::int64_t>;
};
template <class Rep, class Period>
  requires std::is_convertible_v<std::chrono::duration<Rep, Period>, Microseconds>
struct LiteralType<std::chrono::duration<Rep, Period>> {
  using type = Microseconds;
};
template <class V>
  requires is_optional<V>
struct LiteralType<V> : LiteralType<bare<V>> {};

/// Operands as they are, conditions as truth values, anything else as a value.
template <class V>
struct Term {
  using root_type = void;
  using value_type = typename LiteralType<V>::type;
  static constexpr bool nullable = is_optional<V>;
  static NodePtr node(const V& value) { return value_node(param_for<value_type>(value), nullptr); }
};
template <class V>
  requires is_operand<V>
struct Term<V> {
  using root_type = typename V::root_type;
  using value_type = typename V::value_type;
  static constexpr bool nullable = V::nullable;
  static NodePtr node(const V& value) { return value.node(); }
};

template <class C>
concept AnyCondition = std::is_base_of_v<Condition<typename C::root_type>, C>;

template <AnyCondition C>
struct Term<C> {
  using root_type = typename C::root_type;
  using value_type = bool;
  static constexpr bool nullable = false;
  static NodePtr node(const C& condition) { return truth_node(condition.node()); }
};

template <class V>
NodePtr node_of(const V& value) {
  return Term<std::decay_t<const V&>>::node(value);
}

template <class L, class R>
struct CombinedRoot {
  using root = common_root<typename L::root_type, typename R::root_type>;
  static_assert(check<CheckSameModel<L, R, !std::is_same_v<root, Strangers>>>());
  using type = std::conditional_t<std::is_same_v<root, Strangers>, void, root>;
};

template <class L, class R>
consteval bool operands_fit() {
  if constexpr (is_operand<R>) {
    using A = typename L::value_type;
    using B = typename R::value_type;
    return std::same_as<A, B> || (is_number<A> && is_number<B>) || (is_ref<A> && std::same_as<B, Id>) ||
           (is_ref<B> && std::same_as<A, Id>);
  } else if constexpr (requires { L::path->nullable; }) {
    return may_compare<typename L::value_type, L::nullable, R>();
  } else {
    return may_compare<typename L::value_type, true, R>();
  }
}

template <class Left, class Given>
auto compare(Comparison comparison, const Left& left, const Given& right) {
  using Right = std::decay_t<const Given&>;
  constexpr bool fits = operands_fit<Left, Right>();
  static_assert(check<CheckValue<Left, Right, fits>>());
  if constexpr (is_operand<Right>) {
    using Root = typename CombinedRoot<Left, Right>::type;
    return Condition<Root>(compare_node(comparison, left.node(), right.node()));
  } else {
    using Result = typename ConditionOn<Left>::type;
    if constexpr (fits) {
      NodePtr value = value_node(param_for<typename Left::value_type>(right), Left::path);
      return Result(compare_node(comparison, left.node(), std::move(value)));
    } else {
      return Result(nullptr);
    }
  }
}

template <class Left, class Right>
auto compare_ordered(Comparison comparison, const Left& left, const Right& right) {
  static_assert(check<CheckOrdered<Left, is_ordered<typename Left::value_type>>>());
  return compare(comparison, left, right);
}

/// What stands beside a range: a value of the kind that it is of, or another range.
template <class Wanted, class Right>
consteval bool fits_range() {
  if constexpr (is_operand<Right>) {
    using Value = typename Right::value_type;
    return std::same_as<Wanted, Value> ||
           (std::same_as<Wanted, std::int64_t> && std::integral<Value> && is_number<Value>);
  } else {
    return value_fits<Wanted, Right>();
  }
}

template <RangeMatch match, class Left, class Given>
auto match_range(const Left& left, const Given& given) {
  using Right = std::decay_t<const Given&>;
  using Element = typename ElementOfRange<typename Left::value_type>::type;
  constexpr bool range = !std::is_void_v<Element>;
  static_assert(check<CheckRange<Left, range>>());
  using Root = typename CombinedRoot<Left, Term<Right>>::type;
  if constexpr (range) {
    using Wanted = std::conditional_t<match == RangeMatch::has, Element, typename Left::value_type>;
    constexpr bool fits = fits_range<Wanted, Right>();
    static_assert(check<CheckValue<Left, Right, fits>>());
    if constexpr (fits && is_operand<Right>) {
      return Condition<Root>(range_node(left.node(), match, given.node()));
    } else if constexpr (fits) {
      return Condition<Root>(
          range_node(left.node(), match, value_node(param_for<Wanted>(given), Left::path)));
    } else {
      return Condition<Root>(nullptr);
    }
  } else {
    return Condition<Root>(nullptr);
  }
}

/// What + and so on give: whole numbers of 64 bits, or real ones; times and durations.
template <Function operation, class A, class B>
consteval auto result_of() {
  constexpr bool sum = operation == Function::add || operation == Function::subtract;
  if constexpr (is_number<A> && is_number<B>) {
    if constexpr (std::floating_point<A> || std::floating_point<B>) {
      return std::type_identity<double>();
    } else {
      return std::type_identity<std::int64_t>();
    }
  } else if constexpr (sum && std::same_as<A, B> && (is_decimal<A> || std::same_as<A, Microseconds>)) {
    return std::type_identity<A>();
  } else if constexpr (operation == Function::subtract && std::same_as<A, Timestamp> && std::same_as<B, A>) {
    return std::type_identity<Microseconds>();
  } else if constexpr (sum && std::same_as<A, Timestamp> && std::same_as<B, Microseconds>) {
    return std::type_identity<Timestamp>();
  } else if constexpr (operation == Function::multiply && is_decimal<A> && std::integral<B> && is_number<B>) {
    return std::type_identity<A>();
  } else {
    return std::type_identity<void>();
  }
}

template <class Value, bool number>
struct CheckComputed : std::true_type {
  static_assert(number, "only whole numbers have a remainder");
};

template <Function operation, class Left, class Given>
auto compute(const Left& left, const Given& given) {
  using Right = std::decay_t<const Given&>;
  using A = Term<std::decay_t<const Left&>>;
  using B = Term<Right>;
  using Value =
      typename decltype(result_of<operation, typename A::value_type, typename B::value_type>())::type;
  constexpr bool fits = !std::is_void_v<Value>;
  static_assert(check<CheckValue<Left, Right, fits>>());
  if constexpr (fits) {
    constexpr bool divides = operation == Function::divide || operation == Function::modulo;
    static_assert(check<CheckComputed<Left, operation != Function::modulo || std::integral<Value>>>());
    if constexpr (divides && !is_operand<Right>) {
      if (given == Right(0)) throw_division_by_zero();
    }
    using Root = typename CombinedRoot<A, B>::type;
    constexpr bool absent = A::nullable || B::nullable || (divides && is_operand<Right>);
    return Expression<Root, Value, absent>(
        call_node(operation, {node_of(left), node_of(given)}, ColumnCodec<Value>::type, absent));
  } else {
    return Expression<typename A::root_type, typename A::value_type, true>(nullptr);
  }
}

template <class L, class R>
concept Computable = is_operand<L> || (is_operand<R> && is_number<L>);

}  // namespace detail

}  // namespace mpf::orm
