#pragma once

#include <cstddef>
#include <string>

#include <mpf/base/id.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/cache/group.hpp>

namespace mpf::tenant {

/// A site as requests and tasks see it: an immutable copy, cached by host, id and slug.
struct CurrentSite {
  Id id = {};
  Id provider_id = {};
  std::string slug = {};
  std::string name = {};
  std::string tagline = {};
  std::string time_zone = {};
  Json look = {};
  std::string storage_folder = {};
  bool sign_up = true;
  std::string provider_slug = {};
  std::string provider_name = {};
  std::string main_host = {};  ///< empty if it has no host

  /// The site's group in the chain system → provider → site `of` something: bumping it orphans what the cache
  /// holds for this site, bumping one above that of all sites of a provider, or of all.
  cache::Group group(std::string_view of) const;

  /// group("content"): collections, items, everything that portals show.
  cache::Group content_group() const { return group("content"); }
};

std::size_t cache_weight(const CurrentSite& site) noexcept;

}  // namespace mpf::tenant
