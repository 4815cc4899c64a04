#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include <mpf/base/reflect.hpp>
#include <mpf/orm/codec.hpp>
#include <mpf/orm/schema.hpp>

/// Rules that the database itself keeps, as entries of model():
///
///     orm::check("price", orm::col<&Item::price> >= 0 && orm::col<&Item::price> < 1000),
///     orm::check("term", orm::col<&Item::begins> < orm::col<&Item::ends>),
///     orm::check("code", R"(length("code") = 4)"),                    // SQL
///     orm::unique<&Item::site, &Item::slug>(orm::where(orm::col<&Item::retired_at>.is_null())),
///     orm::unique<&Item::site, &Item::parent, &Item::rank>(orm::nulls_equal),
///     orm::unique<&Item::site>(orm::lowered<&Item::email>),
///     orm::index<&Item::site, &Item::made_at>(orm::descending<&Item::made_at>),
///     orm::index<&Item::tags>(orm::method(orm::IndexMethod::gin))
///
/// Conditions are two-valued as in queries: a comparison with an absent value is false, and a row that makes
/// a check false is refused. Write `.is_null() || …` where absence is fine.
namespace mpf::orm {

namespace detail {

enum class RuleOperator : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };

/// "column" <operator> literal; literals are those of the dialect.
void write_rule(std::string& out, std::string_view column, bool nullable, RuleOperator op,
                const db::Param& value, db::Dialect dialect);
void write_rule(std::string& out, std::string_view left, std::string_view right, bool nullable,
                RuleOperator op);
void write_null_rule(std::string& out, std::string_view column, bool is_null);
std::string lowered_sql(std::string_view column);

/// "author_id" for a reference; defined in detail/model_info.hpp.
template <auto Member>
std::string_view rule_column();

struct RuleBase {};
template <class T>
concept Rule = std::is_base_of_v<RuleBase, T>;

template <auto Member>
inline constexpr bool rule_nullable = is_optional<member_type<Member>>;

/// The parameter for a value compared with a field of type Field.
template <class Field, class Value>
db::Param rule_param(const Value& value) {
  if constexpr (std::same_as<Field, std::string>) {
    return std::string(std::string_view(value));
  } else if constexpr (requires { ColumnCodec<Field>::scale; } && std::integral<Value>) {
    return ColumnCodec<Field>::to_param(Field(value));
  } else if constexpr (std::floating_point<Field>) {
    return static_cast<double>(value);
  } else if constexpr (std::integral<Field> && !std::same_as<Field, bool>) {
    return static_cast<std::int64_t>(value);
  } else {
    return ColumnCodec<Field>::to_param(value);
  }
}

template <class Field, class Value>
consteval bool rule_fits() {
  if constexpr (std::same_as<Field, std::string>) {
    return std::is_convertible_v<const Value&, std::string_view>;
  } else if constexpr (requires { ColumnCodec<Field>::scale; }) {
    return std::integral<Value> || std::same_as<Field, Value>;
  } else if constexpr (std::integral<Field> && !std::same_as<Field, bool>) {
    return std::integral<Value> && !std::same_as<Value, bool>;
  } else if constexpr (std::floating_point<Field>) {
    return std::is_arithmetic_v<Value> && !std::same_as<Value, bool>;
  } else {
    return std::same_as<Field, Value>;
  }
}

template <auto Member, class Value>
struct ValueRule : RuleBase {
  RuleOperator op;
  Value value;
  constexpr ValueRule(RuleOperator o, Value v) : op(o), value(v) {}
  void write(std::string& out, db::Dialect dialect) const {
    write_rule(out, rule_column<Member>(), rule_nullable<Member>, op,
               rule_param<bare<member_type<Member>>>(value), dialect);
  }
};

template <auto Left, auto Right>
struct MemberRule : RuleBase {
  RuleOperator op;
  constexpr explicit MemberRule(RuleOperator o) : op(o) {}
  void write(std::string& out, db::Dialect) const {
    write_rule(out, rule_column<Left>(), rule_column<Right>(), rule_nullable<Left> || rule_nullable<Right>,
               op);
  }
};

template <auto Member>
struct NullRule : RuleBase {
  bool null;
  constexpr explicit NullRule(bool n) : null(n) {}
  void write(std::string& out, db::Dialect) const { write_null_rule(out, rule_column<Member>(), null); }
};

template <class L, class R>
struct JunctionRule : RuleBase {
  L left;
  R right;
  bool all;
  constexpr JunctionRule(L l, R r, bool a) : left(l), right(r), all(a) {}
  void write(std::string& out, db::Dialect dialect) const {
    out += '(';
    left.write(out, dialect);
    out += all ? " AND " : " OR ";
    right.write(out, dialect);
    out += ')';
  }
};

template <class C>
struct NotRule : RuleBase {
  C inner;
  constexpr explicit NotRule(C c) : inner(c) {}
  void write(std::string& out, db::Dialect dialect) const {
    out += "NOT (";
    inner.write(out, dialect);
    out += ')';
  }
};

template <class Value>
using RuleConstant =
    std::conditional_t<std::is_convertible_v<const Value&, std::string_view>, std::string_view, Value>;

template <auto Member>
struct RuleField {
  constexpr NullRule<Member> is_null() const { return NullRule<Member>(true); }
  constexpr NullRule<Member> not_null() const { return NullRule<Member>(false); }
};

template <auto Member, class Value>
constexpr auto rule(RuleOperator op, const Value& value) {
  static_assert(rule_fits<bare<member_type<Member>>, Value>(),
                "the type of this value does not fit the field");
  return ValueRule<Member, RuleConstant<Value>>(op, value);
}
template <auto Left, auto Right>
constexpr auto rule(RuleOperator op, RuleField<Right>) {
  static_assert(std::same_as<bare<member_type<Left>>, bare<member_type<Right>>>,
                "these fields are of different types");
  return MemberRule<Left, Right>(op);
}

template <auto M, class V>
constexpr auto operator==(RuleField<M>, const V& v) {
  return rule<M>(RuleOperator::equal, v);
}
template <auto M, class V>
constexpr auto operator!=(RuleField<M>, const V& v) {
  return rule<M>(RuleOperator::not_equal, v);
}
template <auto M, class V>
constexpr auto operator<(RuleField<M>, const V& v) {
  return rule<M>(RuleOperator::less, v);
}
template <auto M, class V>
constexpr auto operator<=(RuleField<M>, const V& v) {
  return rule<M>(RuleOperator::less_equal, v);
}
template <auto M, class V>
constexpr auto operator>(RuleField<M>, const V& v) {
  return rule<M>(RuleOperator::greater, v);
}
template <auto M, class V>
constexpr auto operator>=(RuleField<M>, const V& v) {
  return rule<M>(RuleOperator::greater_equal, v);
}
template <Rule L, Rule R>
constexpr auto operator&&(const L& left, const R& right) {
  return JunctionRule<L, R>(left, right, true);
}
template <Rule L, Rule R>
constexpr auto operator||(const L& left, const R& right) {
  return JunctionRule<L, R>(left, right, false);
}
template <Rule C>
constexpr auto operator!(const C& condition) {
  return NotRule<C>(condition);
}

template <Rule C>
SqlText rule_sql(const C& condition) {
  SqlText text;
  condition.write(text.sqlite, db::Dialect::sqlite);
  condition.write(text.postgres, db::Dialect::postgres);
  return text;
}

/// SQL written by hand.
struct SqlView {
  std::string_view sqlite;
  std::string_view postgres;
};
inline SqlText rule_sql(const SqlView& text) {
  return {std::string(text.sqlite), std::string(text.postgres)};
}

template <class Condition>
struct CheckEntry {
  std::string_view name;
  Condition condition;
};
template <class Condition>
struct Where {
  Condition condition;
};
template <auto Member>
struct Descending {};
template <auto Member>
struct Lowered {};
struct ExpressionPart {
  SqlView sql;
};
struct NullsEqual {};
struct Method {
  IndexMethod method;
};
struct Named {
  std::string_view name;
};

template <bool is_unique, class Options, auto... Members>
struct IndexEntry {
  Options options;
};

struct Generated {
  SqlView sql;
};
struct DatabaseDefault {
  SqlView sql;
};

}  // namespace detail

