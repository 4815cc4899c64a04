#include "migrate/sql_text.hpp"

#include <algorithm>
#include <array>

namespace mpf::migrate {
namespace {

constexpr std::array<std::string_view, 9> forbidden{"BEGIN",   "START",  "COMMIT", "ROLLBACK", "SAVEPOINT",
                                                    "RELEASE", "VACUUM", "ATTACH", "DETACH"};

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::string upper(std::string_view text) {
  std::string word(text);
  std::ranges::transform(word, word.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return word;
}

/// Where what begins at `at` ends: a quoted text, a comment, or one character.
std::size_t skip(std::string_view sql, std::size_t at) noexcept {
  const auto past = [&](std::string_view end, std::size_t from) {
    const auto found = sql.find(end, from);
    return found == std::string_view::npos ? sql.size() : found + end.size();
  };
  const char c = sql[at];
  if (c == '\'' || c == '"' || c == '`') return past({&sql[at], 1}, at + 1);
  if (c == '[') return past("]", at + 1);
  if (c == '$') {  // $$ … $$ or $tag$ … $tag$
    auto end = at + 1;
    while (end < sql.size() && (is_letter(sql[end]) || (sql[end] >= '0' && sql[end] <= '9'))) ++end;
    if (end < sql.size() && sql[end] == '$') return past(sql.substr(at, end + 1 - at), end + 1);
  }
  if (sql.substr(at, 2) == "--") return past("\n", at);
  if (sql.substr(at, 2) == "/*") return past("*/", at + 2);
  return at + 1;
}

bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';'; }

}  // namespace

std::optional<std::string> transaction_control(std::string_view sql) {
  bool at_start = true;
  for (std::size_t at = 0; at < sql.size();) {
    const bool comment = sql.substr(at, 2) == "--" || sql.substr(at, 2) == "/*";
    if (is_blank(sql[at]) || comment) {
      at_start = at_start || sql[at] == ';';
      at = skip(sql, at);
      continue;
    }
    if (!is_letter(sql[at])) {
      at = skip(sql, at);
      at_start = false;
      continue;
    }
    const auto begin = at;
    while (at < sql.size() && is_letter(sql[at])) ++at;
    const auto word = upper(sql.substr(begin, at - begin));
    if (at_start && std::ranges::find(forbidden, word) != forbidden.end()) return word;
    at_start = false;
  }
  return std::nullopt;
}

std::vector<std::vector<std::string>> statements_of(std::string_view sql) {
  std::vector<std::vector<std::string>> result(1);
  for (std::size_t at = 0; at < sql.size();) {
    const auto begin = at;
    if (!is_letter(sql[at])) {
      at = skip(sql, at);
      if (sql[begin] == ';') result.emplace_back();
      if (std::string_view("(),.=").find(sql[begin]) != std::string_view::npos) {
        result.back().emplace_back(1, sql[begin]);
      }
      if (sql[begin] == '"') result.back().emplace_back(sql.substr(begin, at - begin));
      continue;
    }
    while (at < sql.size() && (is_letter(sql[at]) || (sql[at] >= '0' && sql[at] <= '9'))) ++at;
    result.back().push_back(upper(sql.substr(begin, at - begin)));
  }
  std::erase_if(result, [](const auto& words) { return words.empty(); });
  return result;
}

}  // namespace mpf::migrate
