#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/orm/expression.hpp>

/// Functions over fields, expressions and plain values, for where(), select(), order_by(), update(),
/// group_by(). Each gives the same on every database, and is absent where what it is given is, unless it says
/// otherwise.
namespace mpf::orm {

namespace detail {

template <class V>
using TermOf = Term<std::decay_t<const V&>>;

template <class... Terms>
struct CommonRoots {
  using type = void;
};
template <class First, class... Rest>
struct CommonRoots<First, Rest...> {
  using rest = typename CommonRoots<Rest...>::type;
  using root = common_root<typename First::root_type, rest>;
  static_assert(check<CheckSameModel<First, rest, !std::is_same_v<root, Strangers>>>());
  using type = std::conditional_t<std::is_same_v<root, Strangers>, void, root>;
};
template <class... Terms>
using RootOf = typename CommonRoots<Terms...>::type;

template <class Value, bool absent, class... V>
auto call(Function function, const V&... values) {
  return Expression<RootOf<TermOf<V>...>, Value, absent>(
      call_node(function, {node_of(values)...}, ColumnCodec<Value>::type, absent));
}

template <class V>
consteval bool check_text() {
  return check<CheckText<std::decay_t<V>, std::same_as<typename TermOf<V>::value_type, std::string>>>();
}
template <class V>
consteval bool check_number() {
  return check<CheckNumber<std::decay_t<V>, is_number<typename TermOf<V>::value_type>>>();
}

/// Values that may stand for each other: the type of the first, numbers at their widest.
template <class A, class B>
struct SameKind {
  using type = A;
  static constexpr bool fits = std::same_as<A, B>;
};
template <class A, class B>
  requires(is_number<A> && is_number<B>)
struct SameKind<A, B> {
  using type = std::conditional_t<std::floating_point<A> || std::floating_point<B>, double, std::int64_t>;
  static constexpr bool fits = true;
};
template <class... V>
struct SameKinds {};
template <class First>
struct SameKinds<First> {
  using type = typename LiteralType<First>::type;
};
template <class First, class Second, class... Rest>
struct SameKinds<First, Second, Rest...> : SameKinds<typename SameKind<First, Second>::type, Rest...> {};

template <class... V>
struct KindsOf : SameKinds<typename TermOf<V>::value_type...> {};
template <class... V>
using KindOf = typename KindsOf<V...>::type;
template <class First, class... Rest>
struct CheckKinds : std::true_type {
  using Kind = typename TermOf<First>::value_type;
  static constexpr bool value =
      check<CheckValue<First, Rest, SameKind<Kind, typename TermOf<Rest>::value_type>::fits>...>();
};
template <class... V>
consteval bool check_same_kind() {
  return CheckKinds<V...>::value;
}

}  // namespace detail

/// A plain value as expression: value(2) * f<&A::x>.
template <class V>
auto value(const V& plain) {
  using Term = detail::TermOf<V>;
  return Expression<void, typename Term::value_type, Term::nullable>(detail::node_of(plain));
}

/// Texts.

/// "a" "b" → "ab".
template <class... V>
auto concat(const V&... texts) {
  static_assert((detail::check_text<V>() && ...));
  return detail::call<std::string, (detail::TermOf<V>::nullable || ...)>(detail::Function::concat, texts...);
}
/// Of all scripts: "ÄΣ" → "äς".
template <class V>
auto lower(const V& text) {
  static_assert(detail::check_text<V>());
  return detail::call<std::string, detail::TermOf<V>::nullable>(detail::Function::lower, text);
}
template <class V>
auto upper(const V& text) {
  static_assert(detail::check_text<V>());
  return detail::call<std::string, detail::TermOf<V>::nullable>(detail::Function::upper, text);
}
/// In characters (code points).
template <class V>
auto length(const V& text) {
  static_assert(detail::check_text<V>());
  return detail::call<std::int64_t, detail::TermOf<V>::nullable>(detail::Function::length, text);
}
/// Without these characters at both ends.
template <class V>
auto trim(const V& text, std::string_view characters = " ") {
  static_assert(detail::check_text<V>());
  return detail::call<std::string, detail::TermOf<V>::nullable>(detail::Function::trim, text, characters);
}
template <class V>
auto trim_start(const V& text, std::string_view characters = " ") {
  static_assert(detail::check_text<V>());
  return detail::call<std::string, detail::TermOf<V>::nullable>(detail::Function::trim_start, text,
                                                                characters);
}
template <class V>
auto trim_end(const V& text, std::string_view characters = " ") {
  static_assert(detail::check_text<V>());
  return detail::call<std::string, detail::TermOf<V>::nullable>(detail::Function::trim_end, text, characters);
}
/// As std::string::substr, in characters; past the end there is nothing.
template <class V>
auto substring(const V& text, std::size_t from, std::size_t count = 1'000'000'000) {
  static_assert(detail::check_text<V>());
  constexpr std::size_t most = 1'000'000'000;
  return detail::call<std::string, detail::TermOf<V>::nullable>(
      detail::Function::substring, text, static_cast<std::int64_t>(std::min(from, most) + 1),
      static_cast<std::int64_t>(std::min(count, most)));
}
/// Each occurrence of a text by another; of an empty one nothing.
template <class V>
auto replace(const V& text, std::string_view what, std::string_view by) {
  static_assert(detail::check_text<V>());
  return detail::call<std::string, detail::TermOf<V>::nullable>(detail::Function::replace, text, what, by);
}

/// What may be absent.

/// The first value that is there.
template <class... V>
  requires(sizeof...(V) > 1)
auto coalesce(const V&... values) {
  static_assert(detail::check_same_kind<std::decay_t<V>...>());
  return detail::call<detail::KindOf<V...>, (detail::TermOf<V>::nullable && ...)>(detail::Function::coalesce,
                                                                                  values...);
}
/// The value, or absent where it is the other.
template <class V, class Other>
auto null_if(const V& value, const Other& other) {
  static_assert(detail::check_same_kind<std::decay_t<V>, std::decay_t<const Other&>>());
  return detail::call<typename detail::TermOf<V>::value_type, true>(detail::Function::null_if, value, other);
}
/// The greatest, or least, of the values that are there.
template <class... V>
  requires(sizeof...(V) > 1)
auto greatest(const V&... values) {
  static_assert(detail::check_same_kind<std::decay_t<V>...>());
  return detail::call<detail::KindOf<V...>, (detail::TermOf<V>::nullable && ...)>(detail::Function::greatest,
                                                                                  values...);
}
template <class... V>
  requires(sizeof...(V) > 1)
auto least(const V&... values) {
  static_assert(detail::check_same_kind<std::decay_t<V>...>());
  return detail::call<detail::KindOf<V...>, (detail::TermOf<V>::nullable && ...)>(detail::Function::least,
                                                                                  values...);
}

/// Numbers.

template <class V>
auto absolute(const V& number) {
  static_assert(detail::check_number<V>());
  return detail::call<detail::KindOf<V>, detail::TermOf<V>::nullable>(detail::Function::absolute, number);
}
/// To that many digits behind the point (at most 9), half away from zero.
template <class V>
auto round(const V& number, unsigned digits = 0) {
  static_assert(detail::check_number<V>());
  double power = 1;
  for (unsigned i = 0; i < std::min(digits, 9U); ++i) power *= 10;
  return detail::call<double, detail::TermOf<V>::nullable>(detail::Function::round, number, power);
}
/// The next whole number below, above.
template <class V>
auto round_down(const V& number) {
  static_assert(detail::check_number<V>());
  return detail::call<double, detail::TermOf<V>::nullable>(detail::Function::round_down, number);
}
template <class V>
auto round_up(const V& number) {
  static_assert(detail::check_number<V>());
  return detail::call<double, detail::TermOf<V>::nullable>(detail::Function::round_up, number);
}

namespace detail {

template <class V>
using ValueOf = typename TermOf<V>::value_type;
template <class V>
inline constexpr bool is_exact = is_decimal<V> || (is_number<V> && std::integral<V>);

/// Digits behind the point that come and go when coefficients are divided: 36 are all that 128 bits hold.
template <int digits>
struct CheckDigits : std::true_type {
  static_assert(digits >= -decimal::max_scale && digits <= decimal::max_scale,
                "a quotient has at most 18 digits more behind the point than its dividend, less those of "
                "its divisor");
};

}  // namespace detail

/// divide<4>(f<&Sale::price>, f<&Sale::pieces>): of decimals, or one and whole numbers, exactly, then rounded
/// to that many digits behind the point, halves away from zero; a Decimal<4>. Absent where the divisor is
/// zero; Error(invalid) for a plain 0. More than 18 digits are refused by the database, or when the value is
/// read.
template <int scale, class Left, class Right>
auto divide(const Left& left, const Right& right) {
  using A = detail::ValueOf<Left>;
  using B = detail::ValueOf<Right>;
  constexpr bool exact =
      detail::is_exact<A> && detail::is_exact<B> && (detail::is_decimal<A> || detail::is_decimal<B>);
  constexpr int raise = scale - detail::scale_of<A> + detail::scale_of<B>;
  static_assert(detail::check<detail::CheckDecimal<std::decay_t<const Left&>, exact>>());
  static_assert(detail::check<detail::CheckDigits<raise>>());
  constexpr bool plain = !detail::is_operand<std::decay_t<const Right&>>;
  if constexpr (plain) {
    if (right == std::decay_t<const Right&>()) detail::throw_division_by_zero();
  }
  using Root = detail::RootOf<detail::TermOf<Left>, detail::TermOf<Right>>;
  constexpr bool absent = detail::TermOf<Left>::nullable || detail::TermOf<Right>::nullable || !plain;
  return Expression<Root, Decimal<scale>, absent>(
      detail::divide_decimal_node(detail::node_of(left), detail::node_of(right), scale, raise, absent));
}

/// Times and dates, in UTC; both by the Gregorian calendar.

enum class DatePart : std::uint8_t { year, quarter, month, day, weekday, hour, minute, second };
/// A week begins on Monday.
enum class DateUnit : std::uint8_t { year, quarter, month, week, day, hour, minute, second };

namespace detail {

constexpr std::string_view part_names[] = {"year",   "quarter", "month",  "day",
                                           "isodow", "hour",    "minute", "second"};
constexpr std::string_view unit_names[] = {"year", "quarter", "month",  "week",
                                           "day",  "hour",    "minute", "second"};

template <class V>
consteval bool check_time() {
  using Value = typename TermOf<V>::value_type;
  return check<CheckTime<std::decay_t<V>, std::same_as<Value, Timestamp> || std::same_as<Value, Date>>>();
}

template <class Value, class V>
auto date_call(Function function, const V& time, std::string_view option) {
  constexpr bool absent = TermOf<V>::nullable;
  return Expression<typename TermOf<V>::root_type, Value, absent>(
      call_node(function, {node_of(time)}, ColumnCodec<Value>::type, absent, option));
}

}  // namespace detail

/// date_part(DatePart::year, …); weekday is 1 for Monday to 7 for Sunday. Of a Date the time is no part.
template <class V>
auto date_part(DatePart part, const V& time) {
  static_assert(detail::check_time<V>());
  constexpr bool day = std::same_as<typename detail::TermOf<V>::value_type, Date>;
  return detail::date_call<std::int64_t>(day ? detail::Function::day_part : detail::Function::date_part, time,
                                         detail::part_names[static_cast<std::size_t>(part)]);
}
/// The beginning of the year, month, … that the time is in; of the same type.
template <class V>
auto truncate(DateUnit unit, const V& time) {
  static_assert(detail::check_time<V>());
  using Value = typename detail::TermOf<V>::value_type;
  constexpr bool day = std::same_as<Value, Date>;
  return detail::date_call<Value>(day ? detail::Function::day_trunc : detail::Function::date_trunc, time,
                                  detail::unit_names[static_cast<std::size_t>(unit)]);
}
/// What the scope's clock says when the statement is made.
inline Expression<void, Timestamp, false> now() {
  return Expression<void, Timestamp, false>(detail::now_node());
}

/// Conversions.

namespace detail {

template <class To, class From>
struct CheckCast : std::true_type {
  static constexpr bool to_real = std::same_as<To, double>;
  static constexpr bool to_integer = std::same_as<To, std::int64_t>;
  static constexpr bool to_text = std::same_as<To, std::string>;
  static constexpr bool from_integer = is_number<From> && std::integral<From>;
  static constexpr bool from_text = std::same_as<From, std::string>;
  static_assert(
      (to_real && (is_number<From> || from_text)) ||
          (to_integer && (is_number<From> || from_text || std::same_as<From, bool>)) ||
          (to_text && (from_integer || from_text || std::is_enum_v<From>)),
      "cast<> makes double of numbers and texts, std::int64_t of these and bool, std::string of whole "
      "numbers and enumerations");
};

template <class To, class From>
constexpr Function cast_function() {
  if constexpr (std::same_as<To, double>) {
    return std::same_as<From, std::string> ? Function::text_to_real : Function::integer_to_real;
  } else if constexpr (std::same_as<To, std::string>) {
    return Function::integer_to_text;
  } else if constexpr (std::same_as<From, bool>) {
    return Function::boolean_to_integer;
  } else {
    return std::same_as<From, std::string> ? Function::text_to_integer : Function::real_to_integer;
  }
}

}  // namespace detail

/// A real number becomes whole by leaving off what is behind the point; a text that is no number, or a whole
/// one of more than 18 digits, becomes absent.
template <class To, class V>
auto cast(const V& value) {
  using From = typename detail::TermOf<V>::value_type;
  static_assert(detail::check<detail::CheckCast<To, From>>());
  constexpr bool from_text = std::same_as<From, std::string>;
  constexpr bool absent = detail::TermOf<V>::nullable || (from_text && !std::same_as<To, std::string>);
  constexpr bool same = (std::integral<From> && !std::same_as<From, bool> && std::integral<To>) ||
                        (std::same_as<To, std::string> && (from_text || std::is_enum_v<From>));
  if constexpr (same) {
    return Expression<typename detail::TermOf<V>::root_type, To, absent>(detail::node_of(value));
  } else {
    return detail::call<To, absent>(detail::cast_function<To, From>(), value);
  }
}

/// case_when(f<&A::rank> > 3, "high").when(f<&A::rank> > 1, "middle").otherwise("low"): the value of the
/// first condition that holds; without otherwise() absent if none does.
template <class Root, class Value, bool absent>
class Case : public Expression<Root, Value, true> {
 public:
  using Cases = std::vector<std::pair<detail::NodePtr, detail::NodePtr>>;
  explicit Case(Cases cases)
      : Expression<Root, Value, true>(detail::case_node(cases, nullptr, ColumnCodec<Value>::type)),
        cases_(std::move(cases)) {}

