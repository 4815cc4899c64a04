#pragma once

#include <string_view>

#include <mpf/base/word_search.hpp>
#include <mpf/orm/functions.hpp>

/// Search by words in one or several texts of a row, by the rules of mpf/base/word_search.hpp on both
/// databases. search_index<…>() among the entries of model() makes it fast:
///
///     orm::search_index<&Article::title, &Article::body>()    // search(…, f<&Article::title>,
///                                                             //   f<&Article::body>)
///
/// It serves searches in exactly these texts in this order. Other searches look at each row that the other
/// conditions leave; they find the same.
///
/// On PostgreSQL the index is a GIN one. On SQLite it is a table of FTS5 named like the index, of rows that
/// have an orm::Id, which holds the texts once more; triggers keep it in the transactions that write the
/// rows, whoever writes them. FTS5 breaks texts into words by a tokenizer that connections of mpf::db have.
/// Other programs (the sqlite3 shell) read all tables but that one, and write all but those with such an
/// index: there they are told "no such tokenizer: mpf_words". Who must write with them drops the index's
/// three triggers (mpf_words_…) before. What is missing of an index, as `migrate check` tells, is made anew
/// by two migrations: one without search_index<…>() in the model, one with it.
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
