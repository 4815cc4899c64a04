#include <mpf/fiber/fiber.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <mpf/base/error.hpp>

using namespace std::chrono_literals;
namespace fiber = mpf::fiber;

TEST_CASE("offload runs its function on another thread while the loop goes on") {
  fiber::run(
      [] {
        std::binary_semaphore other_ran(0);
        auto other = fiber::spawn([&] { other_ran.release(); });
        const auto loop_thread = std::this_thread::get_id();
        const auto thread = fiber::offload([&] {
          other_ran.acquire();
          CHECK_FALSE(fiber::in_fiber());
          CHECK(fiber::Loop::current() == nullptr);
          return std::this_thread::get_id();
        });
        CHECK(thread != loop_thread);
        CHECK(std::this_thread::get_id() == loop_thread);
        other.get();
      },
      {.loops = 1});
}

TEST_CASE("results, move-only ones too, and exceptions come back") {
  fiber::run([] {
    CHECK(*fiber::offload([] { return std::make_unique<int>(5); }) == 5);
    CHECK_THROWS_WITH(fiber::offload([] { mpf::fail(mpf::ErrorKind::corrupt, "broken"); }), "broken");
    CHECK_NOTHROW(fiber::offload([] {}));
  });
  CHECK(fiber::offload([] { return 1; }) == 1);
}

TEST_CASE("a function that has begun runs to its end, and its result counts") {
  fiber::run([] {
    std::binary_semaphore begun(0);
    std::binary_semaphore may_end(0);
    auto cancelled = fiber::spawn([&] {
      const int result = fiber::offload([&] {
        begun.release();
        may_end.acquire();
        return 9;
      });
      CHECK(result == 9);
      fiber::checkpoint();
    });
    fiber::offload([&] { begun.acquire(); });
    cancelled.cancel();
    for (int i = 0; i < 10; ++i) fiber::yield();
    CHECK_FALSE(cancelled.done());
    may_end.release();
    CHECK_THROWS_AS(cancelled.get(), fiber::Cancelled);

    // On a busy machine a short deadline may pass before the function begins: then it is not run.
    bool begun_in_time = false;
    bool ended = false;
    for (auto in = 1ms; !begun_in_time; in *= 2) {
      const fiber::DeadlineScope soon(in);
      try {
        fiber::offload([&] {
          begun_in_time = true;
          while (fiber::SteadyClock::now() < fiber::deadline()) std::this_thread::yield();
          CHECK_THROWS_AS(fiber::checkpoint(), mpf::Error);
          ended = true;
        });
      } catch (const mpf::Error&) {
        REQUIRE_FALSE(begun_in_time);
      }
    }
    CHECK(ended);
  });
}

TEST_CASE("a long function may ask whether its fiber was cancelled") {
  fiber::run([] {
    std::binary_semaphore begun(0);
    auto cancelled = fiber::spawn([&] {
      fiber::offload([&] {
        begun.release();
        for (;;) fiber::checkpoint();
      });
    });
    fiber::offload([&] { begun.acquire(); });
    cancelled.cancel();
    CHECK_THROWS_AS(cancelled.get(), fiber::Cancelled);
  });
}

TEST_CASE("the pool is bounded; what waits for a thread can be withdrawn, what does not fit fails") {
  fiber::RuntimeOptions options;
  options.loops = 1;
  options.offload_threads = 2;
  options.offload_queue = 1;
  fiber::run(
      [] {
        std::counting_semaphore<> may_end(0);
        std::counting_semaphore<> begun(0);
        std::atomic<int> ran{0};
        const auto block = [&] {
          fiber::offload([&] {
            ++ran;
            begun.release();
            may_end.acquire();
          });
        };
        auto first = fiber::spawn(block);
        auto second = fiber::spawn(block);
        fiber::yield();
        begun.acquire();
        begun.acquire();
        auto waiting = fiber::spawn(block);
        fiber::yield();
        try {
          block();
          FAIL("the queue was full");
        } catch (const mpf::Error& error) {
          CHECK(error.kind() == mpf::ErrorKind::unavailable);
        }
        waiting.cancel();
        CHECK_THROWS_AS(waiting.get(), fiber::Cancelled);
        may_end.release(2);
        first.get();
        second.get();
        CHECK(ran == 2);
      },
      options);
}

TEST_CASE("many fibers of two loops offload at once") {
  fiber::Runtime runtime({.loops = 2});
  std::atomic<int> sum{0};
  fiber::spawn(runtime, [&] {
    std::vector<fiber::Fiber<>> fibers;
    for (int i = 0; i < 200; ++i) {
      fibers.push_back(fiber::spawn(
          [&] {
            for (int k = 0; k < 20; ++k) sum += fiber::offload([&] { return k; });
          },
          {.loop = &runtime.next_loop()}));
    }
    for (auto& f : fibers) f.get();
  }).get();
  CHECK(sum == 200 * 190);
}
