#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/base/reflect.hpp>
#include <mpf/orm/detail/core.hpp>
#include <mpf/orm/expression.hpp>

/// Values computed from rows, made by Query::selection() and Query::group_by().
namespace mpf::orm {

namespace detail {

template <class Term, class T>
struct CheckOwner : std::true_type {
  static_assert(std::is_void_v<typename Term::root_type> || std::is_base_of_v<typename Term::root_type, T>,
                "this is a field of another model than the one queried");
};

/// How a value is read: what may be absent is a std::optional.
template <class V>
using Selected = std::conditional_t<Term<V>::nullable, std::optional<typename Term<V>::value_type>,
                                    typename Term<V>::value_type>;

template <class... V>
void read_values(const db::Row& row, std::size_t column, std::tuple<V...>& into) {
  std::apply([&](auto&... value) { (read_column(row, column++, value), ...); }, into);
}

template <class Field, class V>
struct CheckInto : std::true_type {
  static_assert(std::is_assignable_v<typename Field::type&, V> &&
                    (is_optional<typename Field::type> || !is_optional<V>),
                "this member cannot hold the value selected for it");
};
template <class Row, std::size_t members, std::size_t values>
struct CheckCount : std::true_type {
  static_assert(members == values,
                "select_into<> needs a value for each member of the struct, in their order");
};

template <class Row, class... V>
consteval bool check_into() {
  using Fields = std::remove_cvref_t<decltype(fields_of<Row>())>;
  constexpr std::size_t members = Fields::size;
  if constexpr (members == sizeof...(V)) {
    []<class... F>(std::type_identity<reflect::Pack<F...>>) {
      static_cast<void>(check<CheckInto<F, V>...>());
    }(std::type_identity<Fields>{});
  } else {
    static_cast<void>(check<CheckCount<Row, members, sizeof...(V)>>());
  }
  return members == sizeof...(V);
}

/// A value read into a member that may be wider: an optional one, a real number.
template <class V, class Member>
void read_into(const db::Row& row, std::size_t column, Member& into) {
  V value{};
  read_column(row, column, value);
  into = std::move(value);
}

template <class Row, class... V>
void read_struct(const db::Row& row, Row& into) {
  std::size_t column = 0;
  reflect::apply(
      [&](const auto&... field) {
        (read_into<V>(row, column++, into.*std::remove_cvref_t<decltype(field)>::pointer), ...);
      },
      fields_of<Row>());
}

}  // namespace detail

template <class T, class... V>
class Selection;

namespace detail {
/// What a selection can do as the right side of in().
template <class... V>
struct SelectedColumn {};
template <class V>
struct SelectedColumn<V> {
  using selected_type = bare<V>;
};
}  // namespace detail

/// Rows of values: a std::tuple each, or the value itself where it is only one. An immutable value like
/// Query; nothing runs before one of the verbs, each of which is one statement.
template <class T, class... V>
class Selection : public detail::SelectedColumn<V...> {
 public:
  using row_type =
      std::conditional_t<sizeof...(V) == 1, std::tuple_element_t<0, std::tuple<V...>>, std::tuple<V...>>;

  explicit Selection(detail::SelectionPlan plan)
      : plan_(std::make_shared<const detail::SelectionPlan>(std::move(plan))) {}
  const detail::PlanPtr& plan() const noexcept { return plan_; }

  /// No row twice.
  Selection distinct() const {
    detail::SelectionPlan plan = changed();
    plan.distinct = true;
    return Selection(std::move(plan));
  }

  /// Terms as of Query::order_by(), or column<0>.desc() for the first value. Instead of the query's order.
  /// Combined selections know their columns only; distinct ones order by what they select.
  template <class... Terms>
  Selection order_by(const Terms&... terms) const {
    detail::SelectionPlan plan = changed();
    (add_order(plan, terms), ...);
    return Selection(std::move(plan));
  }
  /// Of the rows selected: after grouping and distinct().
  Selection limit(std::size_t rows) const {
    detail::SelectionPlan plan = changed();
    plan.limit = rows;
    return Selection(std::move(plan));
  }
  Selection offset(std::size_t rows) const {
    detail::SelectionPlan plan = changed();
    plan.offset = rows;
    return Selection(std::move(plan));
  }

  /// Rows of either, of both, of this one only; also of queries over other models, of the same scope.
  /// union_all() keeps what is there twice.
  template <class U>
  Selection union_all(const Selection<U, V...>& other) const {
    return combined(detail::SetOperation::all, other);
  }
  template <class U>
  Selection union_with(const Selection<U, V...>& other) const {
    return combined(detail::SetOperation::either, other);
  }
  template <class U>
  Selection intersect(const Selection<U, V...>& other) const {
    return combined(detail::SetOperation::both, other);
  }
  template <class U>
  Selection except(const Selection<U, V...>& other) const {
    return combined(detail::SetOperation::without, other);
  }

