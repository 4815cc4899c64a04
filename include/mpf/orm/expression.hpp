#pragma once

#include <concepts>
#include <initializer_list>
#include <optional>
#include <ranges>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/orm/detail/ast.hpp>
#include <mpf/orm/model.hpp>

/// Conditions and values over a model's fields, checked by the compiler:
///
///     f<&Article::title>.starts_with("A") && !(f<&Article::author, &User::email> == email)
///
/// Conditions are two-valued, on every database: a comparison with an absent value is false (absent equals
/// absent), and `!` makes it true. So !(f<&A::x> == 1) holds for rows without x, just as x != 1 does in C++.
namespace mpf::orm {

/// Which rows of Root to take. Made from fields, combined by && || !.
template <class Root>
class Condition {
 public:
  using root_type = Root;
  explicit Condition(detail::NodePtr node) : node_(std::move(node)) {}
  const detail::NodePtr& node() const noexcept { return node_; }

 private:
  detail::NodePtr node_;
};

/// A condition on one field; the type remembers which, for the compiler's messages.
template <auto... Path>
class FieldCondition;

/// A value computed from fields of Root.
template <class Root, class Value>
class Expression {
 public:
  using root_type = Root;
  using value_type = Value;
  static constexpr const detail::ColumnPath* path = nullptr;

  explicit Expression(detail::NodePtr node) : node_(std::move(node)) {}
  const detail::NodePtr& node() const noexcept { return node_; }

 private:
  detail::NodePtr node_;
};

template <auto... Path>
class FieldExpression;

namespace detail {

template <auto First, auto...>
struct FirstMember {
  using owner = member_owner<First>;
};

template <class>
inline constexpr bool is_operand = false;
template <class Root, class Value>
inline constexpr bool is_operand<Expression<Root, Value>> = true;
template <auto... Path>
inline constexpr bool is_operand<FieldExpression<Path...>> = true;

/// Of two models of which one is the other's base the derived one; void when they are strangers.
template <class A, class B>
using common_root =
    std::conditional_t<std::is_base_of_v<A, B>, B, std::conditional_t<std::is_base_of_v<B, A>, A, void>>;

template <class T>
inline constexpr bool is_number = std::is_arithmetic_v<T> && !std::same_as<T, bool> && !std::same_as<T, char>;

/// Whether a value of that type may be compared with or assigned to a field of type Field (not optional).
template <class Field, class Value>
consteval bool value_fits() {
  if constexpr (std::same_as<Field, std::string>) {
    return std::is_convertible_v<const Value&, std::string_view>;
  } else if constexpr (std::floating_point<Field>) {
    return is_number<Value>;
  } else if constexpr (is_number<Field>) {
    return is_number<Value> && std::integral<Value>;
  } else if constexpr (is_ref<Field>) {
    return std::same_as<Value, Id> || std::same_as<Value, Field>;
  } else {
    return std::same_as<Value, Field>;
  }
}

/// The same for optionals: where the field may be absent, so may the value.
template <class Field, bool nullable, class Value>
consteval bool may_compare() {
  if constexpr (std::same_as<Value, std::nullopt_t>) {
    return nullable;
  } else if constexpr (is_optional<Value>) {
    return nullable && value_fits<Field, bare<Value>>();
  } else {
    return value_fits<Field, Value>();
  }
}

template <class Field, class Value>
db::Param param_for(const Value& value) {
  if constexpr (std::same_as<Value, std::nullopt_t>) {
    return nullptr;
  } else if constexpr (is_optional<Value>) {
    if (!value) return nullptr;
    return param_for<Field>(*value);
  } else if constexpr (std::same_as<Field, std::string>) {
    return std::string(std::string_view(value));
  } else if constexpr (std::floating_point<Field>) {
    return static_cast<double>(value);
  } else if constexpr (is_number<Field>) {
    if (!std::in_range<std::int64_t>(value)) throw_too_big();
    return static_cast<std::int64_t>(value);
  } else if constexpr (is_ref<Field> && std::same_as<Value, Id>) {
    return value.value;
  } else {
    return ColumnCodec<Field>::to_param(value);
  }
}

template <class Type>
inline constexpr bool is_ordered =
    std::same_as<Type, std::string> || is_number<Type> || std::same_as<Type, Timestamp> ||
    std::same_as<Type, Id> || column_is_ordered<Type>();

/// Checks of what users write, as types so that the compiler's message names field and value.
template <class Field, class Value, bool fits>
struct CheckValue : std::true_type {
  static_assert(fits, "the type of this value does not fit the field");
};
template <class Field, bool ordered>
struct CheckOrdered : std::true_type {
  static_assert(ordered, "this field has no order: only == and != compare it");
};
template <class Field, bool text>
struct CheckText : std::true_type {
  static_assert(text, "this field is no text");
};
template <class Field, bool nullable>
struct CheckNullable : std::true_type {
  static_assert(nullable, "this field is always there: it is no std::optional");
};
template <class Left, class Right, bool same>
struct CheckSameModel : std::true_type {
  static_assert(same, "these are fields of different models");
};
template <auto From, auto To>
struct CheckHop : std::true_type {
  static_assert(is_ref<bare<member_type<From>>>, "only an orm::Ref leads to fields of another model");
  template <class T>
  struct Target {
    using type = member_owner<To>;
  };
  template <class T>
  struct Target<Ref<T>> {
    using type = T;
  };
  static_assert(std::is_base_of_v<member_owner<To>, typename Target<bare<member_type<From>>>::type>,
                "this field is no member of the model that the reference leads to");
};
template <auto Member>
struct CheckDescribed : std::true_type {
  using owner = member_owner<Member>;
  static constexpr bool described = [] {
    if constexpr (Model<owner>) return is_described<owner, Member>();
    return true;  // a base of models: looked up in the queried one
  }();
  static_assert(described, "this member is not among the fields that its model() lists");
};
template <auto First, auto... Rest>
struct CheckPath : CheckDescribed<First> {};
template <auto First, auto Second, auto... Rest>
struct CheckPath<First, Second, Rest...>
    : CheckDescribed<First>, CheckHop<First, Second>, CheckPath<Second, Rest...> {
  static constexpr bool value = true;
};

}  // namespace detail

/// A field, to compare, to match and to compute with. Written f<&Article::title>; f<&Article::author,
/// &User::email> leads over references, each becoming a join where it is needed.
template <auto... Path>
class FieldExpression {
  static_assert(detail::check<detail::CheckPath<Path...>>());

