#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/cache/cache.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

using namespace std::chrono_literals;
using mpf::cache::Cache;
using mpf::cache::Group;
using mpf::cache::key;

namespace {

const Group content = Group::system("content");

void wait_for_joined(const Cache& cache, std::uint64_t count) {
  while (cache.stats().joined < count) mpf::fiber::yield();
}

}  // namespace

TEST_CASE("one loader runs for all who ask, over all loops") {
  mpf::fiber::run(
      [] {
        Cache cache;
        std::atomic<int> calls{0};
        constexpr int askers = 200;
        std::vector<mpf::fiber::Fiber<int>> fibers;
        mpf::fiber::Semaphore go(0);
        auto& runtime = mpf::fiber::Loop::current()->runtime();
        for (int i = 0; i < askers; ++i) {
          fibers.push_back(mpf::fiber::spawn(
              [&] {
                return *cache.get<int>(key("a"), content, [&] {
                  ++calls;
                  go.acquire();
                  return 42;
                });
              },
              {.loop = &runtime.next_loop()}));
        }
        wait_for_joined(cache, askers - 1);
        go.release();
        for (auto& fiber : fibers) CHECK(fiber.get() == 42);
        CHECK(calls == 1);
        CHECK(cache.stats().loads == 1);
      },
      {.loops = 4});
}

TEST_CASE("what the loader throws, all of that flight get") {
  mpf::fiber::run([] {
    Cache cache;
    mpf::fiber::Semaphore go(0);
    const auto load = [&]() -> int {
      go.acquire();
      mpf::fail(mpf::ErrorKind::conflict, "no luck");
    };
    std::vector<mpf::fiber::Fiber<std::string>> fibers;
    for (int i = 0; i < 10; ++i) {
      fibers.push_back(mpf::fiber::spawn([&] {
        try {
          cache.get<int>(key("a"), content, load);
          return std::string("value");
        } catch (const mpf::Error& error) {
          return std::string(error.what());
        }
      }));
    }
    wait_for_joined(cache, 9);
    go.release();
    for (auto& fiber : fibers) CHECK(fiber.get() == "no luck");
    CHECK(cache.stats().loads == 1);
    CHECK(*cache.get<int>(key("a"), content, [] { return 5; }) == 5);
  });
}

TEST_CASE("a cancelled leader hands over to one who waits") {
  mpf::fiber::run([] {
    Cache cache;
    mpf::fiber::Semaphore go(0);
    std::atomic<int> calls{0};
    const auto load = [&] {
      const int call = ++calls;
      go.acquire();
      return call;
    };
    const auto ask = [&] { return *cache.get<int>(key("a"), content, load); };
    auto leader = mpf::fiber::spawn(ask);
    while (calls == 0) mpf::fiber::yield();
    std::vector<mpf::fiber::Fiber<int>> others;
    for (int i = 0; i < 5; ++i) others.push_back(mpf::fiber::spawn(ask));
    wait_for_joined(cache, 5);
    leader.cancel();
    CHECK_THROWS_AS(leader.get(), mpf::fiber::Cancelled);
    while (calls < 2) mpf::fiber::yield();
    go.release();
    for (auto& fiber : others) CHECK(fiber.get() == 2);
    CHECK(calls == 2);
  });
}

TEST_CASE("a leader out of time hands over; one who waits keeps its own deadline") {
  mpf::fiber::run([] {
    Cache cache;
    mpf::fiber::Semaphore go(0);
    std::atomic<int> calls{0};
    const auto load = [&] {
      const int call = ++calls;
      go.acquire();
      return call;
    };
    auto leader = mpf::fiber::spawn([&] {
      const mpf::fiber::DeadlineScope deadline(30ms);
      return *cache.get<int>(key("a"), content, load);
    });
    while (calls == 0) mpf::fiber::yield();
    auto patient = mpf::fiber::spawn([&] { return *cache.get<int>(key("a"), content, load); });
    auto hasty = mpf::fiber::spawn([&] {
      const mpf::fiber::DeadlineScope deadline(5ms);
      return *cache.get<int>(key("a"), content, load);
    });
    CHECK_THROWS_AS(hasty.get(), mpf::Error);
    CHECK_THROWS_AS(leader.get(), mpf::Error);
    go.release();
    CHECK(patient.get() == 2);
  });
}

TEST_CASE("who comes after a bump does not join a flight from before it") {
  mpf::fiber::run([] {
    Cache cache;
    int row = 1;
    mpf::fiber::Semaphore go(0);
    std::atomic<int> calls{0};
    const auto load = [&] {
      const int seen = row;
      ++calls;
      go.acquire();
      return seen;
    };
    const auto ask = [&] { return *cache.get<int>(key("a"), content, load); };
    auto before = mpf::fiber::spawn(ask);
    while (calls < 1) mpf::fiber::yield();
    row = 2;
    cache.bump(content);
    auto after = mpf::fiber::spawn(ask);
    while (calls < 2) mpf::fiber::yield();
    go.release();
    go.release();
    CHECK(before.get() == 1);
    CHECK(after.get() == 2);
    CHECK(*cache.get<int>(key("a"), content, load) == 2);
    CHECK(calls == 2);
  });
}

TEST_CASE("a loader that asks for its own key is told so") {
  mpf::fiber::run([] {
    Cache cache;
    const auto ask_again = [&] { return *cache.get<int>(key("a"), content, [] { return 1; }); };
    CHECK_THROWS_WITH_AS(cache.get<int>(key("a"), content, ask_again), doctest::Contains("the same key"),
                         mpf::Error);
    CHECK(*cache.get<int>(key("a"), content, [] { return 1; }) == 1);
  });
}

TEST_CASE("loaders that need each other's values do not wait for each other for ever") {
  mpf::fiber::run([] {
    Cache cache;
    std::atomic<int> inside{0};
    const auto meet = [&] {
      ++inside;
      while (inside < 2) mpf::fiber::yield();
    };
    // Each loads its key and reads the other's, which the other is loading.
    const auto ask = [&](const char* mine, const char* other) {
      return *cache.get<int>(key(mine), content, [&, other] {
        meet();
        return 1 + *cache.get<int>(key(other), content, [] { return 10; });
      });
    };
    const mpf::fiber::DeadlineScope deadline(20s);
    auto first = mpf::fiber::spawn([&] { return ask("a", "b"); });
    auto second = mpf::fiber::spawn([&] { return ask("b", "a"); });
    const int sum = first.get() + second.get();
    CHECK((sum == 22 || sum == 11 + 12));
  });
}

TEST_CASE("loaders may read other keys") {
  mpf::fiber::run([] {
    Cache cache;
    const auto ask = [&](int depth, auto&& self) -> int {
      return *cache.get<int>(key("d", depth), content,
                             [&] { return depth == 0 ? 1 : 1 + self(depth - 1, self); });
    };
    CHECK(ask(20, ask) == 21);
    CHECK(cache.stats().entries == 21);
  });
}
