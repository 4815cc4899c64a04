#pragma once

#include <iosfwd>
#include <string>
#include <utility>

#include <fmt/core.h>

namespace mpf {

class JsonReader;
class JsonWriter;
template <class T>
struct JsonCodec;

/// Text that must not get into logs, pages or dumps: a password, a key. Prints as "***" in every way that
/// values are printed; only reveal() gives it. Wiped from memory when it goes.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  ~Secret();
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret&&) noexcept = default;

  const std::string& reveal() const noexcept { return value_; }
  bool empty() const noexcept { return value_.empty(); }

  /// In constant time.
  friend bool operator==(const Secret& a, const Secret& b) noexcept { return a.equals(b); }
  friend std::ostream& operator<<(std::ostream& out, const Secret&);

 private:
  bool equals(const Secret& other) const noexcept;

  std::string value_;
};

/// Written as "***", read as a string.
template <>
struct JsonCodec<Secret> {
  static void write(JsonWriter& writer, const Secret& secret);
  static bool read(JsonReader& reader, Secret& secret);
};

}  // namespace mpf

template <>
struct fmt::formatter<mpf::Secret> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }
  auto format(const mpf::Secret&, format_context& context) const {
    return fmt::format_to(context.out(), "***");
  }
};
