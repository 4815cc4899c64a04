#include <mpf/fiber/sync.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <mpf/base/error.hpp>

using namespace std::chrono_literals;
namespace fiber = mpf::fiber;

namespace {

/// Runs `count` fibers over the loops of a runtime of two, to the end.
template <class Fn>
void on_two_loops(int count, Fn fn) {
  fiber::Runtime runtime({.loops = 2});
  fiber::spawn(runtime, [&] {
    std::vector<fiber::Fiber<>> fibers;
    for (int i = 0; i < count; ++i) {
      fibers.push_back(
          fiber::spawn([&fn, i] { fn(i); }, {.loop = &runtime.loop(static_cast<std::size_t>(i) % 2)}));
    }
    for (auto& f : fibers) f.get();
  }).get();
}

}  // namespace

TEST_CASE("a mutex serves in order and hands over") {
  fiber::run(
      [] {
        fiber::Mutex mutex;
        std::string order;
        std::vector<fiber::Fiber<>> fibers;
        mutex.lock();
        CHECK_FALSE(mutex.try_lock());
        for (const char name : {'a', 'b', 'c'}) {
          fibers.push_back(fiber::spawn([&, name] {
            const std::scoped_lock lock(mutex);
            order += name;
            fiber::yield();
          }));
        }
        fiber::yield();
        mutex.unlock();
        CHECK_FALSE(mutex.try_lock());  // it is a's already
        mutex.lock();                   // behind c
        order += 'm';
        mutex.unlock();
        CHECK(order == "abcm");
        for (auto& f : fibers) f.get();
        CHECK(mutex.try_lock());
        mutex.unlock();
      },
      {.loops = 1});
}

TEST_CASE("a mutex excludes fibers of different loops") {
  fiber::Mutex mutex;
  int plain = 0;
  on_two_loops(20, [&](int i) {
    for (int k = 0; k < 500; ++k) {
      const std::scoped_lock lock(mutex);
      const int before = plain;
      if ((i + k) % 50 == 0) fiber::yield();
      plain = before + 1;
    }
  });
  CHECK(plain == 20 * 500);
}

TEST_CASE("a mutex survives waits that are cancelled or run out while it is handed over") {
  fiber::Mutex mutex;
  int plain = 0;
  int held = 0;
  std::atomic<int> given_up{0};
  on_two_loops(16, [&](int i) {
    std::minstd_rand random(static_cast<unsigned>(i) + 1);
    for (int k = 0; k < 300; ++k) {
      try {
        const fiber::DeadlineScope soon(std::chrono::microseconds(random() % 200));
        const std::scoped_lock lock(mutex);
        ++plain;
        if (random() % 4 == 0) {
          const fiber::ShieldScope shield;
          fiber::yield();
        }
        ++held;
      } catch (const mpf::Error&) {
        ++given_up;
      }
    }
  });
  CHECK(plain == held);
  CHECK(plain + given_up == 16 * 300);
  CHECK(mutex.try_lock());
  mutex.unlock();
}

TEST_CASE("threads outside loops may take part") {
  fiber::Mutex mutex;
  fiber::Condition changed;
  int turn = 0;
  std::thread thread([&] {
    for (int i = 0; i < 100; ++i) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return turn % 2 == 1; });
      ++turn;
      changed.notify_all();
    }
    std::unique_lock lock(mutex);
    CHECK_FALSE(changed.wait_until(lock, fiber::SteadyClock::now() + 1ms));
  });
  fiber::run([&] {
    for (int i = 0; i < 100; ++i) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return turn % 2 == 0; });
      ++turn;
      changed.notify_all();
    }
  });
  thread.join();
  CHECK(turn == 200);
}

TEST_CASE("a condition wakes one, or all, in order") {
  fiber::run(
      [] {
        fiber::Mutex mutex;
        fiber::Condition condition;
        std::string order;
        std::vector<fiber::Fiber<>> fibers;
        for (const char name : {'a', 'b', 'c', 'd'}) {
          fibers.push_back(fiber::spawn([&, name] {
            std::unique_lock lock(mutex);
            condition.wait(lock);
            order += name;
          }));
        }
        fiber::yield();
        condition.notify_one();
        fibers[0].get();
        CHECK(order == "a");
        condition.notify_all();
        for (std::size_t i = 1; i < 4; ++i) fibers[i].get();
        CHECK(order == "abcd");
      },
      {.loops = 1});
}

TEST_CASE("a condition's lock is held again however its wait ends") {
  fiber::run([] {
    fiber::Mutex mutex;
    fiber::Condition condition;
    auto cancelled = fiber::spawn([&] {
      std::unique_lock lock(mutex);
      try {
        condition.wait(lock);
      } catch (const fiber::Cancelled&) {
        CHECK(lock.owns_lock());
        CHECK_FALSE(mutex.try_lock());
        throw;
      }
    });
    fiber::yield();
    {
      const std::scoped_lock lock(mutex);
      cancelled.cancel();
      fiber::sleep_for(1ms);
      CHECK_FALSE(cancelled.done());
    }
    CHECK_THROWS_AS(cancelled.get(), fiber::Cancelled);
    std::unique_lock lock(mutex);
    CHECK_FALSE(condition.wait_for(lock, 1ms, [] { return false; }));
    CHECK(lock.owns_lock());
  });
}

