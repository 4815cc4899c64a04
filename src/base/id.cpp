#include <mpf/base/id.hpp>

#include <charconv>

namespace mpf {

std::optional<Id> Id::parse(std::string_view text) noexcept {
  if (text.empty() || text.front() < '1' || text.front() > '9') return std::nullopt;
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return Id(value);
}

}  // namespace mpf
