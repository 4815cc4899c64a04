#include <mpf/http/server.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <semaphore>
#include <set>
#include <thread>

#include <mpf/base/error.hpp>
#include <mpf/fiber/fiber.hpp>

#include "http/fixture.hpp"

using namespace std::chrono_literals;
using mpf::Error;
using mpf::ErrorKind;
using mpf::http::Method;
using mpf::http::Request;
using mpf::http::Response;
using mpf::test::fetch;
using mpf::test::get_request;
using mpf::test::RawClient;
using mpf::test::TestServer;

namespace {

/// Lets a handler wait until the test says so.
struct Gate {
  std::binary_semaphore entered{0};
  std::atomic<bool> open{false};

  Response pass(Request&) {
    entered.release();
    while (!open) mpf::fiber::sleep_for(1ms);
    return Response::text("passed");
  }
};

mpf::http::Handler passing(Gate& gate) {
  return [&gate](Request& request) { return gate.pass(request); };
}

Response hello(Request&) { return Response::text("hello"); }

}  // namespace

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

TEST_CASE("clients that vanish leave nothing behind") {
  TestServer server;
  Gate gate;
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
