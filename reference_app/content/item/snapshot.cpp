#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <mpf/base/json.hpp>
#include <mpf/orm/query.hpp>

#include "content/item/api.hpp"
#include "content/item/models.hpp"
#include "content/item/rules.hpp"
#include "content/pause.hpp"

namespace portal::content {
namespace {

struct CollectionView {
  mpf::Id id;
  std::optional<mpf::Id> parent;
  std::string_view name;
  std::string_view slug;
  std::string_view summary;
  std::int64_t position;
  std::int64_t items;  ///< directly in it

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&CollectionView::id>(), mpf::field<&CollectionView::parent>(),
                         mpf::field<&CollectionView::name>(), mpf::field<&CollectionView::slug>(),
                         mpf::field<&CollectionView::summary>(), mpf::field<&CollectionView::position>(),
                         mpf::field<&CollectionView::items>());
  }
};

struct ItemView {
  mpf::Id id;
  mpf::Id collection;
  std::string_view title;
  std::string_view slug;
  Kind kind;
  std::string_view summary;
  std::int64_t position;
  std::int64_t size;
  std::int64_t revision;
  mpf::Timestamp updated_at;
  Visibility visibility;
  mpf::Id source;
  std::optional<std::string_view> path;  ///< nothing when locked
  bool locked;

  static constexpr auto describe() {
    return mpf::describe(
        mpf::field<&ItemView::id>(), mpf::field<&ItemView::collection>(), mpf::field<&ItemView::title>(),
        mpf::field<&ItemView::slug>(), mpf::field<&ItemView::kind>(), mpf::field<&ItemView::summary>(),
        mpf::field<&ItemView::position>(), mpf::field<&ItemView::size>(), mpf::field<&ItemView::revision>(),
        mpf::field<&ItemView::updated_at>(), mpf::field<&ItemView::visibility>(),
        mpf::field<&ItemView::source>(), mpf::field<&ItemView::path>(), mpf::field<&ItemView::locked>());
  }
};

std::string make_snapshot(const orm::SiteScope& scope, Viewer viewer) {
  const auto items = scope.query<Item>()
                         .where(orm::f<&Item::retired_at>.is_null())
                         .with<&Item::file>()
                         .order_by(orm::asc<&Item::position>, orm::asc<&Item::id>)
                         .all();
  const auto collections = scope.query<Collection>()
                               .where(orm::f<&Collection::retired_at>.is_null())
                               .order_by(orm::asc<&Collection::position>, orm::asc<&Collection::id>)
                               .all();

  // Collections that lead to nothing for this viewer are left out, so that their names do not leak either.
  std::unordered_map<mpf::Id, const Collection*> by_id;
  for (const auto& collection : collections) by_id.emplace(collection.id, &collection);
  std::unordered_map<mpf::Id, std::int64_t> counts;
  std::unordered_set<mpf::Id> shown;
  std::vector<ItemView> item_views;
  std::size_t looked_at = 0;
  for (const auto& item : items) {
    pause_after_some(looked_at);
    const auto appearance = appearance_of(item.visibility, viewer);
    if (appearance == Appearance::hidden || !by_id.contains(item.collection.id)) continue;
    ++counts[item.collection.id];
    for (auto at = by_id.find(item.collection.id); at != by_id.end() && shown.insert(at->first).second;) {
      const auto& parent = at->second->parent;
      at = parent ? by_id.find(parent->id) : by_id.end();
    }
    const bool locked = appearance == Appearance::locked;
    item_views.push_back({item.id, item.collection.id, item.title, item.slug, item.kind, item.summary,
                          item.position, item.file->size, item.revision, item.updated_at, item.visibility,
                          item.file->source.id,
                          locked ? std::nullopt : std::optional<std::string_view>(item.file->path), locked});
  }
  std::vector<CollectionView> collection_views;
  for (const auto& c : collections) {
    if (!shown.contains(c.id)) continue;
    collection_views.push_back({c.id, c.parent ? std::optional(c.parent->id) : std::nullopt, c.name, c.slug,
                                c.summary, c.position, counts[c.id]});
  }
  std::string json = "\"collections\":";
  mpf::write_json(json, collection_views);
  json += ",\"items\":[";
  for (const auto& view : item_views) {
    pause_after_some(looked_at);
    if (&view != &item_views.front()) json += ',';
    mpf::write_json(json, view);
  }
  json += "]";
  return json;
}

}  // namespace

Viewer viewer_of(const mpf::auth::User* user) noexcept {
  if (user == nullptr) return Viewer::visitor;
  return user->is_staff() ? Viewer::staff : Viewer::member;
}

std::string content_json(const mpf::Services& services, const mpf::tenant::CurrentSite& site, Viewer viewer) {
  return make_snapshot(services.site_scope(site.id), viewer);
}

}  // namespace portal::content
