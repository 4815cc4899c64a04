#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include <mpf/http/router.hpp>

namespace mpf::app {

class Instance;

/// What every application does around requests: log line, metrics and errors, security headers, site,
/// identity, forgery protection.
struct FrameworkMiddleware {
  const char* name;
  int order;
  std::function<http::Middleware(Instance&)> make;  ///< when everything that it uses is there
};
std::vector<FrameworkMiddleware> framework_middleware(const Instance& instance);

/// /health/live, /health/ready and /metrics.
void add_operations_routes(Instance& instance);
bool is_operations_path(std::string_view path) noexcept;
/// Those, and "OPTIONS *": requests that are no site's.
bool is_of_server(std::string_view path) noexcept;

}  // namespace mpf::app
