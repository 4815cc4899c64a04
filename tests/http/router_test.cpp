#include <mpf/http/router.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/fiber/fiber.hpp>

using namespace mpf;
using http::Method;
using http::Next;
using http::Request;
using http::Response;
using http::Router;

namespace {

void add(Router& router, Method method, const std::string& pattern) {
  router.add(method, pattern, [pattern](Request& request) {
    std::string text = pattern;
    for (const auto& [name, value] : request.params()) text += " " + name + "=" + value;
    return Response::text(text);
  });
}

Response ask(const Router& router, Method method, const std::string& path) {
  Request request;
  request.method = method;
  request.path = path;
  return router.dispatch(request);
}

std::string get(const Router& router, const std::string& path) {
  const auto response = ask(router, Method::get, path);
  return response.status == 200 ? response.body : std::to_string(response.status);
}

}  // namespace

TEST_CASE("the most literal pattern wins, whatever the order of adding") {
  std::vector<std::string> patterns{"/",
                                    "/items",
                                    "/items/{id}",
                                    "/items/new",
                                    "/items/{id}/edit",
                                    "/items/new/{what}",
                                    "/files/{path*}",
                                    "/files/special",
                                    "/{page}",
                                    "/a/{x}/c",
                                    "/a/b/d",
                                    "/items/"};
  for (int order = 0; order < 2; ++order) {
    Router router;
    for (const auto& pattern : patterns) add(router, Method::get, pattern);
    CHECK(get(router, "/") == "/");
    CHECK(get(router, "/items") == "/items");
    CHECK(get(router, "/items/") == "/items/");
    CHECK(get(router, "/items/7") == "/items/{id} id=7");
    CHECK(get(router, "/items/new") == "/items/new");
    CHECK(get(router, "/items/new/edit") == "/items/new/{what} what=edit");
    CHECK(get(router, "/items/7/edit") == "/items/{id}/edit id=7");
    CHECK(get(router, "/items/7/other") == "404");
    CHECK(get(router, "/items//edit") == "404");
    CHECK(get(router, "/files/") == "/files/{path*} path=");
    CHECK(get(router, "/files") == "/{page} page=files");
    CHECK(get(router, "/files/a/b//c/") == "/files/{path*} path=a/b//c/");
    CHECK(get(router, "/files/special") == "/files/special");
    CHECK(get(router, "/files/special/x") == "/files/{path*} path=special/x");
    CHECK(get(router, "/a/b/c") == "/a/{x}/c x=b");  // back from /a/b/d
    CHECK(get(router, "/a/b/d") == "/a/b/d");
    CHECK(get(router, "//") == "404");
    CHECK(get(router, "") == "404");
    std::reverse(patterns.begin(), patterns.end());
  }
}

TEST_CASE("methods") {
  Router router;
  add(router, Method::get, "/a");
  add(router, Method::post, "/a");
  add(router, Method::get, "/x/literal");
  add(router, Method::post, "/x/{id}");
  CHECK(ask(router, Method::head, "/a").body == "/a");
  const auto refused = ask(router, Method::del, "/a");
  CHECK(refused.status == 405);
  CHECK(refused.headers.find("Allow") == "GET, HEAD, POST, OPTIONS");
  CHECK(refused.headers.find("Content-Type") == "application/problem+json");
  const auto options = ask(router, Method::options, "/a");
  CHECK(options.status == 204);
  CHECK(options.headers.find("Allow") == "GET, HEAD, POST, OPTIONS");
  CHECK(ask(router, Method::options, "/b").status == 404);
  const auto server = ask(router, Method::options, "*");
  CHECK(server.status == 204);
  CHECK(server.headers.find("Allow") == "GET, HEAD, POST, OPTIONS");
  CHECK(ask(router, Method::post, "/x/literal").body == "/x/{id} id=literal");
  CHECK(ask(router, Method::put, "/x/literal").headers.find("Allow") == "GET, HEAD, POST, OPTIONS");
}

TEST_CASE("patterns that are refused") {
  Router router;
  for (const char* pattern : {"", "a", "/{", "/{}", "/{a", "/a}", "/{a}b", "/x{a}", "/{a*}/b", "/{1a}",
                              "/{a-b}", "/{a}/{a}", "/{*}", "/{a}/{a*}"}) {
    CAPTURE(pattern);
    CHECK_THROWS_AS(add(router, Method::get, pattern), Error);
  }
  router.add(
      Method::get, "/items/{id}", [](Request&) { return Response(); }, {}, "content.item");
  try {
    router.add(
        Method::get, "/items/{number}", [](Request&) { return Response(); }, {}, "other.thing");
    FAIL("the same shape twice");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::configuration);
    CHECK(std::string(error.what()) ==
          "route GET /items/{number} of other.thing is taken by /items/{id} of content.item: change one of "
          "them");
  }
}

