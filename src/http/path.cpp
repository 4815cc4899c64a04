#include "http/path.hpp"

#include <mpf/base/text.hpp>

namespace mpf::http {

namespace {

bool has_dot_segment(std::string_view path) noexcept {
  std::size_t start = 1;
  while (start <= path.size()) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view segment = path.substr(start, end - start);
    if (segment == "." || segment == "..") return true;
    start = end + 1;
  }
  return false;
}

}  // namespace

bool decode_path(std::string_view target, std::string& path) {
  const std::string_view raw = target.substr(0, target.find('?'));
  if (raw.empty() || raw.front() != '/' || target.find('#') != std::string_view::npos) return false;
  if (raw.find('%') == std::string_view::npos) {
    path = raw;
  } else {
    for (std::size_t at = raw.find('%'); at != std::string_view::npos; at = raw.find('%', at + 1)) {
      const std::string_view escape = raw.substr(at + 1, 2);
      if (escape == "2f" || escape == "2F") return false;
    }
    auto decoded = percent_decode(raw);
    if (!decoded) return false;
    path = std::move(*decoded);
  }
  bool ascii = true;
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    if (static_cast<unsigned char>(c) >= 0x80) ascii = false;
  }
  if (!ascii && !is_valid_utf8(path)) return false;
  // Some programs take a backslash for a slash.
  if (path.find('\\') != std::string::npos) return false;
  return path.find("/.") == std::string::npos || !has_dot_segment(path);
}

}  // namespace mpf::http
