#include "foundation/site/api.hpp"

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

}  // namespace portal::foundation
