#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The small grammar of HTTP: tokens, lists, escapes. All of it strict.
namespace mpf::http {

bool is_token(std::string_view text) noexcept;

/// Without spaces and tabs at both ends.
std::string_view trimmed(std::string_view text) noexcept;

/// Decimal digits only, no sign; nothing when it is empty or does not fit.
std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept;

/// The next element of a comma separated list, trimmed; takes it off the rest. Empty elements are left out;
/// nothing at the end. Commas inside quotes do not separate.
std::optional<std::string_view> next_element(std::string_view& rest) noexcept;

/// True if a comma separated list has this element, without regard to case.
bool has_element(std::string_view list, std::string_view element) noexcept;

/// "%41+b" is "A b". Nothing for a broken escape.
std::optional<std::string> unescape_form(std::string_view text);

/// Name and value of each pair of a query or form. Nothing when one has a broken escape or no UTF-8.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_pairs(std::string_view text);

/// Host[:port] as a URL may have it: the host, as it is spelled, without port; nothing when it is malformed.
std::optional<std::string_view> host_of_authority(std::string_view authority) noexcept;

}  // namespace mpf::http
