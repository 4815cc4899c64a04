#pragma once

#include <string>
#include <string_view>

namespace mpf::db {

/// "name", as both databases want it.
inline std::string quote_name(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"') text += c;
    text += c;
  }
  return text + "\"";
}

}  // namespace mpf::db
