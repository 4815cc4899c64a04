#pragma once

#include <string_view>

#include <mpf/base/word_search.hpp>
#include <mpf/orm/functions.hpp>

/// Search by words in one or several texts of a row, by the rules of mpf/base/word_search.hpp on both
/// databases. PostgreSQL can use an index on the same expression (a tsvector of the words); without one, and
/// on SQLite, each row that the other conditions leave is looked at.
namespace mpf::orm {

/// where(search("red wine", f<&Article::title>, f<&Article::body>)). Any text is a query: what people write.
template <class... V>
  requires(sizeof...(V) > 0)
auto search(std::string_view query, const V&... texts) {
  static_assert((detail::check_text<V>() && ...));
  return Condition<detail::RootOf<detail::TermOf<V>...>>(
      detail::search_node({detail::node_of(texts)...}, query));
}

/// How well: order_by(search_rank("red wine", f<&Article::title>).desc()). The number of times that wanted
/// words and phrases occur, divided by the number of words and 10 more; 0 for none.
template <class... V>
  requires(sizeof...(V) > 0)
auto search_rank(std::string_view query, const V&... texts) {
  static_assert((detail::check_text<V>() && ...));
  return Expression<detail::RootOf<detail::TermOf<V>...>, double, false>(
      detail::search_rank_node({detail::node_of(texts)...}, query));
}

}  // namespace mpf::orm
