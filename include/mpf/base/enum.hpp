#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mpf/base/spelling.hpp>

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

inline constexpr std::size_t spelled_enumerators = 64;

/// The names in "Color::red, Color::green_, (Color)2, …"; empty for what is no enumerator.
template <std::size_t N>
constexpr std::array<std::string_view, N> split_enumerators(std::string_view spelled) {
  std::array<std::string_view, N> names;
  std::size_t begin = 0;
  std::size_t colon = 0;  // behind the last one
  std::size_t next = 0;
  for (std::size_t i = 0; i <= spelled.size() && next < N; ++i) {
    if (i < spelled.size() && spelled[i] == ':') colon = i + 1;
    if (i < spelled.size() && spelled[i] != ',') continue;
    if (spelled[begin] != '(') {
      const std::size_t last = spelled[i - 1] == '_' ? i - 1 : i;
      names[next] = spelled.substr(colon, last - colon);
    }
    ++next;
    begin = i + 2;
  }
  return names;
}

template <class E>
concept has_enum_names = requires { EnumNames<E>::names; };

template <class E>
consteval auto enumerators() {
  if constexpr (has_enum_names<E>) {
    return EnumNames<E>::names;
  } else {
    constexpr auto names = []<std::size_t... I>(std::index_sequence<I...>) {
      return split_enumerators<sizeof...(I)>(spelled<static_cast<E>(I)...>);
    }(std::make_index_sequence<spelled_enumerators>());
    constexpr std::size_t count = [](const auto& all) {
      std::size_t n = 0;
      for (const auto& name : all) n += name.empty() ? 0 : 1;
      return n;
    }(names);
    static_assert(count > 0, "no enumerator with a value in 0..63: specialise mpf::EnumNames");
    std::array<EnumName<E>, count> found{};
    std::size_t next = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!names[i].empty()) found[next++] = {static_cast<E>(i), names[i]};
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