  template <detail::AnyCondition C, class V>
  auto when(const C& condition, const V& value) const {
    using Next = detail::RootOf<Expression<Root, Value, true>, detail::Term<C>, detail::TermOf<V>>;
    static_assert(detail::check_same_kind<Expression<Root, Value, true>, std::decay_t<const V&>>());
    using Kind = typename detail::SameKind<Value, typename detail::TermOf<V>::value_type>::type;
    Cases cases = cases_;
    cases.emplace_back(condition.node(), detail::node_of(value));
    return Case < Next, Kind, absent || detail::TermOf<V>::nullable > (std::move(cases));
  }
  template <class V>
  auto otherwise(const V& value) const {
    using Next = detail::RootOf<Expression<Root, Value, true>, detail::TermOf<V>>;
    static_assert(detail::check_same_kind<Expression<Root, Value, true>, std::decay_t<const V&>>());
    using Kind = typename detail::SameKind<Value, typename detail::TermOf<V>::value_type>::type;
    return Expression < Next, Kind,
           absent || detail::TermOf<V>::nullable >
                         (detail::case_node(cases_, detail::node_of(value), ColumnCodec<Kind>::type));
  }

 private:
  Cases cases_;
};

namespace detail {
template <class Root, class Value, bool absent>
inline constexpr bool is_operand<Case<Root, Value, absent>> = true;
template <class Root, class Value, bool absent>
struct ConditionOn<Case<Root, Value, absent>> {
  using type = Condition<Root>;
};
}  // namespace detail

template <detail::AnyCondition C, class V>
auto case_when(const C& condition, const V& value) {
  using Root = detail::RootOf<detail::Term<C>, detail::TermOf<V>>;
  return Case<Root, typename detail::TermOf<V>::value_type, detail::TermOf<V>::nullable>(
      {{condition.node(), detail::node_of(value)}});
}

}  // namespace mpf::orm
