#pragma once

#include <mpf/orm/detail/compare.hpp>
#include <mpf/orm/value.hpp>

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

}  // namespace mpf::orm
