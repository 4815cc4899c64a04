#include "http/route_tree.hpp"

#include <algorithm>

namespace mpf::http {

namespace {

enum class SegmentKind { literal, param, rest };

struct Segment {
  SegmentKind kind;
  std::string_view text;  // of the literal, or the parameter's name
};

[[noreturn]] void malformed(std::string_view pattern, const char* why) {
  throw Error(ErrorKind::configuration, "route pattern '" + std::string(pattern) + "' " + why);
}

bool is_name(std::string_view text) noexcept {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::vector<Segment> parse_pattern(std::string_view pattern) {
  if (pattern.empty() || pattern.front() != '/') malformed(pattern, "must start with '/'");
  std::vector<Segment> segments;
  std::size_t params = 0;
  for (std::size_t start = 1; start <= pattern.size();) {
    const std::size_t end = std::min(pattern.find('/', start), pattern.size());
    std::string_view text = pattern.substr(start, end - start);
    start = end + 1;
    if (!segments.empty() && segments.back().kind == SegmentKind::rest) {
      malformed(pattern, "has something after its {rest*}: that must be the last part");
    }
    if (text.find_first_of("{}") == std::string_view::npos) {
      segments.push_back({SegmentKind::literal, text});
      continue;
    }
    if (text.size() < 2 || text.front() != '{' || text.back() != '}') {
      malformed(pattern, "has a parameter that is not a whole segment: write it as /{name}/");
    }
    text = text.substr(1, text.size() - 2);
    const bool rest = text.ends_with('*');
    if (rest) text.remove_suffix(1);
    if (!is_name(text)) malformed(pattern, "has a parameter whose name is not letters, digits and '_'");
    for (const auto& segment : segments) {
      if (segment.kind != SegmentKind::literal && segment.text == text) {
        malformed(pattern, "names two parameters alike");
      }
    }
    if (++params > RouteTree::max_params) malformed(pattern, "has too many parameters");
    segments.push_back({rest ? SegmentKind::rest : SegmentKind::param, text});
  }
  return segments;
}

constexpr std::size_t method_count = 7;

}  // namespace

struct RouteTree::Node {
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> literals;  // sorted
  std::unique_ptr<Node> param;
  std::unique_ptr<Node> rest;
  std::array<std::optional<std::size_t>, method_count> routes;

  auto position(std::string_view text) const {
    return std::lower_bound(literals.begin(), literals.end(), text,
                            [](const auto& entry, std::string_view value) { return entry.first < value; });
  }
  const Node* literal(std::string_view text) const {
    const auto it = position(text);
    return it != literals.end() && it->first == text ? it->second.get() : nullptr;
  }
  Node& ensure(const Segment& segment) {
    if (segment.kind == SegmentKind::literal) {
      auto it = position(segment.text);
      if (it == literals.end() || it->first != segment.text) {
        it = literals.emplace(it, segment.text, std::make_unique<Node>());
      }
      return *it->second;
    }
    auto& child = segment.kind == SegmentKind::param ? param : rest;
    if (!child) child = std::make_unique<Node>();
    return *child;
  }
};

RouteTree::RouteTree() : root_(std::make_unique<Node>()) {}
RouteTree::~RouteTree() = default;

std::optional<std::size_t> RouteTree::add(Method method, std::string_view pattern, std::size_t route) {
  Node* node = root_.get();
  for (const Segment& segment : parse_pattern(pattern)) node = &node->ensure(segment);
  auto& slot = node->routes[static_cast<std::size_t>(method)];
  if (slot) return slot;
  slot = route;
  return std::nullopt;
}

RouteTree::Match RouteTree::match(Method method, std::string_view path) const {
  Match match;
  if (path.empty() || path.front() != '/') return match;
  match_node(*root_, path.substr(1), method, match);
  return match;
}

bool RouteTree::match_node(const Node& node, std::string_view rest, Method method, Match& match) const {
  const std::size_t slash = rest.find('/');
  const std::string_view segment = rest.substr(0, slash);
  const auto descend = [&](const Node& child) {
    if (slash == std::string_view::npos) return take(child, method, match);
    return match_node(child, rest.substr(slash + 1), method, match);
  };
  if (const Node* child = node.literal(segment); child && descend(*child)) return true;
  if (node.param && !segment.empty()) {
    match.values[match.value_count++] = segment;
    if (descend(*node.param)) return true;
    --match.value_count;
  }
  if (node.rest) {
    match.values[match.value_count++] = rest;
    if (take(*node.rest, method, match)) return true;
    --match.value_count;
  }
  return false;
}

bool RouteTree::take(const Node& node, Method method, Match& match) {
  const auto at = [&](Method wanted) { return node.routes[static_cast<std::size_t>(wanted)]; };
  match.route = at(method);
  if (!match.route && method == Method::head) match.route = at(Method::get);
  if (match.route) return true;
  for (std::size_t i = 0; i < method_count; ++i) {
    if (node.routes[i]) match.methods |= static_cast<std::uint8_t>(1u << i);
  }
  return false;
}

std::vector<std::string> parameter_names(std::string_view pattern) {
  std::vector<std::string> names;
  for (const Segment& segment : parse_pattern(pattern)) {
    if (segment.kind != SegmentKind::literal) names.emplace_back(segment.text);
  }
  return names;
}

}  // namespace mpf::http
