#include <mpf/base/ip_network.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace mpf {
namespace {

/// A number without sign, spaces or leading zeros.
std::optional<int> parse_prefix(std::string_view text, int max) noexcept {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > max) {
    return std::nullopt;
  }
  return value;
}

std::byte mask_of(int bits) noexcept {
  const int kept = std::clamp(bits, 0, 8);
  return static_cast<std::byte>(0xff00 >> kept);
}

void append_hex(std::string& text, std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const std::byte each : bytes) {
    text += digits[std::to_integer<std::size_t>(each >> 4)];
    text += digits[std::to_integer<std::size_t>(each & std::byte{0x0f})];
  }
}

bool read_hex(std::string_view& text, std::span<std::byte> into) noexcept {
  if (text.size() < into.size() * 2) return false;
  for (std::byte& each : into) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + 2, value, 16);
    if (error != std::errc() || end != text.data() + 2) return false;
    each = static_cast<std::byte>(value);
    text.remove_prefix(2);
  }
  return true;
}

}  // namespace

IpNetwork::IpNetwork(std::span<const std::byte> address, int prefix_length) : v4_(address.size() == 4) {
  if ((address.size() != 4 && address.size() != 16) || prefix_length < 0 ||
      prefix_length > max_prefix_length()) {
    fail(ErrorKind::invalid, "no IP network: " + std::to_string(address.size()) +
                                 " bytes of address with a prefix of " + std::to_string(prefix_length) +
                                 " bits");
  }
  std::ranges::copy(address, bytes_.begin());
  prefix_ = static_cast<std::uint8_t>(prefix_length);
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  char buffer[INET6_ADDRSTRLEN] = {};
  if (host.empty() || host.size() >= sizeof buffer || host.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::ranges::copy(host, buffer);
  IpNetwork network;
  network.v4_ = host.find(':') == std::string_view::npos;
  if (::inet_pton(network.v4_ ? AF_INET : AF_INET6, buffer, network.bytes_.data()) != 1) return std::nullopt;
  network.prefix_ = static_cast<std::uint8_t>(network.max_prefix_length());
  if (slash != std::string_view::npos) {
    const auto prefix = parse_prefix(text.substr(slash + 1), network.max_prefix_length());
    if (!prefix) return std::nullopt;
    network.prefix_ = static_cast<std::uint8_t>(*prefix);
  }
  return network;
}

std::string IpNetwork::to_string() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
  std::string text = buffer;
  if (!is_address()) text += "/" + std::to_string(prefix_);
  return text;
}

std::array<std::byte, 16> IpNetwork::masked() const noexcept {
  auto bytes = bytes_;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] &= mask_of(prefix_ - static_cast<int>(i) * 8);
  return bytes;
}

IpNetwork IpNetwork::network() const {
  IpNetwork result = *this;
  result.bytes_ = masked();
  return result;
}

bool IpNetwork::contains(const IpNetwork& other) const noexcept {
  if (v4_ != other.v4_ || prefix_ > other.prefix_) return false;
  IpNetwork widened = other;
  widened.prefix_ = prefix_;
  return masked() == widened.masked();
}

std::strong_ordering IpNetwork::operator<=>(const IpNetwork& other) const noexcept {
  if (v4_ != other.v4_) return v4_ ? std::strong_ordering::less : std::strong_ordering::greater;
  if (const auto order = masked() <=> other.masked(); std::is_neq(order)) return order;
  if (const auto order = prefix_ <=> other.prefix_; std::is_neq(order)) return order;
  return bytes_ <=> other.bytes_;
}

std::string IpNetwork::sort_key() const {
  std::string key = v4_ ? "4:" : "6:";
  const auto network = masked();
  append_hex(key, std::span(network).first(address().size()));
  char prefix[8];
  std::snprintf(prefix, sizeof prefix, v4_ ? "/%02d" : "/%03d", prefix_);
  key += prefix;
  if (network != bytes_) {
    key += ':';
    append_hex(key, address());
  }
  return key;
}

std::optional<IpNetwork> IpNetwork::from_sort_key(std::string_view text) {
  std::string_view key = text;
  IpNetwork network;
  network.v4_ = key.starts_with("4:");
  if (!network.v4_ && !key.starts_with("6:")) return std::nullopt;
  key.remove_prefix(2);
  const std::size_t size = network.v4_ ? 4 : 16;
  const std::size_t digits = network.v4_ ? 2 : 3;
  if (!read_hex(key, std::span(network.bytes_).first(size))) return std::nullopt;
  if (key.size() < digits + 1 || key.front() != '/') return std::nullopt;
  int prefix = 0;
  const char* const end = key.data() + 1 + digits;
  const auto [stop, error] = std::from_chars(key.data() + 1, end, prefix);
  if (error != std::errc() || stop != end || prefix < 0 || prefix > network.max_prefix_length()) {
    return std::nullopt;
  }
  network.prefix_ = static_cast<std::uint8_t>(prefix);
  key.remove_prefix(1 + digits);
  if (!key.empty()) {
    key.remove_prefix(1);
    if (!read_hex(key, std::span(network.bytes_).first(size))) return std::nullopt;
  }
  if (network.sort_key() != text) return std::nullopt;  // each value has one key
  return network;
}

void JsonCodec<IpNetwork>::write(JsonWriter& writer, const IpNetwork& network) {
  writer.value(network.to_string());
}

bool JsonCodec<IpNetwork>::read(JsonReader& reader, IpNetwork& network) {
  std::string text;
  if (!reader.read_string(text)) return false;
  const auto parsed = IpNetwork::parse(text);
  if (!parsed) return reader.error("format", "expected an IP address or network like 10.0.0.0/8");
  network = *parsed;
  return true;
}

}  // namespace mpf
