#include <mpf/app/application.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include <mpf/base/manual_clock.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/task/queue.hpp>

#include "app/fixture.hpp"

using namespace mpf;
using namespace std::chrono_literals;
using test::has;
using test::TestApplication;
using test::wait_for;

namespace {

struct Greeting {
  std::string text;
  static constexpr auto describe() { return mpf::describe(field<&Greeting::text>()); }
};

struct Happened {
  int number = 0;
};

struct CounterService {
  std::atomic<int> count{0};
};

http::Response slug(Context& ctx) { return http::Response::text(ctx.site().slug); }

}  // namespace

TEST_CASE("routes answer for the site of the host, with an id for each request") {
  TestApplication app([](Setup& s) { s.get("/slug", slug); });
  app.start_with_sites();
  const auto acme = app.browser("acme.test").get("/slug");
  CHECK(acme.body == "acme");
  CHECK(app.browser("globex.test").get("/slug").body == "globex");
  CHECK(app.browser("nobody.test").get("/slug").status == 404);
  CHECK_FALSE(acme.header("x-request-id").empty());
  CHECK(acme.header("x-request-id") != app.browser().get("/slug").header("x-request-id"));
  CHECK(has(app->base_url(), std::to_string(app->port())));
}

TEST_CASE("requests are logged with id, site and user") {
  TestApplication app([](Setup& s) {
    s.get("/me", [](Context& ctx) { return http::Response::text(ctx.user() ? ctx.user()->name : "nobody"); });
    s.get("/broken", [](Context&) -> http::Response { throw std::runtime_error("the inner reason"); });
  });
  app.start_with_sites();
  const auto id = app.browser().get("/me").header("x-request-id");
  const auto broken = app.browser().get("/broken");
  CHECK(broken.status == 500);
  CHECK_FALSE(has(broken.body, "the inner reason"));
  bool logged = false;
  bool explained = false;
  for (const auto& line : app.logger->lines()) {
    const auto field = [&](std::string_view name) {
      for (const auto& f : line.fields) {
        if (f.name == name) return f.value;
      }
      return std::string();
    };
    if (has(line.message, "GET /me 200")) logged = field("request") == id && field("site") == "acme";
    if (has(line.message, "the inner reason")) {
      explained = line.level == log::Level::error && field("site") == "acme" &&
                  field("request") == broken.header("x-request-id");
    }
  }
  CHECK(logged);
  CHECK(explained);
}

TEST_CASE("a request's statements are counted in its log line, too many are a warning that says whose") {
  TestApplication app([](Setup& s) {
    s.get("/few", [](Context& ctx) {
      fiber::spawn([&ctx] { ctx.db().execute({"SELECT 1", {}}); }).get();
      return http::Response::text("");
    });
    s.get("/many", [](Context& ctx) {
      for (int i = 0; i < 21; ++i) ctx.db().execute({"SELECT 1", {}});
      return http::Response::text("");
    });
  });
  app.options.overrides["http.query_budget"] = "20";
  app.start_with_sites();
  auto browser = app.browser();
  browser.get("/few");  // the site is looked up
  browser.get("/few");
  browser.get("/many");
  // The line is written when the answer is on its way.
  browser.get("/few");
  std::string few;
  std::string many;
  for (const auto& line : app.logger->lines()) {
    if (has(line.message, "GET /few 200")) {
      CHECK(line.level == log::Level::info);
      few = line.message;
    }
    if (has(line.message, "GET /many 200")) {
      CHECK(line.level == log::Level::warning);
      many = line.message;
    }
  }
  CHECK(has(few, " ms, "));
  CHECK(has(few, " statement"));
  CHECK_FALSE(has(few, "budget"));
  CHECK(has(many, "(budget 20): 21 from "));
  CHECK(has(many, "application_test.cpp:"));
}

