#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

/// Which bytes stand for themselves inside a JSON string.
namespace mpf::json_bytes {

/// Printable ASCII other than the quote and the backslash.
constexpr bool is_plain(unsigned char c) noexcept { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

/// Length of the longest prefix of plain bytes. Looks at eight bytes at a time.
inline std::size_t plain_prefix(std::string_view text) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t tops = 0x8080808080808080;
  // The top bit of each byte that is zero gets set; bytes above such a one may be set wrongly, which
  // only sends the block to the loop below.
  const auto zeros = [](std::uint64_t v) { return (v - ones) & ~v & tops; };
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t block;
    std::memcpy(&block, text.data() + i, 8);
    const std::uint64_t special = (block & tops) | ((block - ones * 0x20) & ~block & tops) |
                                  zeros(block ^ ones * '"') | zeros(block ^ ones * '\\');
    if (special != 0) break;
  }
  while (i < text.size() && is_plain(static_cast<unsigned char>(text[i]))) ++i;
  return i;
}

}  // namespace mpf::json_bytes
