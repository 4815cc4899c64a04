#pragma once

#include <string_view>

#include <mpf/http/message.hpp>

namespace mpf::http {

/// Problem answer for what has no ErrorKind: errors of the protocol. `detail` is shown to everybody.
Response problem_response(int status, std::string_view code, std::string_view detail,
                          std::string_view request_id);

}  // namespace mpf::http
