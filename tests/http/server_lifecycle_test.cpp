#include <mpf/http/server.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <tuple>

#include <mpf/base/error.hpp>
#include <mpf/fiber/fiber.hpp>

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

namespace {

/// Where a handler has got to.
enum class Stage { not_begun, waits, cancelled, finished };

/// Waits until the test lets it, and tells how it ended.
mpf::http::Handler observed(Gate& gate, std::atomic<Stage>& stage) {
  return [&gate, &stage](Request& request) {
    stage = Stage::waits;
    try {
      Response response = gate.pass(request);
      stage = Stage::finished;
      return response;
    } catch (const mpf::fiber::Cancelled&) {
      stage = Stage::cancelled;
      throw;
    }
  };
}

}  // namespace

TEST_CASE("clients that vanish leave nothing behind") {
  TestServer server;
  Gate gate;
  server.router().add(Method::get, "/", hello);
  server.router().add(Method::get, "/slow", passing(gate));
  const auto port = server.start();
  {
    RawClient client(port);
    client.send(get_request("/slow"));
    gate.entered.acquire();
  }
  {
    RawClient half(port);
    half.send("GET / HT");
  }
  gate.open = true;
  while (server.server().connection_count() > 0) std::this_thread::sleep_for(1ms);
  while (server.runtime().fiber_count() > 0) std::this_thread::sleep_for(1ms);
  CHECK(fetch(port, get_request("/")).body == "hello");
}

TEST_CASE("the handler of a client that goes away is cancelled when it only reads, and else finishes") {
  for (const auto& [method, option, cancelled] : {std::tuple{Method::get, std::optional<bool>(), true},
                                                  std::tuple{Method::post, std::optional<bool>(), false},
                                                  std::tuple{Method::get, std::optional(false), false},
                                                  std::tuple{Method::post, std::optional(true), true}}) {
    CAPTURE(to_string(method));
    CAPTURE(cancelled);
    TestServer server;
    Gate gate;
    std::atomic<Stage> stage{Stage::not_begun};
    server.router().add(method, "/slow", observed(gate, stage), {.cancel_when_gone = option});
    server.router().add(Method::get, "/", hello);
    const auto port = server.start();
    {
      RawClient client(port);
      client.send(std::string(to_string(method)) +
                  " /slow HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
      gate.entered.acquire();
    }
    if (cancelled) {
      while (stage == Stage::waits) std::this_thread::sleep_for(1ms);
      CHECK(stage == Stage::cancelled);
    } else {
      // Answered on every loop after the client has gone: by now that has been seen.
      for (int i = 0; i < 50; ++i) CHECK(fetch(port, get_request("/")).body == "hello");
      CHECK(stage == Stage::waits);
      gate.open = true;
      while (stage == Stage::waits) std::this_thread::sleep_for(1ms);
      CHECK(stage == Stage::finished);
    }
    while (server.server().connection_count() > 0) std::this_thread::sleep_for(1ms);
  }
}

TEST_CASE("a client that ends its side along with a slow request is answered") {
  TestServer server({}, 1);
  Gate gate;
  Gate blocker;
  server.router().add(Method::get, "/slow", passing(gate));
  // Holds the loop until both the request and its end have arrived.
  server.router().add(Method::get, "/block", [&](Request&) {
    blocker.entered.release();
    while (!blocker.open) std::this_thread::sleep_for(1ms);
    return Response::no_content();
  });
  const auto port = server.start();
  RawClient first(port);
  RawClient client(port);
  first.send(get_request("/block"));
  blocker.entered.acquire();
  client.send(get_request("/slow"));
  client.end();
  blocker.open = true;
  gate.entered.acquire();
  gate.open = true;
  CHECK(client.response()->body == "passed");
}

TEST_CASE("stop() lets requests end and accepts no more") {
  TestServer server;
  Gate gate;
  server.router().add(Method::get, "/slow", passing(gate));
  server.router().add(Method::get, "/", hello);
  const auto port = server.start();
  RawClient idle(port);
  idle.send(get_request("/"));
  CHECK(idle.response()->status == 200);
  RawClient busy(port);
  busy.send(get_request("/slow"));
  gate.entered.acquire();
  std::thread stopper([&] { server.server().stop(60s); });
  CHECK(idle.closed());
  CHECK_THROWS(RawClient(port).response().value());
  gate.open = true;
  const auto response = busy.response();
  stopper.join();
  REQUIRE(response);
  CHECK(response->body == "passed");
  CHECK(response->header("connection") == "close");
  CHECK(server.server().connection_count() == 0);
}

TEST_CASE("stop() cancels what does not end in time") {
  TestServer server;
  Gate gate;
  server.router().add(Method::get, "/slow", passing(gate));
  RawClient client(server.start());
  client.send(get_request("/slow"));
  gate.entered.acquire();
  server.server().stop(10ms);
  CHECK(client.closed());
  // The handler's fiber was woken by its cancellation; it ends in its own time.
  const auto limit = std::chrono::steady_clock::now() + 10s;
  while (server.runtime().fiber_count() != 0 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::yield();
  }
  CHECK(server.runtime().fiber_count() == 0);
  server.server().stop(0ms);  // again does nothing
}

TEST_CASE("a server can be stopped in a fiber, and outlive its runtime's work") {
  mpf::http::Router router;
  router.add(Method::get, "/", hello);
  mpf::fiber::run([&] {
    mpf::fiber::Runtime& runtime = mpf::fiber::Loop::current()->runtime();
    mpf::http::Server server(runtime, router, {.port = 0});
    server.start();
    mpf::fiber::offload([&] { CHECK(fetch(server.port(), get_request("/")).body == "hello"); });
    server.stop(1s);
  });
  mpf::fiber::Runtime runtime({.loops = 2});
  mpf::http::Server server(runtime, router, {.port = 0});
  server.start();
  RawClient client(server.port());
  client.send(get_request("/"));
  CHECK(client.response()->status == 200);
  runtime.stop();
}

TEST_CASE("a port in use, and other addresses that cannot be had") {
  TestServer server;
  const auto port = server.start();
  mpf::http::Router router;
  mpf::http::Server second(server.runtime(), router, {.port = port});
  try {
    second.start();
    FAIL("two servers at one port");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unavailable);
    CHECK(std::string(error.what()).find("127.0.0.1:" + std::to_string(port)) != std::string::npos);
    CHECK(std::string(error.what()).find("another program uses this port") != std::string::npos);
  }
  mpf::http::Server nowhere(server.runtime(), router, {.address = "192.0.2.1", .port = 0});
  CHECK_THROWS_AS(nowhere.start(), Error);
  mpf::http::Server nonsense(server.runtime(), router, {.address = "here", .port = 0});
  CHECK_THROWS_AS(nonsense.start(), Error);
  CHECK_THROWS_AS(mpf::http::Server(server.runtime(), router, {.server_name = "a\r\nb"}), Error);
}
