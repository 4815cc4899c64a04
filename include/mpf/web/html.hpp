#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// What can be read from HTML pages that others wrote, well-formed or not. Results are UTF-8 with character
/// references resolved and white space collapsed; input that is no UTF-8 is taken as Windows-1252.
namespace mpf::web {

/// Text of the first <title>, or else of the first <h1>; nothing when both are missing or empty.
std::optional<std::string> html_title(std::string_view html);

/// The visible text of the body, at most that many code points, cut at a word where possible. Scripts,
/// styles, templates and navigation are left out.
std::string html_text(std::string_view html, std::size_t max_length);

}  // namespace mpf::web
