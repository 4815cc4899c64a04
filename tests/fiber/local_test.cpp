#include <mpf/fiber/local.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>

#include <mpf/fiber/fiber.hpp>

namespace fiber = mpf::fiber;

namespace {

constexpr fiber::Local<std::string> request{};
constexpr fiber::Local<int> own{false};

std::string request_or(const char* otherwise) { return request.get() ? *request.get() : otherwise; }

}  // namespace

TEST_CASE("a local holds for its scope, and scopes nest") {
  fiber::run([] {
    CHECK(request.get() == nullptr);
    {
      const auto outer = request.set(std::make_shared<std::string>("outer"));
      {
        const auto inner = request.set(std::make_shared<std::string>("inner"));
        const auto other = own.set(std::make_shared<int>(1));
        CHECK(request_or("") == "inner");
        CHECK(*own.share() == 1);
        const auto none = request.set(nullptr);
        CHECK(request_or("none") == "none");
        CHECK(*own.get() == 1);
      }
      CHECK(request_or("") == "outer");
      CHECK(own.get() == nullptr);
    }
    CHECK(request.get() == nullptr);
  });
}

TEST_CASE("locals are each fiber's own; children inherit those that say so") {
  fiber::run(
      [] {
        const auto outer = request.set(std::make_shared<std::string>("parent"));
        const auto mine = own.set(std::make_shared<int>(1));
        auto child = fiber::spawn([] {
          CHECK(own.get() == nullptr);
          CHECK(request_or("") == "parent");
          const auto changed = request.set(std::make_shared<std::string>("child"));
          fiber::yield();
          CHECK(request_or("") == "child");
        });
        auto stranger = fiber::spawn([] { CHECK(request.get() == nullptr); }, {.inherit = false});
        fiber::yield();
        CHECK(request_or("") == "parent");
        child.get();
        stranger.get();
        CHECK(*own.get() == 1);
      },
      {.loops = 1});
}

TEST_CASE("a value lives as long as the fibers that hold it") {
  const auto value = std::make_shared<std::string>("held");
  fiber::Runtime runtime({.loops = 1});
  fiber::Fiber<> child;
  fiber::spawn(runtime, [&] {
    const auto scope = request.set(value);
    child = fiber::spawn([] {});
  }).get();
  child.get();
  CHECK(value.use_count() == 1);
}

TEST_CASE("outside fibers a local is the thread's, and goes with it") {
  const auto value = std::make_shared<std::string>("main");
  const auto scope = request.set(value);
  std::thread([&] {
    CHECK(request.get() == nullptr);
    const auto leaked_on_purpose = std::make_shared<int>(1);
    const auto here = own.set(leaked_on_purpose);
    CHECK(*own.get() == 1);
  }).join();
  CHECK(request_or("") == "main");
  CHECK(value.use_count() == 2);
}

TEST_CASE("a thread that works for a fiber sees its locals and deadline") {
  fiber::run([] {
    const auto scope = request.set(std::make_shared<std::string>("caller"));
    const fiber::DeadlineScope deadline(std::chrono::hours(1));
    const auto at = fiber::deadline();
    fiber::offload([&] {
      CHECK(request_or("") == "caller");
      CHECK(fiber::deadline() == at);
      const auto inner = request.set(std::make_shared<std::string>("inner"));
      CHECK(fiber::spawn([] { return request_or(""); }).get() == "inner");
    });
    CHECK(request_or("") == "caller");
  });
}
