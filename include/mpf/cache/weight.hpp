#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <mpf/base/reflect.hpp>

namespace mpf::cache {

template <class T>
std::size_t weigh(const T& value);

namespace detail {

template <class T>
concept HasCacheWeight = requires(const T& value) {
  { cache_weight(value) } -> std::convertible_to<std::size_t>;
};
template <class T>
concept IsRange = requires(const T& value) {
  value.begin();
  value.end();
  typename T::value_type;
};
template <class T>
concept IsString = IsRange<T> && requires(const T& value) {
  value.c_str();
  value.capacity();
};
template <class T>
concept HasText = requires(const T& value) {
  { value.text().size() } -> std::convertible_to<std::size_t>;
};

/// Bytes that a value owns outside its own sizeof.
template <class T>
std::size_t owned(const T& value) {
  if constexpr (std::is_trivially_copyable_v<T>) {
    return 0;
  } else if constexpr (IsString<T>) {
    return value.capacity() > 15 ? value.capacity() + 1 : 0;
  } else if constexpr (IsRange<T>) {
    constexpr bool contiguous = requires { value.capacity(); };
    constexpr std::size_t node = contiguous ? 0 : 4 * sizeof(void*);
    using V = typename T::value_type;
    std::size_t bytes = 0;
    if constexpr (contiguous) bytes += (value.capacity() - value.size()) * sizeof(V);
    if constexpr (contiguous && std::is_trivially_copyable_v<V>) {
      bytes += value.size() * sizeof(V);
    } else {
      for (const auto& item : value) bytes += sizeof(V) + node + owned(item);
    }
    return bytes;
  } else if constexpr (Described<T>) {
    std::size_t bytes = 0;
    for_each_field<T>([&](const auto& field) { bytes += owned(value.*(field.pointer)); });
    return bytes;
  } else if constexpr (requires {
                         value.has_value();
                         *value;
                       }) {
    return value.has_value() ? owned(*value) : 0;
  } else if constexpr (requires {
                         value.first;
                         value.second;
                       }) {
    return owned(value.first) + owned(value.second);
  } else if constexpr (HasText<T>) {
    return value.text().size();
  } else {
    return 0;
  }
}

}  // namespace detail

/// Bytes of memory that a cached value takes, about. Types that own memory which this does not see (no
/// string, container, optional, pair or described struct) overload `std::size_t cache_weight(const T&)` in
/// their namespace.
template <class T>
std::size_t weigh(const T& value) {
  if constexpr (detail::HasCacheWeight<T>) {
    return cache_weight(value);
  } else {
    return sizeof(T) + detail::owned(value);
  }
}

}  // namespace mpf::cache
