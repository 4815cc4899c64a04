#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include <mpf/http/server.hpp>

#include "http/fixture.hpp"

using mpf::http::Method;
using mpf::http::Request;
using mpf::http::Response;
using mpf::test::fetch;
using mpf::test::RawClient;
using mpf::test::TestServer;

namespace {

void add_echo(TestServer& server) {
  for (const Method method : {Method::get, Method::post, Method::put, Method::patch, Method::del}) {
    server.router().add(method, "/{path*}", [](Request& request) {
      std::string text = std::string(to_string(request.method)) + " " + request.path + "\n";
      for (const auto& [name, value] : request.headers) text += name + "=" + value + "\n";
      return Response::text(text + "\n" + request.body);
    });
  }
}

struct Case {
  std::string name;
  std::string bytes;
  int status;
};

std::string with_fields(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
std::string chunked(const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200},
      {"http 1.0 without host", "GET / HTTP/1.0\r\n\r\n", 200},
      {"empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 200},
      {"host with port", "GET / HTTP/1.1\r\nHost: a.test:8000\r\n\r\n", 200},
      {"ipv6 host", "GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", 200},
      {"absolute form", "GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n", 200},
      {"absolute form, other host", "GET http://b.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
      {"the server itself", "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", 204},
      {"the server itself, absolute form", "OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n", 204},
      {"the server itself, by another method", "GET * HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
      {"the server itself, with a query", "OPTIONS *?x HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", with_fields("Host: b\r\n"), 400},
      {"same host twice", with_fields("Host: a\r\n"), 400},
      {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"host with slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"host with user", "GET / HTTP/1.1\r\nHost: me@a\r\n\r\n", 400},
      {"host with bad port", "GET / HTTP/1.1\r\nHost: a:70000\r\n\r\n", 400},
      {"bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"bare LF in the header", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
      {"bare CR in a value", with_fields("X: a\rb\r\n"), 400},
      {"NUL in a value", with_fields(std::string("X: a\0b\r\n", 8)), 400},
      {"NUL in the target", std::string("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", 30), 400},
      {"control character in a value", with_fields("X: a\x01\r\n"), 400},
      {"folded line", with_fields("X: a\r\n b\r\n"), 400},
      {"folded by tab", with_fields("X: a\r\n\tb\r\n"), 400},
      {"first field indented", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"space before colon", with_fields("X : a\r\n"), 400},
      {"no colon", with_fields("nothing\r\n"), 400},
      {"empty name", with_fields(": a\r\n"), 400},
      {"name with parenthesis", with_fields("X(: a\r\n"), 400},
      {"empty value", with_fields("X:\r\n"), 200},
      {"value of eight bits", with_fields("X: \xc3\xa4\r\n"), 200},
      {"no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
      {"version 2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
      {"version 0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
      {"version 1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
      {"version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"space at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
      {"tab between", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"TLS greeting", "\x16\x03\x01\x02", 400},
      {"relative target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"asterisk", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      // Paths.
      {"dot dot", "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"dot dot at the end", "GET /a/.. HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"dot", "GET /./a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"encoded dots", "GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"half encoded dots", "GET /a/.%2e HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"encoded slash", "GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"dots and encoded slash", "GET /..%2f..%2fetc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"encoded NUL", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"encoded line break", "GET /a%0d%0ab HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"encoded backslash", "GET /..%5cb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"broken escape", "GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"cut escape", "GET /a%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"no UTF-8", "GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"overlong slash", "GET /%c0%af HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"encoded twice stays once encoded", "GET /%252e%252e/ HTTP/1.1\r\nHost: a\r\n\r\n", 200},
      {"dots inside names", "GET /a..b/.c/...d HTTP/1.1\r\nHost: a\r\n\r\n", 200},
      // Bodies.
      {"length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 200},
      {"length 0", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 200},
      {"no length", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", 200},
      {"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400},
      {"same length twice", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
       400},
      {"list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", 400},
      {"length with sign", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400},
      {"negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", 400},
      {"hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", 400},
      {"length with underscore", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\nabc", 400},
      {"empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc", 400},
      {"overflowing length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551619\r\n\r\nabc",
       400},
      {"large length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n", 413},
      {"length and chunked",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"chunked and length",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
      {"chunked", chunked("3\r\nabc\r\n0\r\n\r\n"), 200},
      {"chunked in capitals", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
       200},
      {"chunk with extension", chunked("3;a=b\r\nabc\r\n0;c\r\n\r\n"), 200},
      {"trailers", chunked("3\r\nabc\r\n0\r\nX: y\r\nZ: 1\r\n\r\n"), 200},
      {"leading zeros", chunked("0003\r\nabc\r\n000\r\n\r\n"), 200},
      {"chunk size 0x", chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400},
      {"chunk size with sign", chunked("+3\r\nabc\r\n0\r\n\r\n"), 400},
      {"chunk size with space", chunked("3 \r\nabc\r\n0\r\n\r\n"), 400},
      {"space before chunk size", chunked(" 3\r\nabc\r\n0\r\n\r\n"), 400},
      {"empty chunk size", chunked("\r\nabc\r\n0\r\n\r\n"), 400},
      {"chunk size overflows", chunked("fffffffffffffffff\r\nabc"), 413},
      {"chunk too short", chunked("4\r\nabc\r\n0\r\n\r\n"), 400},
      {"chunk too long", chunked("2\r\nabc\r\n0\r\n\r\n"), 400},
      {"LF behind chunk size", chunked("3\nabc\r\n0\r\n\r\n"), 400},
      {"LF behind chunk", chunked("3\r\nabc\n0\r\n\r\n"), 400},
      {"LF in chunk extension", chunked("3;a=\"\n\"\r\nabc\r\n0\r\n\r\n"), 400},
      {"folded trailer", chunked("0\r\n X: y\r\n\r\n"), 400},
      {"LF behind trailer", chunked("0\r\nX: y\n\r\n"), 400},
      {"chunked twice", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
       501},
      {"chunked in two fields",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n",
       400},
      {"gzip, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
       501},
      {"chunked, identity",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400},
      {"identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400},
      {"vertical tab before chunked",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
       "chunked\r\n\r\n0\r\n\r\n",
       400},
      {"chunked in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"strange expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\nContent-Length: 1\r\n\r\na",
       417},
  };
  return all;
}

}  // namespace

TEST_CASE("raw requests are answered or refused") {
  TestServer server;
  add_echo(server);
  const auto port = server.start();
  for (const auto& [name, bytes, status] : cases()) {
    CAPTURE(name);
    RawClient client(port);
    client.send(bytes);
    const auto response = client.response();
    REQUIRE(response);
    CHECK(response->status == status);
    CHECK(response->headers.count("x-request-id") == 1);
    if (status >= 400) {
      CHECK(response->header("content-type") == "application/problem+json");
      CHECK(response->header("connection") == "close");
      CHECK(client.closed());
    }
  }
}

TEST_CASE("a refused request takes those behind it along") {
  TestServer server;
  add_echo(server);
  const auto port = server.start();
  for (const auto& [name, bytes, status] : cases()) {
    if (status < 400) continue;
    CAPTURE(name);
    RawClient client(port);
    client.send(bytes + mpf::test::get_request("/smuggled"));
    REQUIRE(client.response());
    CHECK(client.closed());
  }
}

TEST_CASE("the verdict does not depend on how the bytes are cut") {
  TestServer server;
  add_echo(server);
  const auto port = server.start();
  std::mt19937 random(20260101);
  for (const auto& [name, bytes, status] : cases()) {
    CAPTURE(name);
    for (int round = 0; round < 3; ++round) {
      RawClient client(port);
      std::string_view rest = bytes;
      while (!rest.empty()) {
        const std::size_t piece = round == 0 ? 1 : std::uniform_int_distribution<std::size_t>(1, 12)(random);
        if (!client.send(rest.substr(0, piece))) break;  // refused already
        rest.remove_prefix(std::min(piece, rest.size()));
      }
      const auto response = client.response();
      REQUIRE(response);
      CHECK(response->status == status);
    }
  }
}

TEST_CASE("a stream of requests is answered the same however it is cut") {
  TestServer server;
  add_echo(server);
  const auto port = server.start();
  std::string stream;
  std::vector<std::string> bodies;
  for (int i = 0; i < 12; ++i) {
    const std::string number = std::to_string(i);
    const std::string body(static_cast<std::size_t>(i * 37), static_cast<char>('a' + i));
    switch (i % 3) {
      case 0:
        stream += "GET /" + number + " HTTP/1.1\r\nHost: a\r\n\r\n";
        bodies.push_back("GET /" + number + "\nHost=a\n\n");
        break;
      case 1:
        stream += "PUT /" + number +
                  " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                  body;
        bodies.push_back("PUT /" + number + "\nHost=a\nContent-Length=" + std::to_string(body.size()) +
                         "\n\n" + body);
        break;
      default: {
        stream += "POST /" + number + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        char size[32];
        std::snprintf(size, sizeof size, "%zx", body.size() - 5);
        stream += "5;x=y\r\n" + body.substr(0, 5) + "\r\n" + size + "\r\n" + body.substr(5) +
                  "\r\n0\r\nT: 1\r\n\r\n";
        bodies.push_back("POST /" + number + "\nHost=a\nTransfer-Encoding=chunked\n\n" + body);
      }
    }
  }
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    RawClient client(port);
    std::string_view rest = stream;
    const std::size_t largest = round == 0 ? stream.size() : static_cast<std::size_t>(1 + round * 3);
    while (!rest.empty()) {
      const std::size_t piece =
          round == 0 ? stream.size() : std::uniform_int_distribution<std::size_t>(1, largest)(random);
      REQUIRE(client.send(rest.substr(0, piece)));
      rest.remove_prefix(std::min(piece, rest.size()));
    }
    for (const auto& body : bodies) {
      const auto response = client.response();
      REQUIRE(response);
      CHECK(response->status == 200);
      CHECK(response->body == body);
    }
  }
}

TEST_CASE("limits") {
  TestServer server;
  server.options().max_header_bytes = 2'000;
  server.options().max_target_bytes = 500;
  server.options().max_body_bytes = 1'000;
  add_echo(server);
  server.router().add(Method::post, "/large",
                      [](Request& r) { return Response::text(std::to_string(r.body.size())); },
                      {.max_body = 5'000'000});
  const auto port = server.start();
  const auto status = [&](const std::string& bytes) { return fetch(port, bytes).status; };

  CHECK(status(mpf::test::get_request("/" + std::string(499, 'a'))) == 200);
  CHECK(status(mpf::test::get_request("/" + std::string(500, 'a'))) == 414);
  CHECK(status("GET /" + std::string(600, 'a')) == 414);  // before the line has ended
  CHECK(status(with_fields("X: " + std::string(1'950, 'a') + "\r\n")) == 200);
  CHECK(status(with_fields("X: " + std::string(2'000, 'a') + "\r\n")) == 431);
  CHECK(status("GET / HTTP/1.1\r\nX: " + std::string(2'000, 'a')) == 431);
  std::string many;
  for (int i = 0; i < 200; ++i) many += "a:b\r\n";
  CHECK(status(with_fields(many)) == 431);

  const auto post = [](const std::string& path, std::size_t size) {
    return "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'x');
  };
  CHECK(status(post("/", 1'000)) == 200);
  CHECK(status(post("/", 1'001)) == 413);
  CHECK(status(post("/", 3'000'000)) == 413);  // the client gets the answer although it still sends
  CHECK(fetch(port, post("/large", 3'000'000)).body == "3000000");
  CHECK(status(chunked("3e8\r\n" + std::string(1'000, 'x') + "\r\n0\r\n\r\n")) == 200);
  CHECK(status(chunked("3e8\r\n" + std::string(1'000, 'x') + "\r\n1\r\nx\r\n0\r\n\r\n")) == 413);
  CHECK(status(chunked("1;" + std::string(1'000, 'x') + "\r\nx\r\n0\r\n\r\n")) == 400);
}

TEST_CASE("bodies of every size around the buffers' arrive whole") {
  TestServer server;
  server.router().add(Method::post, "/", [](Request& r) { return Response::text(r.body); });
  const auto port = server.start();
  RawClient client(port);
  std::mt19937 random(3);
  std::vector<std::size_t> sizes;
  for (const std::size_t size : {1, 100, 1024, 2048, 4096, 16 * 1024, 64 * 1024, 300'000}) {
    for (int delta = -2; delta <= 2; ++delta)
      sizes.push_back(static_cast<std::size_t>(static_cast<int>(size) + 2 + delta));
  }
  for (const std::size_t size : sizes) {
    std::string body(size, ' ');
    for (char& c : body) c = static_cast<char>(random());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + body);
    const auto response = client.response();
    REQUIRE(response);
    CHECK((response->body == body));
  }
}
