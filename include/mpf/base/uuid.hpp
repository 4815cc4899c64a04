#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <mpf/base/json.hpp>
#include <mpf/base/timestamp.hpp>

namespace mpf {

/// A universally unique identifier (RFC 9562); a default-constructed one is the nil UUID, all zeros. Ordered
/// by its bytes, as its text is.
class Uuid {
 public:
  using Bytes = std::array<std::byte, 16>;

  constexpr Uuid() = default;
  constexpr explicit Uuid(const Bytes& bytes) : bytes_(bytes) {}

  /// Version 4: 122 bits of the system's cryptographic randomness.
  static Uuid v4();

  /// Version 7: the time in milliseconds and their fraction, then 62 random bits. Ids made later sort behind
  /// those made earlier, to about a microsecond, which keeps indexes compact. They tell when they were made.
  static Uuid v7(Timestamp now = Timestamp::now());

  /// "0190163d-8694-739b-aea5-966c26f8ad91", letters in either case; nothing for any other form.
  static std::optional<Uuid> parse(std::string_view text) noexcept;

  /// Lower case, with dashes.
  std::string to_string() const;

  constexpr const Bytes& bytes() const noexcept { return bytes_; }
  constexpr int version() const noexcept { return std::to_integer<int>(bytes_[6] >> 4); }
  constexpr bool is_nil() const noexcept { return *this == Uuid(); }

  constexpr auto operator<=>(const Uuid&) const = default;

 private:
  Bytes bytes_{};
};

/// As text.
template <>
struct JsonCodec<Uuid> {
  static void write(JsonWriter& writer, const Uuid& uuid);
  static bool read(JsonReader& reader, Uuid& uuid);
};

}  // namespace mpf

template <>
struct std::hash<mpf::Uuid> {
  std::size_t operator()(const mpf::Uuid& uuid) const noexcept {
    std::uint64_t halves[2];
    std::memcpy(halves, uuid.bytes().data(), sizeof halves);
    return static_cast<std::size_t>(halves[0] ^ (halves[1] * 0x9e3779b97f4a7c15U));
  }
};