TEST_CASE("errors are pages for people and problems for programs") {
  TestApplication app([](Setup& s) {
    const auto refuse = [](Context&) -> http::Response { fail(ErrorKind::denied, "Not <you>"); };
    s.get("/page", refuse);
    s.get("/api/thing", refuse);
  });
  app.start_with_sites();
  auto browser = app.browser();
  CHECK(browser.get("/page").header("content-type").starts_with("application/problem+json"));
  browser.extra_headers["Accept"] = "text/html";
  const auto page = browser.get("/page");
  CHECK(page.status == 403);
  CHECK(page.header("content-type").starts_with("text/html"));
  CHECK(has(page.body, "Not &lt;you&gt;"));
  CHECK(browser.get("/api/thing").header("content-type").starts_with("application/problem+json"));
}

TEST_CASE("what no handler answers is a page for people too, in the look of the site") {
  TestApplication app([](Setup& s) {
    s.get("/page", slug);
    s.get("/own", [](Context&) { return http::Response::text("gone", 410); });
    s.page_look([](const tenant::CurrentSite& site) {
      if (site.slug == "globex") fail(ErrorKind::corrupt, "no look");
      return http::PageLook{.name = "The <" + site.slug + ">", .primary = "#123456", .text = "red;}"};
    });
  });
  app.start_with_sites();
  auto browser = app.browser();
  browser.extra_headers["Accept"] = "text/html,application/xhtml+xml;q=0.9";
  struct Case {
    const char* method;
    const char* path;
    int status;
  };
  for (const auto& [method, path, status] : {Case{"GET", "/none", 404}, Case{"DELETE", "/page", 405}}) {
    CAPTURE(path);
    const auto page = browser.send(method, path, "", "");
    CHECK(page.status == status);
    CHECK(page.header("content-type").starts_with("text/html"));
    CHECK(has(page.body, "The &lt;acme&gt;"));
    CHECK(has(page.body, "#123456"));
    CHECK_FALSE(has(page.body, "red;"));
    CHECK(has(page.header("content-security-policy"), "default-src 'none'"));
    CHECK(page.header("allow") == (status == 405 ? "GET, HEAD, OPTIONS" : ""));
  }
  CHECK(browser.get("/own").body == "gone");
  CHECK(browser.get("/api/none").header("content-type").starts_with("application/problem+json"));
  auto other = app.browser("globex.test");
  other.extra_headers = browser.extra_headers;
  CHECK(other.get("/none").header("content-type").starts_with("text/html"));
  browser.extra_headers.clear();
  CHECK(browser.get("/none").header("content-type").starts_with("application/problem+json"));
}

TEST_CASE("secrets of a path are not logged") {
  TestApplication app([](Setup& s) {
    const auto open = [](Context& ctx) -> http::Response {
      if (ctx.request().param("rest") == "broken") throw std::runtime_error("inner");
      return http::Response::text("open");
    };
    s.get("/door/{key}/{rest*}", open, {.secret_params = {"key"}});
  });
  app.start_with_sites();
  CHECK(app.browser().get("/door/swordfish/a/b").status == 200);
  CHECK(app.browser().get("/door/swordfish/broken").status == 500);
  app.stop();
  CHECK(app.logger->contains("GET /door/{key}/a/b 200"));
  CHECK(app.logger->contains("GET /door/{key}/broken: inner"));
  CHECK_FALSE(app.logger->contains("swordfish"));
}

