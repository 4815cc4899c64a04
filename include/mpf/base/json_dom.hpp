#pragma once

#include <nlohmann/json.hpp>

#include <mpf/base/json_value.hpp>

/// The only header that brings nlohmann_json along: for code that needs a tree of values.
namespace mpf {

nlohmann::json to_dom(const Json& json);
Json from_dom(const nlohmann::json& dom);

}  // namespace mpf
