#pragma once

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mpf::migrate {

/// A name as PostgreSQL keeps it.
inline std::string folded(std::string name) {
  if (name.starts_with('"')) return name.substr(1, name.size() - 2);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name;
}

/// A statement or a part of one, as words that can be compared: keywords in capitals, names in double quotes
/// as they are.
class Part {
 public:
  explicit Part(std::span<const std::string> words) : words_(words) {}

  std::span<const std::string> words() const { return words_; }
  bool begins(std::initializer_list<std::string_view> words) const { return is_at(0, words); }
  bool has(std::initializer_list<std::string_view> words) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (is_at(i, words)) return true;
    }
    return false;
  }
  bool has_any(std::initializer_list<std::string_view> words) const {
    return std::ranges::any_of(words, [&](std::string_view word) { return has({word}); });
  }
  Part from(std::size_t at) const { return Part(words_.subspan(std::min(at, words_.size()))); }

  /// Where what follows the name at `at` begins; a name may have that of its schema before it.
  std::size_t past_name(std::size_t at) const {
    while (at < words_.size() && is_filler(words_[at])) ++at;
    while (at + 1 < words_.size() && words_[at + 1] == ".") at += 2;
    return at + 1;
  }

  /// What commas outside of parentheses separate.
  std::vector<Part> clauses() const {
    std::vector<Part> result;
    std::size_t begin = 0;
    int depth = 0;
    for (std::size_t i = 0; i <= words_.size(); ++i) {
      if (i < words_.size() && words_[i] == "(") ++depth;
      if (i < words_.size() && words_[i] == ")") --depth;
      if (i < words_.size() && (depth > 0 || words_[i] != ",")) continue;
      result.push_back(Part(words_.subspan(begin, i - begin)));
      begin = i + 1;
    }
    return result;
  }

  /// What follows the first of these words; nothing where there is none.
  Part behind(std::initializer_list<std::string_view> words) const {
    const auto found = std::ranges::find_if(
        words_, [&](const std::string& each) { return std::ranges::count(words, each) > 0; });
    return found == words_.end() ? Part({}) : Part({found + 1, words_.end()});
  }

  /// Statements that change rows: this one, and those that WITH has in parentheses.
  std::vector<Part> writes() const {
    std::vector<Part> result;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const auto& word = words_[i];
      if (word != "UPDATE" && word != "DELETE" && word != "INSERT" && word != "MERGE") continue;
      if (i > 0 && (!begins({"WITH"}) || (words_[i - 1] != "(" && words_[i - 1] != ")"))) continue;
      int depth = 0;
      auto end = i;
      for (; end < words_.size() && depth >= 0; ++end) {
        if (words_[end] == "(") ++depth;
        if (words_[end] == ")") --depth;
      }
      result.push_back(Part(words_.subspan(i, end - i)));
    }
    return result;
  }

  /// What the first pair of parentheses holds.
  Part inner() const {
    const auto open = std::ranges::find(words_, "(");
    if (open == words_.end()) return Part({});
    int depth = 1;
    auto end = open + 1;
    for (; end != words_.end(); ++end) {
      if (*end == "(") ++depth;
      if (*end == ")" && --depth == 0) break;
    }
    return Part({open + 1, end});
  }

  /// Whether it is about one of these tables, whose name follows the first of these words.
  bool is_about(const std::vector<std::string>& tables) const {
    const auto leads = [](const std::string& word) {
      return word == "TABLE" || word == "ON" || word == "UPDATE" || word == "FROM" || word == "INTO";
    };
    for (std::size_t i = 0; i + 1 < words_.size(); ++i) {
      if (!leads(words_[i]) || leads(words_[i + 1])) continue;
      const auto end = past_name(i + 1);
      return end <= words_.size() && std::ranges::count(tables, folded(words_[end - 1])) > 0;
    }
    return false;
  }

 private:
  static bool is_filler(const std::string& word) {
    return word == "IF" || word == "EXISTS" || word == "NOT" || word == "ONLY" || word == "TABLE";
  }
  bool is_at(std::size_t at, std::initializer_list<std::string_view> words) const {
    return at + words.size() <= words_.size() &&
           std::equal(words.begin(), words.end(), words_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  std::span<const std::string> words_;
};

}  // namespace mpf::migrate
