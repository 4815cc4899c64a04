#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <mpf/base/timestamp.hpp>
#include <mpf/orm/model.hpp>
#include <mpf/tenant/models.hpp>

namespace portal::content {

namespace orm = mpf::orm;

/// A node of a site's tree of content. Nodes without parent are the top collections.
struct Collection {
  orm::Id id;
  orm::Ref<mpf::tenant::Site> site;
  std::optional<orm::Ref<Collection>> parent;
  std::string name;
  std::string slug;  ///< unique in the site, stable: deep links are made of it
  std::string summary;
  std::int64_t position = 0;                 ///< among the children of the parent
  std::optional<mpf::Timestamp> retired_at;  ///< retired, not deleted
  mpf::Timestamp created_at;
  mpf::Timestamp updated_at;

  static constexpr auto model() {
    return orm::model<Collection>(
        "content_collection", orm::field<&Collection::id>(), orm::field<&Collection::site>(orm::tenant),
        orm::field<&Collection::parent>(orm::on_delete(orm::OnDelete::restrict)),
        orm::field<&Collection::name>(orm::max_length(200)),
        orm::field<&Collection::slug>(orm::max_length(200)),
        orm::field<&Collection::summary>(orm::max_length(1000)), orm::field<&Collection::position>(),
        orm::field<&Collection::retired_at>(), orm::field<&Collection::created_at>(orm::auto_now_add),
        orm::field<&Collection::updated_at>(orm::auto_now),
        orm::unique<&Collection::site, &Collection::slug>());
  }
};

}  // namespace portal::content
