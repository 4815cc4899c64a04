#pragma once

#include <cstddef>
#include <string_view>

/// How the compiler writes values and types, from which names are taken.
namespace mpf::reflect {

// g++ writes "… [with auto ...Values = {&Owner::name}; std::string_view = …]", clang "… [Values =
// <&Owner::name>]": what is around the values is always the same, and looked for once.
template <auto... Values>
consteval std::string_view around_values() {
  return __PRETTY_FUNCTION__;
}
inline constexpr std::size_t before_values = around_values<0>().find("Values = ") + 10;
inline constexpr std::size_t after_values = around_values<0>().size() - before_values - 1;

/// "&mpf::Article::title", "mpf::Color::red"; several are parted by ", ". What is no enumerator has a cast:
/// "(mpf::Color)7".
template <auto... Values>
inline constexpr std::string_view spelled = around_values<Values...>().substr(
    before_values, around_values<Values...>().size() - before_values - after_values);

template <class T>
consteval std::string_view around_type() {
  return __PRETTY_FUNCTION__;
}
inline constexpr std::size_t before_type = around_type<int>().find("T = ") + 4;
inline constexpr std::size_t after_type = around_type<int>().size() - before_type - 3;

/// "mpf::Article"
template <class T>
inline constexpr std::string_view spelled_type =
    around_type<T>().substr(before_type, around_type<T>().size() - before_type - after_type);

}  // namespace mpf::reflect
