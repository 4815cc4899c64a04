#pragma once

#include <concepts>
#include <initializer_list>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/orm/detail/operand.hpp>
#include <mpf/orm/order.hpp>

/// Conditions and values over a model's fields, checked by the compiler:
///
///     f<&Article::title>.starts_with("A") && !(f<&Article::author, &User::email> == email)
///
/// Conditions are two-valued, on every database: a comparison with an absent value is false (absent equals
/// absent), and `!` makes it true. So !(f<&A::x> == 1) holds for rows without x, just as x != 1 does in C++.
///
/// Both databases give the same values: text compares by its bytes, letters of all scripts have a case,
/// whole numbers divide as in C++, and what is divided by zero is absent. Functions are in functions.hpp,
/// aggregates in aggregate.hpp, windows in window.hpp, rows that refer to this one in related.hpp, search by
/// words in full_text.hpp.
namespace mpf::orm {

/// Which rows of Root to take. Made from fields, combined by && || !. Also a value, true or false, where one
/// is selected.
template <class Root>
class Condition {
 public:
  using root_type = Root;
  explicit Condition(detail::NodePtr node) : node_(std::move(node)) {}
  const detail::NodePtr& node() const noexcept { return node_; }

 private:
  detail::NodePtr node_;
};

namespace detail {

/// The type of a condition on an operand; that on a field remembers it for the compiler's messages.
template <class L>
struct ConditionOn;
template <auto... Path>
struct ConditionOn<FieldExpression<Path...>> {
  using type = FieldCondition<Path...>;
};
template <class Root, class Value, bool absent>
struct ConditionOn<Expression<Root, Value, absent>> {
  using type = Condition<Root>;
};
template <class Root, class Value, bool absent>
struct ConditionOn<Aggregate<Root, Value, absent>> {
  using type = Condition<Root>;
};

/// In a list in braces.
template <class T>
using Listed = std::conditional_t<std::same_as<T, std::string>, std::string_view, T>;

template <class T>
struct ElementOf {
  using type = void;
};
template <class T>
struct ElementOf<std::vector<T>> {
  using type = T;
};

template <class T>
consteval bool is_json_column() {
  if constexpr (ColumnValue<T>) {
    return ColumnCodec<T>::type == ColumnType::json;
  } else {
    return false;
  }
}

}  // namespace detail

/// What a JSON document holds at a place: f<&A::options>.json("theme", "color"), keys of objects and indexes
/// of arrays.
template <class Root>
class JsonPlace {
 public:
  JsonPlace(detail::NodePtr document, std::vector<detail::JsonStep> steps)
      : document_(std::move(document)), steps_(std::move(steps)) {}

  /// The value there, absent when it is of another type: std::string, std::int64_t (whole numbers), double,
  /// bool.
  template <class T>
  Expression<Root, T, true> as() const;
  /// Something is there, be it null.
  Condition<Root> exists() const {
    return Condition<Root>(null_node(detail::json_node(document_, steps_, detail::JsonType::exists), false));
  }
  /// Of an array; else absent.
  Expression<Root, std::int64_t, true> length() const;

 private:
  detail::NodePtr document_;
  std::vector<detail::JsonStep> steps_;
};

namespace detail {

/// What fields and expressions can do. Self has root_type, value_type, nullable, path and node().
template <class Self>
class Operand {
  using Result = typename ConditionOn<Self>::type;

 public:
  /// The value is one of these; none of an empty list.
  template <std::ranges::input_range Range>
    requires(!std::is_convertible_v<const Range&, std::string_view>)
  Result in(const Range& values) const {
    using Value = std::remove_cvref_t<std::ranges::range_reference_t<const Range&>>;
    constexpr bool fits = value_fits<typename Self::value_type, Value>();
    std::vector<db::Param> params;
    static_assert(check<CheckValue<Self, Value, fits>>());
    if constexpr (fits) {
      for (const auto& value : values) params.push_back(param_for<typename Self::value_type>(value));
    }
    return Result(in_node(self().node(), std::move(params), Self::path));
  }
  template <class S = Self>
  Result in(std::initializer_list<Listed<typename S::value_type>> values) const {
    return in(std::vector<Listed<typename S::value_type>>(values));
  }

