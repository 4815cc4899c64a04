#include <mpf/base/word_search.hpp>

#include <algorithm>

#include <mpf/base/text.hpp>
#include <mpf/base/unicode.hpp>

namespace mpf {

namespace {

constexpr std::size_t most_characters = 250'000;
constexpr std::size_t longest_word = 254;
/// More than a person writes; a bound for what is written by others.
constexpr std::size_t most_terms = 64;

/// As it stands in search_words().
std::string pattern(const SearchTerm& term) {
  std::string text;
  for (const std::string& word : term.words) {
    text += text.empty() ? " " : "  ";
    text += word;
  }
  if (!term.prefix) text += ' ';
  return text;
}

std::size_t occurrences(std::string_view words, const std::string& wanted) {
  std::size_t count = 0;
  for (std::size_t at = words.find(wanted); at != std::string_view::npos;
       at = words.find(wanted, at + wanted.size())) {
    ++count;
  }
  return count;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

std::vector<std::string> words_in(std::string_view text) {
  std::vector<std::string> words;
  const std::string lower = to_lower(truncate_utf8(text, most_characters));
  std::string_view rest = lower;
  std::string word;
  std::size_t length = 0;
  const auto end = [&] {
    if (!word.empty() && length <= longest_word) words.push_back(word);
    word.clear();
    length = 0;
  };
  while (!rest.empty()) {
    const std::uint32_t code = next_code_point(rest);
    if (is_word_character(code)) {
      append_utf8(word, code);
      ++length;
    } else {
      end();
    }
  }
  end();
  return words;
}

SearchQuery parse_search(std::string_view text) {
  SearchQuery query;
  std::size_t terms = 0;
  bool either = false;
  while (!text.empty() && terms < most_terms) {
    if (is_blank(text.front())) {
      text.remove_prefix(1);
      continue;
    }
    SearchTerm term;
    if (text.front() == '-') {
      term.negated = true;
      text.remove_prefix(1);
    }
    std::string_view piece;
    if (!text.empty() && text.front() == '"') {
      text.remove_prefix(1);
      const std::size_t end = text.find('"');
      piece = text.substr(0, end);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (!text.empty() && text.front() == '*') {
        term.prefix = true;
        text.remove_prefix(1);
      }
    } else {
      const auto end = std::ranges::find_if(text, [](char c) { return is_blank(c) || c == '"'; });
      piece = text.substr(0, static_cast<std::size_t>(end - text.begin()));
      text.remove_prefix(piece.size());
      if (!term.negated && iequals(piece, "or")) {
        either = !query.groups.empty();
        continue;
      }
      term.prefix = piece.ends_with('*');
    }
    term.words = words_in(piece);
    if (term.words.empty()) continue;  // only punctuation
    ++terms;
    if (either) {
      query.groups.back().push_back(std::move(term));
    } else {
      query.groups.push_back({std::move(term)});
    }
    either = false;
  }
  return query;
}

std::string to_string(const SearchQuery& query) {
  std::string text;
  for (const auto& group : query.groups) {
    for (const SearchTerm& term : group) {
      if (!text.empty()) text += &term == group.data() ? " " : " or ";
      text += term.negated ? "-\"" : "\"";
      for (const std::string& word : term.words) {
        if (&word != term.words.data()) text += ' ';
        text += word;
      }
      text += term.prefix ? "\"*" : "\"";
    }
  }
  return text;
}

std::string search_words(std::string_view text) {
  std::string result;
  for (const std::string& word : words_in(text)) {
    result += ' ';
    result += word;
    result += ' ';
  }
  return result;
}

bool matches(const SearchQuery& query, std::string_view words) {
  const auto holds = [&](const SearchTerm& term) {
    return (words.find(pattern(term)) != std::string_view::npos) != term.negated;
  };
  return !query.groups.empty() && std::ranges::all_of(query.groups, [&](const auto& group) {
    return std::ranges::any_of(group, holds);
  });
}

double search_rank(const SearchQuery& query, std::string_view words) {
  std::size_t hits = 0;
  for (const auto& group : query.groups) {
    for (const SearchTerm& term : group) {
      if (!term.negated) hits += occurrences(words, pattern(term));
    }
  }
  // Each word has a blank before and behind it.
  const std::size_t count = static_cast<std::size_t>(std::ranges::count(words, ' ')) / 2;
  return static_cast<double>(hits) / static_cast<double>(count + 10);
}

}  // namespace mpf
