#include <mpf/fiber/runtime.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <future>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

#include "fiber/loop_impl.hpp"

using namespace std::chrono_literals;
namespace fiber = mpf::fiber;

namespace {

[[gnu::noinline]] void hold_the_loop(const fiber::Runtime& until_told) {
  while (until_told.stall_count() == 0) std::this_thread::yield();
}

}  // namespace

TEST_CASE("stop cancels all fibers, detached ones and those that wait for others too") {
  fiber::Runtime runtime({.loops = 2});
  std::atomic<int> unwound{0};
  std::atomic<int> begun{0};
  struct Unwind {
    std::atomic<int>& count;
    ~Unwind() { ++count; }
  };
  for (int i = 0; i < 50; ++i) {
    fiber::spawn(runtime, [&] {
      const Unwind unwind{unwound};
      auto child = fiber::spawn([&] {
        const Unwind child_unwind{unwound};
        ++begun;
        fiber::sleep_for(1h);
      });
      child.get();
    }).detach();
  }
  while (begun < 50) std::this_thread::yield();
  CHECK(runtime.fiber_count() == 100);
  runtime.stop();
  CHECK(unwound == 100);
  CHECK(runtime.fiber_count() == 0);
  runtime.stop();
}

TEST_CASE("a runtime that has stopped takes no fibers; handles stay valid") {
  fiber::Fiber<int> ended;
  fiber::Fiber<> cancelled;
  fiber::Fiber<> thrown;
  {
    fiber::RuntimeOptions options;
    options.on_exception = [](std::string_view, const std::exception_ptr&) {};
    fiber::Runtime runtime(options);
    ended = fiber::spawn(runtime, [] { return 4; });
    while (!ended.done()) std::this_thread::yield();
    cancelled = fiber::spawn(runtime, [] { fiber::sleep_for(1h); });
    thrown = fiber::spawn(runtime, [] { mpf::fail(mpf::ErrorKind::internal, "late"); });
    while (!thrown.done()) std::this_thread::yield();
    runtime.stop();
    CHECK_THROWS_AS(fiber::spawn(runtime, [] {}), mpf::Error);
    CHECK_FALSE(fiber::start(runtime.loop(0), "late", [] {}));
  }
  CHECK(ended.get() == 4);
  CHECK_THROWS_AS(cancelled.get(), fiber::Cancelled);
  thrown.detach();
}

TEST_CASE("stop ends a chain of fibers that start each other") {
  fiber::Runtime runtime({.loops = 2});
  std::atomic<int> links{0};
  fiber::spawn(runtime, [&] {
    try {
      for (;;) {
        fiber::spawn([&] { ++links; }, {.loop = &runtime.next_loop()}).detach();
        const fiber::ShieldScope shield;
        fiber::yield();
      }
    } catch (const mpf::Error& error) {
      CHECK(error.kind() == mpf::ErrorKind::unavailable);
    }
  }).detach();
  while (links < 100) std::this_thread::yield();
  runtime.stop();
  CHECK(runtime.fiber_count() == 0);
}

TEST_CASE("runtimes live beside each other") {
  fiber::Runtime a({.loops = 1});
  fiber::Runtime b({.loops = 1});
  CHECK(fiber::spawn(a, [&] {
          return fiber::spawn(b, [&] { return &fiber::Loop::current()->runtime(); }).get();
        }).get() == &b);
  CHECK(&a.loop(0).runtime() == &a);
}

TEST_CASE("callbacks run on the loop's thread, and must not wait") {
  fiber::Runtime runtime({.loops = 2});
  std::promise<std::size_t> index;
  std::promise<mpf::ErrorKind> refused;
  runtime.loop(1).post([&] {
    index.set_value(fiber::Loop::current()->index());
    try {
      fiber::sleep_for(1ms);
    } catch (const mpf::Error& error) {
      refused.set_value(error.kind());
    }
  });
  CHECK(index.get_future().get() == 1);
  CHECK(refused.get_future().get() == mpf::ErrorKind::internal);
}

TEST_CASE("a fiber for a callback begins within it") {
  fiber::Runtime runtime({.loops = 1});
  std::string order;
  std::promise<void> done;
  fiber::Loop& loop = runtime.loop(0);
  loop.post([&] {
    order += "callback ";
    const bool started = fiber::start(loop, "handler", [&] {
      order += "fiber ";
      fiber::start(loop, "other", [&] {
        order += "other";
        done.set_value();
      });
      order += "fiber ";
      fiber::yield();
    });
    order += started ? "callback " : "";
  });
  done.get_future().get();
  CHECK(order == "callback fiber fiber callback other");
}