TEST_CASE("options are found before the request runs") {
  Router router;
  router.add(
      Method::post, "/upload/{id}", [](Request&) { return Response(); }, {.max_body = 5, .csrf = false}, "m");
  const auto* options = router.find_options(Method::post, "/upload/7");
  REQUIRE(options);
  CHECK(options->max_body == 5u);
  CHECK_FALSE(options->csrf);
  CHECK(options->name == "/upload/{id}");
  CHECK(router.find_options(Method::get, "/upload/7") == nullptr);
  REQUIRE(router.routes().size() == 1);
  CHECK(router.routes().front().owner == "m");
}

TEST_CASE("secret parameters are no part of what is logged of a path") {
  Router router;
  const auto answer = [](Request&) { return Response(); };
  router.add(Method::get, "/protected/{grant}/{path*}", answer, {.secret_params = {"grant"}});
  router.add(Method::get, "/reset/{user}/{token}/{part*}", answer, {.secret_params = {"token", "part"}});
  router.add(Method::get, "/items/{id}", answer);
  struct Case {
    const char* path;
    const char* shown;
  };
  for (const auto& [path, shown] :
       {Case{"/protected/abc/img/a.png", "/protected/{grant}/img/a.png"},
        Case{"/protected/abc/", "/protected/{grant}/"}, Case{"/protected/a/a", "/protected/{grant}/a"},
        Case{"/reset/7/secret/more/of/it", "/reset/7/{token}/{part}"}, Case{"/items/5", "/items/5"},
        Case{"/nothing/here", "/nothing/here"}}) {
    CAPTURE(path);
    Request request;
    request.path = path;
    CHECK(router.loggable_path(request) == shown);
  }
}

TEST_CASE("middleware surrounds routing in its order") {
  Router router;
  std::string trace;
  const auto layer = [&trace](const std::string& name) {
    return [&trace, name](Request& request, const Next& next) {
      trace += name + "(";
      Response response = next(request);
      trace += ")" + name;
      return response;
    };
  };
  router.use(layer("b"), 10);
  router.use(layer("c"), 10);
  router.use(layer("a"), -5);
  router.add(Method::get, "/{x}", [&](Request& request) {
    trace += request.route();
    return Response::text("x");
  });
  CHECK(get(router, "/1") == "x");
  CHECK(trace == "a(b(c(/{x})c)b)a");
  trace.clear();
  CHECK(get(router, "/1/2") == "404");
  CHECK(trace == "a(b(c()c)b)a");
  router.use([](Request& request, const Next& next) {
    return request.path == "/stop" ? Response::text("stopped") : next(request);
  });
  CHECK(get(router, "/stop") == "stopped");
}

TEST_CASE("exceptions pass through middleware and become answers") {
  Router router;
  router.use([](Request& request, const Next& next) {
    try {
      return next(request);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::rate_limited) throw;
      return Response::text("caught", 299);
    }
  });
  router.add(Method::get, "/rate", [](Request&) -> Response { fail(ErrorKind::rate_limited, "slow down"); });
  router.add(Method::get, "/fields", [](Request&) -> Response {
    throw ValidationError({{"a.b", "type", "expected a number"}, {"c", "required", "is missing"}});
  });
  router.add(Method::get, "/syntax",
             [](Request&) -> Response { throw ValidationError("", "syntax", "1:2: no JSON"); });
  router.add(Method::get, "/gone", [](Request&) -> Response { throw fiber::Cancelled{}; });
  CHECK(ask(router, Method::get, "/rate").status == 299);
  const auto fields = ask(router, Method::get, "/fields");
  CHECK(fields.status == 422);
  CHECK(fields.body.find(
            R"("errors":[{"path":"a.b","code":"type","message":"expected a number"},{"path":"c")") !=
        std::string::npos);
  CHECK(ask(router, Method::get, "/syntax").status == 400);
  CHECK_THROWS_AS(ask(router, Method::get, "/gone"), fiber::Cancelled);
}
