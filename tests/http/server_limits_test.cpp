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
