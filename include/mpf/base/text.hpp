#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Small things about text. Letters and spaces are those of ASCII where the name does not say otherwise;
/// nothing here depends on a locale.
namespace mpf {

std::string_view trim(std::string_view text) noexcept;

/// The pieces between separators, empty ones included: split("a,,b", ',') has three; split("", ',') has one.
std::vector<std::string_view> split(std::string_view text, char separator);

std::string to_lower_ascii(std::string_view text);
bool iequals(std::string_view a, std::string_view b) noexcept;

/// No surrogates, no overlong forms, nothing above U+10FFFF.
bool is_valid_utf8(std::string_view text) noexcept;

/// Number of code points; each byte of malformed text that starts none counts as one.
std::size_t utf8_length(std::string_view text) noexcept;

/// The first `max_length` code points.
std::string_view truncate_utf8(std::string_view text, std::size_t max_length) noexcept;

/// For HTML text and quoted attributes: & < > " '.
std::string escape_html(std::string_view text);

/// "Über uns, 2. Teil" → "uber-uns-2-teil": a–z, 0–9 and single dashes inside. Accents of Latin letters
/// are dropped, other scripts are left out, so the result can be empty.
std::string slugify(std::string_view text);

/// Keeps RFC 3986's unreserved characters, writes the others as %XX.
std::string percent_encode(std::string_view text);
/// Nothing for a '%' that two hexadecimal digits do not follow. '+' stays '+'.
std::optional<std::string> percent_decode(std::string_view text);

/// RFC 4648 §5, without padding.
std::string base64url_encode(std::string_view bytes);
/// Nothing for padding, other characters, or bits left over.
std::optional<std::string> base64url_decode(std::string_view text);

/// Lower-case digits.
std::string hex_encode(std::string_view bytes);
std::optional<std::string> hex_decode(std::string_view text);

/// Order for people: runs of digits compare as numbers ("2" < "10"), letters without regard to case. A
/// strict weak ordering in which only equal texts are equivalent.
bool natural_less(std::string_view a, std::string_view b) noexcept;

/// The candidate that was most likely meant by a mistyped word ("prot" → "port"); nothing when none is near.
std::optional<std::string_view> nearest_word(std::string_view word,
                                             const std::vector<std::string_view>& candidates);

}  // namespace mpf
