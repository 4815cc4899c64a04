#include <mpf/fiber/fiber.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <mpf/base/error.hpp>

using namespace std::chrono_literals;
namespace fiber = mpf::fiber;

namespace {

mpf::ErrorKind kind_of(const auto& fn) {
  try {
    fn();
  } catch (const mpf::Error& error) {
    return error.kind();
  }
  FAIL("nothing was thrown");
  return mpf::ErrorKind::internal;
}

}  // namespace

TEST_CASE("run gives the result of its function, or throws what it threw") {
  CHECK(fiber::run([] { return 7; }) == 7);
  CHECK(fiber::run([] { return std::make_unique<int>(3); }) != nullptr);
  CHECK_NOTHROW(fiber::run([] {}));
  CHECK_THROWS_WITH_AS(fiber::run([] { mpf::fail(mpf::ErrorKind::conflict, "taken"); }), "taken", mpf::Error);
  CHECK(fiber::run([] { return fiber::in_fiber(); }));
  CHECK_FALSE(fiber::in_fiber());
}

TEST_CASE("a fiber stays on its loop and is joined from others") {
  fiber::Runtime runtime({.loops = 2});
  auto outer = fiber::spawn(runtime, [&] {
    std::vector<fiber::Fiber<std::size_t>> fibers;
    for (std::size_t i = 0; i < 20; ++i) {
      fibers.push_back(fiber::spawn(
          [] {
            const auto thread = std::this_thread::get_id();
            const auto* const loop = fiber::Loop::current();
            for (int k = 0; k < 10; ++k) {
              k % 2 == 0 ? fiber::yield() : fiber::sleep_for(1us);
              if (std::this_thread::get_id() != thread || fiber::Loop::current() != loop)
                return std::size_t{99};
            }
            return loop->index();
          },
          {.loop = &runtime.loop(i % 2)}));
    }
    for (std::size_t i = 0; i < 20; ++i) CHECK(fibers[i].get() == i % 2);
  });
  outer.get();
  CHECK(runtime.fiber_count() == 0);
  CHECK(fiber::Loop::current() == nullptr);
}

TEST_CASE("fibers of one loop take turns") {
  fiber::run(
      [] {
        std::string order;
        auto a = fiber::spawn([&] {
          for (int i = 0; i < 3; ++i) {
            order += 'a';
            fiber::yield();
          }
        });
        auto b = fiber::spawn([&] {
          for (int i = 0; i < 3; ++i) {
            order += 'b';
            fiber::yield();
          }
        });
        a.get();
        b.get();
        CHECK(order == "ababab");
      },
      {.loops = 1});
}

TEST_CASE("sleeping takes its time, and no timer is lost among many") {
  fiber::run([] {
    std::vector<fiber::Fiber<bool>> fibers;
    for (int i = 0; i < 500; ++i) {
      fibers.push_back(fiber::spawn([i] {
        const auto duration = std::chrono::microseconds((i * 7919) % 20000);
        const auto begin = fiber::SteadyClock::now();
        fiber::sleep_for(duration);
        return fiber::SteadyClock::now() - begin >= duration;
      }));
    }
    for (auto& f : fibers) CHECK(f.get());
  });
}

TEST_CASE("cancelling ends the current wait, and every later one") {
  fiber::run([] {
    int waits = 0;
    auto sleeper = fiber::spawn([&] {
      for (int i = 0; i < 3; ++i) {
        try {
          fiber::sleep_for(1h);
        } catch (const fiber::Cancelled&) {
          ++waits;
        }
      }
      fiber::yield();
      FAIL("yield() is a wait");
    });
    fiber::yield();
    sleeper.cancel();
    sleeper.cancel();
    CHECK_THROWS_AS(sleeper.get(), fiber::Cancelled);
    CHECK(waits == 3);
  });
}

TEST_CASE("a fiber that is cancelled before it begins does not begin, and frees what it captured") {
  fiber::run(
      [] {
        const auto captured = std::make_shared<int>(1);
        auto never = fiber::spawn([captured] { FAIL("it began"); });
        never.cancel();
        CHECK_THROWS_AS(never.get(), fiber::Cancelled);
        CHECK(captured.use_count() == 1);
      },
      {.loops = 1});
}

TEST_CASE("a shield holds cancellation and deadline off until it goes") {
  fiber::run([] {
    std::string order;
    auto shielded = fiber::spawn([&] {
      {
        const fiber::ShieldScope shield;
        const fiber::DeadlineScope passed(-1s);
        fiber::sleep_for(2ms);
        fiber::checkpoint();
        order += "slept ";
      }
      fiber::sleep_for(1h);
    });
    fiber::yield();
    shielded.cancel();
    CHECK_THROWS_AS(shielded.get(), fiber::Cancelled);
    CHECK(order == "slept ");
  });
}

TEST_CASE("the destructor cancels and waits") {
  fiber::run([] {
    bool unwound = false;
    {
      const auto f = fiber::spawn([&] {
        struct Unwind {
          bool& done;
          ~Unwind() {
            const fiber::ShieldScope shield;
            fiber::sleep_for(2ms);
            done = true;
          }
        } unwind{unwound};
        fiber::sleep_for(1h);
      });
      fiber::yield();
    }
    CHECK(unwound);
  });
}

