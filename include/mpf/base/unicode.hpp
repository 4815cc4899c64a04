#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Letters of all scripts. Nothing here depends on a locale: the rules are those of Unicode itself, the same
/// that PostgreSQL's collation "und-x-icu" follows.
namespace mpf {

/// "ΟΔΟΣ İX" → "οδος i̇x". Malformed bytes stay as they are.
std::string to_lower(std::string_view text);
/// "straße" → "STRASSE".
std::string to_upper(std::string_view text);

/// A letter or a decimal digit of any script; what words are made of.
bool is_word_character(std::uint32_t code_point) noexcept;

/// Takes the first code point off a text that is not empty; a malformed byte counts as U+FFFD.
std::uint32_t next_code_point(std::string_view& text) noexcept;
void append_utf8(std::string& text, std::uint32_t code_point);

}  // namespace mpf
