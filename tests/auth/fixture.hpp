#pragma once

#include <optional>
#include <string>

#include <mpf/auth/accounts.hpp>
#include <mpf/auth/sessions.hpp>
#include <mpf/base/manual_clock.hpp>
#include <mpf/cache/cache.hpp>
#include <mpf/orm/scope.hpp>
#include <mpf/tenant/sites.hpp>

#include "support/database.hpp"

namespace mpf::test {

inline auth::Settings cheap_settings() {
  auth::Settings settings;
  settings.argon2_memory_kib = 8;
  settings.argon2_passes = 1;
  return settings;
}

/// Two sites on a fresh database. Made and used in a fiber.
struct AuthFixture {
  explicit AuthFixture(auth::Settings s = cheap_settings()) : settings(std::move(s)) {
    const Id provider = sites.create_provider({.slug = "p"}).id;
    acme_id = sites.create_site({.provider = provider, .slug = "acme", .hosts = {"acme.test"}}).id;
    globex_id = sites.create_site({.provider = provider, .slug = "globex", .hosts = {"globex.test"}}).id;
    acme.emplace(*db, acme_id, provider, clock);
    globex.emplace(*db, globex_id, provider, clock);
  }

  auth::Settings settings;
  ManualClock clock;
  Database db{{tenant::tables(), auth::tables()}};
  cache::Cache cache;
  tenant::Sites sites{*db, cache, clock};
  auth::Accounts accounts{settings, clock};
  auth::Sessions sessions{settings, clock};
  Id acme_id;
  Id globex_id;
  std::optional<orm::SiteScope> acme;
  std::optional<orm::SiteScope> globex;

  auth::User ann(const orm::SiteScope& scope) {
    return accounts.create(scope, {.email = "Ann@Acme.test", .name = "Ann", .password = "correct horse"});
  }
};

template <class Fn>
ErrorKind kind_of(Fn&& fn) {
  try {
    fn();
  } catch (const Error& e) {
    return e.kind();
  }
  throw std::logic_error("nothing was thrown");
}

}  // namespace mpf::test