/// A field in a rule, to compare with constants and other fields.
template <auto Member>
inline constexpr detail::RuleField<Member> col{};

/// Entry of model(): rows for which the condition is false are refused, by a constraint named
/// "<table>_<name>_check".
template <detail::Rule C>
constexpr detail::CheckEntry<C> check(std::string_view name, C condition) {
  return {name, condition};
}
/// The same in SQL, with "quoted" columns; here and below one text, or one for SQLite and one for PostgreSQL.
constexpr detail::CheckEntry<detail::SqlView> check(std::string_view name, std::string_view sql) {
  return {name, {sql, sql}};
}
constexpr detail::CheckEntry<detail::SqlView> check(std::string_view name, std::string_view sqlite,
                                                    std::string_view postgres) {
  return {name, {sqlite, postgres}};
}

/// Options of index<…>() and unique<…>(). Only rows that fulfil the condition are in the index.
template <detail::Rule C>
constexpr detail::Where<C> where(C condition) {
  return {condition};
}
constexpr detail::Where<detail::SqlView> where(std::string_view sql) { return {{sql, sql}}; }
constexpr detail::Where<detail::SqlView> where(std::string_view sqlite, std::string_view postgres) {
  return {{sqlite, postgres}};
}
/// One of the members is in falling order.
template <auto Member>
inline constexpr detail::Descending<Member> descending{};
/// The text of a member in lower case (on SQLite: of the letters A to Z), behind the members.
template <auto Member>
inline constexpr detail::Lowered<Member> lowered{};
/// Any SQL, behind the members.
constexpr detail::ExpressionPart expression(std::string_view sql) { return {{sql, sql}}; }
constexpr detail::ExpressionPart expression(std::string_view sqlite, std::string_view postgres) {
  return {{sqlite, postgres}};
}
/// Rows whose absent values are the same values count as equal.
inline constexpr detail::NullsEqual nulls_equal{};
constexpr detail::Method method(IndexMethod method) { return {method}; }
/// The name of the index, where two of them would have the same.
constexpr detail::Named named(std::string_view name) { return {name}; }

/// Option of a field: stored, computed by the database from other columns of the row. Read, never written.
constexpr detail::Generated generated(std::string_view sql) { return {{sql, sql}}; }
constexpr detail::Generated generated(std::string_view sqlite, std::string_view postgres) {
  return {{sqlite, postgres}};
}
/// Option of a field: what the database fills in for rows that come without it, and for those that exist when
/// a migration adds the column: an expression without columns. Rows inserted from C++ always bring the value.
constexpr detail::DatabaseDefault database_default(std::string_view sql) { return {{sql, sql}}; }
constexpr detail::DatabaseDefault database_default(std::string_view sqlite, std::string_view postgres) {
  return {{sqlite, postgres}};
}

}  // namespace mpf::orm
