#include <mpf/base/unicode.hpp>

#include <algorithm>
#include <cstddef>
#include <span>

#include "base/unicode_data.hpp"

namespace mpf {

namespace {

using namespace unicode_data;

constexpr std::uint32_t replacement = 0xFFFD;

std::uint32_t mapped(std::span<const CaseRun> runs, std::uint32_t code) noexcept {
  const auto after = std::ranges::upper_bound(runs, code, {}, &CaseRun::first);
  // Runs of every second code point may enclose others.
  for (auto run = after; run != runs.begin() && after - run < 4;) {
    --run;
    if (code <= run->last && (code - run->first) % run->stride == 0) {
      return static_cast<std::uint32_t>(static_cast<std::int64_t>(code) + run->delta);
    }
  }
  return code;
}

const char* special(std::span<const CaseSpecial> specials, std::uint32_t code) noexcept {
  const auto at = std::ranges::lower_bound(specials, code, {}, &CaseSpecial::code);
  return at != specials.end() && at->code == code ? at->text : nullptr;
}

bool is_cased(std::uint32_t code) noexcept {
  if (code < 0x80) return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
  return mapped(lower_runs, code) != code || mapped(upper_runs, code) != code ||
         special(upper_specials, code) != nullptr;
}

bool is_ignorable(std::uint32_t code) noexcept {
  // What stands inside words without being a letter: apostrophes, dots, combining marks.
  return code == '\'' || code == '.' || code == ':' || code == '^' || code == '`' || code == 0xA8 ||
         code == 0xAD || code == 0xB7 || code == 0x2018 || code == 0x2019 || code == 0x2024 ||
         code == 0x2027 || (code >= 0x300 && code <= 0x36F);
}

constexpr std::uint32_t capital_sigma = 0x3A3;
constexpr std::uint32_t small_sigma = 0x3C3;
constexpr std::uint32_t final_sigma = 0x3C2;

/// Whether the next letter of a word follows.
bool letter_follows(std::string_view rest) noexcept {
  while (!rest.empty()) {
    const std::uint32_t code = next_code_point(rest);
    if (is_ignorable(code)) continue;
    return is_cased(code);
  }
  return false;
}

bool is_ascii(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

std::uint32_t next_code_point(std::string_view& text) noexcept {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  std::size_t size = 1;
  std::uint32_t code = first;
  if (first >= 0xF0 && first < 0xF5) {
    size = 4;
    code = first & 0x07U;
  } else if (first >= 0xE0) {
    size = 3;
    code = first & 0x0FU;
  } else if (first >= 0xC2) {
    size = 2;
    code = first & 0x1FU;
  }
  const bool malformed = (first >= 0x80 && first < 0xC2) || first >= 0xF5 || size > text.size();
  for (std::size_t i = 1; !malformed && i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) {
      text.remove_prefix(1);
      return replacement;
    }
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  text.remove_prefix(malformed ? 1 : size);
  return malformed ? replacement : code;
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | (code >> 6U));
    add(0x80 | (code & 0x3FU));
  } else if (code < 0x10000) {
    add(0xE0 | (code >> 12U));
    add(0x80 | ((code >> 6U) & 0x3FU));
    add(0x80 | (code & 0x3FU));
  } else {
    add(0xF0 | (code >> 18U));
    add(0x80 | ((code >> 12U) & 0x3FU));
    add(0x80 | ((code >> 6U) & 0x3FU));
    add(0x80 | (code & 0x3FU));
  }
}

std::string to_lower(std::string_view text) {
  std::string result;
  if (is_ascii(text)) {
    result = text;
    for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return result;
  }
  result.reserve(text.size());
  bool in_word = false;
  while (!text.empty()) {
    const std::string_view before = text;
    const std::uint32_t code = next_code_point(text);
    if (code == replacement) {
      result += before.substr(0, before.size() - text.size());
      in_word = false;
    } else if (code < 0x80) {
      result += code >= 'A' && code <= 'Z' ? static_cast<char>(code + 32) : static_cast<char>(code);
    } else if (code == capital_sigma) {
      append_utf8(result, in_word && !letter_follows(text) ? final_sigma : small_sigma);
    } else if (const char* const several = special(lower_specials, code)) {
      result += several;
    } else {
      append_utf8(result, mapped(lower_runs, code));
    }
    if (!is_ignorable(code)) in_word = is_cased(code);
  }
  return result;
}

std::string to_upper(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::string_view before = text;
    const std::uint32_t code = next_code_point(text);
    if (code == replacement) {
      result += before.substr(0, before.size() - text.size());
    } else if (code < 0x80) {
      result += code >= 'a' && code <= 'z' ? static_cast<char>(code - 32) : static_cast<char>(code);
    } else if (const char* const several = special(upper_specials, code)) {
      result += several;
    } else {
      append_utf8(result, mapped(upper_runs, code));
    }
  }
  return result;
}

bool is_word_character(std::uint32_t code) noexcept {
  if (code < 0x80) {
    return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') || (code >= '0' && code <= '9');
  }
  const std::span<const Range> ranges(word_ranges);
  const auto after = std::ranges::upper_bound(ranges, code, {}, &Range::first);
  return after != ranges.begin() && code <= std::prev(after)->last;
}

}  // namespace mpf
