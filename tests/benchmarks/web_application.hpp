#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace mpf::bench {

inline constexpr std::string_view application_host = "bench.localhost";

/// Serves /json for application_host by a whole application, as it is deployed: with id, log line, metrics,
/// security headers, site, session and forgery protection. Until the process ends; its data and its log go
/// into the folder.
std::uint16_t serve_application(const std::filesystem::path& folder);

}  // namespace mpf::bench
