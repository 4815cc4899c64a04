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

/// What conditions and values are made of; see expression.hpp, which users include.
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
  /// What is there has all of that: of an object these members, of an array these elements, in any order, and
  /// so on within; else it is that value, numbers by what they are worth. An array also contains one plain
  /// value: json("tags").contains("new"). Anything that becomes JSON; text as such: Json::parse(). False
  /// where nothing is there.
  template <class V>
  Condition<Root> contains(const V& value) const {
    std::string wanted;
    if constexpr (std::is_convertible_v<const V&, std::string_view>) {
      wanted = to_json(std::string(std::string_view(value)));
    } else {
      wanted = to_json(value);
    }
    return Condition<Root>(detail::json_contains_node(document_, steps_, std::move(wanted)));
  }
  /// Of an array; else absent.
  Expression<Root, std::int64_t, true> length() const;

 private:
  detail::NodePtr document_;
  std::vector<detail::JsonStep> steps_;
};

namespace detail {

template <RangeMatch match, class Left, class Given>
auto match_range(const Left& left, const Given& given);

/// What fields and expressions can do. Self has root_type, value_type, nullable, path and node().
template <class Self>
class Operand {
  using Result = typename ConditionOn<Self>::type;

 public:
  /// The value is one of these, of which there may be any number; none of an empty list.
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

  /// A place in a JSON document: keys of objects, indexes of arrays counted from 0; Error(invalid) for one
  /// below 0 or beyond 2^31 - 1.
  template <class... Steps>
  auto json(const Steps&... steps) const {
    static_assert(check<CheckJson<Self, is_json_column<typename Self::value_type>()>>());
    return JsonPlace<typename Self::root_type>(self().node(), {json_step(steps)...});
  }

  /// Arrays: all of these are elements, or one of them is. Ranges: the value lies in it, be it a plain one, a
  /// field or an expression.
  template <class Value>
  auto has(const Value& value) const {
    if constexpr (is_range()) {
      return match_range<RangeMatch::has>(self(), value);
    } else {
      return has_all(std::vector<std::decay_t<const Value&>>(1, value));
    }
  }
  template <std::ranges::input_range Range>
  Result has_all(const Range& values) const {
    return has_elements(ArrayMatch::contains_all, values);
  }
  template <std::ranges::input_range Range>
  Result overlaps(const Range& values) const {
    return has_elements(ArrayMatch::overlaps, values);
  }
  /// Ranges: all of another lies in it, some of it, or it lies in the other. An empty one lies in all.
  template <class Other>
    requires(!std::ranges::input_range<Other>)
  auto has_all(const Other& range) const {
    return match_range<RangeMatch::contains>(self(), range);
  }
  template <class Other>
    requires(!std::ranges::input_range<Other>)
  auto overlaps(const Other& range) const {
    return match_range<RangeMatch::overlaps>(self(), range);
  }
  template <class Other>
  auto within(const Other& range) const {
    return match_range<RangeMatch::within>(self(), range);
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

  static consteval bool is_range() {
    return !std::is_void_v<typename ElementOfRange<typename Self::value_type>::type>;
  }

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

}  // namespace mpf::orm
