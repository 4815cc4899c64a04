#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The one place that knows UTF-8 (RFC 3629).
namespace mpf::utf8 {

/// Length of the sequence at the front of a text that is not empty; 0 if it is malformed.
constexpr std::size_t sequence_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned char low = 0x80, unsigned char high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // a continuation, or an overlong form
  if (lead < 0xE0) return follows(1) ? 2 : 0;
  if (lead < 0xF0) {
    const bool second = lead == 0xE0   ? follows(1, 0xA0, 0xBF)  // not overlong
                        : lead == 0xED ? follows(1, 0x80, 0x9F)  // not a surrogate
                                       : follows(1);
    return second && follows(2) ? 3 : 0;
  }
  if (lead > 0xF4) return 0;
  const bool second = lead == 0xF0   ? follows(1, 0x90, 0xBF)  // not overlong
                      : lead == 0xF4 ? follows(1, 0x80, 0x8F)  // not above U+10FFFF
                                     : follows(1);
  return second && follows(2) && follows(3) ? 4 : 0;
}

/// Code point of the well-formed sequence at the front.
constexpr std::uint32_t decode(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text[0]);
  const auto tail = [&](std::size_t i) { return static_cast<std::uint32_t>(text[i] & 0x3F); };
  if (lead < 0x80) return lead;
  if (lead < 0xE0) return (lead & 0x1FU) << 6 | tail(1);
  if (lead < 0xF0) return (lead & 0x0FU) << 12 | tail(1) << 6 | tail(2);
  return (lead & 0x07U) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
}

inline void append(std::string& out, std::uint32_t point) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

}  // namespace mpf::utf8
