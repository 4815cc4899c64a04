#pragma once

#include <string>
#include <string_view>

namespace mpf::http {

/// The target of an OPTIONS that asks about the server itself.
inline constexpr std::string_view server_target = "*";

/// Decodes the path of a request target into `path` ("/a%20b?x=1" → "/a b"). False for what Request::path
/// does not allow: broken escapes, control characters, no UTF-8, "." and ".." segments, encoded slashes,
/// backslashes.
bool decode_path(std::string_view target, std::string& path);

}  // namespace mpf::http
