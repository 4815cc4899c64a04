#include <mpf/base/uuid.hpp>

#include <span>

#include <mpf/base/random.hpp>

namespace mpf {
namespace {

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr bool dash_before(std::size_t byte) noexcept {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void mark(Uuid::Bytes& bytes, int version) noexcept {
  bytes[6] = (bytes[6] & std::byte{0x0f}) | std::byte(version << 4);
  bytes[8] = (bytes[8] & std::byte{0x3f}) | std::byte{0x80};
}

}  // namespace

Uuid Uuid::v4() {
  Bytes bytes;
  random_bytes(bytes);
  mark(bytes, 4);
  return Uuid(bytes);
}

Uuid Uuid::v7(Timestamp now) {
  Bytes bytes;
  random_bytes(std::span(bytes).subspan(8));
  const std::int64_t micros = now.micros() < 0 ? 0 : now.micros();
  const auto millis = static_cast<std::uint64_t>(micros / 1000);
  const auto fraction = static_cast<std::uint64_t>(micros % 1000 * 4096 / 1000);
  for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<std::byte>(millis >> (40 - 8 * i));
  bytes[6] = static_cast<std::byte>(fraction >> 8);
  bytes[7] = static_cast<std::byte>(fraction);
  mark(bytes, 7);
  return Uuid(bytes);
}

std::optional<Uuid> Uuid::parse(std::string_view text) noexcept {
  if (text.size() != 36) return std::nullopt;
  Bytes bytes;
  std::size_t at = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (dash_before(i) && text[at++] != '-') return std::nullopt;
    const int high = hex_value(text[at]);
    const int low = hex_value(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<std::byte>(high * 16 + low);
    at += 2;
  }
  return Uuid(bytes);
}

std::string Uuid::to_string() const {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    if (dash_before(i)) text += '-';
    text += digits[std::to_integer<std::size_t>(bytes_[i] >> 4)];
    text += digits[std::to_integer<std::size_t>(bytes_[i] & std::byte{0x0f})];
  }
  return text;
}

void JsonCodec<Uuid>::write(JsonWriter& writer, const Uuid& uuid) { writer.value(uuid.to_string()); }

bool JsonCodec<Uuid>::read(JsonReader& reader, Uuid& uuid) {
  std::string text;
  if (!reader.read_string(text)) return false;
  const auto parsed = Uuid::parse(text);
  if (!parsed) return reader.error("format", "expected a UUID like 0190163d-8694-739b-aea5-966c26f8ad91");
  uuid = *parsed;
  return true;
}

}  // namespace mpf