TEST_CASE("timers of a loop fire in order; those disarmed do not") {
  struct Recorded : fiber::Timer {
    Recorded(std::string& to, char as) : Timer(&Recorded::on_fire), order(to), name(as) {}
    static void on_fire(Timer& timer, fiber::TimePoint now) noexcept {
      auto& self = static_cast<Recorded&>(timer);
      if (now >= self.at) self.order += self.name;
    }
    std::string& order;
    char name;
  };
  fiber::run(
      [] {
        std::string order;
        std::vector<std::unique_ptr<Recorded>> timers;
        const auto now = fiber::SteadyClock::now();
        auto& loop = *fiber::Loop::current();
        for (int i = 0; i < 26; ++i) {
          timers.push_back(std::make_unique<Recorded>(order, static_cast<char>('a' + i)));
          fiber::arm(loop, *timers.back(), now + std::chrono::microseconds(1000 + (i * 11 % 26) * 100));
        }
        for (std::size_t i = 0; i < 26; ++i) {
          fiber::arm(loop, *timers[i], now + std::chrono::microseconds(1000 + static_cast<int>(i) * 100));
        }
        fiber::disarm(loop, *timers[3]);
        fiber::disarm(loop, *timers[25]);
        fiber::disarm(loop, *timers[25]);
        while (timers[24]->armed()) fiber::yield();
        CHECK(order == "abcefghijklmnopqrstuvwxy");
      },
      {.loops = 1});
}

TEST_CASE("the watchdog tells of a fiber that holds its loop: who, how long, where") {
  std::mutex mutex;
  std::vector<fiber::Stall> stalls;
  fiber::RuntimeOptions options;
  options.loops = 2;
  // Far above what a busy machine may keep a thread from running, which the watchdog cannot tell from a
  // stall.
  options.stall_threshold = 500ms;
  options.on_stall = [&](const fiber::Stall& stall) {
    const std::scoped_lock lock(mutex);
    stalls.push_back(stall);
  };
  fiber::Runtime runtime(options);
  auto sleeps = fiber::spawn(runtime, [] { fiber::sleep_for(1200ms); }, {.loop = &runtime.loop(0)});
  auto yields = fiber::spawn(runtime,
                             [] {
                               const auto end = fiber::SteadyClock::now() + 1200ms;
                               while (fiber::SteadyClock::now() < end) fiber::yield();
                             },
                             {.loop = &runtime.loop(1)});
  sleeps.get();
  yields.get();
  CHECK(runtime.stall_count() == 0);
  const auto hold = [&] {
    fiber::set_name("GET /slow");
    hold_the_loop(runtime);
  };
  fiber::spawn(runtime, hold, {.name = "handler", .loop = &runtime.loop(1)}).get();
  runtime.stop();
  REQUIRE(stalls.size() == 1);
  CHECK(stalls[0].loop == 1);
  CHECK(stalls[0].fiber == "GET /slow");
  CHECK(stalls[0].duration >= options.stall_threshold);
  CHECK_MESSAGE(stalls[0].stack.find("hold_the_loop") != std::string::npos, stalls[0].stack);
  CHECK(runtime.stall_count() == 1);
}

TEST_CASE("a watchdog whose report fails goes on watching") {
  std::atomic<int> told{0};
  fiber::RuntimeOptions options;
  options.loops = 1;
  options.on_stall = [&](const fiber::Stall&) {
    ++told;
    throw std::bad_alloc();
  };
  fiber::Runtime runtime(options);
  for (int i = 1; i <= 2; ++i) {
    fiber::spawn(runtime, [&] {
      while (told < i) std::this_thread::yield();
    }).get();
  }
  runtime.stop();
  CHECK(runtime.stall_count() >= 2);
}

TEST_CASE("a stack that overflows ends the process at its guard") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::close(STDERR_FILENO);
    std::signal(SIGSEGV, SIG_DFL);
    std::signal(SIGBUS, SIG_DFL);
    fiber::run([] {
      std::function<int(int)> deeper = [&](int depth) -> int {
        volatile char frame[512] = {};
        frame[depth % 512] = 1;
        return deeper(depth + 1) + frame[depth % 7];
      };
      return deeper(0);
    });
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK_FALSE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  if (WIFSIGNALED(status)) CHECK(WTERMSIG(status) == SIGSEGV);
}

TEST_CASE("when no more stacks can be had, the fiber fails and the others go on") {
  fiber::Runtime runtime({.loops = 1, .stack_bytes = std::size_t{1} << 47});
  auto impossible = fiber::spawn(runtime, [] {});
  CHECK_THROWS_AS(impossible.get(), mpf::Error);
  CHECK(runtime.fiber_count() == 0);
}
