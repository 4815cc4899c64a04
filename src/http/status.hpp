#pragma once

#include <string_view>

namespace mpf::http {

/// "Not Found"; for a status nobody has defined, its class ("Client Error").
std::string_view status_phrase(int status) noexcept;

}  // namespace mpf::http
