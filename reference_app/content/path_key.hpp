#pragma once

#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <mpf/base/hash.hpp>

namespace portal::content {

/// A path or name in 16 bytes, for sets of very many: half of its SHA-256.
struct PathKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  explicit PathKey(std::string_view path) {
    const auto digest = mpf::sha256(path);
    std::from_chars(digest.data(), digest.data() + 16, high, 16);
    std::from_chars(digest.data() + 16, digest.data() + 32, low, 16);
  }
  auto operator<=>(const PathKey&) const = default;

  struct Hash {
    std::size_t operator()(const PathKey& key) const noexcept { return static_cast<std::size_t>(key.high); }
  };
};

}  // namespace portal::content
