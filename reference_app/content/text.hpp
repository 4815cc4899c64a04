#pragma once

#include <string_view>

namespace portal::content {

/// Some editors begin UTF-8 with a mark that is none of the text.
constexpr std::string_view without_mark(std::string_view text) noexcept {
  constexpr std::string_view mark = "\xef\xbb\xbf";
  return text.starts_with(mark) ? text.substr(mark.size()) : text;
}

}  // namespace portal::content
