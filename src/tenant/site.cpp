#include <mpf/tenant/site.hpp>

#include <fmt/core.h>

namespace mpf::tenant {

cache::Group CurrentSite::group(std::string_view of) const {
  return cache::Group::system(of)
      .child(fmt::format("provider:{}", provider_id.value))
      .child(fmt::format("site:{}", id.value));
}

std::size_t cache_weight(const CurrentSite& site) noexcept {
  return sizeof(CurrentSite) + site.slug.size() + site.name.size() + site.tagline.size() +
         site.time_zone.size() + site.look.text().size() + site.storage_folder.size() +
         site.provider_slug.size() + site.provider_name.size() + site.main_host.size();
}

}  // namespace mpf::tenant
