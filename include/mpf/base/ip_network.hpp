#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <mpf/base/json.hpp>

namespace mpf {

/// An IPv4 or IPv6 address and the length of its network's prefix; with the full length (32 or 128) just an
/// address. Bits behind the prefix are kept: 10.0.0.5/8 is a host in 10.0.0.0/8, and another value. Default:
/// 0.0.0.0/0.
class IpNetwork {
 public:
  IpNetwork() = default;
  /// 4 or 16 bytes, most significant first. Throws Error(invalid) for another number or too long a prefix.
  IpNetwork(std::span<const std::byte> address, int prefix_length);

  /// "10.0.0.5", "10.0.0.0/8", "2001:db8::/32"; nothing for any other form (no zones, no leading zeros).
  static std::optional<IpNetwork> parse(std::string_view text);

  /// The prefix is left out where it is the full length; IPv6 as RFC 5952 wants it.
  std::string to_string() const;

  bool is_v4() const noexcept { return v4_; }
  std::span<const std::byte> address() const noexcept {
    return std::span(bytes_).first(v4_ ? std::size_t{4} : std::size_t{16});
  }
  int prefix_length() const noexcept { return prefix_; }
  int max_prefix_length() const noexcept { return v4_ ? 32 : 128; }
  bool is_address() const noexcept { return prefix_ == max_prefix_length(); }

  /// The same with all bits behind the prefix cleared.
  IpNetwork network() const;

  /// Whether the other's addresses, or the one that it is, all lie in this network. IPv4 and IPv6 never mix.
  bool contains(const IpNetwork& other) const noexcept;

  /// IPv4 before IPv6; then by network, the wider first, then by address: PostgreSQL's order of inet.
  std::strong_ordering operator<=>(const IpNetwork& other) const noexcept;
  bool operator==(const IpNetwork& other) const noexcept = default;

  /// Text that compares, byte by byte, as the values do ("4:0a000000/08:0a000005"); for stores without such
  /// a type.
  std::string sort_key() const;
  static std::optional<IpNetwork> from_sort_key(std::string_view text);

 private:
  std::array<std::byte, 16> masked() const noexcept;

  std::array<std::byte, 16> bytes_{};  ///< of IPv4 the first four
  std::uint8_t prefix_ = 0;
  bool v4_ = true;
};

/// As text.
template <>
struct JsonCodec<IpNetwork> {
  static void write(JsonWriter& writer, const IpNetwork& network);
  static bool read(JsonReader& reader, IpNetwork& network);
};

}  // namespace mpf

template <>
struct std::hash<mpf::IpNetwork> {
  std::size_t operator()(const mpf::IpNetwork& network) const noexcept {
    const auto address = network.address();
    const std::string_view bytes(reinterpret_cast<const char*>(address.data()), address.size());
    return std::hash<std::string_view>{}(bytes)*131 + static_cast<std::size_t>(network.prefix_length());
  }
};
