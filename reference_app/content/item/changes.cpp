#include "content/item/changes.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mpf/cache/cache.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/tenant/sites.hpp>

namespace portal::content {

void content_changed(const mpf::Services& services, mpf::Id site) {
  if (const auto current = services.sites().find(site)) services.cache().bump(current->content_group());
}

void update_file_visibility(const orm::SiteScope& scope, mpf::Id source) {
  struct Node {
    mpf::Id id;
    Visibility before;
    Visibility now = Visibility::staff;
    std::vector<std::string> uses;
  };
  std::unordered_map<std::string, Node> files;
  for (auto& file : scope.query<File>()
                        .where(orm::f<&File::source> == source && orm::f<&File::retired_at>.is_null())
                        .all()) {
    files.emplace(std::move(file.path), Node{file.id, file.visibility, Visibility::staff,
                                             file.uses.as<std::vector<std::string>>()});
  }

  // From the items along what they use, the most open first, so that each file is settled when first met.
  std::vector<std::pair<Visibility, std::string>> starts;
  for (const auto& item :
       scope.query<Item>()
           .where(orm::f<&Item::file, &File::source> == source && orm::f<&Item::retired_at>.is_null())
           .with<&Item::file>()
           .all()) {
    starts.emplace_back(item.visibility, item.file->path);
  }
  std::stable_sort(starts.begin(), starts.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::unordered_map<std::string, bool> met;
  for (const auto& [visibility, start] : starts) {
    std::vector<std::string> open{start};
    while (!open.empty()) {
      const std::string path = std::move(open.back());
      open.pop_back();
      const auto file = files.find(path);
      if (file == files.end() || !met.emplace(path, true).second) continue;
      file->second.now = visibility;
      for (const auto& used : file->second.uses) open.push_back(used);
    }
  }

  std::unordered_map<Visibility, std::vector<mpf::Id>> changes;
  for (const auto& [path, file] : files) {
    if (file.now != file.before) changes[file.now].push_back(file.id);
  }
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
