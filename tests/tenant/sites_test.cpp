#include <doctest/doctest.h>

#include <algorithm>

#include <mpf/cache/cache.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/orm/scope.hpp>
#include <mpf/tenant/sites.hpp>

#include "support/database.hpp"

using namespace mpf;
using tenant::Sites;

namespace {

struct Fixture {
  test::Database db{{tenant::tables()}};
  cache::Cache cache;
  Sites sites{*db, cache};
  Id provider = sites.create_provider({.slug = "acme-corp"}).id;

  tenant::Site make(const std::string& slug, std::vector<std::string> hosts) {
    return sites.create_site({.provider = provider, .slug = slug, .hosts = std::move(hosts)});
  }
};

template <class Fn>
ErrorKind kind_of(Fn&& fn) {
  try {
    fn();
  } catch (const Error& e) {
    return e.kind();
  }
  FAIL("nothing was thrown");
  return ErrorKind::internal;
}

}  // namespace

TEST_CASE("a site is found by its hosts, its slug and its id") {
  fiber::run([] {
    Fixture t;
    const auto site = t.make("acme", {"acme.test", "www.acme.test"});
    for (const char* host : {"acme.test", "www.acme.test", "ACME.test", "acme.test."}) {
      CAPTURE(host);
      const auto found = t.sites.find_host(host);
      REQUIRE(found);
      CHECK(found->id == site.id);
      CHECK(found->main_host == "acme.test");
      CHECK(found->provider_slug == "acme-corp");
    }
    CHECK(t.sites.find_slug("acme")->id == site.id);
    CHECK(t.sites.find(site.id)->slug == "acme");
    CHECK(t.sites.find_host("other.test") == nullptr);
    CHECK(t.sites.find_host("acme.test:80") == nullptr);
    CHECK(t.sites.find_slug("../acme") == nullptr);
  });
}

TEST_CASE("look-ups come from the cache, unknown hosts too") {
  fiber::run([] {
    Fixture t;
    t.make("acme", {"acme.test"});
    (void)t.sites.find_host("acme.test");
    (void)t.sites.find_host("nobody.test");
    const auto loads = t.cache.stats().loads;
    for (int i = 0; i < 10; ++i) {
      CHECK(t.sites.find_host("acme.test"));
      CHECK_FALSE(t.sites.find_host("nobody.test"));
    }
    CHECK(t.cache.stats().loads == loads);
  });
}

TEST_CASE("a change is seen at once after its commit, and not when it is rolled back") {
  fiber::run([] {
    Fixture t;
    auto site = t.make("acme", {"acme.test"});
    CHECK_FALSE(t.sites.find_host("new.test"));
    t.sites.add_host(site.id, "new.test", true);
    REQUIRE(t.sites.find_host("new.test"));
    CHECK(t.sites.find_host("acme.test")->main_host == "new.test");

    site.name = "Renamed";
    t.sites.update(site);
    CHECK(t.sites.find_host("acme.test")->name == "Renamed");

    CHECK(t.sites.remove_host("new.test"));
    CHECK_FALSE(t.sites.remove_host("new.test"));
    CHECK_FALSE(t.sites.find_host("new.test"));

    site.active = false;
    t.sites.update(site);
    CHECK_FALSE(t.sites.find_host("acme.test"));
    CHECK_FALSE(t.sites.find_slug("acme"));

    CHECK_THROWS_AS(t.db->transaction([&](db::Transaction&) {
      t.make("undone", {"undone.test"});
      throw Error(ErrorKind::conflict, "no");
    }),
                    Error);
    CHECK_FALSE(t.sites.find_host("undone.test"));
    t.make("undone", {"undone.test"});
    CHECK(t.sites.find_host("undone.test"));
  });
}

TEST_CASE("everything that is wrong with a new site is told at once") {
  fiber::run([] {
    Fixture t;
    try {
      t.sites.create_site({.provider = t.provider,
                           .slug = "Bad Slug",
                           .time_zone = "../../etc/passwd",
                           .hosts = {"ok.test", "http://bad.test"}});
      FAIL("nothing was thrown");
    } catch (const ValidationError& e) {
      std::vector<std::string> paths;
      for (const auto& field : e.fields()) paths.push_back(field.path);
      CHECK(std::count(paths.begin(), paths.end(), "slug") == 1);
      CHECK(std::count(paths.begin(), paths.end(), "time_zone") == 1);
      CHECK(std::count(paths.begin(), paths.end(), "hosts[1]") == 1);
      CHECK(std::count(paths.begin(), paths.end(), "hosts[0]") == 0);
    }
    CHECK(t.sites.sites().empty());
    CHECK(kind_of([&] { t.sites.create_site({.provider = Id(999), .slug = "acme"}); }) == ErrorKind::invalid);
  });
}

TEST_CASE("slugs and hosts belong to one site, and nothing is left of a refused one") {
  fiber::run([] {
    Fixture t;
    const auto site = t.make("acme", {"acme.test"});
    CHECK(kind_of([&] { t.make("acme", {}); }) == ErrorKind::conflict);
    CHECK(kind_of([&] { t.make("globex", {"globex.test", "ACME.test"}); }) == ErrorKind::conflict);
    CHECK(t.sites.sites().size() == 1);
    CHECK_FALSE(t.sites.find_host("globex.test"));
    CHECK(kind_of([&] { t.sites.add_host(site.id, "acme.test"); }) == ErrorKind::conflict);
    CHECK(kind_of([&] { t.sites.add_host(Id(999), "x.test"); }) == ErrorKind::not_found);
    CHECK(kind_of([&] { t.sites.create_provider({.slug = "acme-corp"}); }) == ErrorKind::conflict);
  });
}

TEST_CASE("a site's cache groups hang below its provider's") {
  fiber::run([] {
    Fixture t;
    const auto a = t.make("a", {"a.test"});
    const auto b = t.make("b", {"b.test"});
    const auto site_a = t.sites.find(a.id);
    const auto site_b = t.sites.find(b.id);
    int loads = 0;
    const auto read = [&](const tenant::CurrentSite& site) {
      (void)t.cache.get<int>(cache::key("x"), site.content_group(), [&] { return ++loads; });
    };
    const auto loads_after = [&](const cache::Group& bumped) {
      t.cache.bump(bumped);
      loads = 0;
      read(*site_a);
      read(*site_b);
      return loads;
    };
    CHECK(loads_after(site_a->content_group()) == 2);  // nothing was cached yet
    CHECK(loads_after(site_a->content_group()) == 1);
    CHECK(loads_after(cache::Group::system("content")) == 2);
    CHECK(loads_after(cache::Group::system("content").child("provider:" + t.provider.to_string())) == 2);
    CHECK(loads_after(site_a->group("other")) == 0);
  });
}

TEST_CASE("a site's scope sees that site alone") {
  fiber::run([] {
    Fixture t;
    const auto a = t.make("a", {"a.test"});
    const auto b = t.make("b", {"b.test"});
    const orm::SiteScope scope(*t.db, a.id, t.provider);
    CHECK(scope.query<tenant::Site>().count() == 1);
    CHECK(scope.query<tenant::SiteHost>().count() == 1);
    CHECK_FALSE(scope.find<tenant::Site>(b.id));
  });
}
