#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mpf/http/message.hpp>

namespace mpf::http {

/// Patterns as a tree of path segments. Routes are numbers; what they stand for is the router's matter.
class RouteTree {
 public:
  static constexpr std::size_t max_params = 16;

  RouteTree();
  ~RouteTree();

  /// The number of the route that already has this method and shape, or nothing, then it is added.
  /// Error(configuration) if the pattern is malformed.
  std::optional<std::size_t> add(Method method, std::string_view pattern, std::size_t route);

  struct Match {
    std::optional<std::size_t> route;
    std::uint8_t methods = 0;  ///< without route: bit of each method that the path is known for
    std::array<std::string_view, max_params> values{};  ///< of the parameters, views into the path
    std::size_t value_count = 0;
  };

  /// HEAD takes the route of GET where it has no own.
  Match match(Method method, std::string_view path) const;

 private:
  struct Node;
  bool match_node(const Node& node, std::string_view rest, Method method, Match& match) const;
  static bool take(const Node& node, Method method, Match& match);

  std::unique_ptr<Node> root_;
};

/// Names of a pattern's parameters, in order.
std::vector<std::string> parameter_names(std::string_view pattern);

}  // namespace mpf::http
