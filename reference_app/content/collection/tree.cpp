#include "content/collection/tree.hpp"

#include <string>

#include <mpf/base/text.hpp>
#include <mpf/orm/query.hpp>

namespace portal::content {

Collection add_collection(const orm::SiteScope& scope, std::string_view name, std::optional<mpf::Id> parent) {
  Collection collection;
  collection.name = mpf::truncate_utf8(name, 200);
  if (parent) collection.parent = orm::Ref<Collection>(*parent);
  const auto siblings = parent ? scope.query<Collection>().where(orm::f<&Collection::parent> == *parent)
                               : scope.query<Collection>().where(orm::f<&Collection::parent>.is_null());
  const auto last = siblings.order_by(orm::desc<&Collection::position>).first();
  collection.position = last ? last->position + 1 : 0;

  std::string base = mpf::slugify(collection.name).substr(0, 180);
  if (base.empty()) base = "collection";
  collection.slug = base;
  for (int number = 2; scope.query<Collection>().where(orm::f<&Collection::slug> == collection.slug).exists();
       ++number) {
    collection.slug = base + "-" + std::to_string(number);
  }
  scope.insert(collection);
  return collection;
}

}  // namespace portal::content
