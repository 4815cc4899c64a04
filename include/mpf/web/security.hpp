#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <mpf/http/router.hpp>

namespace mpf::web {

/// Content-Security-Policy. The defaults allow what comes from the own host and nothing else: no inline
/// scripts or styles, no plug-ins, no foreign frames. An empty list is 'none'.
struct ContentPolicy {
  std::vector<std::string> scripts{"'self'"};
  std::vector<std::string> styles{"'self'"};
  std::vector<std::string> images{"'self'", "data:"};
  std::vector<std::string> fonts{"'self'"};
  std::vector<std::string> connections{"'self'"};
  std::vector<std::string> media{"'self'"};
  std::vector<std::string> frames{"'self'"};
  std::vector<std::string> workers;
  std::vector<std::string> manifests{"'self'"};
  std::vector<std::string> form_targets{"'self'"};
  std::vector<std::string> frame_ancestors{"'self'"};  ///< who may show pages in a frame
  std::optional<std::string> sandbox;  ///< its flags; given and empty: everything is forbidden

  std::string to_string() const;
};

struct SecurityOptions {
  ContentPolicy policy;
  std::string referrer_policy = "same-origin";
  std::chrono::seconds hsts{std::chrono::hours(24 * 365)};  ///< on requests that came by TLS; 0: none
};

/// Middleware that adds to every answer, refusals and failures included, the headers that browsers defend
/// users by. A header that the handler has set stays as it is. Runs outside of what makes answers: give it a
/// low order.
http::Middleware security_headers(const SecurityOptions& options = {});

}  // namespace mpf::web