  std::vector<row_type> all(std::source_location origin = std::source_location::current()) const {
    std::vector<row_type> rows;
    detail::run_selection(
        *plan_,
        [&rows](const db::Row& row) {
          row_type value{};
          read(row, value);
          rows.push_back(std::move(value));
        },
        false, origin);
    return rows;
  }
  std::optional<row_type> first(std::source_location origin = std::source_location::current()) const {
    auto rows = limit(1).all(origin);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
  }
  /// Row by row, at constant memory. visit must not use the database.
  template <class Visit>
  void each(Visit&& visit, std::source_location origin = std::source_location::current()) const {
    detail::run_selection(
        *plan_,
        [&visit](const db::Row& row) {
          row_type value{};
          read(row, value);
          visit(value);
        },
        true, origin);
  }
  /// Structs with a description; their members take the values in order.
  template <class Row>
  std::vector<Row> into(std::source_location origin = std::source_location::current()) const {
    std::vector<Row> rows;
    if constexpr (detail::check_into<Row, V...>()) {
      detail::run_selection(
          *plan_, [&rows](const db::Row& row) { detail::read_struct<Row, V...>(row, rows.emplace_back()); },
          false, origin);
    }
    return rows;
  }
  std::vector<std::tuple<V...>> tuples(std::source_location origin = std::source_location::current()) const {
    std::vector<std::tuple<V...>> rows;
    detail::run_selection(
        *plan_, [&rows](const db::Row& row) { detail::read_values(row, 0, rows.emplace_back()); }, false,
        origin);
    return rows;
  }

  std::uint64_t count(std::source_location origin = std::source_location::current()) const {
    return detail::count_selection(*plan_, origin);
  }

  /// As a value in another query; absent when it finds nothing. At most one row: limit(1) makes sure.
  auto scalar() const {
    static_assert(sizeof...(V) == 1, "a scalar subquery selects one value");
    using Value = detail::bare<std::tuple_element_t<0, std::tuple<V...>>>;
    return Expression<void, Value, true>(detail::scalar_node(plan_, ColumnCodec<Value>::type));
  }

  /// The statement of all(), for tests and logs, and how the database would run it.
  std::string sql() const { return detail::selection_sql(*plan_); }
  std::string explain(std::source_location origin = std::source_location::current()) const {
    return detail::explain_selection(*plan_, origin);
  }

 private:
  static void read(const db::Row& row, row_type& into) {
    if constexpr (sizeof...(V) == 1) {
      detail::read_column(row, 0, into);
    } else {
      detail::read_values(row, 0, into);
    }
  }

  detail::SelectionPlan changed() const { return *plan_; }

  template <std::size_t index>
  static void add_order(detail::SelectionPlan& plan, const ColumnOrder<index>& term) {
    static_assert(index < sizeof...(V), "the selection has no such column");
    plan.order.push_back({nullptr, index, term.descending, term.nulls});
  }
  template <class Term>
  static void add_order(detail::SelectionPlan& plan, const Term& term) {
    static_assert(detail::check<detail::CheckOwner<Term, T>>());
    const detail::OrderBy order = detail::order_of(term);
    plan.order.push_back({order.value, 0, order.descending, order.nulls});
  }

  template <class U>
  Selection combined(detail::SetOperation operation, const Selection<U, V...>& other) const {
    const auto& source = detail::source_of(*plan_);
    detail::check_same_scope(source, detail::source_of(*other.plan()));
    detail::SelectionPlan plan{.source = source};
    plan.operation = operation;
    plan.left = plan_;
    plan.right = other.plan();
    return Selection(std::move(plan));
  }

  detail::PlanPtr plan_;
};

/// The selection, which may ask for outer<>() fields, finds anything.
template <class T, class... V>
Condition<void> exists(const Selection<T, V...>& selection) {
  return Condition<void>(detail::exists_node(selection.plan()));
}

/// Rows by groups, made by Query::group_by(): select the values that groups are made by, and aggregates.
template <class T>
class Grouped {
 public:
  explicit Grouped(detail::SelectionPlan plan) : plan_(std::move(plan)) {}

  /// Which groups to take. Several must all hold.
  template <detail::AnyCondition C>
  Grouped having(const C& condition) const {
    static_assert(detail::check<detail::CheckOwner<C, T>>());
    detail::SelectionPlan plan = plan_;
    plan.having = plan.having ? detail::and_node(plan.having, condition.node()) : condition.node();
    return Grouped(std::move(plan));
  }

  template <class... V>
  auto selection(const V&... values) const {
    static_assert(detail::check<detail::CheckOwner<detail::Term<V>, T>...>());
    detail::SelectionPlan plan = plan_;
    (plan.columns.push_back(detail::node_of(values)), ...);
    return Selection<T, detail::Selected<V>...>(std::move(plan));
  }
  template <class... V>
  auto select(const V&... values) const {
    return selection(values...).tuples(plan_.source.origin());
  }
  template <class Row, class... V>
  std::vector<Row> select_into(const V&... values) const {
    return selection(values...).template into<Row>(plan_.source.origin());
  }

 private:
  detail::SelectionPlan plan_;
};

}  // namespace mpf::orm
