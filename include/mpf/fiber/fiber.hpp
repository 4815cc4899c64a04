#pragma once

#include <atomic>
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
  std::string name = {};  ///< for the watchdog and logs
  Loop* loop = nullptr;   ///< null: the current loop, outside loops the runtime's next
  bool inherit = true;    ///< take over deadline and locals (local.hpp) of the spawning fiber
};

namespace detail {

/// What a fiber runs. Destroys its function, with what that captured, at the end of run() or in drop().
class Body {
 public:
  virtual ~Body() = default;
  virtual void run() = 0;
  virtual void drop() noexcept = 0;  ///< instead of run(), or after it
};

void retain(State& state) noexcept;
void release(State& state) noexcept;

/// Shared ownership of a fiber's state.
class StateRef {
 public:
  StateRef() = default;
  explicit StateRef(State* state) noexcept : state_(state) {}  ///< takes over one reference
  StateRef(StateRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  StateRef& operator=(StateRef&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~StateRef() {
    if (state_) release(*state_);
  }

  State& operator*() const noexcept { return *state_; }
  explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  State* state_ = nullptr;
};

template <class T>
class ResultBody : public Body {
 public:
  T take() {
    if constexpr (!std::is_void_v<T>) return std::move(*result_);
  }

 protected:
  std::conditional_t<std::is_void_v<T>, char, std::optional<T>> result_{};
};

template <class T, class Fn>
class FunctionBody final : public ResultBody<T> {
 public:
  explicit FunctionBody(Fn&& fn) : fn_(std::move(fn)) {}
  explicit FunctionBody(const Fn& fn) : fn_(fn) {}

  void run() override {
    if constexpr (std::is_void_v<T>) {
      (*fn_)();
    } else {
      this->result_.emplace((*fn_)());
    }
  }
  void drop() noexcept override { fn_.reset(); }

 private:
  std::optional<Fn> fn_;
};

StateRef spawn(Runtime* runtime, std::unique_ptr<Body> body, SpawnOptions options);
void join(State& state);     // waits; throws only what ends the caller's wait
void rethrow(State& state);  // of a fiber that has ended: what its body threw, if it threw
Body& body(State& state) noexcept;
void cancel(State& state) noexcept;
bool done(const State& state) noexcept;
void detach(State& state) noexcept;
void cancel_and_join(State& state) noexcept;

}  // namespace detail

/// A running fiber and its result. Movable; owned by one. Like std::jthread, the destructor cancels the
/// fiber and waits for its end; an exception that nobody has fetched goes to RuntimeOptions::on_exception.
/// The function and what it captured are destroyed in the fiber, before its end shows.
template <class T = void>
class Fiber {
 public:
  static_assert(!std::is_reference_v<T>, "a fiber's function returns a value, not a reference");

  Fiber() = default;
  explicit Fiber(detail::StateRef state) : state_(std::move(state)) {}
  Fiber(Fiber&&) noexcept = default;
  Fiber& operator=(Fiber&& other) noexcept {
    if (this != &other) {
      reset();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~Fiber() { reset(); }

  /// Waits for the end; the result, or what the body threw (Cancelled if it was cancelled). Once. Callable
  /// in fibers of any loop and on threads outside loops. When the wait itself ends by the caller's
  /// cancellation or deadline, the handle still owns the fiber.
  T get() {
    detail::join(*state_);
    const auto state = std::move(state_);
    detail::rethrow(*state);
    return static_cast<detail::ResultBody<T>&>(detail::body(*state)).take();
  }

  /// The fiber's current or next wait throws Cancelled, and so does every later one. A function that has
  /// not begun is not run any more. Any thread, any number of times.
  void cancel() noexcept {
    if (state_) detail::cancel(*state_);
  }

  bool done() const noexcept { return !state_ || detail::done(*state_); }

  /// Lets it run on its own; what it throws goes to RuntimeOptions::on_exception.
  void detach() noexcept {
    if (const auto state = std::move(state_)) detail::detach(*state);
  }

 private:
  void reset() noexcept {
    if (const auto state = std::move(state_)) detail::cancel_and_join(*state);
  }

  detail::StateRef state_;
};

namespace detail {
template <class Fn>
auto spawn_typed(Runtime* runtime, Fn&& fn, SpawnOptions options) {
  using T = std::invoke_result_t<std::decay_t<Fn>&>;
  using Function = FunctionBody<T, std::decay_t<Fn>>;
  return Fiber<T>(spawn(runtime, std::make_unique<Function>(std::forward<Fn>(fn)), std::move(options)));
}
}  // namespace detail

/// Starts fn in a new fiber of the current runtime. Only on loops and in what offload() runs.
/// Error(unavailable) when the runtime is stopping.
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
/// Costs no allocation. Made in a fiber, or on a thread outside loops, which it then blocks; wake() from any
/// thread, before or during wait(), any number of times. Lives until every wake() has begun: a wait that may
/// end early withdraws itself from its waker first, or shares the waiter with it.
class Waiter {
 public:
  Waiter();
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  void wake() noexcept;

  /// Until woken. Throws Cancelled, or Error(timeout) at the fiber's deadline; not if already woken.
  void wait();

  /// Until woken (true) or that time (false). Throws as wait() does.
  bool wait_until(TimePoint when);

  /// Until woken, even if the fiber is cancelled or its deadline passes: where the wake() is sure to come
  /// soon.
  void wait_through();

 private:
  State* fiber_;
  std::atomic<bool> woken_{false};
};

/// Runs fn on a thread of the runtime's bounded pool, the fiber suspended meanwhile: for what blocks by
/// nature (files, password hashing, blocking libraries). Once begun, fn runs to its end even if the fiber is
/// cancelled or its deadline passes, and the fiber waits for it: fn may use the caller's variables, and sees
/// its Locals, deadline() and checkpoint(). Result or exception are fn's. A call that still waits for a
/// thread then is withdrawn, and throws. Outside fibers it just calls fn. Error(unavailable) when the queue
/// is full.
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
