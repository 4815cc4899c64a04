#include <mpf/tenant/sites.hpp>

#include <algorithm>
#include <optional>

#include <fmt/core.h>

#include <mpf/base/text.hpp>
#include <mpf/cache/cache.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/orm/scope.hpp>

namespace mpf::tenant {

namespace {

using namespace std::chrono_literals;

cache::Group sites_group() { return cache::Group::system("tenant"); }

orm::SystemScope system_scope(db::Database& db) { return orm::SystemScope(db, "sites"); }

CurrentSite to_current(const orm::SystemScope& scope, const Site& site) {
  const auto main = scope.query<SiteHost>()
                        .where(orm::f<&SiteHost::site> == site.id)
                        .order_by(orm::desc<&SiteHost::main>, orm::asc<&SiteHost::id>)
                        .first();
  return CurrentSite{.id = site.id,
                     .provider_id = site.provider.id,
                     .slug = site.slug,
                     .name = site.name,
                     .tagline = site.tagline,
                     .time_zone = site.time_zone,
                     .look = site.look,
                     .storage_folder = site.storage_folder,
                     .sign_up = site.sign_up,
                     .provider_slug = site.provider->slug,
                     .provider_name = site.provider->name,
                     .main_host = main ? main->host : std::string()};
}

bool serves(const Site& site) { return site.active && site.provider->active; }

/// Collects what is wrong with the input, so that all of it is told together.
class Checks {
 public:
  void require(bool ok, std::string path, std::string code, std::string message) {
    if (!ok) errors_.push_back({std::move(path), std::move(code), std::move(message)});
  }
  void length(std::string_view value, std::size_t max, std::string path) {
    require(is_valid_utf8(value), path, "utf8", "must be valid UTF-8");
    require(utf8_length(value) <= max, path, "max_length", fmt::format("at most {} characters", max));
  }
  void slug(std::string_view value) {
    require(is_valid_slug(value), "slug", "format",
            "1 to 63 of a-z, 0-9 and '-', which neither starts nor ends it");
  }
  void finish() {
    if (!errors_.empty()) throw ValidationError(std::move(errors_));
  }

 private:
  std::vector<FieldError> errors_;
};

bool is_time_zone(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '/' &&
         name.find("..") == std::string_view::npos && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                  c == '/' || c == '+' || c == '-';
         });
}

void check_site(Checks& checks, const Site& site) {
  checks.slug(site.slug);
  checks.require(!trim(site.name).empty(), "name", "required", "is required");
  checks.length(site.name, 200, "name");
  checks.length(site.tagline, 300, "tagline");
  checks.require(is_time_zone(site.time_zone), "time_zone", "format",
                 "must be an IANA name such as Europe/Berlin");
  checks.require(is_valid_slug(site.storage_folder), "storage_folder", "format",
                 "1 to 63 of a-z, 0-9 and '-'");
}

void refuse_taken_host(const orm::SystemScope& scope, std::string_view host) {
  if (scope.query<SiteHost>().where(orm::f<&SiteHost::host> == std::string(host)).exists()) {
    throw Error(ErrorKind::conflict, fmt::format("host '{}' belongs to a site already", host),
                fmt::format("The host {} belongs to a site already", host));
  }
}

template <class Model>
void refuse_taken_slug(const orm::SystemScope& scope, std::string_view slug, std::string_view what) {
  if (scope.query<Model>().where(orm::f<&Model::slug> == std::string(slug)).exists()) {
    const std::string message = fmt::format("there is a {} '{}' already", what, slug);
    throw Error(ErrorKind::conflict, message, message);
  }
}

}  // namespace

Sites::Sites(db::Database& db, cache::Cache& cache, const Clock& clock)
    : db_(db), cache_(cache), clock_(clock) {}

template <class Load>
std::shared_ptr<const CurrentSite> Sites::cached(std::string_view kind, std::string_view value,
                                                 Load load) const {
  return cache_.get<CurrentSite>(cache::key("site", kind, value), sites_group(),
                                 [&]() -> std::optional<CurrentSite> {
                                   const auto scope = system_scope(db_);
                                   const std::optional<Site> site = load(scope);
                                   if (!site || !serves(*site)) return std::nullopt;
                                   return to_current(scope, *site);
                                 },
                                 {.ttl = 8h, .nothing_ttl = 10s});
}

std::shared_ptr<const CurrentSite> Sites::find_host(std::string_view host) const {
  const std::string name = normalised_host(host);
  if (name.empty()) return nullptr;
  return cached("host", name, [&](const orm::SystemScope& scope) -> std::optional<Site> {
    const auto row = scope.query<SiteHost>().where(orm::f<&SiteHost::host> == name).first();
    if (!row) return std::nullopt;
    return scope.query<Site>().with<&Site::provider>().where(orm::f<&Site::id> == row->site.id).first();
  });
}

