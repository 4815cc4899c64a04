#include <mpf/orm/row_security.hpp>

#include <doctest/doctest.h>

#include "app/fixture.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using test::TestApplication;

namespace {

/// A database of somebody who is no superuser, for whom policies would not count.
std::string fresh_url() {
  auto& server = test::Postgres::shared();
  const auto name = server.fresh().database;
  server.psql(name,
              "CREATE ROLE portal LOGIN CREATEROLE; ALTER SCHEMA public OWNER TO portal; ALTER DATABASE " +
                  name + " OWNER TO portal");
  return "postgres://portal@127.0.0.1:" + std::to_string(server.port()) + "/" + name;
}

std::int64_t count_users(db::Database& database) {
  std::int64_t count = -1;
  database.execute({"SELECT count(*) FROM auth_user", {}, db::Access::read},
                   [&](const db::Row& row) { count = row.integer(0); });
  return count;
}

}  // namespace

TEST_CASE("an application works behind row-level security, MPF's own tables included") {
  TestApplication app(
      test::one_module([](Setup& s) {
        s.get("/token", [](Context& ctx) { return http::Response::text(ctx.identity().csrf_token()); });
        s.post("/sign-in", [](Context& ctx) {
          ctx.identity().sign_in(
              ctx.accounts().create(ctx.scope(), {.email = "a@x.test", .password = "correct horse"}));
          return http::Response::no_content();
        });
        s.get("/user", [](Context& ctx) {
          return http::Response::text(ctx.site().slug + " " + ctx.require_user().email + " " +
                                      std::to_string(count_users(ctx.scope().db())));
        });
      }),
      {.name = "testing", .version = "1.2", .row_security = true});
  app.options.overrides["database.url"] = fresh_url();
  app.start_with_sites();
  for (const std::string site : {"acme", "globex"}) {
    auto browser = app.browser(site + ".test");
    browser.csrf = browser.get("/token").body;
    REQUIRE(browser.post("/sign-in", "").status == 204);
    // SQL by hand sees the users of the site alone.
    CHECK(browser.get("/user").body == site + " a@x.test 1");
  }
  app->run([](const Services& services) {
    CHECK(count_users(services.db()) == 0);
    CHECK(count_users(services.system_scope("a test").db()) == 2);
  });
  const auto check = app.command({"migrate", "check"});
  CHECK(check.out == "models, files and tables agree\n");
  CHECK(check.code == 0);
  CHECK(app.command({"migrate", "show"}).out.find("mpf.row_security/0001_initial") != std::string::npos);
  CHECK(app.command({"migrate", "make"}).out == "the migrations fit the models: nothing to do\n");
}

TEST_CASE("what migrations are told of the models of users and sites is what their descriptions say") {
  const auto said = [](const orm::AnyModel& model) { return orm::row_security_of(model.info()); };
  const orm::RowSecurity of_site{
      .site = "site_id", .site_table = "tenant_site", .site_key = "id", .site_provider = "provider_id"};
  CHECK(said(orm::AnyModel::of<auth::User>()) == of_site);
  CHECK(said(orm::AnyModel::of<auth::Session>()) == of_site);
  CHECK(said(orm::AnyModel::of<tenant::SiteHost>()) == of_site);
  CHECK(said(orm::AnyModel::of<tenant::Site>()) == orm::RowSecurity{.site = "id", .provider = "provider_id"});
  CHECK(said(orm::AnyModel::of<tenant::Provider>()) == orm::RowSecurity{.provider = "id"});
}
