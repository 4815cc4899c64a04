#include "storage/name.hpp"

#include <algorithm>

#include <mpf/base/error.hpp>
#include <mpf/base/text.hpp>

namespace mpf::storage {
namespace {

constexpr std::size_t max_name = 1024;
constexpr std::size_t max_segment = 255;
constexpr std::size_t max_extension = 10;

bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

}  // namespace

bool is_segment(std::string_view text) noexcept {
  if (text.empty() || text.size() > max_segment || text.front() == '.') return false;
  return std::ranges::none_of(text, [](char c) { return c == '/' || c == '\\' || is_control(c); });
}

void check_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= max_name && is_valid_utf8(name);
  for (std::size_t begin = 0; good && begin <= name.size();) {
    const auto end = std::min(name.find('/', begin), name.size());
    good = is_segment(name.substr(begin, end - begin));
    begin = end + 1;
  }
  // The name itself stays out of the message: it may be an attacker's, and hold anything.
  if (!good) fail(ErrorKind::invalid, "This is not the name of a stored file.");
}

std::string clean_extension(std::string_view extension) {
  if (!extension.empty() && extension.front() == '.') extension.remove_prefix(1);
  if (extension.empty() || extension.size() > max_extension) return {};
  auto clean = to_lower_ascii(extension);
  const bool plain =
      std::ranges::all_of(clean, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
  if (!plain) clean.clear();
  return clean;
}

}  // namespace mpf::storage
