#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

/// Names of enumerators, for JSON, settings, forms and columns. Found by themselves for scoped enums whose
/// values lie in 0…63; a trailing underscore, there to avoid a keyword, is left out ("default_" →
/// "default"). For other values or other names specialise EnumNames:
///
///     template <>
///     struct mpf::EnumNames<Fit> {
///       static constexpr auto names = mpf::enum_names<Fit>({{Fit::cover, "cover"}, {Fit::none, "no"}});
///     };
namespace mpf {

template <class E>
struct EnumName {
  E value;
  std::string_view name;
};

template <class E>
struct EnumNames;

template <class E, std::size_t N>
consteval std::array<EnumName<E>, N> enum_names(const EnumName<E> (&list)[N]) {
  return std::to_array(list);
}

namespace reflect {

template <auto Value>
consteval std::string_view spelled_enumerator() {
  std::string_view text = __PRETTY_FUNCTION__;
  const std::size_t start = text.find("Value = ");
  text.remove_prefix(start + 8);
  text = text.substr(0, text.find_first_of(";]"));
  if (text.find('(') == 0) return {};  // "(Color)5": no such enumerator
  text = text.substr(text.rfind(':') + 1);
  if (text.ends_with('_')) text.remove_suffix(1);
  return text;
}

template <class E>
concept has_enum_names = requires { EnumNames<E>::names; };

template <class E>
consteval auto enumerators() {
  if constexpr (has_enum_names<E>) {
    return EnumNames<E>::names;
  } else {
    constexpr auto all = []<std::size_t... I>(std::index_sequence<I...>) {
      return std::array{EnumName<E>{static_cast<E>(I), spelled_enumerator<static_cast<E>(I)>()}...};
    }(std::make_index_sequence<64>());
    constexpr std::size_t count = [](const auto& names) {
      std::size_t n = 0;
      for (const auto& entry : names) n += entry.name.empty() ? 0 : 1;
      return n;
    }(all);
    static_assert(count > 0, "no enumerator with a value in 0..63: specialise mpf::EnumNames");
    std::array<EnumName<E>, count> found{};
    std::size_t next = 0;
    for (const auto& entry : all) {
      if (!entry.name.empty()) found[next++] = entry;
    }
    return found;
  }
}

template <class E>
inline constexpr auto enumerators_of = enumerators<E>();

}  // namespace reflect

template <class T>
concept ScopedEnum = std::is_enum_v<T> && !std::is_convertible_v<T, std::underlying_type_t<T>>;

/// All enumerators with their names, in order of value (or as EnumNames lists them).
template <ScopedEnum E>
constexpr std::span<const EnumName<E>> enum_entries() noexcept {
  return reflect::enumerators_of<E>;
}

template <ScopedEnum E>
constexpr auto enum_values() noexcept {
  constexpr auto& entries = reflect::enumerators_of<E>;
  std::array<E, entries.size()> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = entries[i].value;
  return values;
}

/// Empty for a value that no enumerator has.
template <ScopedEnum E>
constexpr std::string_view enum_name(E value) noexcept {
  for (const auto& entry : reflect::enumerators_of<E>) {
    if (entry.value == value) return entry.name;
  }
  return {};
}

/// Exact spelling only.
template <ScopedEnum E>
constexpr std::optional<E> parse_enum(std::string_view name) noexcept {
  for (const auto& entry : reflect::enumerators_of<E>) {
    if (entry.name == name) return entry.value;
  }
  return std::nullopt;
}

}  // namespace mpf