std::shared_ptr<const CurrentSite> Sites::find(Id site) const {
  return cached("id", site.to_string(), [&](const orm::SystemScope& scope) {
    return scope.query<Site>().with<&Site::provider>().where(orm::f<&Site::id> == site).first();
  });
}

std::shared_ptr<const CurrentSite> Sites::find_slug(std::string_view slug) const {
  if (!is_valid_slug(slug)) return nullptr;
  return cached("slug", slug, [&](const orm::SystemScope& scope) {
    return scope.query<Site>()
        .with<&Site::provider>()
        .where(orm::f<&Site::slug> == std::string(slug))
        .first();
  });
}

Provider Sites::create_provider(const NewProvider& input) {
  Provider provider{.slug = input.slug, .name = input.name.empty() ? input.slug : input.name};
  Checks checks;
  checks.slug(provider.slug);
  checks.length(provider.name, 200, "name");
  checks.finish();
  db_.transaction([&](db::Transaction&) {
    const auto scope = system_scope(db_);
    refuse_taken_slug<Provider>(scope, provider.slug, "provider");
    provider.created_at = clock_.now();
    scope.insert(provider);
    changed();
  });
  return provider;
}

Site Sites::create_site(const NewSite& input) {
  Site site{.provider = orm::Ref<Provider>(input.provider),
            .slug = input.slug,
            .name = input.name.empty() ? input.slug : input.name,
            .tagline = input.tagline,
            .time_zone = input.time_zone,
            .look = input.look,
            .storage_folder = input.slug,
            .sign_up = input.sign_up};
  Checks checks;
  check_site(checks, site);
  std::vector<std::string> hosts;
  for (std::size_t i = 0; i < input.hosts.size(); ++i) {
    hosts.push_back(normalised_host(input.hosts[i]));
    checks.require(!hosts.back().empty(), fmt::format("hosts[{}]", i), "format",
                   fmt::format("'{}' is no host name (give it without scheme and port)", input.hosts[i]));
  }
  checks.finish();
  db_.transaction([&](db::Transaction&) {
    const auto scope = system_scope(db_);
    refuse_taken_slug<Site>(scope, site.slug, "site");
    if (!scope.find<Provider>(input.provider)) {
      throw ValidationError("provider", "unknown", "there is no such provider");
    }
    site.created_at = clock_.now();
    scope.insert(site);
    for (const std::string& host : hosts) add_host(site.id, host, &host == hosts.data());
    changed();
  });
  return site;
}

SiteHost Sites::add_host(Id site, std::string_view host, bool main) {
  const std::string name = normalised_host(host);
  if (name.empty()) {
    throw ValidationError("host", "format",
                          fmt::format("'{}' is no host name (give it without scheme and port)", host));
  }
  SiteHost row{.site = orm::Ref<Site>(site), .host = name, .main = main};
  db_.transaction([&](db::Transaction&) {
    const auto scope = system_scope(db_);
    if (!scope.find<Site>(site)) fail(ErrorKind::not_found, "there is no such site");
    refuse_taken_host(scope, name);
    if (main) {
      scope.query<SiteHost>().where(orm::f<&SiteHost::site> == site).update(orm::set<&SiteHost::main>(false));
    }
    scope.insert(row);
    changed();
  });
  return row;
}

void Sites::update(Site& site) {
  Checks checks;
  check_site(checks, site);
  checks.finish();
  db_.transaction([&](db::Transaction&) {
    system_scope(db_).update(site);
    changed();
  });
}

bool Sites::remove_host(std::string_view host) {
  return db_.transaction([&](db::Transaction&) {
    const auto removed =
        system_scope(db_).query<SiteHost>().where(orm::f<&SiteHost::host> == normalised_host(host)).remove();
    changed();
    return removed > 0;
  });
}

std::vector<Provider> Sites::providers() const {
  return system_scope(db_).query<Provider>().order_by(orm::asc<&Provider::slug>).all();
}

std::vector<Site> Sites::sites() const {
  return system_scope(db_).query<Site>().with<&Site::provider>().order_by(orm::asc<&Site::slug>).all();
}

std::vector<SiteHost> Sites::hosts(Id site) const {
  return system_scope(db_)
      .query<SiteHost>()
      .where(orm::f<&SiteHost::site> == site)
      .order_by(orm::desc<&SiteHost::main>, orm::asc<&SiteHost::host>)
      .all();
}

void Sites::changed() { cache_.bump(sites_group()); }

}  // namespace mpf::tenant
