#include <doctest/doctest.h>

#include <memory>

#include <mpf/cache/cache.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/http/server.hpp>
#include <mpf/tenant/middleware.hpp>
#include <mpf/tenant/models.hpp>

#include "support/browser.hpp"
#include "support/database.hpp"

using namespace mpf;

namespace {

/// A server with two sites and a route that says which one it is.
class TwoSites {
 public:
  TwoSites() {
    fiber::spawn(runtime_, [&] {
      db_.emplace(std::vector<std::vector<orm::Table>>{tenant::tables()});
      sites_ = std::make_unique<tenant::Sites>(**db_, cache_);
      const Id provider = sites_->create_provider({.slug = "p"}).id;
      sites_->create_site({.provider = provider, .slug = "acme", .hosts = {"acme.test"}});
      sites_->create_site({.provider = provider, .slug = "globex", .hosts = {"globex.test"}});
      router_.use(tenant::site_of_host(*sites_, [](std::string_view path) { return path == "/health"; }));
      const auto show = [](http::Request& request) {
        const auto* site = tenant::current_site(request);
        return http::Response::text(site ? site->slug : "none");
      };
      router_.add(http::Method::get, "/", show);
      router_.add(http::Method::get, "/health", show);
      server_ = std::make_unique<http::Server>(runtime_, router_, http::ServerOptions{.port = 0});
      server_->start();
    }).get();
  }
  ~TwoSites() {
    server_.reset();
    fiber::spawn(runtime_, [&] { sites_.reset(); }).get();
    runtime_.stop();
  }

  test::Answer get(std::string host, std::string target = "/", std::string accept = "") {
    test::Browser browser(server_->port(), std::move(host));
    if (!accept.empty()) browser.extra_headers["Accept"] = std::move(accept);
    return browser.get(target);
  }

 private:
  fiber::Runtime runtime_{{.loops = 2}};
  std::optional<test::Database> db_;
  cache::Cache cache_;
  std::unique_ptr<tenant::Sites> sites_;
  http::Router router_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace

TEST_CASE("the Host header decides which site answers") {
  TwoSites server;
  CHECK(server.get("acme.test").body == "acme");
  CHECK(server.get("globex.test").body == "globex");
  CHECK(server.get("ACME.test:8000").body == "acme");
}

TEST_CASE("a host without site is a clear 404, as page or as problem") {
  TwoSites server;
  const auto problem = server.get("nobody.test");
  CHECK(problem.status == 404);
  CHECK(problem.header("content-type").starts_with("application/problem+json"));
  CHECK(problem.body.find("There is no site at this address") != std::string::npos);

  const auto page = server.get("nobody.test", "/", "text/html,application/xhtml+xml;q=0.9");
  CHECK(page.status == 404);
  CHECK(page.header("content-type").starts_with("text/html"));
  CHECK(page.body.find("no site at nobody.test.") != std::string::npos);

  const auto malformed = server.get("<script>alert(1)</script>", "/", "text/html");
  CHECK(malformed.status >= 400);
  CHECK(malformed.body.find("<script>") == std::string::npos);
}

TEST_CASE("exempt paths need no site") {
  TwoSites server;
  CHECK(server.get("nobody.test", "/health").body == "none");
}
