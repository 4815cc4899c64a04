#pragma once

#include <atomic>
#include <chrono>
#include <semaphore>

#include <mpf/fiber/fiber.hpp>
#include <mpf/http/router.hpp>

namespace mpf::test {

/// Lets a handler wait until the test says so.
struct Gate {
  std::binary_semaphore entered{0};
  std::atomic<bool> open{false};

  http::Response pass(http::Request&) {
    entered.release();
    while (!open) fiber::sleep_for(std::chrono::milliseconds(1));
    return http::Response::text("passed");
  }
};

inline http::Handler passing(Gate& gate) {
  return [&gate](http::Request& request) { return gate.pass(request); };
}

inline http::Response hello(http::Request&) { return http::Response::text("hello"); }

}  // namespace mpf::test
