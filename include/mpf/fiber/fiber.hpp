#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mpf/fiber/runtime.hpp>

namespace mpf::fiber {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;
using Duration = SteadyClock::duration;

/// Thrown out of a wait of a cancelled fiber. Deliberately no std::exception, so that a catch of those does
/// not swallow it; code that catches everything rethrows it.
class Cancelled final {};

class State;  // of one fiber, hidden

struct SpawnOptions {
  std::string name;      ///< for the watchdog and logs
  Loop* loop = nullptr;  ///< null: the current loop, outside loops the runtime's next
  bool inherit = true;   ///< take over deadline and locals (local.hpp) of the spawning fiber
};

namespace detail {
std::shared_ptr<State> spawn(Runtime* runtime, std::function<void()> body, SpawnOptions options);
void join(State& state);  // rethrows what the body threw
void cancel(State& state) noexcept;
bool done(const State& state) noexcept;
void cancel_and_join(State& state) noexcept;
}  // namespace detail

/// A running fiber and its result. Movable; owned by one. Like std::jthread, the destructor cancels the
/// fiber and waits for its end.
template <class T = void>
class Fiber {
 public:
  using Slot = std::conditional_t<std::is_void_v<T>, char, std::optional<T>>;

  Fiber() = default;
  Fiber(std::shared_ptr<State> state, std::shared_ptr<Slot> slot)
      : state_(std::move(state)), slot_(std::move(slot)) {}
  Fiber(Fiber&&) noexcept = default;
  Fiber& operator=(Fiber&& other) noexcept {
    if (this != &other) {
      reset();
      state_ = std::move(other.state_);
      slot_ = std::move(other.slot_);
    }
    return *this;
  }
  ~Fiber() { reset(); }

  /// Waits for the end; the result, or what the body threw (Cancelled if it was cancelled). Once. Callable
  /// in fibers of any loop and on threads outside loops.
  T get() {
    const auto state = std::move(state_);
    detail::join(*state);
    if constexpr (!std::is_void_v<T>) return std::move(**slot_);
  }

  /// The fiber's current or next wait throws Cancelled. Any thread, any number of times.
  void cancel() noexcept {
    if (state_) detail::cancel(*state_);
  }

  bool done() const noexcept { return !state_ || detail::done(*state_); }

  /// Lets it run on its own; what it throws is logged by the runtime.
  void detach() noexcept { state_.reset(); }

 private:
  void reset() noexcept {
    if (state_) detail::cancel_and_join(*state_);
    state_.reset();
  }

  std::shared_ptr<State> state_;
  std::shared_ptr<Slot> slot_;
};

namespace detail {
template <class Fn>
auto spawn_typed(Runtime* runtime, Fn&& fn, SpawnOptions options) {
  using T = std::invoke_result_t<std::decay_t<Fn>&>;
  using Slot = typename Fiber<T>::Slot;
  auto slot = std::make_shared<Slot>();
  auto body = std::make_shared<std::decay_t<Fn>>(std::forward<Fn>(fn));
  auto state = spawn(
      runtime,
      [slot, body] {
        if constexpr (std::is_void_v<T>) {
          (*body)();
        } else {
          slot->emplace((*body)());
        }
      },
      std::move(options));
  return Fiber<T>(std::move(state), std::move(slot));
}
}  // namespace detail

/// Starts fn in a new fiber of the current runtime. Only on loops.
template <class Fn>
auto spawn(Fn&& fn, SpawnOptions options = {}) {
  return detail::spawn_typed(nullptr, std::forward<Fn>(fn), std::move(options));
}

/// Starts fn in a new fiber of that runtime. From any thread.
template <class Fn>
auto spawn(Runtime& runtime, Fn&& fn, SpawnOptions options = {}) {
  return detail::spawn_typed(&runtime, std::forward<Fn>(fn), std::move(options));
}

/// For main() and tests: makes a runtime, runs fn in a fiber of it, gives its result or throws what it threw.
template <class Fn>
auto run(Fn&& fn, RuntimeOptions options = {}) {
  Runtime runtime(std::move(options));
  return spawn(runtime, std::forward<Fn>(fn), {.name = "main"}).get();
}

/// True in a fiber.
bool in_fiber() noexcept;

/// Lets others on this loop run.
void yield();

/// Suspends the fiber. Ends early with Cancelled or, at the fiber's deadline, Error(timeout).
void sleep_for(Duration duration);
void sleep_until(TimePoint when);

/// Throws Cancelled or Error(timeout) if the current fiber has been cancelled or its deadline has passed.
/// Long computations call it now and then.
void checkpoint();

/// Replaces the name that the watchdog and logs show for the current fiber.
void set_name(std::string_view name);

/// The deadline that every wait of the current fiber keeps; TimePoint::max() when there is none.
TimePoint deadline() noexcept;

/// For its lifetime the current fiber's deadline is the earlier of the one it had and this one.
class DeadlineScope {
 public:
  explicit DeadlineScope(Duration from_now);
  explicit DeadlineScope(TimePoint at);
  ~DeadlineScope();
  DeadlineScope(const DeadlineScope&) = delete;
  DeadlineScope& operator=(const DeadlineScope&) = delete;

 private:
  TimePoint before_;
};

/// For its lifetime the current fiber is neither cancelled nor ended by its deadline: for clean-up that
/// must wait (rolling back, returning a connection). Cancellation is delivered at the first wait after it.
class ShieldScope {
 public:
  ShieldScope() noexcept;
  ~ShieldScope();
  ShieldScope(const ShieldScope&) = delete;
  ShieldScope& operator=(const ShieldScope&) = delete;
};

/// One wait of the current fiber for something that happens elsewhere; what all other waits are built of.
/// Made in a fiber; wake() from any thread, before or during wait(), any number of times. Must outlive every
/// wake(): share it with the waker where the wait may end early.
class Waiter {
 public:
  Waiter();
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  void wake() noexcept;

  /// Until woken. Throws Cancelled, or Error(timeout) at the fiber's deadline.
  void wait();

  /// Until woken (true) or that time (false). Throws as wait() does.
  bool wait_until(TimePoint when);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

/// Runs fn on a thread of the runtime's bounded pool, the fiber suspended meanwhile: for what blocks by
/// nature (files, password hashing, blocking libraries). fn runs to its end even if the fiber is cancelled
/// or its deadline passes, and the fiber waits for it: fn may use the caller's variables. Result or exception
/// are fn's. Outside fibers it just calls fn. Error(unavailable) when the pool's queue is full.
template <class Fn>
auto offload(Fn&& fn) -> std::invoke_result_t<Fn&>;

namespace detail {
void offload(const std::function<void()>& fn);  // rethrows
}

template <class Fn>
auto offload(Fn&& fn) -> std::invoke_result_t<Fn&> {
  using T = std::invoke_result_t<Fn&>;
  if constexpr (std::is_void_v<T>) {
    detail::offload([&] { fn(); });
  } else {
    std::optional<T> result;
    detail::offload([&] { result.emplace(fn()); });
    return std::move(*result);
  }
}

}  // namespace mpf::fiber
