#include <mpf/web/security.hpp>

#include <doctest/doctest.h>

using namespace mpf;

namespace {

http::Response through(const web::SecurityOptions& options, http::Request& request,
                       const http::Handler& handler) {
  http::Router router;
  router.use(web::security_headers(options));
  router.add(http::Method::get, "/", handler);
  return router.dispatch(request);
}

http::Response plain(http::Request&) { return http::Response::text("x"); }

}  // namespace

TEST_CASE("answers carry the headers that protect") {
  http::Request request;
  request.path = "/";
  const auto response = through({}, request, plain);
  const std::string policy(response.headers.find("Content-Security-Policy").value());
  CHECK(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"));
  CHECK(policy.find("object-src 'none'; base-uri 'none'") != std::string::npos);
  CHECK(policy.find("unsafe") == std::string::npos);
  CHECK(response.headers.find("X-Content-Type-Options") == "nosniff");
  CHECK(response.headers.find("Referrer-Policy") == "same-origin");
  CHECK_FALSE(response.headers.find("Strict-Transport-Security"));
}

TEST_CASE("HSTS only on secure requests") {
  http::Request request;
  request.path = "/";
  request.secure = true;
  CHECK(through({}, request, plain).headers.find("Strict-Transport-Security") ==
        "max-age=31536000; includeSubDomains");
  web::SecurityOptions options;
  options.hsts = std::chrono::seconds(0);
  CHECK_FALSE(through(options, request, plain).headers.find("Strict-Transport-Security"));
}

TEST_CASE("failures and unknown paths are protected, what a handler sets stays") {
  http::Request request;
  request.path = "/";
  const auto failed =
      through({}, request, [](http::Request&) -> http::Response { throw std::runtime_error("secret"); });
  CHECK(failed.status == 500);
  CHECK(failed.headers.find("Content-Security-Policy"));
  CHECK(failed.body.find("secret") == std::string::npos);

  const auto own = through({}, request, [](http::Request&) {
    return http::Response::text("x").header("Content-Security-Policy", "sandbox");
  });
  CHECK(own.headers.find("Content-Security-Policy") == "sandbox");

  request.path = "/unknown";
  CHECK(through({}, request, plain).headers.find("X-Content-Type-Options"));
}

TEST_CASE("policies are spelled out") {
  web::ContentPolicy policy;
  policy.scripts.clear();
  policy.frame_ancestors = {"'self'", "https://a.test"};
  policy.sandbox = "";
  const std::string text = policy.to_string();
  CHECK(text.find("script-src 'none'") != std::string::npos);
  CHECK(text.find("frame-ancestors 'self' https://a.test") != std::string::npos);
  CHECK(text.ends_with("; sandbox"));
  web::SecurityOptions options;
  options.policy.images = {"a\r\nb"};
  CHECK_THROWS_AS(web::security_headers(options), Error);
}
