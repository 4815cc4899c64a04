#include <doctest/doctest.h>

#include <memory>
#include <optional>

#include <mpf/auth/accounts.hpp>
#include <mpf/auth/middleware.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/http/server.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/tenant/middleware.hpp>

#include "auth/fixture.hpp"
#include "support/browser.hpp"

using namespace mpf;
using test::Answer;
using test::Browser;

namespace {

struct Credentials {
  std::string email;
  std::string password;
  static constexpr auto describe() {
    return mpf::describe(field<&Credentials::email>(), field<&Credentials::password>());
  }
};

/// Two sites with a user of the same address, and the routes that an application would have.
class Server {
 public:
  explicit Server(auth::Settings settings = test::cheap_settings(), std::vector<std::string> proxies = {}) {
    in_fiber([&] {
      t_ = std::make_unique<test::AuthFixture>(std::move(settings));
      t_->ann(*t_->acme);
      t_->ann(*t_->globex);
      add_routes();
      server_ = std::make_unique<http::Server>(
          runtime_, router_, http::ServerOptions{.port = 0, .trusted_proxies = std::move(proxies)});
      server_->start();
    });
  }
  ~Server() {
    server_.reset();
    in_fiber([&] { t_.reset(); });
    runtime_.stop();
  }

  Browser browser(std::string host = "acme.test") { return {server_->port(), std::move(host)}; }

  template <class Fn>
  void in_fiber(Fn&& fn) {
    fiber::spawn(runtime_, std::forward<Fn>(fn)).get();
  }
  test::AuthFixture& fixture() { return *t_; }

 private:
  void add_routes() {
    router_.use(tenant::site_of_host(t_->sites), 1);
    router_.use(auth::identify(*t_->db, t_->sessions), 2);
    router_.use(auth::protect_from_forgery(router_), 3);
    router_.add(http::Method::get, "/plain", [](http::Request&) { return http::Response::text("plain"); });
    router_.add(http::Method::get, "/token", [](http::Request& r) {
      return http::Response::text(auth::current_identity(r)->csrf_token());
    });
    router_.add(http::Method::get, "/me", [](http::Request& r) {
      const auto* user = auth::current_identity(r)->user();
      return http::Response::text(user ? user->email : "nobody");
    });
    router_.add(http::Method::post, "/sign-in", [this](http::Request& r) {
      const auto input = r.json<Credentials>();
      const auto& scope = tenant::current_site(r)->slug == "acme" ? *t_->acme : *t_->globex;
      const auto user = t_->accounts.sign_in(scope, input.email, input.password, r.remote_address);
      auth::current_identity(r)->sign_in(user);
      return http::Response::text(auth::current_identity(r)->csrf_token());
    });
    router_.add(http::Method::post, "/sign-out", [](http::Request& r) {
      auth::current_identity(r)->sign_out();
      return http::Response::no_content();
    });
    const auto write = [](http::Request&) { return http::Response::text("written"); };
    router_.add(http::Method::post, "/write", write);
    router_.add(http::Method::post, "/hook", write, {.csrf = false});
  }

  fiber::Runtime runtime_{{.loops = 2}};
  std::unique_ptr<test::AuthFixture> t_;
  http::Router router_;
  std::unique_ptr<http::Server> server_;
};

constexpr const char* credentials = R"({"email":"ann@acme.test","password":"correct horse"})";

Answer sign_in(Browser& browser) {
  browser.csrf = browser.get("/token").body;
  Answer answer = browser.post("/sign-in", credentials);
  if (answer.status == 200) browser.csrf = answer.body;
  return answer;
}

std::string set_cookie(const Answer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.headers) {
    if (key == "set-cookie" && value.starts_with(std::string(name) + "=")) return value;
  }
  return {};
}

}  // namespace

TEST_CASE("who does nothing gets no cookie") {
  Server server;
  auto browser = server.browser();
  const Answer plain = browser.get("/plain");
  CHECK(plain.header("set-cookie").empty());
  CHECK(plain.header("cache-control").empty());
  const Answer me = browser.get("/me");
  CHECK(me.body == "nobody");
  CHECK(me.header("set-cookie").empty());
  CHECK(me.header("cache-control") == "private, no-store");
}

TEST_CASE("signing in and out") {
  Server server;
  auto browser = server.browser();
  const Answer answer = sign_in(browser);
  REQUIRE(answer.status == 200);
  const std::string cookie = set_cookie(answer, "mpf_session");
  CHECK(cookie.find("HttpOnly") != std::string::npos);
  CHECK(cookie.find("SameSite=Lax") != std::string::npos);
  CHECK(cookie.find("Path=/") != std::string::npos);
  CHECK(cookie.find("Domain") == std::string::npos);
  CHECK(cookie.find("Secure") == std::string::npos);
  CHECK(browser.get("/me").body == "ann@acme.test");
  CHECK_FALSE(browser.cookies.contains("mpf_visitor"));

  const auto stolen = browser.cookies;
  CHECK(browser.post("/sign-out", "").status == 204);
  CHECK(browser.get("/me").body == "nobody");
  CHECK_FALSE(browser.cookies.contains("mpf_session"));
  browser.cookies = stolen;
  CHECK(browser.get("/me").body == "nobody");
}

