#include <mpf/http/server.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include <mpf/base/error.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/http/retry_later.hpp>

#include "http/fixture.hpp"
#include "http/gate.hpp"

using namespace std::chrono_literals;
using mpf::Error;
using mpf::ErrorKind;
using mpf::http::Method;
using mpf::http::Request;
using mpf::http::Response;
using mpf::test::fetch;
using mpf::test::Gate;
using mpf::test::get_request;
using mpf::test::hello;
using mpf::test::passing;
using mpf::test::RawClient;
using mpf::test::TestServer;

TEST_CASE("answers have the headers of HTTP") {
  TestServer server;
  server.router().add(Method::get, "/", hello);
  server.router().add(Method::get, "/empty", [](Request&) { return Response::no_content(); });
  server.router().add(Method::get, "/forged", [](Request&) {
    return Response::text("abc")
        .header("content-length", "99")
        .header("Transfer-Encoding", "chunked")
        .header("X-Request-Id", "mine");
  });
  const auto port = server.start();
  const auto response = fetch(port, get_request("/"));
  CHECK(response.body == "hello");
  CHECK(response.header("content-type") == "text/plain; charset=utf-8");
  CHECK(response.header("server") == "mpf");
  CHECK(response.header("date").size() == 29);
  CHECK(response.header("x-request-id").size() == 15);
  CHECK(response.header("connection").empty());

  const auto empty = fetch(port, get_request("/empty"));
  CHECK(empty.status == 204);
  CHECK(empty.headers.count("content-length") == 0);

  const auto forged = fetch(port, get_request("/forged"));
  CHECK(forged.body == "abc");
  CHECK(forged.headers.count("content-length") == 1);
  CHECK(forged.headers.count("transfer-encoding") == 0);
  CHECK(forged.headers.count("x-request-id") == 1);
}

TEST_CASE("HEAD is GET without the body") {
  TestServer server;
  server.router().add(Method::get, "/", hello);
  RawClient client(server.start());
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get_request("/"));
  const auto head = client.response(true);
  REQUIRE(head);
  CHECK(head->header("content-length") == "5");
  CHECK(client.response()->body == "hello");
}

TEST_CASE("connections are kept or closed as the client asks") {
  TestServer server;
  server.router().add(Method::get, "/", hello);
  server.router().add(Method::get, "/last",
                      [](Request&) { return Response::text("bye").header("Connection", "close"); });
  const auto port = server.start();
  struct Case {
    const char* bytes;
    bool kept;
    const char* connection;
  };
  for (const auto& [bytes, kept, connection] :
       {Case{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, ""},
        Case{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false, "close"},
        Case{"GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive, CLOSE\r\n\r\n", false, "close"},
        Case{"GET /last HTTP/1.1\r\nHost: a\r\n\r\n", false, "close"},
        Case{"GET / HTTP/1.0\r\n\r\n", false, "close"},
        Case{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, "keep-alive"}}) {
    CAPTURE(bytes);
    RawClient client(port);
    client.send(bytes);
    const auto response = client.response();
    REQUIRE(response);
    CHECK(response->header("connection") == connection);
    client.send(get_request("/"));
    if (kept) {
      CHECK(client.response()->body == "hello");
    } else {
      CHECK(client.closed());
    }
  }
}

TEST_CASE("pipelined requests are answered in order, also when the first is slow") {
  TestServer server;
  Gate gate;
  server.router().add(Method::get, "/slow", passing(gate));
  server.router().add(Method::get, "/{n}", [](Request& r) { return Response::text(r.param("n")); });
  RawClient client(server.start());
  std::string requests = get_request("/slow");
  for (int i = 0; i < 500; ++i) requests += get_request("/" + std::to_string(i));
  client.send(requests);
  gate.entered.acquire();
  CHECK_FALSE(client.pending(20ms));
  gate.open = true;
  CHECK(client.response()->body == "passed");
  for (int i = 0; i < 500; ++i) CHECK(client.response()->body == std::to_string(i));
}

TEST_CASE("a client that has ended its side still gets its answer") {
  TestServer server;
  server.router().add(Method::get, "/", hello);
  RawClient client(server.start());
  client.send(get_request("/"));
  client.end();
  CHECK(client.response()->body == "hello");
  CHECK(client.closed());
}

