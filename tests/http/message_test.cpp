#include <mpf/http/message.hpp>

#include <doctest/doctest.h>

#include <mpf/base/reflect.hpp>

using namespace mpf;
using http::Cookie;
using http::Headers;
using http::Request;
using http::Response;

TEST_CASE("headers") {
  Headers headers;
  headers.add("A", "1");
  headers.add("b", "2");
  headers.add("a", "3");
  CHECK(headers.find("a") == "1");
  headers.set("a", "4");
  CHECK(headers.size() == 2);
  CHECK(headers.find("A") == "4");
  headers.remove("B");
  CHECK_FALSE(headers.find("b"));
  for (const std::string_view value : {std::string_view("a\r\nSet-Cookie: b"), std::string_view("a\nb"),
                                       std::string_view("a\0b", 3), std::string_view("\r")}) {
    CHECK_THROWS_AS(headers.set("X", value), Error);
    CHECK_THROWS_AS(headers.add("X", value), Error);
  }
  for (const char* name : {"", "a b", "a:", "a\r\n", "\xc3\xa4"})
    CHECK_THROWS_AS(headers.set(name, "x"), Error);
}

TEST_CASE("host") {
  Request request;
  CHECK(request.host().empty());
  for (const auto& [given, host] :
       std::vector<std::pair<const char*, const char*>>{{"Acme.Localhost:8000", "acme.localhost"},
                                                        {"a", "a"},
                                                        {"[::1]:80", "[::1]"},
                                                        {"a:", "a"},
                                                        {"a:x", ""},
                                                        {"a b", ""},
                                                        {"[::1", ""},
                                                        {"a/b", ""},
                                                        {"", ""},
                                                        {"a:99999", ""},
                                                        {"[::g]", ""}}) {
    CAPTURE(given);
    request.headers.set("Host", given);
    CHECK(request.host() == host);
  }
}

TEST_CASE("query, cookies and forms") {
  Request request;
  request.target = "/a?x=1&y=a+b%26c&flag&x=2&%7a=3&bad=%zz";
  CHECK(request.query("x") == "1");
  CHECK(request.query("y") == "a b&c");
  CHECK(request.query("flag") == "");
  CHECK(request.query("z") == "3");
  CHECK_FALSE(request.query("none"));
  CHECK_THROWS_AS(request.query("bad"), ValidationError);

  request.headers.add("Cookie", "a=1; b=\"2\";c=3=4; d");
  request.headers.add("Cookie", "e=5");
  CHECK(request.cookie("a") == "1");
  CHECK(request.cookie("b") == "2");
  CHECK(request.cookie("c") == "3=4");
  CHECK(request.cookie("e") == "5");
  CHECK_FALSE(request.cookie("d"));
  CHECK_FALSE(request.cookie("A"));

  request.body = "a=1&b=%C3%A4+x&c";
  CHECK_THROWS_AS(request.form(), Error);
  request.headers.set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8");
  CHECK(request.form() ==
        std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", "\xc3\xa4 x"}, {"c", ""}});
  request.body = "a=%ff";
  CHECK_THROWS_AS(request.form(), Error);
}

namespace {
struct Thing {
  int number = 0;
  static constexpr auto describe() { return mpf::describe(field<&Thing::number>()); }
};
}  // namespace

TEST_CASE("JSON bodies") {
  Request request;
  request.body = R"({"number": 5})";
  CHECK_THROWS_AS(request.json<Thing>(), Error);
  for (const char* type :
       {"application/json", "Application/JSON; charset=utf-8", "application/problem+json"}) {
    request.headers.set("Content-Type", type);
    CHECK(request.json<Thing>().number == 5);
  }
  request.body = R"({"number": "five"})";
  CHECK_THROWS_AS(request.json<Thing>(), ValidationError);
  request.headers.set("Content-Type", "text/json");
  CHECK_THROWS_AS(request.json<Thing>(), Error);
}

TEST_CASE("parameters and attachments") {
  Request request;
  request.set_params({{"id", "12"}, {"name", "x"}});
  CHECK(request.id_param("id") == Id(12));
  CHECK_THROWS_AS(request.id_param("name"), Error);
  CHECK_THROWS_AS(request.param("none"), Error);
  CHECK(request.attached<int>() == nullptr);
  request.attach(std::make_shared<int>(1));
  request.attach(std::make_shared<int>(2));
  request.attach(std::make_shared<std::string>("s"));
  CHECK(*request.attached<int>() == 2);
  CHECK(*request.attached<std::string>() == "s");
  request.reset();
  CHECK(request.attached<int>() == nullptr);
  CHECK(request.params().empty());
}

TEST_CASE("cookies of answers") {
  Response response;
  Cookie cookie;
  cookie.name = "sid";
  cookie.value = "abc";
  response.cookie(cookie);
  CHECK(response.headers.find("Set-Cookie") == "sid=abc; Path=/; HttpOnly; Secure; SameSite=Lax");
  response.headers.clear();
  cookie = {.name = "x",
            .value = "",
            .path = "/a",
            .max_age = std::chrono::seconds(0),
            .http_only = false,
            .secure = false,
            .same_site = Cookie::SameSite::strict};
  response.cookie(cookie);
  CHECK(response.headers.find("Set-Cookie") == "x=; Path=/a; Max-Age=0; SameSite=Strict");
  for (const char* value : {"a;b", "a b", "a\r\nb", "a,b", "\"a\"", "\xc3\xa4"}) {
    cookie.value = value;
    CHECK_THROWS_AS(response.cookie(cookie), Error);
  }
  cookie.value = "a";
  cookie.path = "/; HttpOnly";
  CHECK_THROWS_AS(response.cookie(cookie), Error);
  CHECK_THROWS_AS(Response::redirect("/a\r\nX: b"), Error);
}

TEST_CASE("content types by name") {
  CHECK(http::content_type_for("a/b.HTML") == "text/html; charset=utf-8");
  CHECK(http::content_type_for("x.tar.pdf") == "application/pdf");
  CHECK(http::content_type_for("none") == "application/octet-stream");
  CHECK(http::content_type_for("x.") == "application/octet-stream");
}
