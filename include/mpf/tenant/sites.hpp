#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/base/timestamp.hpp>
#include <mpf/tenant/models.hpp>
#include <mpf/tenant/site.hpp>

namespace mpf::db {
class Database;
}
namespace mpf::cache {
class Cache;
}

namespace mpf::tenant {

struct NewProvider {
  std::string slug = {};
  std::string name = {};  ///< empty: the slug
};

struct NewSite {
  Id provider = {};
  std::string slug = {};
  std::string name = {};  ///< empty: the slug
  std::string tagline = {};
  std::string time_zone = "UTC";
  Json look = {};
  bool sign_up = true;
  std::vector<std::string> hosts = {};  ///< the first is the main one
};

/// Finds sites for requests and changes them. Look-ups go through the cache; every change made here drops
/// what the cache holds, at commit and in all processes. Safe to use from all fibers.
class Sites {
 public:
  /// All outlive this.
  Sites(db::Database& db, cache::Cache& cache, const Clock& clock = Clock::system());

  /// The active site, or null. `host` as http::Request::host() gives it. Unknown hosts are remembered for
  /// some seconds only.
  std::shared_ptr<const CurrentSite> find_host(std::string_view host) const;
  std::shared_ptr<const CurrentSite> find(Id site) const;
  std::shared_ptr<const CurrentSite> find_slug(std::string_view slug) const;

  /// These throw ValidationError with the fields at fault, and Error(conflict) for what is taken.
  Provider create_provider(const NewProvider& input);
  Site create_site(const NewSite& input);
  SiteHost add_host(Id site, std::string_view host, bool main = false);
  /// Writes all columns of a changed site.
  void update(Site& site);
  /// False if there is none such.
  bool remove_host(std::string_view host);

  /// All providers, sites and hosts by slug; inactive ones included.
  std::vector<Provider> providers() const;
  std::vector<Site> sites() const;
  std::vector<SiteHost> hosts(Id site) const;

  /// Drops what the cache holds of sites; for those who write the models themselves. In a transaction: at
  /// its commit.
  void changed();

 private:
  template <class Load>
  std::shared_ptr<const CurrentSite> cached(std::string_view kind, std::string_view value, Load load) const;

  db::Database& db_;
  cache::Cache& cache_;
  const Clock& clock_;
};

/// The host in lower case without a trailing dot; empty if it is no valid host name or IP address. No port.
std::string normalised_host(std::string_view host);

/// A DNS label: a-z, 0-9 and inner '-', at most 63.
bool is_valid_slug(std::string_view slug) noexcept;

}  // namespace mpf::tenant
