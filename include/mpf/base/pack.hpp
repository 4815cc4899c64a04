#pragma once

#include <array>
#include <cstddef>
#include <utility>

/// What descriptions are made of: a std::tuple without what makes std::tuple slow to compile (conversions,
/// comparisons, assignment of references). It is built from values and read.
namespace mpf::reflect {

template <std::size_t I, class T>
struct PackItem {
  using type = T;
  [[no_unique_address]] T value;
};

template <class Indexes, class... Ts>
struct PackItems;
template <std::size_t... I, class... Ts>
struct PackItems<std::index_sequence<I...>, Ts...> : PackItem<I, Ts>... {
  constexpr PackItems(Ts... values) : PackItem<I, Ts>{values}... {}
};

template <class... Ts>
struct Pack : PackItems<std::index_sequence_for<Ts...>, Ts...> {
  static constexpr std::size_t size = sizeof...(Ts);
  constexpr Pack(Ts... values) : PackItems<std::index_sequence_for<Ts...>, Ts...>(values...) {}
};
template <>
struct Pack<> {
  static constexpr std::size_t size = 0;
};

/// The value at a place.
template <std::size_t I, class T>
constexpr const T& get(const PackItem<I, T>& item) {
  return item.value;
}
/// The value of a type that occurs once.
template <class T, std::size_t I>
constexpr const T& get(const PackItem<I, T>& item) {
  return item.value;
}

/// The type at a place.
template <std::size_t I, class T>
PackItem<I, T> item_at(const PackItem<I, T>&);
template <std::size_t I, class P>
using element_t = typename decltype(item_at<I>(std::declval<const P&>()))::type;

/// fn(values...)
template <class Fn, std::size_t... I, class... Ts>
constexpr decltype(auto) apply(Fn&& fn, const PackItems<std::index_sequence<I...>, Ts...>& pack) {
  return std::forward<Fn>(fn)(static_cast<const PackItem<I, Ts>&>(pack).value...);
}
template <class Fn>
constexpr decltype(auto) apply(Fn&& fn, const Pack<>&) {
  return std::forward<Fn>(fn)();
}

template <bool... wanted>
inline constexpr auto wanted_places = [] {
  std::array<std::size_t, (std::size_t{wanted} + ... + 0)> places{};
  std::size_t place = 0;
  std::size_t next = 0;
  ((wanted ? void(places[next++] = place++) : void(++place)), ...);
  return places;
}();

/// Those values whose flag is set: pick<true, false>(Pack(a, b)) is Pack(a).
template <bool... wanted, class... Ts>
constexpr auto pick(const Pack<Ts...>& all) {
  static_assert(sizeof...(wanted) == sizeof...(Ts));
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return Pack<element_t<wanted_places<wanted...>[I], Pack<Ts...>>...>(
        get<wanted_places<wanted...>[I]>(all)...);
  }(std::make_index_sequence<wanted_places<wanted...>.size()>());
}

/// The values of one, then those of the other.
template <class... A, class... B>
constexpr Pack<A..., B...> concat(const Pack<A...>& a, const Pack<B...>& b) {
  return reflect::apply(
      [&b](const A&... first) {
        return reflect::apply(
            [&first...](const B&... second) { return Pack<A..., B...>(first..., second...); }, b);
      },
      a);
}

}  // namespace mpf::reflect