TEST_CASE("no notification is lost to a waiter that is cancelled at the same moment") {
  // As many notifications as values: if one went to a waiter that then left by an exception, a value would
  // stay.
  for (int round = 0; round < 200; ++round) {
    fiber::Runtime runtime({.loops = 2, .stall_threshold = 0ms});
    fiber::spawn(runtime, [&] {
      fiber::Semaphore permits(0);
      std::atomic<int> taken{0};
      std::vector<fiber::Fiber<>> fibers;
      for (std::size_t i = 0; i < 10; ++i) {
        fibers.push_back(fiber::spawn(
            [&] {
              permits.acquire();
              ++taken;
            },
            {.loop = &runtime.loop(i % 2)}));
      }
      for (int i = 0; i < round % 5; ++i) fiber::yield();
      for (std::size_t i = 0; i < 10; ++i) {
        permits.release();
        if (i % 2 == 0) fibers[9 - i].cancel();
      }
      int cancelled = 0;
      for (auto& f : fibers) {
        try {
          f.get();
        } catch (const fiber::Cancelled&) {
          ++cancelled;
        }
      }
      int left = 0;
      while (permits.try_acquire()) ++left;
      REQUIRE(taken + cancelled == 10);
      REQUIRE(taken + left == 10);
    }).get();
  }
}

TEST_CASE("a semaphore bounds how many are within") {
  fiber::Semaphore permits(3);
  std::atomic<int> within{0};
  std::atomic<int> most{0};
  on_two_loops(20, [&](int) {
    for (int k = 0; k < 50; ++k) {
      permits.acquire();
      const int now = ++within;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      fiber::yield();
      --within;
      permits.release();
    }
  });
  CHECK(most <= 3);
  CHECK(most >= 2);
}

TEST_CASE("a semaphore's wait runs out, and takes no permit along") {
  fiber::run([] {
    fiber::Semaphore permits(0);
    CHECK_FALSE(permits.acquire_until(fiber::SteadyClock::now() + 1ms));
    CHECK_FALSE(permits.acquire_until(fiber::SteadyClock::now() - 1ms));
    permits.release();
    CHECK(permits.acquire_until(fiber::SteadyClock::now() - 1ms));
    CHECK_FALSE(permits.try_acquire());
  });
}

TEST_CASE("a channel keeps the order and every value, over loops") {
  for (const std::size_t capacity : {0u, 1u, 16u}) {
    CAPTURE(capacity);
    fiber::Channel<std::unique_ptr<int>> channel(capacity);
    constexpr int values = 2000;
    constexpr int producers = 4;
    std::atomic<int> producing{producers};
    std::atomic<std::int64_t> sum{0};
    std::atomic<int> count{0};
    std::atomic<bool> ordered{true};
    on_two_loops(producers + 3, [&](int i) {
      if (i < producers) {
        for (int k = 0; k < values; ++k) CHECK(channel.push(std::make_unique<int>(k * producers + i)));
        if (--producing == 0) channel.close();
        return;
      }
      std::vector<int> last(producers, -1);
      while (const auto value = channel.pop()) {
        auto& before = last[static_cast<std::size_t>(**value % producers)];
        if (**value <= before) ordered = false;
        before = **value;
        sum += **value;
        ++count;
      }
    });
    const std::int64_t all = std::int64_t{values} * producers;
    CHECK(ordered);
    CHECK(count == all);
    CHECK(sum == all * (all - 1) / 2);
  }
}

TEST_CASE("no value of a channel is lost or doubled in a storm of cancellations") {
  fiber::Runtime runtime({.loops = 2});
  fiber::spawn(runtime, [&] {
    fiber::Channel<int> channel(2);
    std::atomic<std::int64_t> pushed{0};
    std::atomic<std::int64_t> popped{0};
    std::minstd_rand random(7);
    for (int round = 0; round < 100; ++round) {
      std::vector<fiber::Fiber<>> fibers;
      for (std::size_t i = 0; i < 8; ++i) {
        fibers.push_back(fiber::spawn(
            [&, i] {
              for (int k = 1; k < 50; ++k) {
                if (i < 4) {
                  if (channel.push(k)) pushed += k;
                } else if (const auto value = channel.pop()) {
                  popped += *value;
                }
              }
            },
            {.loop = &runtime.loop(random() % 2)}));
      }
      fiber::sleep_for(std::chrono::microseconds(random() % 200));
      for (auto& f : fibers) f.cancel();
      for (auto& f : fibers) {
        try {
          f.get();
        } catch (const fiber::Cancelled&) {
        }
      }
      while (const auto value = channel.try_pop()) popped += *value;
      REQUIRE(pushed == popped);
    }
  }).get();
}

TEST_CASE("closing a channel ends waits on both sides") {
  fiber::run([] {
    fiber::Channel<std::string> full(1);
    std::string value = "first";
    CHECK(full.try_push(value));
    value = "second";
    CHECK_FALSE(full.try_push(value));
    CHECK(value == "second");
    auto pusher = fiber::spawn([&] { return full.push("third"); });
    fiber::Channel<std::string> empty(1);
    auto popper = fiber::spawn([&] { return empty.pop(); });
    fiber::yield();
    full.close();
    empty.close();
    CHECK_FALSE(pusher.get());
    CHECK(popper.get() == std::nullopt);
    CHECK(full.pop() == "first");
    CHECK(full.pop() == std::nullopt);
    CHECK_FALSE(full.push("fourth"));
  });
}

TEST_CASE("what a fiber synchronised by may go as soon as it is told") {
  fiber::Runtime runtime({.loops = 2});
  fiber::spawn(runtime, [&] {
    for (int i = 0; i < 500; ++i) {
      auto done = std::make_unique<fiber::Semaphore>(0);
      int told = -1;
      auto other = fiber::spawn(
          [&told, i, at = done.get()] {
            told = i;
            at->release();
          },
          {.loop = &runtime.loop(i % 2 ? 0 : 1)});
      done->acquire();
      CHECK(told == i);
      done.reset();
      other.get();
    }
  }).get();
}
