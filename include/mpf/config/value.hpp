#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/base/enum.hpp>
#include <mpf/base/secret.hpp>

/// How the text of a profile or of an environment variable becomes a member of a settings struct.
namespace mpf::config {

/// What was found for a key, and where.
struct Value {
  enum class Kind { scalar, list, map };

  Kind kind = Kind::scalar;
  std::string text;          ///< of a scalar
  std::vector<Value> items;  ///< of a list or map
  std::string key;           ///< of an item of a map
  std::string origin;        ///< "prod.yaml:3:7", "environment variable MPF_HTTP__PORT"
  bool one_line = false;     ///< not from YAML: lists are written "a, b", maps "a=1, b=2"
};

/// What is wrong with a value, or nothing: "expected a whole number, got \"abc\"".
using Complaint = std::optional<std::string>;

Complaint read(const Value& value, bool& into);  ///< true, false, yes, no, on, off, 1, 0
Complaint read(const Value& value, std::string& into);
Complaint read(const Value& value, double& into);
Complaint read(const Value& value, std::filesystem::path& into);
Complaint read(const Value& value, Secret& into);

std::string print(bool value);
std::string print(const std::string& value);
std::string print(double value);
std::string print(const std::filesystem::path& value);
std::string print(const Secret& value);  ///< "***", or empty

namespace detail {

Complaint read_integer(const Value& value, std::int64_t& into, std::int64_t min, std::int64_t max);
Complaint read_unsigned(const Value& value, std::uint64_t& into, std::uint64_t max);
/// Nanoseconds. A number needs its unit: "250ms", "1m30s", "1.5h"; us ms s m h d. Only "0" goes without.
Complaint read_duration(const Value& value, std::chrono::nanoseconds& into);
Complaint read_choice(const Value& value, std::size_t& index, const std::vector<std::string_view>& names);
Complaint as_list(const Value& value, std::vector<Value>& items);
Complaint as_map(const Value& value, std::vector<Value>& items);
std::string print_duration(std::chrono::nanoseconds value);

template <class T>
inline constexpr bool is_duration = false;
template <class R, class P>
inline constexpr bool is_duration<std::chrono::duration<R, P>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
concept Map = requires {
  typename T::mapped_type;
  typename T::key_type;
};
template <class T>
concept List = requires(T& list, typename T::value_type& item) { list.push_back(item); } &&
               !std::is_same_v<T, std::string>;
template <class>
inline constexpr bool unsupported = false;

/// All types of members; the overloads above are the leaves.
template <class T>
Complaint read_any(const Value& value, T& into) {
  if constexpr (requires { config::read(value, into); } && !std::is_integral_v<T>) {
    return config::read(value, into);
  } else if constexpr (std::is_same_v<T, bool>) {
    return config::read(value, into);
  } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    std::int64_t number = 0;
    auto complaint =
        read_integer(value, number, std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
    if (!complaint) into = static_cast<T>(number);
    return complaint;
  } else if constexpr (std::is_integral_v<T>) {
    std::uint64_t number = 0;
    auto complaint = read_unsigned(value, number, std::numeric_limits<T>::max());
    if (!complaint) into = static_cast<T>(number);
    return complaint;
  } else if constexpr (is_duration<T>) {
    std::chrono::nanoseconds time{0};
    if (auto complaint = read_duration(value, time)) return complaint;
    into = std::chrono::duration_cast<T>(time);
    if (into != time) return "is finer than this setting can be";
    return {};
  } else if constexpr (ScopedEnum<T>) {
    std::vector<std::string_view> names;
    for (const auto& entry : enum_entries<T>()) names.push_back(entry.name);
    std::size_t index = 0;
    auto complaint = read_choice(value, index, names);
    if (!complaint) into = enum_entries<T>()[index].value;
    return complaint;
  } else if constexpr (is_optional<T>) {
    return read_any(value, into.emplace());
  } else if constexpr (Map<T>) {
    std::vector<Value> items;
    if (auto complaint = as_map(value, items)) {
      return std::is_same_v<typename T::mapped_type, Secret> ? "expected a map" : complaint;
    }
    T map;
    for (const Value& item : items) {
      if (auto complaint = read_any(item, map[item.key])) return item.key + ": " + *complaint;
    }
    into = std::move(map);
    return {};
  } else if constexpr (List<T>) {
    std::vector<Value> items;
    if (auto complaint = as_list(value, items)) {
      return std::is_same_v<typename T::value_type, Secret> ? "expected a list" : complaint;
    }
    T list;
    for (std::size_t i = 0; i < items.size(); ++i) {
      typename T::value_type item{};
      if (auto complaint = read_any(items[i], item)) {
        return "item " + std::to_string(i + 1) + ": " + *complaint;
      }
      list.push_back(std::move(item));
    }
    into = std::move(list);
    return {};
  } else {
    static_assert(unsupported<T>, "a setting cannot have this type");
  }
}

template <class T>
std::string print_any(const T& value) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    return std::to_string(value);
  } else if constexpr (is_duration<T>) {
    return print_duration(value);
  } else if constexpr (ScopedEnum<T>) {
    return std::string(enum_name(value));
  } else if constexpr (is_optional<T>) {
    return value ? print_any(*value) : std::string();
  } else if constexpr (Map<T> || List<T>) {
    std::string text;
    for (const auto& item : value) {
      if (!text.empty()) text += ", ";
      if constexpr (Map<T>) {
        text += item.first + '=' + print_any(item.second);
      } else {
        text += print_any<typename T::value_type>(item);
      }
    }
    return text;
  } else {
    return config::print(value);
  }
}

}  // namespace detail
}  // namespace mpf::config
