#pragma once

#include <cstddef>
#include <utility>

#include <mpf/orm/detail/operand.hpp>

namespace mpf::orm {

/// A term of order_by(): f<&Article::title>.desc(), lower(f<&Article::title>).asc().nulls_last(). Absent
/// values come first in ascending order, last in descending, unless said otherwise. Text is ordered by its
/// bytes.
template <class Root>
struct OrderTerm {
  using root_type = Root;
  detail::OrderBy term;

  OrderTerm nulls_first() const { return with(detail::Nulls::first); }
  OrderTerm nulls_last() const { return with(detail::Nulls::last); }

 private:
  OrderTerm with(detail::Nulls nulls) const {
    OrderTerm changed = *this;
    changed.term.nulls = nulls;
    return changed;
  }
};

/// A field as term, in short: asc<&Article::title>, desc<&Article::author, &User::name>.nulls_first().
template <auto... Path>
struct Order {
  static_assert(detail::check<detail::CheckPath<Path...>>());
  using root_type = typename detail::FirstMember<Path...>::owner;
  bool descending = false;

  OrderTerm<root_type> nulls_first() const { return {by(detail::Nulls::first)}; }
  OrderTerm<root_type> nulls_last() const { return {by(detail::Nulls::last)}; }
  detail::OrderBy by(detail::Nulls nulls = detail::Nulls::automatic) const {
    return {detail::column_node(detail::path_of<Path...>), descending, nulls};
  }
};
template <auto... Path>
inline constexpr Order<Path...> asc{false};
template <auto... Path>
inline constexpr Order<Path...> desc{true};

/// A column of a selection as term: column<1>.desc().
template <std::size_t index>
struct ColumnOrder {
  static constexpr std::size_t column = index;
  bool descending = false;
  detail::Nulls nulls = detail::Nulls::automatic;

  constexpr ColumnOrder asc() const { return {false, nulls}; }
  constexpr ColumnOrder desc() const { return {true, nulls}; }
  constexpr ColumnOrder nulls_first() const { return {descending, detail::Nulls::first}; }
  constexpr ColumnOrder nulls_last() const { return {descending, detail::Nulls::last}; }
};
template <std::size_t index>
inline constexpr ColumnOrder<index> column{};

namespace detail {
template <auto... Path>
OrderBy order_of(const Order<Path...>& order) {
  return order.by();
}
template <class Root>
OrderBy order_of(const OrderTerm<Root>& order) {
  return order.term;
}
}  // namespace detail

}  // namespace mpf::orm
