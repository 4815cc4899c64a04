#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Search in texts by words: the rules of full-text search, which every database follows alike.
///
/// Words are runs of letters and digits, compared without regard to case; words of 255 characters and more
/// are none. Only the first 250,000 characters of a text are looked at.
///
/// People write queries as they do elsewhere, and no text is wrong:
///
///     red wine            both words
///     red or wine         either
///     "red wine"          these words in this order, with nothing else between them
///     win*                words that begin so
///     red -wine           without that one
namespace mpf {

struct SearchTerm {
  std::vector<std::string> words;  ///< normalised; several are a phrase
  bool prefix = false;             ///< the last word may go on
  bool negated = false;
  bool operator==(const SearchTerm&) const = default;
};

/// All groups must hold, each by one of its terms. Without groups nothing is found.
struct SearchQuery {
  std::vector<std::vector<SearchTerm>> groups;
  bool operator==(const SearchQuery&) const = default;
};

SearchQuery parse_search(std::string_view text);
/// The query as text that parse_search() reads again as the same.
std::string to_string(const SearchQuery& query);

/// "red", "wine" of "Red, WINE!".
std::vector<std::string> words_in(std::string_view text);
/// " red  wine " of the same: each word between blanks of its own.
std::string search_words(std::string_view text);

/// About the result of search_words().
bool matches(const SearchQuery& query, std::string_view words);
/// How well it matches: how often the wanted words occur, divided by the number of words and 10 more.
double search_rank(const SearchQuery& query, std::string_view words);

}  // namespace mpf
