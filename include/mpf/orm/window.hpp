#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <mpf/orm/functions.hpp>

/// Window functions: beside each row a value that depends on others. For select() and annotate().
///
///     row_number().over(window().partition_by(f<&Article::author>).order_by(desc<&Article::reads>))
///     sum(f<&Sale::amount>).over(window().order_by(asc<&Sale::id>).rows(std::nullopt, 0))
namespace mpf::orm {

/// Which rows a function looks at. Rows that are equal in all terms of the order come in any.
template <class Root>
class Window {
 public:
  explicit Window(detail::WindowParts parts) : parts_(std::move(parts)) {}
  const detail::WindowParts& parts() const noexcept { return parts_; }

  /// Rows that are equal in all these values.
  template <class... V>
  auto partition_by(const V&... values) const {
    detail::WindowParts parts = parts_;
    (parts.partition.push_back(detail::node_of(values)), ...);
    return Window<detail::RootOf<Own, detail::TermOf<V>...>>(std::move(parts));
  }
  /// Aggregates then look at the rows up to this one and its equals, if rows() says nothing else.
  template <class... Terms>
  auto order_by(const Terms&... terms) const {
    detail::WindowParts parts = parts_;
    (parts.order.push_back(detail::order_of(terms)), ...);
    return Window<detail::RootOf<Own, Terms...>>(std::move(parts));
  }
  /// From so many rows before (negative) or after this one to so many; nothing is "all of them":
  /// rows(-2, 0) are this row and the two before it.
  Window rows(std::optional<std::int64_t> from, std::optional<std::int64_t> to) const {
    detail::WindowParts parts = parts_;
    parts.frame = detail::Frame{from, to};
    return Window(std::move(parts));
  }

 private:
  struct Own {
    using root_type = Root;
  };
  detail::WindowParts parts_;
};

/// All rows, in no order; to be refined.
inline Window<void> window() { return Window<void>(detail::WindowParts{}); }

/// What only windows have; a value once it is told over which.
template <class Root, class Value, bool absent>
class WindowFunction {
 public:
  explicit WindowFunction(detail::NodePtr node) : node_(std::move(node)) {}
  template <class R>
  auto over(const Window<R>& window) const {
    return Expression<detail::common_root<Root, R>, Value, absent>(detail::over_node(node_, window.parts()));
  }

 private:
  detail::NodePtr node_;
};

namespace detail {
inline WindowFunction<void, std::int64_t, false> number_function(Function function,
                                                                 std::vector<NodePtr> arguments = {}) {
  return WindowFunction<void, std::int64_t, false>(
      call_node(function, std::move(arguments), ColumnType::bigint, false));
}
template <bool absent, class V, class... More>
auto value_function(Function function, const V& value, const More&... more) {
  using Value = typename TermOf<V>::value_type;
  return WindowFunction<typename TermOf<V>::root_type, Value, absent>(
      call_node(function, {node_of(value), node_of(more)...}, ColumnCodec<Value>::type, absent));
}
}  // namespace detail

/// 1, 2, 3, …
inline auto row_number() { return detail::number_function(detail::Function::row_number); }
/// Equals have the same: 1, 2, 2, 4.
inline auto rank() { return detail::number_function(detail::Function::rank); }
/// 1, 2, 2, 3.
inline auto dense_rank() { return detail::number_function(detail::Function::dense_rank); }
/// Which of so many parts of nearly equal size, from 1.
inline auto tile(std::int64_t parts) {
  return detail::number_function(detail::Function::tile, {detail::value_node(parts, nullptr)});
}
/// The value of the row so many before, after; absent where there is none.
template <class V>
auto lag(const V& value, std::int64_t rows = 1) {
  return detail::value_function<true>(detail::Function::lag, value, rows);
}
template <class V>
auto lead(const V& value, std::int64_t rows = 1) {
  return detail::value_function<true>(detail::Function::lead, value, rows);
}
/// Of the window's rows; absent where rows() leaves none.
template <class V>
auto first_value(const V& value) {
  return detail::value_function<true>(detail::Function::first_value, value);
}
template <class V>
auto last_value(const V& value) {
  return detail::value_function<true>(detail::Function::last_value, value);
}

}  // namespace mpf::orm
