#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include <mpf/http/message.hpp>

namespace mpf::http {

/// What is known of the content that a request asks for.
struct Representation {
  std::uint64_t size = 0;
  std::string_view etag;  ///< quoted, may be weak
  std::optional<std::time_t> modified;
};

/// What to send of it.
struct Selection {
  int status = 200;  ///< 200, 206, 304, 412 or 416
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since in the order of RFC 9110
/// §13.2.2: 200 to go on, 304 or 412.
int evaluate_conditions(const Request& request, const Representation& content);

/// The same, then Range with If-Range. Several ranges are answered by the one that spans them.
Selection select_content(const Request& request, const Representation& content);

}  // namespace mpf::http
