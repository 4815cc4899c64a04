#pragma once

#include <string>
#include <vector>

#include <mpf/base/id.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/orm/model.hpp>
#include <mpf/orm/schema.hpp>

namespace mpf {
class EmbeddedFiles;
}

/// Providers own sites; a site is the tenant: it has hosts, users, content and a look of its own. A SiteScope
/// sees its own site only; requests get a CurrentSite.
namespace mpf::tenant {

/// A company that owns sites.
struct Provider {
  orm::Id id = {};
  std::string slug = {};
  std::string name = {};
  bool active = true;
  Timestamp created_at = {};

  static constexpr auto model() {
    return orm::model<Provider>("tenant_provider", orm::field<&Provider::id>(orm::provider_tenant),
                                orm::field<&Provider::slug>(orm::max_length(63), orm::unique()),
                                orm::field<&Provider::name>(orm::max_length(200)),
                                orm::field<&Provider::active>(),
                                orm::field<&Provider::created_at>(orm::auto_now_add));
  }
};

struct Site {
  orm::Id id = {};
  orm::Ref<Provider> provider = {};
  std::string slug = {};  ///< unique, a DNS label
  std::string name = {};
  std::string tagline = {};
  std::string time_zone = "UTC";    ///< IANA name
  Json look = {};                   ///< colours, pictures, texts: the application's own
  std::string storage_folder = {};  ///< folder of its files in the storage; default: the slug
  bool sign_up = true;              ///< visitors may make themselves users
  bool active = true;               ///< false: its hosts answer as unknown ones
  Timestamp created_at = {};

  static constexpr auto model() {
    return orm::model<Site>(
        "tenant_site", orm::field<&Site::id>(orm::tenant), orm::field<&Site::provider>(orm::provider_tenant),
        orm::field<&Site::slug>(orm::max_length(63), orm::unique()),
        orm::field<&Site::name>(orm::max_length(200)), orm::field<&Site::tagline>(orm::max_length(300)),
        orm::field<&Site::time_zone>(orm::max_length(64)), orm::field<&Site::look>(),
        orm::field<&Site::storage_folder>(orm::max_length(63)), orm::field<&Site::sign_up>(),
        orm::field<&Site::active>(), orm::field<&Site::created_at>(orm::auto_now_add));
  }
};

struct SiteHost {
  orm::Id id = {};
  orm::Ref<Site> site = {};
  std::string host = {};  ///< lower case, without port, unique
  bool main = false;

  static constexpr auto model() {
    return orm::model<SiteHost>(
        "tenant_site_host", orm::field<&SiteHost::id>(),
        orm::field<&SiteHost::site>(orm::tenant, orm::on_delete(orm::OnDelete::cascade)),
        orm::field<&SiteHost::host>(orm::max_length(253), orm::unique()), orm::field<&SiteHost::main>());
  }
};

/// Said by an application when a site has been created, in the same transaction.
struct SiteCreated {
  Id site = {};
};

std::vector<orm::Table> tables();
const EmbeddedFiles& migrations();

}  // namespace mpf::tenant
