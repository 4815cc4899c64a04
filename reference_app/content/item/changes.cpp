#include "content/item/changes.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <mpf/cache/cache.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/tenant/sites.hpp>

namespace portal::content {

void content_changed(const mpf::Services& services, mpf::Id site) {
  if (const auto current = services.sites().find(site)) services.cache().bump(current->content_group());
}

void hold_source(const orm::SiteScope& scope, mpf::Id source) {
  scope.query<Source>()
      .where(orm::f<&Source::id> == source)
      .update(orm::set<&Source::edits>(orm::f<&Source::edits> + 1));
}

FileVisibility::FileVisibility(const orm::SiteScope& scope, mpf::Id source) : scope_(scope), source_(source) {
  // Each time along one step further of what shows what, until nothing more is reached.
  for (bool further = true; further;) {
    further = false;
    std::string last;
    for (auto nodes = next_nodes(last); !nodes.empty(); nodes = next_nodes(last)) {
      for (const auto& node : nodes) {
        if (!node.now) continue;
        for (const auto& used : node.uses.as<std::vector<std::string>>()) {
          if (reach(used, *node.now)) further = true;
        }
      }
      mpf::fiber::yield();
    }
  }
}

/// True when it was less open before.
bool FileVisibility::reach(const std::string& path, Visibility visibility) {
  const auto [at, added] = reached_.emplace(PathKey(path), visibility);
  if (added) return true;
  if (at->second <= visibility) return false;
  at->second = visibility;
  return true;
}

std::vector<FileVisibility::Node> FileVisibility::next_nodes(std::string& last) const {
  constexpr std::size_t at_once = 256;
  std::vector<Node> nodes;
  std::unordered_map<mpf::Id, Node*> by_id;
  for (auto& [id, path, before, uses] :
       scope_.query<File>()
           .where(orm::f<&File::source> == source_ && orm::f<&File::retired_at>.is_null() &&
                  orm::f<&File::path> > last)
           .order_by(orm::asc<&File::path>)
           .limit(at_once)
           .select<&File::id, &File::path, &File::visibility, &File::uses>()) {
    nodes.push_back({id, std::move(path), before, std::move(uses), {}});
  }
  if (nodes.empty()) return nodes;
  last = nodes.back().path;
  std::vector<mpf::Id> ids;
  for (auto& node : nodes) {
    ids.push_back(node.id);
    by_id.emplace(node.id, &node);
    if (const auto found = reached_.find(PathKey(node.path)); found != reached_.end())
      node.now = found->second;
  }
  for (const auto& item :
       scope_.query<Item>().where(orm::f<&Item::file>.in(ids) && orm::f<&Item::retired_at>.is_null()).all()) {
    auto& now = by_id.at(item.file.id)->now;
    now = std::min(now.value_or(item.visibility), item.visibility);
  }
  return nodes;
}

bool FileVisibility::find() {
  changes_.clear();
  for (auto nodes = next_nodes(last_); !nodes.empty(); nodes = next_nodes(last_)) {
    for (const auto& node : nodes) {
      const auto now = node.now.value_or(Visibility::staff);
      if (now != node.before) changes_[now].push_back(node.id);
    }
    if (!changes_.empty()) return true;
    mpf::fiber::yield();
  }
  return false;
}

void FileVisibility::apply() const {
  for (const auto& [visibility, ids] : changes_) {
    scope_.query<File>().where(orm::f<&File::id>.in(ids)).update(orm::set<&File::visibility>(visibility));
  }
}

void update_file_visibility(const orm::SiteScope& scope, mpf::Id source) {
  FileVisibility visibility(scope, source);
  while (visibility.find()) visibility.apply();
}

}  // namespace portal::content
