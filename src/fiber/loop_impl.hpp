#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/runtime.hpp>

#include "fiber/context.hpp"
#include "fiber/state.hpp"
#include "fiber/timer.hpp"

/// For MPF's own modules: what lies under a loop.
namespace mpf::fiber {

boost::asio::io_context& io_context(Loop& loop) noexcept;

/// Runs fn in a fiber of the loop that nobody joins. On the loop's thread outside fibers it begins at once,
/// within this call; elsewhere soon. No deadline and no locals are inherited. False, and fn is not run, when
/// the runtime is stopping. Takes no memory for functions of up to ten pointers.
template <class Fn>
bool start(Loop& loop, std::string_view name, Fn&& fn);

/// Arms a timer of the loop, or moves it. Its fire() runs on the loop's thread, outside fibers. Loop's
/// thread.
void arm(Loop& loop, Timer& timer, TimePoint at);
void disarm(Loop& loop, Timer& timer) noexcept;

class Loop::Impl {
 public:
  Impl(Runtime::Impl& of_runtime, std::size_t at_index);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// The thread's function, until end().
  void run();
  void end();  ///< any thread

  /// A state for a fiber to enqueue() or begin_now(); null when the runtime is stopping. Any thread.
  State* make_state();
  void drop_state(State& state) noexcept;  ///< instead of those
  void enqueue(State& state) noexcept;     ///< any thread
  void begin_now(State& state) noexcept;   ///< loop's thread
  void yield(State& state) noexcept;       ///< its fiber

  void wake_at(State& state, TimePoint limit);
  void arm(Timer& timer, TimePoint at);
  void disarm(Timer& timer) noexcept { timers_.remove(timer); }

  /// From now on no fiber begins. Any thread.
  void close() noexcept { live_.fetch_or(closed, std::memory_order_acq_rel); }
  void cancel_all();  ///< any thread
  bool drained() const noexcept { return live_.load(std::memory_order_acquire) == closed; }
  std::size_t live() const noexcept { return live_.load(std::memory_order_acquire) & ~closed; }
  std::vector<std::string> names();  ///< of the fibers that began; loop's thread

  Loop& self() const noexcept;

  Runtime::Impl& runtime;
  const std::size_t index;

  /// For the watchdog: odd while a fiber runs, another number each time.
  std::atomic<std::uint64_t> slice{0};
  std::atomic<Context*> slice_context{nullptr};

 private:
  using WaitableTimer = boost::asio::basic_waitable_timer<SteadyClock, boost::asio::wait_traits<SteadyClock>,
                                                          boost::asio::io_context::executor_type>;
  struct Queue {
    State* first = nullptr;
    State* last = nullptr;
    std::size_t size = 0;
    void push(State& state) noexcept;
    State& pop() noexcept;
  };

  void schedule_pump();
  void pump();
  void take_remote() noexcept;
  void run_fiber(State& state) noexcept;
  static void fiber_main(void* state) noexcept;
  void complete(State& state) noexcept;
  void recycle(State& state) noexcept;
  bool take_context(State& state) noexcept;
  void give_context(State& state) noexcept;
  void set_alarm(TimePoint at);
  void on_alarm();

  static constexpr std::chrono::microseconds longest_pump{50};
  static constexpr std::size_t closed = ~(~std::size_t{0} >> 1);

  Queue ready_;
  bool pump_scheduled_ = false;
  std::atomic<State*> remote_{nullptr};  // a stack, newest first
  std::atomic<std::size_t> live_{0};
  bool stopping_ = false;
  State* fibers_ = nullptr;

  TimerHeap timers_;
  TimePoint alarm_at_ = TimePoint::max();

  std::deque<Context> contexts_;  // all, so that the watchdog's look at one is always valid
  std::vector<Context*> ready_contexts_;
  std::vector<Context*> bare_contexts_;  // without a stack

 public:
  // Goes before all of the above: what its pending handlers hold may disarm timers when they are destroyed.
  boost::asio::io_context context{1};

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  WaitableTimer alarm_;
};

template <class Fn>
bool start(Loop& loop, std::string_view name, Fn&& fn) {
  Loop::Impl& impl = loop.impl();
  State* const state = impl.make_state();
  if (!state) return false;
  try {
    state->name = name;
    state->set_body(std::forward<Fn>(fn));
  } catch (...) {
    impl.drop_state(*state);
    throw;
  }
  state->joiner.store(&State::detached_mark, std::memory_order_relaxed);
  if (current_loop() == &impl && !running_state()) {
    impl.begin_now(*state);
  } else {
    impl.enqueue(*state);
  }
  return true;
}

}  // namespace mpf::fiber