  /// The value is one of those that a selection of one column finds, in the same statement. An absent value
  /// is in none.
  template <class Selection>
    requires requires { typename Selection::selected_type; }
  Result in(const Selection& selection) const {
    using Value = typename Selection::selected_type;
    static_assert(check<CheckValue<Self, Value, selection_fits<Value>()>>());
    return Result(in_selection_node(self().node(), selection.plan()));
  }

  /// Both ends included.
  template <class From, class To>
  auto between(const From& from, const To& to) const {
    return self() >= from && self() <= to;
  }

  Result is_null() const {
    static_assert(check<CheckNullable<Self, Self::nullable>>());
    return Result(null_node(self().node(), true));
  }
  Result not_null() const {
    static_assert(check<CheckNullable<Self, Self::nullable>>());
    return Result(null_node(self().node(), false));
  }

  /// Literal text, no wildcards; exact case.
  Result contains(std::string_view text) const { return match(Match::contains, false, text); }
  Result starts_with(std::string_view text) const { return match(Match::starts_with, false, text); }
  Result ends_with(std::string_view text) const { return match(Match::ends_with, false, text); }
  /// Without regard to case, of all scripts: the lower-case forms are compared.
  Result icontains(std::string_view text) const { return match(Match::contains, true, text); }
  Result istarts_with(std::string_view text) const { return match(Match::starts_with, true, text); }
  Result iends_with(std::string_view text) const { return match(Match::ends_with, true, text); }
  Result iexact(std::string_view text) const { return match(Match::exactly, true, text); }
  /// A pattern: % for any text, _ for one character, a backslash before those that mean themselves.
  /// Error(invalid) for a pattern that ends with a lone backslash or is longer than 16,000 bytes.
  Result like(std::string_view pattern) const { return match(Match::like, false, pattern); }
  Result ilike(std::string_view pattern) const { return match(Match::like, true, pattern); }

  /// A place in a JSON document.
  template <class... Steps>
  auto json(const Steps&... steps) const {
    static_assert(check<CheckJson<Self, is_json_column<typename Self::value_type>()>>());
    return JsonPlace<typename Self::root_type>(self().node(), {json_step(steps)...});
  }

  /// Arrays: all of these are elements, or one of them is.
  template <class Value>
  Result has(const Value& value) const {
    return has_all(std::vector<std::decay_t<const Value&>>(1, value));
  }
  template <std::ranges::input_range Range>
  Result has_all(const Range& values) const {
    return has_elements(ArrayMatch::contains_all, values);
  }
  template <std::ranges::input_range Range>
  Result overlaps(const Range& values) const {
    return has_elements(ArrayMatch::overlaps, values);
  }
  auto size() const {
    static_assert(
        check<CheckArray<Self, !std::is_void_v<typename ElementOf<typename Self::value_type>::type>>>());
    return Expression<typename Self::root_type, std::int64_t, Self::nullable>(
        call_node(Function::array_length, {self().node()}, ColumnType::bigint, Self::nullable));
  }

  auto asc() const { return OrderTerm<typename Self::root_type>{{self().node(), false}}; }
  auto desc() const { return OrderTerm<typename Self::root_type>{{self().node(), true}}; }

 private:
  const Self& self() const { return static_cast<const Self&>(*this); }

  template <class Value>
  static consteval bool selection_fits() {
    using Own = typename Self::value_type;
    if constexpr (is_ref<Value> && is_ref<Own>) {
      return std::same_as<Own, Value>;
    } else if constexpr (is_ref<Value>) {
      return std::same_as<Own, Id>;
    } else {
      return value_fits<Own, Value>();
    }
  }

  Result match(Match how, bool any_case, std::string_view text) const {
    static_assert(check<CheckText<Self, std::same_as<typename Self::value_type, std::string>>>());
    return Result(match_node(self().node(), how, any_case, text, Self::path));
  }