 public:
  using root_type = typename detail::FirstMember<Path...>::owner;
  using field_type = typename detail::LastMember<Path...>::type;
  using value_type = detail::bare<field_type>;
  static constexpr const detail::ColumnPath* path = &detail::path_of<Path...>;
  static constexpr bool nullable = detail::path_of<Path...>.nullable;

  detail::NodePtr node() const { return detail::column_node(*path); }

  /// The field's value is one of these; none of an empty list.
  template <std::ranges::input_range Range>
    requires(!std::is_convertible_v<const Range&, std::string_view>)
  FieldCondition<Path...> in(const Range& values) const {
    using Value = std::remove_cvref_t<std::ranges::range_reference_t<const Range&>>;
    constexpr bool fits = detail::value_fits<value_type, Value>();
    std::vector<db::Param> params;
    static_assert(detail::check<detail::CheckValue<FieldExpression, Value, fits>>());
    if constexpr (fits) {
      for (const auto& value : values) params.push_back(detail::param_for<value_type>(value));
    }
    return FieldCondition<Path...>(detail::in_node(node(), std::move(params), path));
  }
  using listed = std::conditional_t<std::same_as<value_type, std::string>, std::string_view, value_type>;
  FieldCondition<Path...> in(std::initializer_list<listed> values) const {
    return in(std::vector<listed>(values));
  }

  FieldCondition<Path...> is_null() const {
    static_assert(detail::check<detail::CheckNullable<FieldExpression, nullable>>());
    return FieldCondition<Path...>(detail::null_node(node(), true));
  }
  FieldCondition<Path...> not_null() const {
    static_assert(detail::check<detail::CheckNullable<FieldExpression, nullable>>());
    return FieldCondition<Path...>(detail::null_node(node(), false));
  }

  /// Literal text, no wildcards; exact case.
  FieldCondition<Path...> contains(std::string_view text) const {
    return match(detail::Match::contains, text);
  }
  FieldCondition<Path...> starts_with(std::string_view text) const {
    return match(detail::Match::starts_with, text);
  }
  FieldCondition<Path...> ends_with(std::string_view text) const {
    return match(detail::Match::ends_with, text);
  }
  /// Without regard to case (on SQLite: of the letters A to Z).
  FieldCondition<Path...> icontains(std::string_view text) const {
    return match(detail::Match::icontains, text);
  }

