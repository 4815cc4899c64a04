#include <mpf/fiber/fiber.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

#include <mpf/base/error.hpp>
#include <mpf/fiber/wait_watch.hpp>

#include "fiber/loop_impl.hpp"
#include "fiber/runtime_impl.hpp"

namespace mpf::fiber {
namespace {

Loop& loop_for(Runtime* runtime, const SpawnOptions& options) {
  if (options.loop) return *options.loop;
  Loop* here = Loop::current();
  if (const State* const caller = here ? nullptr : principal_state()) here = &caller->loop->self();
  if (here && (!runtime || &here->runtime() == runtime)) return *here;
  if (runtime) return runtime->next_loop();
  fail(ErrorKind::internal, "A fiber was spawned on a thread outside loops without naming its runtime.");
}

}  // namespace

namespace detail {

StateRef spawn(Runtime* runtime, std::unique_ptr<Body> body, SpawnOptions options) {
  Loop::Impl& loop = loop_for(runtime, options).impl();
  State* const state = loop.make_state();
  if (!state) {
    fail(ErrorKind::unavailable, "Fiber \"" + options.name + "\" cannot start: its runtime is stopping.");
  }
  state->body = body.release();
  state->name = std::move(options.name);
  if (const State* const spawner = options.inherit ? governing_state_if_any() : nullptr) {
    state->deadline = spawner->deadline;
    try {
      std::copy_if(spawner->locals.begin(), spawner->locals.end(), std::back_inserter(state->locals),
                   [](const auto& local) { return local.inherited; });
    } catch (...) {
      loop.drop_state(*state);
      throw;
    }
  }
  retain(*state);
  StateRef handle(state);
  loop.enqueue(*state);
  return handle;
}

void join(State& state) {
  Waiter waiter;
  void* nobody = nullptr;
  if (!state.joiner.compare_exchange_strong(nobody, &waiter, std::memory_order_acq_rel)) return;
  try {
    waiter.wait();
  } catch (...) {
    void* expected = &waiter;
    if (state.joiner.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel)) throw;
    waiter.wait_through();  // it has just ended: the wake() is under way
  }
}

void rethrow(State& state) {
  // Taken out, so that the exception ends with its handler here, not with the state in another thread.
  if (state.error) std::rethrow_exception(std::exchange(state.error, nullptr));
}

Body& body(State& state) noexcept { return *state.body; }

void cancel(State& state) noexcept {
  state.cancelled.store(true, std::memory_order_release);
  state.unpark();
}

bool done(const State& state) noexcept {
  return state.joiner.load(std::memory_order_acquire) == &State::ended_mark;
}

void detach(State& state) noexcept {
  void* nobody = nullptr;
  if (!state.joiner.compare_exchange_strong(nobody, &State::detached_mark, std::memory_order_acq_rel)) {
    state.report();
  }
}

void cancel_and_join(State& state) noexcept {
  if (!done(state)) {
    cancel(state);
    const ShieldScope shield;
    join(state);
  }
  state.report();
}

void offload(const std::function<void()>& fn) {
  State* const fiber = running_state();
  if (!fiber) return fn();
  note_wait("work on another thread (offload)");
  fiber->loop->runtime.offload.run(*fiber, fn);
}

}  // namespace detail

bool in_fiber() noexcept { return running_state() != nullptr; }

void yield() {
  State* const fiber = running_state();
  if (!fiber) {
    std::this_thread::yield();
    return;
  }
  checkpoint();
  fiber->loop->yield(*fiber);
  checkpoint();
}

void sleep_for(Duration duration) {
  const auto now = SteadyClock::now();
  sleep_until(duration < TimePoint::max() - now ? now + duration : TimePoint::max());
}

void sleep_until(TimePoint when) {
  if (when <= SteadyClock::now()) return yield();
  note_wait("a sleep");
  Waiter nobody_wakes;
  nobody_wakes.wait_until(when);
}

void checkpoint() {
  const State* const state = governing_state_if_any();
  if (state) state->check(state->deadline == TimePoint::max() ? TimePoint::min() : SteadyClock::now());
}

void set_name(std::string_view name) {
  if (const State* const fiber = running_state()) fiber->context->set_name(name);
}

TimePoint deadline() noexcept {
  const State* const state = governing_state_if_any();
  return state ? state->deadline : TimePoint::max();
}

DeadlineScope::DeadlineScope(Duration from_now)
    : DeadlineScope(from_now < TimePoint::max() - SteadyClock::now() ? SteadyClock::now() + from_now
                                                                     : TimePoint::max()) {}

DeadlineScope::DeadlineScope(TimePoint at) : before_(governing_state().deadline) {
  State& state = governing_state();
  state.deadline = std::min(before_, at);
}

DeadlineScope::~DeadlineScope() { governing_state().deadline = before_; }

ShieldScope::ShieldScope() noexcept { ++governing_state().shields; }
ShieldScope::~ShieldScope() { --governing_state().shields; }

Waiter::Waiter() : fiber_(&waiting_state()) { detail::retain(*fiber_); }
Waiter::~Waiter() { detail::release(*fiber_); }

void Waiter::wake() noexcept {
  // Once woken_ shows, the fiber may go on and end: from then on this object does not count any more, and the
  // fiber's state only by a reference of our own. On the fiber's own loop it cannot run meanwhile.
  State& fiber = *fiber_;
  if (fiber.loop && fiber.loop == current_loop()) {
    if (!woken_.exchange(true, std::memory_order_acq_rel)) fiber.unpark();
    return;
  }
  detail::retain(fiber);
  const detail::StateRef keep(&fiber);
  if (!woken_.exchange(true, std::memory_order_acq_rel)) fiber.unpark();
}

void Waiter::wait() { wait_until(TimePoint::max()); }

void Waiter::wait_through() {
  while (!woken_.load(std::memory_order_acquire)) fiber_->park(TimePoint::max());
}

bool Waiter::wait_until(TimePoint when) {
  const State& governing = governing_state();
  while (!woken_.load(std::memory_order_acquire)) {
    const bool shielded = governing.shields > 0;
    if (!shielded && governing.is_cancelled()) throw Cancelled{};
    const TimePoint limit = shielded ? when : std::min(when, governing.deadline);
    if (limit != TimePoint::max() && SteadyClock::now() >= limit) {
      if (!shielded && governing.deadline <= when) governing.throw_timeout();
      return false;
    }
    fiber_->park(limit);
  }
  return true;
}

}  // namespace mpf::fiber