  template <class Range>
  Result has_elements(ArrayMatch how, const Range& values) const {
    using Element = typename ElementOf<typename Self::value_type>::type;
    using Value = std::remove_cvref_t<std::ranges::range_reference_t<const Range&>>;
    constexpr bool array = !std::is_void_v<Element>;
    static_assert(check<CheckArray<Self, array>>());
    if constexpr (array) {
      constexpr bool fits = value_fits<Element, Value>();
      static_assert(check<CheckValue<Self, Value, fits>>());
      if constexpr (fits) {
        typename Self::value_type list;
        for (const auto& value : values) list.push_back(Element(value));
        return Result(array_node(self().node(), how, ColumnCodec<typename Self::value_type>::to_param(list)));
      }
    }
    return Result(nullptr);
  }

  template <class Step>
  static JsonStep json_step(const Step& step) {
    if constexpr (std::integral<Step>) {
      return static_cast<std::int64_t>(step);
    } else {
      return std::string(std::string_view(step));
    }
  }
};

}  // namespace detail

/// A value computed from fields of Root; `absent` tells whether it may be absent. A Root of void goes with
/// every model.
template <class Root, class Value, bool absent>
class Expression : public detail::Operand<Expression<Root, Value, absent>> {
 public:
  using root_type = Root;
  using value_type = Value;
  static constexpr bool nullable = absent;
  static constexpr const detail::ColumnPath* path = nullptr;

  explicit Expression(detail::NodePtr node) : node_(std::move(node)) {}
  const detail::NodePtr& node() const noexcept { return node_; }

 private:
  detail::NodePtr node_;
};

/// A field, to compare, to match and to compute with. Written f<&Article::title>; f<&Article::author,
/// &User::email> leads over references, each becoming a join where it is needed.
template <auto... Path>
class FieldExpression : public detail::Operand<FieldExpression<Path...>> {
  static_assert(detail::check<detail::CheckPath<Path...>>());

 public:
  using root_type = typename detail::FirstMember<Path...>::owner;
  using field_type = typename detail::LastMember<Path...>::type;
  using value_type = detail::bare<field_type>;
  static constexpr const detail::ColumnPath* path = &detail::path_of<Path...>;
  static constexpr bool nullable = detail::path_of<Path...>.nullable;

