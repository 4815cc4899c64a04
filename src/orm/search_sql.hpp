#pragma once

#include <string>
#include <string_view>

#include <mpf/orm/schema.hpp>

/// What a search looks at, in SQL: conditions and the indexes for them must say the same.
namespace mpf::orm::detail {

/// The texts as one: nothing is absent, one ends before the next begins.
inline void add_text(std::string& document, std::string_view text) {
  if (!document.empty()) document += " || ' ' || ";
  document += "coalesce(";
  document += text;
  document += ", '')";
}

/// PostgreSQL: the same words, between the same blanks, as search_words() makes; long ones first, they are
/// none.
inline std::string words_of(std::string_view document) {
  return "(' ' || regexp_replace(regexp_replace(lower(left(" + std::string(document) +
         ", 250000) COLLATE \"und-x-icu\"), '[[:alnum:]]{255,}', ' ', 'g'), '[^[:alnum:]]+', '  ', 'g') || ' "
         "')";
}

/// PostgreSQL: the words without their places, for an index.
inline std::string vector_of(std::string_view words) {
  return "array_to_tsvector(array_remove(string_to_array(" + std::string(words) + ", ' '), ''))";
}

/// Whether it is the index that search_index<…>() declares of that document, as SQLite says it.
inline bool is_search_index(const Index& index, std::string_view document) {
  return index.method == IndexMethod::gin && index.columns.empty() && !index.where &&
         index.expressions.size() == 1 && index.expressions.front().sqlite == document &&
         index.expressions.front().postgres == vector_of(words_of(document));
}

}  // namespace mpf::orm::detail
