#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/base/date.hpp>
#include <mpf/base/decimal.hpp>
#include <mpf/base/range.hpp>
#include <mpf/base/uuid.hpp>
#include <mpf/orm/detail/ast.hpp>
#include <mpf/orm/model.hpp>

/// What may stand on the sides of comparisons, and the compiler's messages about what may not. Not for users.
namespace mpf::orm {

template <class Root>
class Condition;
template <auto... Path>
class FieldCondition;
template <class Root, class Value, bool absent>
class Expression;
template <class Root, class Value, bool absent>
class Aggregate;
template <auto... Path>
class FieldExpression;

namespace detail {

template <auto First, auto...>
struct FirstMember {
  using owner = member_owner<First>;
};

template <class>
inline constexpr bool is_operand = false;
template <class Root, class Value, bool absent>
inline constexpr bool is_operand<Expression<Root, Value, absent>> = true;
template <class Root, class Value, bool absent>
inline constexpr bool is_operand<Aggregate<Root, Value, absent>> = true;
template <auto... Path>
inline constexpr bool is_operand<FieldExpression<Path...>> = true;

struct Strangers;

/// Of two models of which one is the other's base the derived one. What names no field is void, which goes
/// with every model.
template <class A, class B>
struct CommonRoot {
  using type = std::conditional_t<std::is_base_of_v<A, B>, B,
                                  std::conditional_t<std::is_base_of_v<B, A>, A, Strangers>>;
};
template <class A>
struct CommonRoot<A, void> {
  using type = A;
};
template <class B>
struct CommonRoot<void, B> {
  using type = B;
};
template <>
struct CommonRoot<void, void> {
  using type = void;
};
template <class A, class B>
using common_root = typename CommonRoot<A, B>::type;

template <class T>
inline constexpr bool is_number = std::is_arithmetic_v<T> && !std::same_as<T, bool> && !std::same_as<T, char>;

template <class T>
inline constexpr bool is_decimal = false;
template <int scale>
inline constexpr bool is_decimal<Decimal<scale>> = true;

/// Whether a value of that type may be compared with or assigned to a field of type Field (not optional).
/// Hours and the like are durations, whole numbers are decimals.
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
  } else if constexpr (std::same_as<Field, Microseconds>) {
    return std::is_convertible_v<const Value&, Microseconds>;
  } else if constexpr (is_decimal<Field>) {
    return std::same_as<Value, Field> || (is_number<Value> && std::integral<Value>);
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
  } else if constexpr (is_decimal<Field> && std::integral<Value>) {
    if (!std::in_range<std::int64_t>(value)) throw_too_big();
    return ColumnCodec<Field>::to_param(Field(static_cast<std::int64_t>(value)));
  } else if constexpr (is_ref<Field> && std::same_as<Value, Id>) {
    return value.value;
  } else {
    return ColumnCodec<Field>::to_param(value);
  }
}

template <class T>
inline constexpr int scale_of = 0;
template <int scale>
inline constexpr int scale_of<Decimal<scale>> = scale;

template <class T>
struct ElementOfRange {
  using type = void;
};
template <class T>
struct ElementOfRange<Range<T>> {
  using type = T;
};

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
template <class Field, bool number>
struct CheckNumber : std::true_type {
  static_assert(number, "this field is no number");
};
template <class Field, bool json>
struct CheckJson : std::true_type {
  static_assert(json, "this field is no JSON");
};
template <class Field, bool array>
struct CheckArray : std::true_type {
  static_assert(array, "this field is no array");
};
template <class Field, bool range>
struct CheckRange : std::true_type {
  static_assert(range, "this field is no range");
};
template <class Field, bool decimal>
struct CheckDecimal : std::true_type {
  static_assert(decimal, "only a Decimal, or a whole number where the other is one, is divided exactly");
};
template <class Field, bool element>
struct CheckElement : std::true_type {
  static_assert(element, "values of this type are no elements of arrays");
};
template <class Field, bool time>
struct CheckTime : std::true_type {
  static_assert(time, "this field is no time or date");
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

}  // namespace mpf::orm
