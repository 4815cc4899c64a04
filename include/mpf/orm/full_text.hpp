#pragma once

#include <string_view>

#include <mpf/base/word_search.hpp>
#include <mpf/orm/functions.hpp>

/// Search by words in one or several texts of a row, by the rules of mpf/base/word_search.hpp on both
/// databases. On PostgreSQL, search_index<…>() among the entries of model() makes it fast:
///
///     orm::search_index<&Article::title, &Article::body>()    // search(…, f<&Article::title>,
///     f<&Article::body>)
///
/// Without it, and on SQLite, each row that the other conditions leave is looked at: the tables of an
/// embedded database are small, and FTS5 breaks texts into words by rules of its own, which would lose rows.
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
