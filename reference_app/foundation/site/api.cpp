#include "foundation/site/api.hpp"

#include <functional>

#include <mpf/base/json.hpp>

#include "foundation/site/look.hpp"

namespace portal::foundation {
namespace {

struct SiteView {
  mpf::Id id;
  std::string name;
  std::string slug;
  std::string tagline;
  bool sign_up;
  Look look;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&SiteView::id>(), mpf::field<&SiteView::name>(),
                         mpf::field<&SiteView::slug>(), mpf::field<&SiteView::tagline>(),
                         mpf::field<&SiteView::sign_up>(), mpf::field<&SiteView::look>());
  }
};

}  // namespace

std::string site_json(const mpf::tenant::CurrentSite& site) {
  return mpf::to_json(
      SiteView{site.id, site.name, site.slug, site.tagline, site.sign_up, look_of(site.look)});
}

std::uint64_t site_version(const mpf::tenant::CurrentSite& site) noexcept {
  std::uint64_t version = static_cast<std::uint64_t>(site.id.value) * 2 + (site.sign_up ? 1 : 0);
  for (const std::string* text : {&site.name, &site.slug, &site.tagline, &site.look.text()}) {
    version = (version ^ std::hash<std::string>()(*text)) * 0x9e3779b97f4a7c15U;
  }
  return version;
}

}  // namespace portal::foundation
