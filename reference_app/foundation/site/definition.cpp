#include "foundation/site/definition.hpp"

#include <algorithm>
#include <utility>

#include <mpf/auth/accounts.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/tenant/sites.hpp>

namespace portal::foundation {
namespace {

namespace orm = mpf::orm;
using mpf::tenant::Site;

Site make_or_update_site(mpf::tenant::Sites& sites, const SiteDefinition& definition) {
  const auto providers = sites.providers();
  const auto owner = std::find_if(providers.begin(), providers.end(),
                                  [&](const auto& p) { return p.slug == definition.provider.slug; });
  const auto provider =
      owner != providers.end()
          ? owner->id
          : sites.create_provider({.slug = definition.provider.slug, .name = definition.provider.name}).id;
  auto known = sites.sites();
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const Site& s) { return s.slug == definition.slug; });
  if (found == known.end()) {
    return sites.create_site({.provider = provider,
                              .slug = definition.slug,
                              .name = definition.name,
                              .tagline = definition.tagline,
                              .look = mpf::Json::of(definition.look),
                              .sign_up = definition.sign_up,
                              .hosts = definition.hosts});
  }
  if (found->provider.id != provider) {
    throw mpf::ValidationError("provider.slug", "conflict",
                               "site '" + definition.slug + "' belongs to another provider");
  }
  Site site = std::move(*found);
  site.name = definition.name;
  site.tagline = definition.tagline;
  site.look = mpf::Json::of(definition.look);
  site.sign_up = definition.sign_up;
  sites.update(site);
  const auto hosts = sites.hosts(site.id);
  for (const auto& host : definition.hosts) {
    if (std::none_of(hosts.begin(), hosts.end(), [&](const auto& h) { return h.host == host; })) {
      sites.add_host(site.id, host);
    }
  }
  return site;
}

}  // namespace

std::shared_ptr<const mpf::tenant::CurrentSite> apply_definition(const mpf::Services& services,
                                                                 const SiteDefinition& definition) {
  check_look(definition.look);
  const auto site = services.db().transaction(
      [&](mpf::db::Transaction&) { return make_or_update_site(services.sites(), definition); });
  const auto scope = services.site_scope(site.id);
  for (const auto& user : definition.users) {
    if (services.accounts().find(scope, user.email)) continue;
    services.accounts().create(
        scope, {.email = user.email, .name = user.name, .password = user.password, .role = user.role});
  }
  return services.sites().find(site.id);
}

}  // namespace portal::foundation