TEST_CASE("every wait keeps the deadline") {
  fiber::run([] {
    CHECK(fiber::deadline() == fiber::TimePoint::max());
    {
      const fiber::DeadlineScope outer(5ms);
      const auto at = fiber::deadline();
      {
        const fiber::DeadlineScope later(1h);
        CHECK(fiber::deadline() == at);
      }
      CHECK(kind_of([] { fiber::sleep_for(1h); }) == mpf::ErrorKind::timeout);
      CHECK(fiber::SteadyClock::now() >= at);
      CHECK(kind_of([] { fiber::yield(); }) == mpf::ErrorKind::timeout);
      CHECK(kind_of([] { fiber::checkpoint(); }) == mpf::ErrorKind::timeout);
    }
    CHECK(fiber::deadline() == fiber::TimePoint::max());
    fiber::sleep_for(1us);
  });
}

TEST_CASE("a deadline is inherited, unless asked otherwise") {
  fiber::run([] {
    const fiber::DeadlineScope scope(1h);
    CHECK(fiber::spawn([] { return fiber::deadline(); }).get() == fiber::deadline());
    CHECK(fiber::spawn([] { return fiber::deadline(); }, {.inherit = false}).get() ==
          fiber::TimePoint::max());
  });
}

TEST_CASE("waits that end early leave later, longer and shorter ones right") {
  fiber::run([] {
    for (const auto first : {100us, 3000us, 100'000'000us}) {
      auto waiter = std::make_shared<fiber::Waiter>();
      fiber::Loop::current()->post([waiter] { waiter->wake(); });
      waiter->wait_until(fiber::SteadyClock::now() + first);
      for (const auto second : {5ms, 1ms}) {
        const auto begin = fiber::SteadyClock::now();
        fiber::Waiter unwoken;
        CHECK_FALSE(unwoken.wait_until(begin + second));
        CHECK(fiber::SteadyClock::now() - begin >= second);
        CHECK(fiber::SteadyClock::now() - begin < 50s);
      }
    }
  });
}

TEST_CASE("a joiner whose own wait ends still owns the fiber") {
  fiber::run([] {
    auto endless = fiber::spawn([] { fiber::sleep_for(1h); }, {.inherit = false});
    {
      const fiber::DeadlineScope soon(2ms);
      CHECK(kind_of([&] { endless.get(); }) == mpf::ErrorKind::timeout);
    }
    CHECK_FALSE(endless.done());
    endless.cancel();
    CHECK_THROWS_AS(endless.get(), fiber::Cancelled);
    CHECK(endless.done());
  });
}

TEST_CASE("waiters are woken by threads and callbacks, before and during the wait") {
  fiber::run([] {
    for (int i = 0; i < 200; ++i) {
      fiber::Waiter waiter;
      std::atomic<bool> waking{false};
      std::thread waker([&] {
        waking = true;
        waiter.wake();
      });
      if (i % 2 == 0) fiber::yield();
      waiter.wait();
      CHECK(waking);
      waker.join();
    }
    fiber::Waiter again;
    CHECK_FALSE(again.wait_until(fiber::SteadyClock::now()));
    again.wake();
    again.wake();
    again.wait();
    CHECK(again.wait_until(fiber::SteadyClock::now()));
  });
}

TEST_CASE("what a detached fiber throws goes to the hook, with the fiber's name") {
  std::atomic<int> reports{0};
  fiber::RuntimeOptions options;
  options.on_exception = [&](std::string_view name, const std::exception_ptr& error) {
    CHECK(name == "a fiber with a name longer than any word");
    CHECK_THROWS_WITH(std::rethrow_exception(error), "lost");
    ++reports;
  };
  fiber::run(
      [&] {
        const auto fail = [] { mpf::fail(mpf::ErrorKind::internal, "lost"); };
        const auto name = std::string("a fiber with a name longer than any word");
        fiber::spawn(fail, {.name = name}).detach();
        auto ended = fiber::spawn(fail, {.name = name});
        while (!ended.done()) fiber::yield();
        CHECK(reports == 1);
        ended.detach();
        CHECK(reports == 2);
        {
          auto dropped = fiber::spawn(fail, {.name = name});
          while (!dropped.done()) fiber::yield();
        }
        CHECK(reports == 3);
        auto cancelled = fiber::spawn([] { fiber::sleep_for(1h); }, {.name = "cancelled"});
        fiber::yield();
        cancelled.cancel();
        cancelled.detach();
      },
      options);
  CHECK(reports == 3);
}

TEST_CASE("a hundred thousand fibers") {
  fiber::Runtime runtime({.loops = 2});
  std::atomic<int> ran{0};
  fiber::spawn(runtime, [&] {
    // Mostly on stacks of the pool, at times on many more.
    for (int left = 100'000; left > 0;) {
      std::vector<fiber::Fiber<>> fibers;
      for (int i = left % 10'000 == 0 ? 1000 : 100; i > 0; --i, --left) {
        fibers.push_back(fiber::spawn(
            [&] {
              fiber::yield();
              ++ran;
            },
            {.loop = &runtime.next_loop()}));
      }
      for (auto& f : fibers) f.get();
    }
  }).get();
  CHECK(ran == 100'000);
  CHECK(runtime.fiber_count() == 0);
}