TEST_CASE("signing in makes a new session and ends the one before") {
  Server server;
  auto browser = server.browser();
  sign_in(browser);
  const auto first = browser.cookies.at("mpf_session");
  const auto first_token = browser.csrf;
  REQUIRE(sign_in(browser).status == 200);
  CHECK(browser.cookies.at("mpf_session") != first);
  CHECK(browser.csrf != first_token);
  auto thief = server.browser();
  thief.cookies["mpf_session"] = first;
  CHECK(thief.get("/me").body == "nobody");
}

TEST_CASE("a session that a visitor brings along is not taken over") {
  Server server;
  auto browser = server.browser();
  browser.cookies["mpf_session"] = std::string(43, 'A');
  REQUIRE(sign_in(browser).status == 200);
  CHECK(browser.cookies.at("mpf_session") != std::string(43, 'A'));
}

TEST_CASE("a session of one site is worthless on another") {
  Server server;
  auto acme = server.browser("acme.test");
  sign_in(acme);
  auto globex = server.browser("globex.test");
  globex.cookies = acme.cookies;
  CHECK(globex.get("/me").body == "nobody");
  globex.csrf = acme.csrf;
  CHECK(globex.post("/write", "").status == 403);
}

TEST_CASE("behind HTTPS cookies are secure and bound to the host") {
  Server server(test::cheap_settings(), {"127.0.0.1"});
  auto browser = server.browser();
  browser.extra_headers["X-Forwarded-Proto"] = "https";
  const Answer answer = sign_in(browser);
  REQUIRE(answer.status == 200);
  const std::string cookie = set_cookie(answer, "__Host-mpf_session");
  CHECK(cookie.find("Secure") != std::string::npos);
  CHECK(browser.get("/me").body == "ann@acme.test");

  // A cookie that plain HTTP could have planted is not looked at.
  auto planted = server.browser();
  planted.extra_headers["X-Forwarded-Proto"] = "https";
  planted.cookies["mpf_session"] = browser.cookies.at("__Host-mpf_session");
  CHECK(planted.get("/me").body == "nobody");
}

TEST_CASE("unsafe requests need the token of their own session or visitor") {
  Server server;
  auto visitor = server.browser();
  CHECK(visitor.post("/write", "").status == 403);
  visitor.csrf = visitor.get("/token").body;
  CHECK(visitor.post("/write", "").status == 200);
  CHECK(visitor.get("/token").body == visitor.csrf);

  auto other = server.browser();
  other.get("/token");
  other.csrf = visitor.csrf;
  CHECK(other.post("/write", "").status == 403);

  auto user = server.browser();
  sign_in(user);
  CHECK(user.post("/write", "").status == 200);
  const auto right = user.csrf;
  for (std::string wrong : {std::string(), visitor.csrf, right + "0", right.substr(1)}) {
    CAPTURE(wrong);
    user.csrf = wrong;
    CHECK(user.post("/write", "").status == 403);
  }
  CHECK(user.post("/hook", "").status == 200);
  user.csrf.clear();
  CHECK(user.send("POST", "/write", "a=1&csrf_token=" + right, "application/x-www-form-urlencoded").status ==
        200);
  CHECK(user.send("POST", "/write", "csrf_token=" + right, "text/plain").status == 403);
}

TEST_CASE("unsafe requests come from the same origin") {
  Server server;
  auto browser = server.browser("acme.test:8000");
  sign_in(browser);
  const auto status = [&](std::map<std::string, std::string> headers) {
    browser.extra_headers = std::move(headers);
    return browser.post("/write", "").status;
  };
  CHECK(status({{"Sec-Fetch-Site", "same-origin"}}) == 200);
  CHECK(status({{"Sec-Fetch-Site", "none"}}) == 200);
  CHECK(status({{"Sec-Fetch-Site", "cross-site"}}) == 403);
  CHECK(status({{"Sec-Fetch-Site", "same-site"}}) == 403);
  CHECK(status({{"Origin", "http://acme.test:8000"}}) == 200);
  CHECK(status({{"Origin", "http://ACME.test:8000"}}) == 200);
  CHECK(status({{"Origin", "http://acme.test"}}) == 403);
  CHECK(status({{"Origin", "http://evil.test"}}) == 403);
  CHECK(status({{"Origin", "null"}}) == 403);
  CHECK(status({{"Origin", "http://evil.test"}, {"Sec-Fetch-Site", "same-origin"}}) == 200);
}

TEST_CASE("sign-in is throttled over HTTP too") {
  Server server;
  auto browser = server.browser();
  browser.csrf = browser.get("/token").body;
  for (int i = 0; i < 5; ++i) {
    CHECK(browser.post("/sign-in", R"({"email":"ann@acme.test","password":"wrong"})").status == 401);
  }
  const auto answer = browser.post("/sign-in", credentials);
  CHECK(answer.status == 429);
  CHECK(answer.header("retry-after") == "900");
}

TEST_CASE("an ended session is seen by the next request, an expired one too") {
  Server server;
  auto browser = server.browser();
  sign_in(browser);
  auto second = server.browser();
  sign_in(second);
  server.in_fiber([&] {
    auto& t = server.fixture();
    const auto session = t.acme->query<auth::Session>().order_by(orm::asc<&auth::Session::id>).first();
    t.sessions.end(*t.acme, session->id);
  });
  CHECK(browser.get("/me").body == "nobody");
  CHECK(second.get("/me").body == "ann@acme.test");
  server.fixture().clock.advance(std::chrono::hours(24 * 14));
  CHECK(second.get("/me").body == "nobody");
}
