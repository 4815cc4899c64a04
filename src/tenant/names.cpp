#include <arpa/inet.h>

#include <algorithm>

#include <mpf/base/text.hpp>
#include <mpf/tenant/sites.hpp>

namespace mpf::tenant {

namespace {

constexpr std::size_t max_label = 63;
constexpr std::size_t max_host = 253;

bool is_label(std::string_view label) noexcept {
  if (label.empty() || label.size() > max_label) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

bool is_ipv6_literal(const std::string& host) {
  if (host.size() < 4 || host.front() != '[' || host.back() != ']') return false;
  in6_addr address{};
  return inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) == 1;
}

}  // namespace

bool is_valid_slug(std::string_view slug) noexcept { return is_label(slug); }

std::string normalised_host(std::string_view host) {
  std::string lower = to_lower_ascii(host);
  if (lower.ends_with('.')) lower.pop_back();
  if (lower.empty() || lower.size() > max_host) return {};
  if (lower.front() == '[') return is_ipv6_literal(lower) ? lower : std::string();
  for (const std::string_view label : split(lower, '.')) {
    if (!is_label(label)) return {};
  }
  return lower;
}

}  // namespace mpf::tenant
