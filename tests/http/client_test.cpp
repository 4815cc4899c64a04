#include <mpf/http/client.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include <mpf/base/error.hpp>
#include <mpf/fiber/fiber.hpp>

#include "http/fixture.hpp"

using namespace std::chrono_literals;
using mpf::Error;
using mpf::ErrorKind;
using mpf::http::Client;
using mpf::http::Method;
using mpf::http::Request;
using mpf::http::Response;
using mpf::test::TestServer;

namespace {

template <class Fn>
ErrorKind kind_of(Fn&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::internal;
}

}  // namespace

TEST_CASE("the client against the server") {
  TestServer server;
  for (const Method method : {Method::get, Method::post, Method::put, Method::patch, Method::del}) {
    server.router().add(method, "/echo", [](Request& r) {
      return Response::text(std::string(to_string(r.method)) + r.target + r.body, 201)
          .header("X-Seen", r.header("X-Sent"));
    });
  }
  server.router().add(Method::get, "/large",
                      [](Request&) { return Response::text(std::string(100'000, 'x')); });
  server.router().add(Method::get, "/moved", [](Request&) { return Response::redirect("/echo"); });
  server.router().add(Method::get, "/slow", [](Request&) {
    mpf::fiber::sleep_for(10min);
    return Response();
  });
  const std::string base = "http://127.0.0.1:" + std::to_string(server.start());

  mpf::fiber::run([&] {
    const Client client;
    mpf::http::ClientRequest request;
    for (const Method method : {Method::post, Method::put, Method::patch, Method::del}) {
      request.method = method;
      request.url = base + "/echo?a=%20b&c";
      request.body = "body";
      request.headers.set("X-Sent", "yes");
      const auto response = client.send(request);
      CHECK(response.status == 201);
      CHECK(response.body == std::string(to_string(method)) + "/echo?a=%20b&cbody");
      CHECK(response.headers.find("x-seen") == "yes");
    }
    CHECK(client.get(base + "/none").status == 404);
    CHECK(client.get(base + "/moved").status == 303);
    CHECK(Client({.follow_redirects = true}).get(base + "/moved").body == "GET/echo");

    CHECK(client.get(base + "/large").body.size() == 100'000);
    CHECK(kind_of([&] { Client({.max_response_bytes = 99'999}).get(base + "/large"); }) ==
          ErrorKind::too_large);
    CHECK(Client({.max_response_bytes = 100'000}).get(base + "/large").status == 200);

    CHECK(kind_of([&] { Client({.timeout = 30ms}).get(base + "/slow"); }) == ErrorKind::timeout);
    CHECK(kind_of([&] {
            const mpf::fiber::DeadlineScope deadline(30ms);
            client.get(base + "/slow");
          }) == ErrorKind::timeout);
    CHECK(kind_of([&] { client.get("http://127.0.0.1:1/"); }) == ErrorKind::unavailable);
    for (const char* url :
         {"", "nothing", "ftp://a/", "http://", "http://u:p@a/", "http://a/\r\nX: y", "file:///etc"}) {
      CAPTURE(url);
      CHECK(kind_of([&] { client.get(url); }) == ErrorKind::invalid);
    }
  });
}

TEST_CASE("the loop goes on while the client waits") {
  TestServer server;
  server.router().add(Method::get, "/", [](Request&) {
    mpf::fiber::sleep_for(30ms);
    return Response::text("x");
  });
  const std::string url = "http://127.0.0.1:" + std::to_string(server.start()) + "/";
  mpf::fiber::run(
      [&] {
        int turns = 0;
        bool done = false;
        auto other = mpf::fiber::spawn([&] {
          while (!done) {
            ++turns;
            mpf::fiber::sleep_for(1ms);
          }
        });
        CHECK(Client().get(url).body == "x");
        done = true;
        other.get();
        CHECK(turns > 2);
      },
      {.loops = 1});
}