 private:
  FieldCondition<Path...> match(detail::Match how, std::string_view text) const {
    static_assert(detail::check<detail::CheckText<FieldExpression, std::same_as<value_type, std::string>>>());
    return FieldCondition<Path...>(detail::match_node(node(), how, text, path));
  }
};

template <auto... Path>
class FieldCondition : public Condition<typename detail::FirstMember<Path...>::owner> {
 public:
  using Condition<typename detail::FirstMember<Path...>::owner>::Condition;
};

template <auto... Path>
inline constexpr FieldExpression<Path...> f{};

namespace detail {

template <class L, class R>
consteval bool operands_fit() {
  if constexpr (is_operand<R>) {
    return std::same_as<typename L::value_type, typename R::value_type> ||
           (is_number<typename L::value_type> && is_number<typename R::value_type>);
  } else if constexpr (requires { L::nullable; }) {
    return may_compare<typename L::value_type, L::nullable, R>();
  } else {
    return may_compare<typename L::value_type, true, R>();
  }
}

template <class L, class R>
NodePtr right_node(const R& right) {
  if constexpr (!operands_fit<L, R>()) {
    return nullptr;
  } else if constexpr (is_operand<R>) {
    return right.node();
  } else {
    return value_node(param_for<typename L::value_type>(right), L::path);
  }
}

template <class L, class R>
struct OperandRoot {
  using type = typename L::root_type;
};
template <class L, class R>
  requires is_operand<R>
struct OperandRoot<L, R> {
  using type = common_root<typename L::root_type, typename R::root_type>;
  static_assert(check<CheckSameModel<L, R, !std::is_void_v<type>>>());
};

template <class L>
struct ConditionOn {
  using type = Condition<typename L::root_type>;
};
template <auto... Path>
struct ConditionOn<FieldExpression<Path...>> {
  using type = FieldCondition<Path...>;
};

template <class Left, class Given>
auto compare(Comparison comparison, const Left& left, const Given& right) {
  using Right = std::decay_t<const Given&>;
  static_assert(check<CheckValue<Left, Right, operands_fit<Left, Right>()>>());
  if constexpr (is_operand<Right>) {
    using Root = typename OperandRoot<Left, Right>::type;
    return Condition<Root>(compare_node(comparison, left.node(), right_node<Left>(right)));
  } else {
    using Result = typename ConditionOn<Left>::type;
    return Result(compare_node(comparison, left.node(), right_node<Left, Right>(right)));
  }
}

template <class Left, class Right>
auto compare_ordered(Comparison comparison, const Left& left, const Right& right) {
  static_assert(check<CheckOrdered<Left, is_ordered<typename Left::value_type>>>());
  return compare(comparison, left, right);
}

template <class Left, class Given>
auto compute(Arithmetic operation, const Left& left, const Given& right) {
  using Right = std::decay_t<const Given&>;
  using Root = typename OperandRoot<Left, Right>::type;
  static_assert(CheckValue < Left, Right,
                is_number<typename Left::value_type> && operands_fit<Left, Right>() > ::value);
  return Expression<Root, typename Left::value_type>(
      arithmetic_node(operation, left.node(), right_node<Left, Right>(right)));
}

template <class C>
concept AnyCondition = std::is_base_of_v<Condition<typename C::root_type>, C>;

template <class L, class R>
struct CombinedRoot {
  using type = common_root<typename L::root_type, typename R::root_type>;
  static_assert(check<CheckSameModel<L, R, !std::is_void_v<type>>>());
};

}  // namespace detail

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

template <class L, class R>
  requires detail::is_operand<L>
auto operator+(const L& left, const R& right) {
  return detail::compute(detail::Arithmetic::add, left, right);
}
template <class L, class R>
  requires detail::is_operand<L>
auto operator-(const L& left, const R& right) {
  return detail::compute(detail::Arithmetic::subtract, left, right);
}
template <class L, class R>
  requires detail::is_operand<L>
auto operator*(const L& left, const R& right) {
  return detail::compute(detail::Arithmetic::multiply, left, right);
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

/// A term of order_by(). Absent values come first in ascending order, last in descending.
template <auto... Path>
struct Order {
  static_assert(detail::check<detail::CheckPath<Path...>>());
  using root_type = typename detail::FirstMember<Path...>::owner;
  static constexpr const detail::ColumnPath* path = &detail::path_of<Path...>;
  bool descending = false;
};
template <auto... Path>
inline constexpr Order<Path...> asc{false};
template <auto... Path>
inline constexpr Order<Path...> desc{true};

/// A field and its new value, for Query::update().
template <auto Member>
struct Assignment {
  static constexpr auto member = Member;
  using root_type = member_owner<Member>;
  detail::NodePtr value;
};

/// set<&Article::title>("x"), set<&Article::reads>(f<&Article::reads> + 1).
template <auto Member, class Given>
Assignment<Member> set(const Given& value) {
  using Field = FieldExpression<Member>;
  using Value = std::decay_t<const Given&>;
  using Type = typename Field::value_type;
  if constexpr (detail::is_operand<Value>) {
    static_assert(detail::check<detail::CheckValue<Field, Value, detail::operands_fit<Field, Value>()>>());
    constexpr bool same = std::is_same_v<member_owner<Member>, typename Value::root_type>;
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
