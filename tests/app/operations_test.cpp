#include <doctest/doctest.h>

#include <atomic>

#include <mpf/orm/query.hpp>
#include <mpf/storage/faulty.hpp>

#include "app/fixture.hpp"

using namespace mpf;
using test::has;
using test::TestApplication;
using test::wait_for;

TEST_CASE("health tells names and outcomes only") {
  std::atomic<bool> broken{false};
  auto faults = std::make_shared<storage::Faults>();
  TestApplication app([&](Setup& s) {
    s.health_check("search", [&](const Services&) {
      if (broken) fail(ErrorKind::unavailable, "secret inner address");
    });
  });
  app.options.wrap_storage = [&](std::unique_ptr<storage::Storage> inner) {
    return storage::make_faulty(std::move(inner), faults);
  };
  app.start();
  auto probe = app.browser("10.1.2.3");
  CHECK(probe.get("/health/live").status == 200);
  const auto ready = probe.get("/health/ready");
  CHECK(ready.status == 200);
  CHECK(ready.body ==
        R"({"status":"ready","checks":{"database":"ok","migrations":"ok","search":"ok","storage":"ok"}})");
  broken = true;
  faults->free_bytes = 0;
  const auto failing = probe.get("/health/ready");
  CHECK(failing.status == 503);
  CHECK(has(failing.body, R"("search":"failed","storage":"failed")"));
  CHECK_FALSE(has(failing.body, "secret"));
  CHECK(app.logger->contains("secret inner address"));
  CHECK(probe.get("/health/live").status == 200);
  broken = false;
  faults->free_bytes = UINT64_MAX;
  CHECK(probe.get("/health/ready").status == 200);
  faults->fail_commit = true;
  CHECK(has(probe.get("/health/ready").body, R"("storage":"failed")"));
  faults->fail_commit = false;
  // Probes leave nothing behind.
  app->run([](const Services& services) {
    services.storage().each("", [](const storage::FileInfo& file) {
      FAIL_CHECK(file.name);
      return true;
    });
  });
}

TEST_CASE("metrics are for this machine only") {
  TestApplication app(
      [](Setup& s) { s.get("/slug", [](Context& ctx) { return http::Response::text(ctx.site().slug); }); });
  app.start_with_sites();
  app.browser().get("/slug");
  auto local = app.browser("localhost");
  const auto text = local.get("/metrics").body;
  CHECK(has(text, R"(mpf_http_requests_total{route="/slug",status="2xx"} 1)"));
  CHECK(has(text, "mpf_fibers"));
}

TEST_CASE("metrics show to nobody for whom a proxy asks, and with a token to whoever has it") {
  struct Case {
    const char* host;
    const char* header;
    const char* value;
    int open;     // without settings
    int proxied;  // behind a proxy that is told of
    int closed;   // with a token
  };
  const std::string token = "a token of many characters";
  TestApplication app;
  const auto check = [&](int Case::*status) {
    app.start();
    for (const Case& each :
         {Case{"localhost", "Accept", "*/*", 200, 404, 404},
          Case{"127.0.0.1:8000", "Accept", "*/*", 200, 404, 404},
          Case{"[::1]", "Accept", "*/*", 200, 404, 404}, Case{"acme.test", "Accept", "*/*", 404, 404, 404},
          Case{"localhost", "X-Forwarded-For", "203.0.113.7", 404, 404, 404},
          Case{"localhost", "x-forwarded-host", "acme.test", 404, 404, 404},
          Case{"localhost", "Forwarded", "for=203.0.113.7", 404, 404, 404},
          Case{"localhost", "Via", "1.1 proxy", 404, 404, 404},
          Case{"localhost", "X-Real-IP", "", 404, 404, 404},
          Case{"localhost", "Authorization", "Bearer a token of many characters", 200, 404, 200},
          Case{"acme.test", "Authorization", "bearer a token of many characters", 404, 404, 200},
          Case{"localhost", "Authorization", "Bearer a token of many character", 200, 404, 404},
          Case{"localhost", "Authorization", "Basic a token of many characters", 200, 404, 404}}) {
      CAPTURE(each.host);
      CAPTURE(each.header);
      CAPTURE(each.value);
      auto browser = app.browser(each.host);
      browser.extra_headers[each.header] = each.value;
      CHECK(browser.get("/metrics").status == each.*status);
    }
    app.stop();
  };
  check(&Case::open);
  app.options.overrides["http.trusted_proxies"] = "10.0.0.1";
  check(&Case::proxied);
  app.options.overrides["http.metrics_token"] = token;
  check(&Case::closed);
  app.options.overrides["http.metrics_token"] = "short";
  CHECK_THROWS_WITH_AS(app.start(), doctest::Contains("16 characters or more"), Error);
}

TEST_CASE("what has expired is removed at each start, whatever another removal does") {
  std::atomic<int> removed{0};
  TestApplication app([&](Setup& s) {
    s.cleanup("broken things", [](const Services&) -> std::uint64_t { throw std::runtime_error("broken"); });
    s.cleanup("old things", [&](const Services& services) -> std::uint64_t {
      services.system_scope("a test").query<tenant::SiteHost>().count();
      ++removed;
      return 7;
    });
  });
  for (int starts = 1; starts <= 2; ++starts) {
    app.start();
    CHECK(wait_for([&] { return removed == starts; }));
    app.stop();
  }
  CHECK(app.logger->contains("broken things are not removed: broken"));
  CHECK(app.logger->contains("removed 7 old things"));
}

TEST_CASE("OPTIONS of the server itself is answered on any host") {
  TestApplication app;
  app.start_with_sites();
  const auto answer = app.browser("unknown.test").send("OPTIONS", "*", {}, {});
  CHECK(answer.status == 204);
  CHECK(has(answer.header("allow"), "GET, HEAD"));
  CHECK(app.browser("unknown.test").send("OPTIONS", "/", {}, {}).status == 404);
}
