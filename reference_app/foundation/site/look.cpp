#include "foundation/site/look.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <mpf/base/error.hpp>

namespace portal::foundation {
namespace {

bool is_colour(std::string_view text) {
  return text.size() == 7 && text[0] == '#' && std::all_of(text.begin() + 1, text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

}  // namespace

Look look_of(const mpf::Json& stored) { return stored.is_null() ? Look{} : stored.as<Look>(); }

void check_look(const Look& look) {
  std::vector<mpf::FieldError> errors;
  const auto colour = [&](const char* field, const std::string& value) {
    if (!is_colour(value))
      errors.push_back({field, "colour", "'" + value + "' is no colour: write it as #rrggbb"});
  };
  colour("primary", look.primary);
  colour("accent", look.accent);
  colour("background", look.background);
  colour("surface", look.surface);
  colour("text", look.text);
  if (look.radius < 0 || look.radius > 32) errors.push_back({"radius", "range", "from 0 to 32 pixels"});
  const auto picture = [&](const char* field, const std::optional<std::string>& path) {
    if (path && (!path->starts_with('/') || path->starts_with("//"))) {
      errors.push_back({field, "path", "a path on the site itself, starting with one '/'"});
    }
  };
  picture("logo", look.logo);
  picture("hero", look.hero);
  if (!errors.empty()) throw mpf::ValidationError(std::move(errors));
}

}  // namespace portal::foundation
