#include "http/text.hpp"

#include <algorithm>
#include <array>

#include <mpf/base/text.hpp>

namespace mpf::http {

namespace {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  return table;
}
constexpr auto token_table = make_token_table();

constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_host_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_';
}

bool is_port(std::string_view text) noexcept {
  const auto value = parse_decimal(text);
  return text.empty() || (value && *value <= 65535 && text.size() <= 5);
}

}  // namespace

bool is_token(std::string_view text) noexcept {
  for (const char c : text) {
    if (!token_table[static_cast<unsigned char>(c)]) return false;
  }
  return !text.empty();
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept {
  if (text.empty() || text.size() > 19) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::optional<std::string_view> next_element(std::string_view& rest) noexcept {
  while (!rest.empty()) {
    std::size_t end = 0;
    bool quoted = false;
    for (; end < rest.size() && (quoted || rest[end] != ','); ++end) {
      if (rest[end] == '"') quoted = !quoted;
    }
    const std::string_view element = trimmed(rest.substr(0, end));
    rest.remove_prefix(end < rest.size() ? end + 1 : end);
    if (!element.empty()) return element;
  }
  return std::nullopt;
}

bool has_element(std::string_view list, std::string_view element) noexcept {
  while (const auto found = next_element(list)) {
    if (iequals(*found, element)) return true;
  }
  return false;
}

std::optional<std::string> unescape_form(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return percent_decode(spaced);
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_pairs(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end < text.size() ? end + 1 : end);
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    auto name = unescape_form(part.substr(0, equals));
    auto value = unescape_form(equals < part.size() ? part.substr(equals + 1) : std::string_view{});
    if (!name || !value || !is_valid_utf8(*name) || !is_valid_utf8(*value)) return std::nullopt;
    pairs.emplace_back(std::move(*name), std::move(*value));
  }
  return pairs;
}

std::optional<std::string_view> host_of_authority(std::string_view authority) noexcept {
  if (authority.empty() || authority.size() > 255 + 6) return std::nullopt;
  if (authority.front() == '[') {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos || end < 3) return std::nullopt;
    for (const char c : authority.substr(1, end - 1)) {
      if (hex_value(c) < 0 && c != ':' && c != '.') return std::nullopt;
    }
    const std::string_view rest = authority.substr(end + 1);
    if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return std::nullopt;
    return authority.substr(0, end + 1);
  }
  const std::size_t colon = std::min(authority.find(':'), authority.size());
  const std::string_view host = authority.substr(0, colon);
  if (host.empty()) return std::nullopt;
  for (const char c : host) {
    if (!is_host_char(c)) return std::nullopt;
  }
  if (colon < authority.size() && !is_port(authority.substr(colon + 1))) return std::nullopt;
  return host;
}

}  // namespace mpf::http
