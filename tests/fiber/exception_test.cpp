#include <mpf/fiber/sync.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
namespace fiber = mpf::fiber;

namespace {

/// Waits within nested handlers, and expects that each still handles its own exception afterwards.
std::string wait_in_handlers(const std::string& mark, int rounds) {
  std::string seen;
  for (int i = 0; i < rounds; ++i) {
    try {
      try {
        throw std::runtime_error(mark + "-outer");
      } catch (const std::exception&) {
        fiber::yield();
        try {
          throw std::logic_error(mark + "-inner");
        } catch (...) {
          fiber::sleep_for(50us);
          try {
            throw;
          } catch (const std::logic_error& inner) {
            fiber::yield();
            if (inner.what() != mark + "-inner") seen += "wrong inner ";
          }
        }
        fiber::yield();
        throw;
      }
    } catch (const std::runtime_error& outer) {
      if (outer.what() != mark + "-outer") seen += "wrong outer ";
    }
    if (std::current_exception() || std::uncaught_exceptions() != 0) seen += "left over ";
  }
  return seen;
}

}  // namespace

TEST_CASE("a fiber may wait in a handler and rethrow, whatever others throw meanwhile") {
  fiber::run(
      [] {
        std::vector<fiber::Fiber<std::string>> fibers;
        for (int i = 0; i < 20; ++i) {
          fibers.push_back(fiber::spawn([i] { return wait_in_handlers("fiber " + std::to_string(i), 20); }));
        }
        for (auto& f : fibers) CHECK(f.get() == "");
      },
      {.loops = 1});
}

TEST_CASE("a fiber may end while another is in a handler, in any order") {
  fiber::run(
      [] {
        fiber::Semaphore first_may_go(0);
        auto first = fiber::spawn([&] {
          try {
            throw 1;
          } catch (int) {
            first_may_go.acquire();
            try {
              throw;
            } catch (int value) {
              return value;
            }
          }
          return 0;
        });
        auto second = fiber::spawn([&] {
          try {
            throw 2;
          } catch (int value) {
            fiber::yield();
            return value;
          }
        });
        CHECK(second.get() == 2);
        CHECK(std::current_exception() == nullptr);
        first_may_go.release();
        CHECK(first.get() == 1);
      },
      {.loops = 1});
}

TEST_CASE("a fiber may wait in a destructor while an exception is in flight") {
  fiber::run(
      [] {
        struct Waits {
          ~Waits() {
            CHECK(std::uncaught_exceptions() == 1);
            fiber::sleep_for(1ms);
            CHECK(std::uncaught_exceptions() == 1);
          }
        };
        const auto body = [] {
          const Waits waits;
          throw std::runtime_error("in flight");
        };
        auto a = fiber::spawn(body);
        auto b = fiber::spawn(body);
        fiber::yield();
        CHECK(std::uncaught_exceptions() == 0);
        CHECK_THROWS_WITH(a.get(), "in flight");
        CHECK_THROWS_WITH(b.get(), "in flight");
      },
      {.loops = 1});
}

TEST_CASE("an exception crosses from loop to loop") {
  fiber::Runtime runtime({.loops = 2});
  fiber::spawn(runtime, [&] {
    for (int i = 0; i < 200; ++i) {
      auto thrower = fiber::spawn([i] { throw std::runtime_error(std::to_string(i)); },
                                  {.loop = &runtime.loop(static_cast<std::size_t>(i) % 2)});
      CHECK_THROWS_WITH(thrower.get(), std::to_string(i).c_str());
    }
  }).get();
}
