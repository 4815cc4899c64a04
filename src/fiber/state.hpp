#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/local.hpp>

#include "fiber/context.hpp"
#include "fiber/timer.hpp"

namespace mpf::fiber {

using ExceptionHook = std::function<void(std::string_view fiber, const std::exception_ptr& error)>;

/// A fiber from its spawning until the last handle is gone; also stands for a thread outside loops that
/// waits.
class State final {
 public:
  /// Of a fiber of that loop; of the calling thread when null.
  explicit State(Loop::Impl* of_loop) noexcept : loop(of_loop), timer(*this) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { clear_body(); }

  /// Suspends until unpark(), `limit` or for no reason at all: who waits checks what it waits for, before and
  /// after. An unpark() since that check is not lost.
  void park(TimePoint limit);

  /// Any thread that holds a reference.
  void unpark() noexcept;

  /// While it stands in a ready queue without having parked, and when it runs again.
  void mark_queued() noexcept { token_.store(Token::notified, std::memory_order_relaxed); }
  void mark_running() noexcept { token_.exchange(Token::none, std::memory_order_acq_rel); }

  /// Tells the hook of its runtime what it threw; nothing when that was Cancelled.
  void report() noexcept;

  /// Throws what ends a wait early, if anything does.
  void check(TimePoint now) const;
  [[noreturn]] void throw_timeout() const;

  bool is_cancelled() const noexcept {
    return (principal ? *principal : *this).cancelled.load(std::memory_order_acquire);
  }

  void clear_body() noexcept;

  /// A function with few captures needs no memory of its own.
  template <class Fn>
  void set_body(Fn&& fn) {
    using Function = detail::FunctionBody<void, std::decay_t<Fn>>;
    if constexpr (sizeof(Function) <= inline_bytes && alignof(Function) <= alignof(std::max_align_t)) {
      body = ::new (static_cast<void*>(inline_body_)) Function(std::forward<Fn>(fn));
    } else {
      body = new Function(std::forward<Fn>(fn));
    }
  }

  struct LocalValue {
    detail::LocalKey key;
    std::shared_ptr<void> value;
    bool inherited;
  };

  struct WaitTimer final : Timer {
    explicit WaitTimer(State& of) noexcept : Timer(&WaitTimer::on_fire), state(of) {}
    static void on_fire(Timer& timer, TimePoint now) noexcept;
    State& state;
  };

  // Any thread.
  std::atomic<std::uint32_t> references{1};
  std::atomic<bool> cancelled{false};
  std::atomic<void*> joiner{nullptr};  // Waiter of who joins, detached_mark or ended_mark
  static inline char detached_mark = 0;
  static inline char ended_mark = 0;
  Loop::Impl* loop;
  State* next_ready = nullptr;  // in the one ready queue that it is in

  // The fiber, or who starts it.
  detail::Body* body = nullptr;
  std::string name;  // until it begins; then the context has it
  TimePoint deadline = TimePoint::max();
  unsigned shields = 0;
  std::vector<LocalValue> locals;
  std::exception_ptr error;  // readable by all once ended
  bool ended_by_cancel = false;
  std::shared_ptr<const ExceptionHook> hook;  // with error, as the handle may outlive the runtime

  State* principal = nullptr;  // of a thread: for which fiber it acts

  // The loop's thread.
  Context* context = nullptr;
  bool finished = false;
  WaitTimer timer;
  TimePoint wake_at = TimePoint::max();
  State* previous = nullptr;  // among the loop's fibers
  State* next = nullptr;

 private:
  enum class Token { none, parked, notified };
  std::atomic<Token> token_{Token::none};

  // Of a thread.
  std::mutex mutex_;
  std::condition_variable unparked_;

  static constexpr std::size_t inline_bytes = 96;
  alignas(std::max_align_t) std::byte inline_body_[inline_bytes];
};

/// The fiber that runs on this thread, or null.
State* running_state() noexcept;
void set_running_state(State* state) noexcept;

/// For its lifetime this thread outside loops has deadline, shields and locals of a fiber, which waits
/// meanwhile, and looks at its cancellation. They are copies: the fiber may still look at its own.
class ActingFor {
 public:
  explicit ActingFor(State& fiber);
  ~ActingFor();
  ActingFor(const ActingFor&) = delete;
  ActingFor& operator=(const ActingFor&) = delete;
};

/// The fiber for which this thread acts, or null.
State* principal_state() noexcept;

/// Whose deadline, cancellation and locals count here: the fiber's or the thread's.
State& governing_state();
State* governing_state_if_any() noexcept;

/// Who waits when a wait is made here: the fiber or the thread. Error(internal) on a loop outside fibers.
State& waiting_state();

Loop::Impl* current_loop() noexcept;
void set_current_loop(Loop::Impl* loop) noexcept;

}  // namespace mpf::fiber
