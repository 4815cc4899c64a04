#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mpf {

/// Primary key of a row. Positive once the row is stored; a default-constructed Id is "none".
/// Written in JSON as a number: ids stay below 2^53.
struct Id {
  std::int64_t value = 0;

  constexpr Id() = default;
  constexpr explicit Id(std::int64_t v) : value(v) {}

  constexpr explicit operator bool() const noexcept { return value > 0; }
  constexpr auto operator<=>(const Id&) const = default;

  std::string to_string() const { return std::to_string(value); }

  /// A positive decimal number without sign, spaces or leading zeros; nothing for any other text.
  static std::optional<Id> parse(std::string_view text) noexcept;
};

}  // namespace mpf

template <>
struct std::hash<mpf::Id> {
  std::size_t operator()(mpf::Id id) const noexcept { return std::hash<std::int64_t>{}(id.value); }
};
