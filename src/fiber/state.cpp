#include "fiber/state.hpp"

#include <mpf/base/error.hpp>

#include "fiber/loop_impl.hpp"

namespace mpf::fiber {
namespace {

thread_local State* running = nullptr;
thread_local Loop::Impl* loop_of_thread = nullptr;

struct ThreadState {
  State* state = nullptr;
  ~ThreadState() {
    if (!state) return;
    state->locals.clear();
    detail::release(*std::exchange(state, nullptr));
  }
};
thread_local ThreadState thread_state;

State& own_state() {
  if (!thread_state.state) thread_state.state = new State(nullptr);
  return *thread_state.state;
}

}  // namespace

// None of these is inlined: their callers may not keep addresses of thread-local variables over a switch.
[[gnu::noinline]] State* running_state() noexcept { return running; }
[[gnu::noinline]] void set_running_state(State* state) noexcept { running = state; }
[[gnu::noinline]] State* principal_state() noexcept {
  return thread_state.state ? thread_state.state->principal : nullptr;
}
[[gnu::noinline]] Loop::Impl* current_loop() noexcept { return loop_of_thread; }
[[gnu::noinline]] void set_current_loop(Loop::Impl* loop) noexcept { loop_of_thread = loop; }

[[gnu::noinline]] State* governing_state_if_any() noexcept { return running ? running : thread_state.state; }

[[gnu::noinline]] State& governing_state() { return running ? *running : own_state(); }

[[gnu::noinline]] State& waiting_state() {
  if (running) return *running;
  if (loop_of_thread) {
    fail(ErrorKind::internal,
         "A callback of a loop tried to wait, which would block all fibers of the loop. Wait in a fiber.");
  }
  return own_state();
}

ActingFor::ActingFor(State& fiber) {
  State& own = own_state();
  own.principal = &fiber;
  own.deadline = fiber.deadline;
  own.shields = fiber.shields;
  own.locals = fiber.locals;
}

ActingFor::~ActingFor() {
  State& own = own_state();
  own.principal = nullptr;
  own.deadline = TimePoint::max();
  own.shields = 0;
  own.locals.clear();
}

void State::park(TimePoint limit) {
  if (!loop) {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return token_.load(std::memory_order_relaxed) == Token::notified; };
    if (limit == TimePoint::max()) {
      unparked_.wait(lock, ready);
    } else {
      unparked_.wait_until(lock, limit, ready);
    }
    token_.store(Token::none, std::memory_order_relaxed);
    return;
  }
  auto expected = Token::none;
  if (token_.compare_exchange_strong(expected, Token::parked, std::memory_order_acq_rel)) {
    // Whoever unparks from now on only queues: this thread must come back to its loop before it runs again.
    loop->wake_at(*this, limit);
    context->suspend();
    wake_at = TimePoint::max();
  }
  mark_running();
}

void State::unpark() noexcept {
  if (!loop) {
    const std::scoped_lock lock(mutex_);
    token_.store(Token::notified, std::memory_order_relaxed);
    unparked_.notify_one();
    return;
  }
  if (token_.exchange(Token::notified, std::memory_order_acq_rel) == Token::parked) loop->enqueue(*this);
}

void State::WaitTimer::on_fire(Timer& timer, TimePoint now) noexcept {
  State& state = static_cast<WaitTimer&>(timer).state;
  // The timer of an earlier wait that ended otherwise stays armed; the current wait may want a later time.
  if (state.wake_at <= now) {
    state.unpark();
  } else if (state.wake_at != TimePoint::max()) {
    state.loop->arm(timer, state.wake_at);
  }
}

void State::check(TimePoint now) const {
  if (shields > 0) return;
  if (is_cancelled()) throw Cancelled{};
  if (now >= deadline) throw_timeout();
}

void State::throw_timeout() const {
  const auto who = context ? context->name() : std::string();
  fail(ErrorKind::timeout,
       who.empty() ? "The deadline passed." : "The deadline of fiber \"" + who + "\" passed.");
}

void State::report() noexcept {
  if (!hook || !error || ended_by_cancel) return;
  if (*hook) {
    (*hook)(name, error);
    return;
  }
  std::string what = "an exception of unknown type";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {  // as it says
  }
  std::fprintf(stderr, "mpf: fiber \"%s\" ended by an exception: %s\n", name.c_str(), what.c_str());
}

void State::clear_body() noexcept {
  if (!body) return;
  if (static_cast<void*>(body) == static_cast<void*>(inline_body_)) {
    std::destroy_at(body);
  } else {
    delete body;
  }
  body = nullptr;
}

namespace detail {

void retain(State& state) noexcept { state.references.fetch_add(1, std::memory_order_relaxed); }

void release(State& state) noexcept {
  if (state.references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete &state;
}

}  // namespace detail
}  // namespace mpf::fiber
