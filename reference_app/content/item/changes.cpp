#include "content/item/changes.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mpf/cache/cache.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/tenant/sites.hpp>

#include "content/pause.hpp"

namespace portal::content {

void content_changed(const mpf::Services& services, mpf::Id site) {
  if (const auto current = services.sites().find(site)) services.cache().bump(current->content_group());
}

namespace {

/// A file as far as its visibility is concerned.
struct Node {
  mpf::Id id;
  std::string path;
  Visibility before;
  mpf::Json uses;
};
using Start = std::pair<Visibility, std::string>;
using Changes = std::unordered_map<Visibility, std::vector<mpf::Id>>;

/// From the items along what they use, the most open first, so that each file is settled when first met.
Changes visibility_changes(const std::vector<Node>& nodes, std::vector<Start> starts) {
  std::unordered_map<std::string_view, const Node*> files;
  for (const auto& node : nodes) files.emplace(node.path, &node);
  std::stable_sort(starts.begin(), starts.end(),
                   [](const Start& a, const Start& b) { return a.first < b.first; });
  std::unordered_map<const Node*, Visibility> settled;
  std::size_t looked_at = 0;
  for (auto& [visibility, start] : starts) {
    std::vector<std::string> open{std::move(start)};
    while (!open.empty()) {
      pause_after_some(looked_at);
      const std::string path = std::move(open.back());
      open.pop_back();
      const auto file = files.find(path);
      if (file == files.end() || !settled.emplace(file->second, visibility).second) continue;
      for (auto& used : file->second->uses.as<std::vector<std::string>>()) open.push_back(std::move(used));
    }
  }
  Changes changes;
  for (const auto& node : nodes) {
    const auto found = settled.find(&node);
    const auto now = found == settled.end() ? Visibility::staff : found->second;
    if (now != node.before) changes[now].push_back(node.id);
  }
  return changes;
}

}  // namespace

void update_file_visibility(const orm::SiteScope& scope, mpf::Id source) {
  std::vector<Node> nodes;
  for (auto& file : scope.query<File>()
                        .where(orm::f<&File::source> == source && orm::f<&File::retired_at>.is_null())
                        .all()) {
    nodes.push_back({file.id, std::move(file.path), file.visibility, std::move(file.uses)});
  }
  mpf::fiber::yield();
  std::vector<Start> starts;
  for (auto& item :
       scope.query<Item>()
           .where(orm::f<&Item::file, &File::source> == source && orm::f<&Item::retired_at>.is_null())
           .with<&Item::file>()
           .all()) {
    starts.emplace_back(item.visibility, item.file->path);
  }
  const auto changes = visibility_changes(nodes, std::move(starts));
  constexpr std::size_t at_once = 500;
  for (const auto& [visibility, ids] : changes) {
    for (std::size_t at = 0; at < ids.size(); at += at_once) {
      const std::vector<mpf::Id> part(
          ids.begin() + static_cast<std::ptrdiff_t>(at),
          ids.begin() + static_cast<std::ptrdiff_t>(std::min(at + at_once, ids.size())));
      scope.query<File>().where(orm::f<&File::id>.in(part)).update(orm::set<&File::visibility>(visibility));
    }
  }
}

}  // namespace portal::content
