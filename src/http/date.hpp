#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace mpf::http {

/// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string format_date(std::time_t seconds);

/// Only that form, the one that has been in use since 1997; nothing for any other.
std::optional<std::time_t> parse_date(std::string_view text) noexcept;

}  // namespace mpf::http
