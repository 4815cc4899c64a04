#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/config/configuration.hpp>

/// One YAML file of a profile, as a tree with the places where things stand.
namespace mpf::config::profile {

struct Node {
  enum class Kind { nothing, scalar, list, map };

  Kind kind = Kind::nothing;
  std::string text;
  std::optional<std::string> failure;  ///< why an !env or !file has no text
  std::vector<Node> items;
  std::string key;         ///< in the map around
  std::string key_origin;  ///< "prod.yaml:3:1"
  std::string origin;      ///< of the value
};

/// The file as a map; an empty file is an empty one. What is wrong about it as YAML is added to `problems`.
Node parse(const std::string& text, const std::string& file,
           const std::map<std::string, std::string>& environment, std::vector<Problem>& problems);

/// The node at a dotted key, whether the file writes "a: {b: …}" or "a.b: …". Null if it says nothing.
const Node* find(const Node& map, std::string_view key);

Value to_value(const Node& node);

}  // namespace mpf::config::profile