TEST_CASE("Expect: 100-continue is answered before the body") {
  TestServer server;
  server.options().max_body_bytes = 10;
  server.router().add(Method::post, "/", [](Request& r) { return Response::text(r.body); });
  const auto port = server.start();
  RawClient client(port);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  CHECK(client.response()->status == 100);
  client.send("abc");
  CHECK(client.response()->body == "abc");
  RawClient large(port);
  large.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
  CHECK(large.response()->status == 413);
}

TEST_CASE("a slow handler does not hold up others, on the same loop either") {
  TestServer server({}, 1);
  Gate gate;
  server.router().add(Method::get, "/slow", passing(gate));
  server.router().add(Method::get, "/", hello);
  const auto port = server.start();
  RawClient slow(port);
  slow.send(get_request("/slow"));
  gate.entered.acquire();
  for (int i = 0; i < 20; ++i) CHECK(fetch(port, get_request("/")).body == "hello");
  gate.open = true;
  CHECK(slow.response()->body == "passed");
}

TEST_CASE("only trusted proxies are believed") {
  const auto show = [](Request& r) { return Response::text(r.remote_address + (r.secure ? " secure" : "")); };
  const std::string request =
      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9, 198.51.100.7, 10.1.2.3\r\n"
      "X-Forwarded-Proto: https\r\n\r\n";
  {
    TestServer server;
    server.router().add(Method::get, "/", show);
    CHECK(fetch(server.start(), request).body == "127.0.0.1");
  }
  {
    TestServer server;
    server.options().trusted_proxies = {"127.0.0.1", "10.0.0.0/8"};
    server.router().add(Method::get, "/", show);
    const auto port = server.start();
    CHECK(fetch(port, request).body == "198.51.100.7 secure");
    CHECK(fetch(port, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: nonsense\r\n\r\n").body == "127.0.0.1");
  }
  TestServer server;
  server.options().trusted_proxies = {"proxy.test"};
  CHECK_THROWS_AS(server.start(), Error);
}

TEST_CASE("errors of handlers become problems without their inner message") {
  TestServer server;
  server.router().add(Method::get, "/error", [](Request&) -> Response {
    throw Error(ErrorKind::conflict, "row 17 of table secret", "Somebody was faster");
  });
  server.router().add(Method::get, "/later", [](Request&) -> Response {
    throw mpf::http::RetryLater(ErrorKind::unavailable, 90s, "full", "Come back later");
  });
  server.router().add(Method::get, "/unknown",
                      [](Request&) -> Response { throw std::runtime_error("password=1"); });
  server.router().add(Method::get, "/thing", [](Request&) -> Response { throw 42; });
  server.router().add(Method::get, "/status", [](Request&) { return Response::text("x", 42); });
  const auto port = server.start();
  RawClient client(port);
  const auto ask = [&](const char* path) {
    client.send(get_request(path));
    return client.response().value();
  };
  const auto conflict = ask("/error");
  CHECK(conflict.status == 409);
  CHECK(conflict.header("content-type") == "application/problem+json");
  CHECK(conflict.body.find("Somebody was faster") != std::string::npos);
  CHECK(conflict.body.find("secret") == std::string::npos);
  CHECK(conflict.body.find(conflict.header("x-request-id")) != std::string::npos);
  CHECK(conflict.header("retry-after").empty());
  const auto later = ask("/later");
  CHECK(later.status == 503);
  CHECK(later.header("retry-after") == "90");
  for (const char* path : {"/unknown", "/thing", "/status"}) {
    const auto failed = ask(path);
    CHECK(failed.status == 500);
    CHECK(failed.body.find("password") == std::string::npos);
  }
}

TEST_CASE("many clients at once") {
  TestServer server;
  server.router().add(Method::post, "/{n}", [](Request& r) {
    if (r.param("n").size() % 2 == 0) mpf::fiber::yield();
    return Response::text(r.param("n") + r.body);
  });
  const auto port = server.start();
  std::atomic<int> wrong{0};
  std::mutex mutex;
  std::set<std::string> ids;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      RawClient client(port);
      for (int i = 0; i < 100; ++i) {
        const std::string name = std::to_string(t) + "-" + std::to_string(i);
        const std::string body(static_cast<std::size_t>(i * 50), 'x');
        client.send("POST /" + name + " HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n" + body);
        const auto response = client.response();
        if (!response || response->body != name + body) ++wrong;
        const std::scoped_lock lock(mutex);
        if (response) ids.insert(response->header("x-request-id"));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(ids.size() == 800);
}