  detail::NodePtr node() const { return detail::column_node(*path); }
};

template <auto... Path>
class FieldCondition : public Condition<typename detail::FirstMember<Path...>::owner> {
 public:
  using Condition<typename detail::FirstMember<Path...>::owner>::Condition;
};

template <auto... Path>
inline constexpr FieldExpression<Path...> f{};

/// In a subquery: a field of the query around it.
template <auto... Path>
auto outer() {
  using Field = FieldExpression<Path...>;
  return Expression<void, typename Field::value_type, Field::nullable>(
      detail::outer_node(detail::column_node(*Field::path)));
}

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

template <class Root>
template <class T>
Expression<Root, T, true> JsonPlace<Root>::as() const {
  static_assert(std::same_as<T, std::string> || std::same_as<T, std::int64_t> || std::same_as<T, double> ||
                    std::same_as<T, bool>,
                "as<> gives std::string, std::int64_t, double or bool");
  constexpr auto type = std::same_as<T, std::string>    ? detail::JsonType::text
                        : std::same_as<T, std::int64_t> ? detail::JsonType::integer
                        : std::same_as<T, double>       ? detail::JsonType::real
                                                        : detail::JsonType::boolean;
  return Expression<Root, T, true>(detail::json_node(document_, steps_, type));
}
template <class Root>
Expression<Root, std::int64_t, true> JsonPlace<Root>::length() const {
  return Expression<Root, std::int64_t, true>(
      detail::json_node(document_, steps_, detail::JsonType::array_length));
}

template <class L, class R>
  requires detail::is_operand<L>
auto operator==(const L& left, const R& right) {
  return detail::compare(detail::Comparison::equal, left, right);
}
template <class L, class R>
  requires detail::is_operand<L>
auto operator!=(const L& left, const R& right) {
  return detail::compare(detail::Comparison::not_equal, left, right);
}
template <class L, class R>
  requires detail::is_operand<L>
auto operator<(const L& left, const R& right) {
  return detail::compare_ordered(detail::Comparison::less, left, right);
}
template <class L, class R>
  requires detail::is_operand<L>
auto operator<=(const L& left, const R& right) {
  return detail::compare_ordered(detail::Comparison::less_equal, left, right);
}
template <class L, class R>
  requires detail::is_operand<L>
auto operator>(const L& left, const R& right) {
  return detail::compare_ordered(detail::Comparison::greater, left, right);
}
template <class L, class R>
  requires detail::is_operand<L>
auto operator>=(const L& left, const R& right) {
  return detail::compare_ordered(detail::Comparison::greater_equal, left, right);
}

/// Whole numbers stay whole, in 64 bits: more is refused by the database when the value is read or stored.
template <class L, class R>
  requires detail::Computable<L, R>
auto operator+(const L& left, const R& right) {
  return detail::compute<detail::Function::add>(left, right);
}
template <class L, class R>
  requires detail::Computable<L, R>
auto operator-(const L& left, const R& right) {
  return detail::compute<detail::Function::subtract>(left, right);
}
template <class L, class R>
  requires detail::Computable<L, R>
auto operator*(const L& left, const R& right) {
  return detail::compute<detail::Function::multiply>(left, right);
}
/// Absent where the divisor is zero; Error(invalid) for a plain 0.
template <class L, class R>
  requires detail::Computable<L, R>
auto operator/(const L& left, const R& right) {
  return detail::compute<detail::Function::divide>(left, right);
}
template <class L, class R>
  requires detail::Computable<L, R>
auto operator%(const L& left, const R& right) {
  return detail::compute<detail::Function::modulo>(left, right);
}

template <detail::AnyCondition L, detail::AnyCondition R>
auto operator&&(const L& left, const R& right) {
  return Condition<typename detail::CombinedRoot<L, R>::type>(detail::and_node(left.node(), right.node()));
}
template <detail::AnyCondition L, detail::AnyCondition R>
auto operator||(const L& left, const R& right) {
  return Condition<typename detail::CombinedRoot<L, R>::type>(detail::or_node(left.node(), right.node()));
}
template <detail::AnyCondition C>
C operator!(const C& condition) {
  return C(detail::not_node(condition.node()));
}

/// A field and its new value, for Query::update().
template <auto Member>
struct Assignment {
  static constexpr auto member = Member;
  using root_type = member_owner<Member>;
  detail::NodePtr value;
};

namespace detail {
template <class Field, class Value>
consteval bool may_assign() {
  using To = typename Field::value_type;
  using From = typename Value::value_type;
  return operands_fit<Field, Value>() && !(std::integral<To> && std::floating_point<From>);
}
}  // namespace detail

/// set<&Article::title>("x"), set<&Article::reads>(f<&Article::reads> + 1).
template <auto Member, class Given>
Assignment<Member> set(const Given& value) {
  using Field = FieldExpression<Member>;
  using Value = std::decay_t<const Given&>;
  using Type = typename Field::value_type;
  if constexpr (detail::is_operand<Value>) {
    static_assert(detail::check<detail::CheckValue<Field, Value, detail::may_assign<Field, Value>()>>());
    constexpr bool same = std::is_same_v<member_owner<Member>, typename Value::root_type> ||
                          std::is_void_v<typename Value::root_type>;
    static_assert(detail::check<detail::CheckSameModel<Field, Value, same>>());
    return {value.node()};
  } else {
    constexpr bool fits = detail::may_compare<Type, Field::nullable, Value>();
    static_assert(detail::check<detail::CheckValue<Field, Value, fits>>());
    if constexpr (fits) {
      return {detail::value_node(detail::param_for<Type>(value), Field::path)};
    } else {
      return {};
    }
  }
}

}  // namespace mpf::orm
