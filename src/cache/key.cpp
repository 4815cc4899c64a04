#include <mpf/cache/key.hpp>

#include <functional>

namespace mpf::cache {

Key::Key(std::string text) : text_(std::move(text)), hash_(std::hash<std::string>{}(text_)) {}

namespace detail {

void append_part(std::string& text, std::string_view part) {
  for (const char c : part) {
    if (c == '(' || c == ',' || c == ')' || c == '\\') text += '\\';
    text += c;
  }
}

}  // namespace detail
}  // namespace mpf::cache