TEST_CASE("a value too large for the cache is told once, and counted") {
  TestApplication app([](Setup& s) {
    s.get("/large", [](Context& ctx) {
      const auto text = ctx.cache().get<std::string>(cache::key("large", 7), ctx.site().content_group(),
                                                     [] { return std::string(700'000, 'x'); });
      return http::Response::text(std::to_string(text->size()));
    });
  });
  app.options.overrides["cache.max_mib"] = "1";
  app.start_with_sites();
  for (int i = 0; i < 3; ++i) CHECK(app.browser().get("/large").body == "700000");
  CHECK(has(app.browser("localhost").get("/metrics").body, "mpf_cache_rejected 3"));
  int told = 0;
  for (const auto& line : app.logger->lines()) {
    if (has(line.message, "too large for the cache") && has(line.message, "large(7)")) ++told;
  }
  CHECK(told == 1);
}

TEST_CASE("roles are required") {
  TestApplication app([](Setup& s) {
    s.get("/token", [](Context& ctx) { return http::Response::text(ctx.identity().csrf_token()); });
    s.post("/sign-in/{role}", [](Context& ctx) {
      const std::string role = ctx.request().param("role");
      const auth::User user = ctx.accounts().create(
          ctx.scope(),
          {.email = role + "@x.test", .password = "correct horse", .role = *parse_enum<auth::Role>(role)});
      ctx.identity().sign_in(user);
      return http::Response::no_content();
    });
    s.get("/user", [](Context& ctx) { return http::Response::text(ctx.require_user().email); });
    s.get("/staff", [](Context& ctx) { return http::Response::text(ctx.require_staff().email); });
    s.get("/owner", [](Context& ctx) { return http::Response::text(ctx.require_owner().email); });
  });
  app.start_with_sites();
  const auto statuses = [&](const std::string& role) {
    auto browser = app.browser();
    if (!role.empty()) {
      browser.csrf = browser.get("/token").body;
      REQUIRE(browser.post("/sign-in/" + role, "").status == 204);
    }
    return std::vector{browser.get("/user").status, browser.get("/staff").status,
                       browser.get("/owner").status};
  };
  CHECK(statuses("") == std::vector{401, 401, 401});
  CHECK(statuses("member") == std::vector{200, 403, 403});
  CHECK(statuses("staff") == std::vector{200, 200, 403});
  CHECK(statuses("owner") == std::vector{200, 200, 200});
}

TEST_CASE("tasks run with the application's services, in the site they were made for") {
  std::atomic<int> done{0};
  TestApplication app([&](Setup& s) {
    s.task<Greeting>("greet", [&](TaskContext& ctx, const Greeting& greeting) {
      CHECK(greeting.text == "hello");
      CHECK(ctx.site()->slug == "acme");
      CHECK(ctx.scope().query<tenant::SiteHost>().count() == 1);
      ++done;
    });
    s.get("/greet", [](Context& ctx) {
      ctx.tasks().enqueue(Greeting{"hello"}, {.site = ctx.site().id});
      return http::Response::no_content();
    });
  });
  app.start_with_sites();
  CHECK(app.browser().get("/greet").status == 204);
  CHECK(wait_for([&] { return done == 1; }));
}

TEST_CASE("events reach their handlers in the transaction that emits them") {
  std::vector<int> seen;
  Modules modules;
  modules.push_back(
      std::make_unique<test::TestModule>("b", std::vector<std::string_view>{"a"}, [&](Setup& s) {
        s.on<Happened>([&](const Services&, const Happened& event) { seen.push_back(event.number * 10); });
      }));
  modules.push_back(std::make_unique<test::TestModule>("a", std::vector<std::string_view>{}, [&](Setup& s) {
    s.on<Happened>([&](const Services& services, const Happened& event) {
      CHECK(services.db().current() != nullptr);
      seen.push_back(event.number);
      if (event.number == 2) fail(ErrorKind::conflict, "not two");
    });
  }));
  TestApplication app(std::move(modules));
  app.start();
  const auto emit = [&](int number) {
    app->run([&](const Services& services) {
      services.db().transaction([&](db::Transaction&) { services.emit(Happened{number}); });
    });
  };
  emit(1);
  CHECK(seen == std::vector{1, 10});
  CHECK_THROWS_AS(emit(2), Error);
  CHECK(seen == std::vector{1, 10, 2});
}

TEST_CASE("services are made once, hooks run at start, middleware runs around all requests") {
  std::atomic<int> made{0};
  std::atomic<bool> hook{false};
  TestApplication app([&](Setup& s) {
    s.provide<CounterService>([&](const Services&) {
      ++made;
      return std::make_unique<CounterService>();
    });
    s.on_start([&](const Services& services) {
      services.service<CounterService>().count = 100;
      hook = true;
    });
    s.middleware([](Context& ctx, const std::function<http::Response()>& next) {
      ++ctx.service<CounterService>().count;
      http::Response response = next();
      response.header("X-Site", ctx.site().slug);
      return response;
    });
    s.get("/count", [](Context& ctx) {
      return http::Response::text(std::to_string(ctx.service<CounterService>().count));
    });
  });
  app.start_with_sites();
  CHECK(hook);
  const auto answer = app.browser().get("/count");
  CHECK(answer.body == "101");
  CHECK(answer.header("x-site") == "acme");
  CHECK(app.browser().get("/count").body == "102");
  CHECK(made == 1);
}

TEST_CASE("two applications live in one process, and one can start again") {
  TestApplication first([](Setup& s) { s.get("/slug", slug); });
  TestApplication second([](Setup& s) { s.get("/slug", slug); });
  first.start_with_sites();
  second.start_with_sites();
  CHECK(first->port() != second->port());
  CHECK(first.browser().get("/slug").body == "acme");
  CHECK(second.browser().get("/slug").body == "acme");
  first.stop();
  CHECK(second.browser().get("/slug").body == "acme");
  first.start();
  CHECK(first.browser().get("/slug").body == "acme");
  CHECK_THROWS_AS(first.start(), Error);
}

TEST_CASE("a change made by another instance is seen by the next request") {
  TestApplication app([](Setup& s) { s.get("/slug", slug); });
  app.start_with_sites();
  CHECK(app.browser("new.test").get("/slug").status == 404);
  CHECK(app.command({"site", "host", "add", "acme", "new.test"}).code == 0);
  CHECK(app.browser("new.test").get("/slug").body == "acme");
}

TEST_CASE("a port in use is an error that names it, and nothing stays behind") {
  TestApplication first;
  first.start();
  TestApplication second;
  second.options.overrides["http.port"] = std::to_string(first->port());
  try {
    second.start();
    FAIL("nothing was thrown");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::unavailable);
    CHECK(has(e.what(), std::to_string(first->port())));
  }
  second.options.overrides["http.port"] = "0";
  second.start();
  CHECK(second.browser().get("/health/live").status == 200);
}

TEST_CASE("stopping lets a running request end") {
  std::atomic<bool> entered{false};
  TestApplication app([&](Setup& s) {
    s.get("/slow", [&](Context&) {
      entered = true;
      fiber::sleep_for(100ms);
      return http::Response::text("done");
    });
  });
  app.start_with_sites();
  test::Answer answer;
  std::thread client([&] { answer = app.browser().get("/slow"); });
  REQUIRE(wait_for([&] { return entered.load(); }));
  app.stop();
  client.join();
  CHECK(answer.body == "done");
}

TEST_CASE("conflicts between modules are told when the application starts") {
  const auto refused = [](std::function<void(Setup&)> a, std::function<void(Setup&)> b) {
    Modules modules;
    modules.push_back(std::make_unique<test::TestModule>("a", std::vector<std::string_view>{}, std::move(a)));
    modules.push_back(std::make_unique<test::TestModule>("b", std::vector<std::string_view>{}, std::move(b)));
    TestApplication app(std::move(modules));
    try {
      app.start();
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::configuration);
      return std::string(e.what());
    }
    return std::string();
  };
  const auto route = [](Setup& s) { s.get("/x", slug); };
  CHECK(has(refused(route, route), "/x"));
  const auto command = [](Setup& s) { s.command("copy", "").run([](CommandContext&) {}); };
  CHECK(has(refused(command, command), "'copy'"));
  CHECK(has(refused([](Setup& s) { s.command("serve", ""); }, {}), "'serve'"));
  const auto service = [](Setup& s) {
    s.provide<CounterService>([](const Services&) { return std::make_unique<CounterService>(); });
  };
  CHECK(has(refused(service, service), "'b'"));
}
