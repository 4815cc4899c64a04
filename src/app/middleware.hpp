#pragma once

#include <string_view>

namespace mpf::app {

class Instance;

/// Log line, metrics and errors of requests, security headers, site, identity, forgery protection.
void add_framework_middleware(Instance& instance);

/// /health/live, /health/ready and /metrics.
void add_operations_routes(Instance& instance);
bool is_operations_path(std::string_view path) noexcept;

}  // namespace mpf::app
