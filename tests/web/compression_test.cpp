#include <mpf/web/compression.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <memory>
#include <string>

#include <mpf/cache/weight.hpp>
#include <mpf/fiber/fiber.hpp>

#include "http/fixture.hpp"

using namespace mpf;
using http::Method;
using http::Request;
using http::Response;
using test::fetch;
using test::TestServer;

namespace {

std::string long_text(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += "line " + std::to_string(i) + " of a text\n";
  text.resize(size);
  return text;
}

std::string get(std::string_view target, std::string_view headers) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a.test\r\n" + std::string(headers) + "\r\n";
}

constexpr std::string_view takes_gzip = "Accept-Encoding: gzip, deflate, br\r\n";

/// What a client of the real world makes of it.
std::string curl(std::uint16_t port, const std::string& path) {
  const std::string command =
      "curl --silent --show-error --compressed http://127.0.0.1:" + std::to_string(port) + path;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  REQUIRE(pipe);
  std::string out;
  char bytes[4096];
  for (std::size_t got = 0; (got = std::fread(bytes, 1, sizeof bytes, pipe.get())) > 0;)
    out.append(bytes, got);
  return out;
}

std::string if_none_match(const std::string& tag) { return "If-None-Match: " + tag + "\r\n"; }

}  // namespace

TEST_CASE("text is compressed for those who take it") {
  TestServer server;
  server.router().use(web::compress_answers());
  for (const std::size_t size : {1023u, 1024u, 8'000u, 200'000u}) {
    server.router().add(Method::get, "/" + std::to_string(size), [size](Request&) {
      return Response::text(long_text(size)).header("ETag", "\"v1\"").header("Vary", "Cookie");
    });
  }
  const auto port = server.start();
  for (const std::size_t size : {1024u, 8'000u, 200'000u}) {
    CAPTURE(size);
    const auto path = "/" + std::to_string(size);
    const auto packed = fetch(port, get(path, takes_gzip));
    CHECK(packed.header("content-encoding") == "gzip");
    CHECK(packed.header("vary") == "Cookie, Accept-Encoding");
    CHECK(packed.header("etag") == "\"v1-gz\"");
    CHECK(packed.body.size() < size / 2);
    const auto plain = fetch(port, get(path, ""));
    CHECK(plain.headers.count("content-encoding") == 0);
    CHECK(plain.header("vary") == "Cookie, Accept-Encoding");
    CHECK(plain.header("etag") == "\"v1\"");
    CHECK(plain.body == long_text(size));
    CHECK(curl(port, path) == long_text(size));
    CHECK(fetch(port, get(path, std::string(takes_gzip) + if_none_match("\"v1-gz\""))).status == 304);
    CHECK(fetch(port, get(path, if_none_match("\"v1-gz\""))).status == 200);
  }
  const auto small = fetch(port, get("/1023", takes_gzip));
  CHECK(small.headers.count("content-encoding") == 0);
  CHECK(small.header("vary") == "Cookie");
}

TEST_CASE("what is no text, small, large, prepared or forbidden stays as it is") {
  TestServer server;
  server.router().use(web::compress_answers({.max_bytes = 50'000}));
  const auto add = [&](const char* path, std::size_t size, const char* header, const char* value) {
    server.router().add(Method::get, path,
                        [=](Request&) { return Response::text(long_text(size)).header(header, value); });
  };
  add("/picture", 2000, "Content-Type", "image/png");
  add("/encoded", 2000, "Content-Encoding", "br");
  add("/forbidden", 2000, "Cache-Control", "private, no-transform");
  add("/large", 50'001, "X-Large", "yes");
  server.router().add(Method::get, "/failure", [](Request&) { return Response::text(long_text(2000), 404); });
  const auto port = server.start();
  for (const char* path : {"/picture", "/encoded", "/forbidden", "/large", "/failure"}) {
    CAPTURE(path);
    const auto answer = fetch(port, get(path, takes_gzip));
    CHECK(answer.header("content-encoding") != "gzip");
    CHECK(answer.body == long_text(answer.body.size()));
  }
  const auto refused = fetch(port, get("/forbidden", "Accept-Encoding: gzip;q=0\r\n"));
  CHECK(refused.headers.count("content-encoding") == 0);
}

TEST_CASE("a shared text is one body with its head, plain and compressed") {
  for (const std::size_t size : {10u, 5'000u, 300'000u}) {
    // Heads of no, one and several blocks, beyond what a block holds.
    for (const std::size_t head_size : {0u, 1u, 700u, 65'535u, 65'536u, 200'000u}) {
      CAPTURE(size);
      CAPTURE(head_size);
      TestServer server({}, 1);
      const std::string head(head_size, 'h');
      const std::string whole = head + long_text(size);
      server.router().add(Method::get, "/",
                          [&, shared = std::shared_ptr<web::SharedText>()](Request& request) mutable {
                            if (!shared) shared = std::make_shared<web::SharedText>(long_text(size));
                            return shared->answer(request, "application/json", head);
                          });
      const auto port = server.start();
      const auto plain = fetch(port, get("/", ""));
      CHECK(plain.body == whole);
      CHECK(curl(port, "/") == whole);
      const auto packed = fetch(port, get("/", takes_gzip));
      CHECK((packed.header("content-encoding") == "gzip") == (size > 1000));
      if (size > 1000) {
        CHECK(packed.body.size() < size / 2 + head_size + 100);
        CHECK(packed.header("vary") == "Accept-Encoding");
        CHECK(packed.header("etag") != plain.header("etag"));
      }
      const auto again =
          fetch(port, get("/", std::string(takes_gzip) + if_none_match(packed.header("etag"))));
      CHECK(again.status == 304);
      CHECK(again.header("etag") == packed.header("etag"));
    }
  }
}

TEST_CASE("the entity tag of a shared text tells heads and texts apart") {
  const web::SharedText one(long_text(2000));
  const web::SharedText other(long_text(2001));
  const Request request;
  const auto tag = [&](const web::SharedText& text, const char* head) {
    return std::string(text.answer(request, "text/plain", head).headers.find("ETag").value());
  };
  CHECK(tag(one, "") == tag(web::SharedText(long_text(2000)), ""));
  CHECK(tag(one, "") != tag(other, ""));
  CHECK(tag(one, "") != tag(one, "a"));
  CHECK(tag(one, "a") != tag(one, "b"));
  CHECK(cache::weigh(one) > 2000);
}
