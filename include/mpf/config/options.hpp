#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Options for the fields of settings structs:
///
///     struct MailSettings {
///       std::string host = "localhost";
///       std::int64_t port = 25;
///       Secret password;
///       static constexpr auto describe() {
///         using namespace mpf::config;
///         return mpf::describe(mpf::field<&MailSettings::host>(help("server that takes mail")),
///                              mpf::field<&MailSettings::port>(min(1), max(65535)),
///                              mpf::field<&MailSettings::password>(required));
///       }
///     };
///
/// The value that a member has in a default-constructed struct is its default.
namespace mpf::config {

struct Help {
  std::string_view text;
};
/// One line for operators, shown with the setting and its errors.
constexpr Help help(std::string_view text) { return {text}; }

template <class T>
struct Min {
  T value;
};
/// Least allowed value, itself allowed; of the field's type or comparable with it.
template <class T>
constexpr Min<T> min(T value) {
  return {value};
}

template <class T>
struct Max {
  T value;
};
template <class T>
constexpr Max<T> max(T value) {
  return {value};
}

template <class T>
struct Check {
  std::optional<std::string> (*complaint)(const T& value);
};
/// What else may be wrong with a value: `complaint` says so ("must be a power of two"), or gives nothing. It
/// must not quote secrets.
template <class T>
constexpr Check<T> check(std::optional<std::string> (*complaint)(const T& value)) {
  return {complaint};
}

struct Required {};
/// There is no default: starting without it, or with an empty text, is an error.
inline constexpr Required required{};

}  // namespace mpf::config
