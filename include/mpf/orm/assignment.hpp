#pragma once

#include <mpf/orm/expression.hpp>

namespace mpf::orm {

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
