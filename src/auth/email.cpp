#include <algorithm>

#include <mpf/auth/accounts.hpp>
#include <mpf/base/text.hpp>

namespace mpf::auth {

namespace {

bool is_alnum(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_local_part(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+/=?^_`{|}~-";
  const auto atoms = split(text, '.');
  return text.size() <= 64 && std::all_of(atoms.begin(), atoms.end(), [&](std::string_view atom) {
           return !atom.empty() && std::all_of(atom.begin(), atom.end(), [&](char c) {
             return is_alnum(c) || others.find(c) != std::string_view::npos;
           });
         });
}

bool is_domain(std::string_view text) {
  const auto labels = split(text, '.');
  // The last part of an IPv4 address, which is no domain.
  const auto& last = labels.back();
  if (std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), [](char c) { return is_alnum(c) || c == '-'; });
  });
}

}  // namespace

std::optional<std::string> normalised_email(std::string_view text) {
  std::string email = to_lower_ascii(trim(text));
  if (email.size() > 254) return std::nullopt;
  const std::size_t at = email.find('@');
  if (at == std::string::npos) return std::nullopt;
  const std::string_view view = email;
  if (!is_local_part(view.substr(0, at)) || !is_domain(view.substr(at + 1))) return std::nullopt;
  return email;
}

}  // namespace mpf::auth
