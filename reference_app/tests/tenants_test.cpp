#include <algorithm>

#include <mpf/app/services.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/leak_check.hpp>
#include <mpf/tenant/sites.hpp>

#include "portal_fixture.hpp"

using namespace portal::test;

namespace {

mpf::orm::SiteScope scope(const mpf::Services& services, const std::string& slug) {
  const auto site = services.sites().find_slug(slug);
  REQUIRE(site != nullptr);
  return {services.db(), site->id, site->provider_id};
}

/// Whether the table says of its rows which tenant they belong to, or what else they hang on.
bool belongs_to_somebody(const mpf::orm::Table& table) {
  return !table.tenant_column.empty() ||
         std::ranges::any_of(table.columns, [](const auto& column) { return column.references.has_value(); });
}

}  // namespace

TEST_CASE("no site gets at another's rows, whatever the model") {
  Portal portal;
  auto& application = portal.application();
  application.run([&](const mpf::Services& services) {
    // Of another provider, and of the same one.
    for (const std::string other : {"globex", "beta"}) {
      CAPTURE(other);
      mpf::orm::LeakCheck check(scope(services, "acme"), scope(services, other));
      const auto leaks = check.run(application.models());
      for (const auto& leak : leaks) MESSAGE(leak);
      CHECK(leaks.empty());
      for (const auto& table : application.tables()) {
        CAPTURE(table.name);
        CHECK((check.walked().contains(table.name) || !belongs_to_somebody(table)));
      }
    }
  });
}

TEST_CASE("the search for leaks finds them in each model of the portal where the conditions are left out") {
  Portal portal;
  auto& application = portal.application();
  application.run([&](const mpf::Services& services) {
    mpf::orm::LeakCheck check(scope(services, "acme"), scope(services, "globex"));
    const auto leaks = check.without_conditions().run(application.models());
    for (const auto& model : application.models()) {
      for (const std::string what : {"all() shows it", "count() counts it", "find() shows it"}) {
        const std::string leak = std::string(model.name()) + ": " + what;
        CHECK_MESSAGE(std::ranges::find(leaks, leak) != leaks.end(), leak);
      }
    }
  });
}
