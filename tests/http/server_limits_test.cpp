#include <mpf/http/server.hpp>

#include <doctest/doctest.h>

#include <chrono>

#include <mpf/fiber/fiber.hpp>

#include "http/fixture.hpp"
#include "http/gate.hpp"

using namespace std::chrono_literals;
using mpf::http::Method;
using mpf::http::Request;
using mpf::http::Response;
using mpf::test::fetch;
using mpf::test::get_request;
using mpf::test::hello;
using mpf::test::RawClient;
using mpf::test::TestServer;

TEST_CASE("a browser that is refused gets a page, without what it sent; programs a problem") {
  TestServer server;
  const auto port = server.start();
  struct Case {
    const char* name;
    std::string request;
    int status;
  };
  for (const auto& [name, request, status] :
       {Case{"path", "GET /%zz HTTP/1.1\r\nHost: a\r\n", 400},
        Case{"dots", "GET /a/../b HTTP/1.1\r\nHost: a\r\n", 400},
        Case{"body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n", 413}}) {
    CAPTURE(name);
    const auto page = fetch(port, request + "Accept: text/html,*/*;q=0.8\r\n\r\n");
    CHECK(page.status == status);
    CHECK(page.header("content-type").starts_with("text/html"));
    CHECK(page.header("x-content-type-options") == "nosniff");
    CHECK(page.header("content-security-policy").find("default-src 'none'") != std::string::npos);
    CHECK(page.body.find("<h1>") != std::string::npos);
    CHECK(page.body.find(page.header("x-request-id")) != std::string::npos);
    const auto problem = fetch(port, request + "Accept: */*\r\n\r\n");
    CHECK(problem.status == status);
    CHECK(problem.header("content-type") == "application/problem+json");
    CHECK(problem.header("x-content-type-options") == "nosniff");
  }
  // What an earlier request of the connection wanted says nothing about this one.
  RawClient client(port);
  client.send("GET /none HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n");
  CHECK(client.response().value().status == 404);
  client.send("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n");
  const auto refused = client.response().value();
  CHECK(refused.status == 414);
  CHECK(refused.header("content-type") == "application/problem+json");
}

TEST_CASE("slow clients are cut off") {
  TestServer server;
  server.options().header_timeout = 60ms;
  server.options().body_timeout = 60ms;
  server.options().idle_timeout = 60ms;
  server.router().add(Method::post, "/", hello);
  server.router().add(Method::get, "/", hello);
  const auto port = server.start();
  const auto before = std::chrono::steady_clock::now();

  RawClient in_header(port);
  in_header.send("GET / HTTP/1.1\r\nHost: ");
  RawClient in_body(port);
  in_body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  RawClient silent(port);
  RawClient idle(port);
  idle.send(get_request("/"));
  CHECK(idle.response()->status == 200);

  CHECK(in_header.response()->status == 408);
  CHECK(in_body.response()->status == 408);
  CHECK(silent.closed());
  CHECK(idle.closed());
  CHECK(std::chrono::steady_clock::now() - before >= 55ms);

  // Bytes that trickle in do not extend the time.
  RawClient trickling(port);
  bool cut = false;
  for (int i = 0; i < 100'000 && !cut; ++i) {
    cut = !trickling.send("G") || trickling.pending(1ms);
  }
  CHECK(cut);
}

TEST_CASE("handlers have a deadline, of the server or the route") {
  TestServer server;
  server.options().handler_timeout = 20ms;
  const auto sleep = [](Request&) {
    mpf::fiber::sleep_for(10min);
    return Response::text("late");
  };
  server.router().add(Method::get, "/default", sleep);
  server.router().add(Method::get, "/own",
                      [](Request&) {
                        mpf::fiber::sleep_for(60ms);
                        return Response::text("in time");
                      },
                      {.timeout = 60s});
  const auto port = server.start();
  const auto late = fetch(port, get_request("/default"));
  CHECK(late.status == 504);
  CHECK(late.header("content-type") == "application/problem+json");
  CHECK(fetch(port, get_request("/own")).body == "in time");
}

TEST_CASE("more connections than allowed are told so") {
  TestServer server({}, 1);
  server.options().max_connections = 3;
  server.router().add(Method::get, "/", hello);
  const auto port = server.start();
  std::vector<RawClient> kept;
  for (int i = 0; i < 3; ++i) {
    kept.emplace_back(port);
    kept.back().send(get_request("/"));
    CHECK(kept.back().response()->status == 200);
  }
  CHECK(server.server().connection_count() == 3);
  RawClient extra(port);
  CHECK(extra.response()->status == 503);
  CHECK(extra.closed());
}

TEST_CASE("large answers arrive whole, slow readers do no harm") {
  TestServer server({}, 1);
  const auto large = std::make_shared<const std::string>([] {
    std::string text;
    for (int i = 0; text.size() < 20'000'000; ++i) text += std::to_string(i);
    return text;
  }());
  server.router().add(Method::get, "/shared", [large](Request&) {
    Response response = Response::text({});
    response.shared_body = large;
    return response;
  });
  server.router().add(Method::get, "/", hello);
  const auto port = server.start();
  RawClient slow(port, 4096);
  slow.send(get_request("/shared"));
  CHECK(fetch(port, get_request("/")).body == "hello");  // while the other does not read
  RawClient fast(port);
  fast.send(get_request("/shared"));
  CHECK((fast.response()->body == *large));
  CHECK((slow.response()->body == *large));
}

TEST_CASE("a reader that stops is given up") {
  TestServer server({}, 1);
  server.options().write_timeout = 40ms;
  server.router().add(Method::get, "/",
                      [](Request&) { return Response::text(std::string(30'000'000, 'x')); });
  RawClient client(server.start(), 4096);
  client.send(get_request("/"));
  while (server.server().connection_count() == 0) std::this_thread::sleep_for(1ms);
  while (server.server().connection_count() > 0) std::this_thread::sleep_for(1ms);
  CHECK_FALSE(client.response());
}
