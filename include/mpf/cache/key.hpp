#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mpf/base/id.hpp>
#include <mpf/base/timestamp.hpp>

namespace mpf::cache {

/// Names a value inside its group. Two keys are the same when name and parts are.
class Key {
 public:
  explicit Key(std::string text);

  /// "menu(de,5)"
  const std::string& text() const noexcept { return text_; }
  std::uint64_t hash() const noexcept { return hash_; }

 private:
  std::string text_;
  std::uint64_t hash_;
};

namespace detail {
void append_part(std::string& text, std::string_view part);  // escapes what separates parts
inline void append_part(std::string& text, Id part) { text += part.to_string(); }
inline void append_part(std::string& text, Timestamp part) { text += std::to_string(part.micros()); }
template <class T>
  requires std::integral<T> || std::is_enum_v<T>
void append_part(std::string& text, T part) {
  if constexpr (std::is_same_v<T, bool>) {
    text += part ? "true" : "false";
  } else if constexpr (std::is_enum_v<T>) {
    text += std::to_string(static_cast<std::underlying_type_t<T>>(part));
  } else {
    text += std::to_string(part);
  }
}
}  // namespace detail

/// A key of a name and parts: texts, whole numbers, booleans, enums, ids, timestamps. The name says what is
/// cached ("content.menu"), the parts which one.
template <class... Parts>
Key key(std::string_view name, const Parts&... parts) {
  std::string text;
  detail::append_part(text, name);
  if constexpr (sizeof...(Parts) > 0) {
    char separator = '(';
    ((text += std::exchange(separator, ','), detail::append_part(text, parts)), ...);
    text += ')';
  }
  return Key(std::move(text));
}

}  // namespace mpf::cache
