#include <mpf/base/error.hpp>

#include <boost/asio/post.hpp>

#include "fiber/loop_impl.hpp"
#include "fiber/runtime_impl.hpp"

namespace mpf::fiber {

Loop::Impl::Impl(Runtime::Impl& of_runtime, std::size_t at_index)
    : runtime(of_runtime), index(at_index), work_(context.get_executor()), alarm_(context.get_executor()) {}

void Loop::Impl::run() {
  set_current_loop(this);
  context.run();
  for (Context* const spare : ready_contexts_) spare->unmap();
  ready_contexts_.clear();
  set_current_loop(nullptr);
}

void Loop::Impl::end() {
  work_.reset();
  context.stop();
}

State* Loop::Impl::make_state() {
  if (live_.fetch_add(1, std::memory_order_acq_rel) >= closed) {
    if (live_.fetch_sub(1, std::memory_order_acq_rel) == closed + 1) runtime.loop_drained();
    return nullptr;
  }
  try {
    return new State(this);
  } catch (...) {
    live_.fetch_sub(1, std::memory_order_acq_rel);
    throw;
  }
}

void Loop::Impl::drop_state(State& state) noexcept {
  if (live_.fetch_sub(1, std::memory_order_acq_rel) == closed + 1) runtime.loop_drained();
  detail::release(state);
}

void Loop::Impl::Queue::push(State& state) noexcept {
  state.next_ready = nullptr;
  (last ? last->next_ready : first) = &state;
  last = &state;
  ++size;
}

State& Loop::Impl::Queue::pop() noexcept {
  State& state = *first;
  first = state.next_ready;
  if (!first) last = nullptr;
  --size;
  return state;
}

void Loop::Impl::enqueue(State& state) noexcept {
  if (current_loop() == this) {
    ready_.push(state);
    schedule_pump();
    return;
  }
  State* newest = remote_.load(std::memory_order_relaxed);
  do {
    state.next_ready = newest;
  } while (
      !remote_.compare_exchange_weak(newest, &state, std::memory_order_acq_rel, std::memory_order_relaxed));
  // Whoever finds it empty calls the loop; it takes all that came until then.
  if (!newest) boost::asio::post(context, [this] { pump(); });
}

void Loop::Impl::schedule_pump() {
  if (std::exchange(pump_scheduled_, true)) return;
  boost::asio::post(context, [this] { pump(); });
}

void Loop::Impl::take_remote() noexcept {
  if (!remote_.load(std::memory_order_relaxed)) return;
  State* newest = remote_.exchange(nullptr, std::memory_order_acq_rel);
  State* oldest = nullptr;
  while (newest) {
    State* const next = newest->next_ready;
    newest->next_ready = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest) {
    State* const next = oldest->next_ready;
    ready_.push(*oldest);
    oldest = next;
  }
}

/// Runs those that are ready, in rounds of one turn each. After a while sockets and timers have theirs.
void Loop::Impl::pump() {
  pump_scheduled_ = true;  // what becomes ready meanwhile needs no other call
  const auto until = SteadyClock::now() + longest_pump;
  do {
    take_remote();
    for (auto left = ready_.size; left > 0; --left) run_fiber(ready_.pop());
  } while (ready_.size > 0 && SteadyClock::now() < until);
  pump_scheduled_ = false;
  if (ready_.size > 0) schedule_pump();
}

void Loop::Impl::begin_now(State& state) noexcept { run_fiber(state); }

void Loop::Impl::yield(State& state) noexcept {
  state.mark_queued();
  ready_.push(state);
  schedule_pump();
  state.context->suspend();
  state.mark_running();
}

void Loop::Impl::run_fiber(State& state) noexcept {
  if (!state.context && !take_context(state)) return;
  set_running_state(&state);
  const auto now = slice.load(std::memory_order_relaxed);
  slice_context.store(state.context, std::memory_order_relaxed);
  slice.store(now + 1, std::memory_order_release);
  state.context->resume();
  slice.store(now + 2, std::memory_order_release);
  set_running_state(nullptr);
  if (state.finished) recycle(state);
}

bool Loop::Impl::take_context(State& state) noexcept {
  Context* taken = nullptr;
  if (!ready_contexts_.empty()) {
    taken = ready_contexts_.back();
    ready_contexts_.pop_back();
  } else {
    if (bare_contexts_.empty()) bare_contexts_.push_back(&contexts_.emplace_back());
    if (!bare_contexts_.back()->map(runtime.options.stack_bytes)) {
      state.error = std::make_exception_ptr(
          Error(ErrorKind::unavailable, "No memory for the stack of fiber \"" + state.name +
                                            "\": too many fibers at once, or vm.max_map_count is too low."));
      state.body->drop();
      complete(state);
      detail::release(state);
      return false;
    }
    taken = bare_contexts_.back();
    bare_contexts_.pop_back();
  }
  taken->set_name(state.name);
  taken->prepare(&fiber_main, &state);
  state.context = taken;
  state.next = fibers_;
  if (fibers_) fibers_->previous = &state;
  fibers_ = &state;
  return true;
}

void Loop::Impl::fiber_main(void* argument) noexcept {
  State& state = *static_cast<State*>(argument);
  Impl& loop = *state.loop;
  state.mark_running();
  try {
    if (loop.stopping_ || state.cancelled.load(std::memory_order_acquire)) throw Cancelled{};
    state.body->run();
  } catch (const Cancelled&) {
    state.ended_by_cancel = true;
    state.error = std::current_exception();
  } catch (...) {
    state.error = std::current_exception();
  }
  state.body->drop();
  loop.complete(state);
  state.finished = true;
}

/// The fiber's last act: after it, others see that it has ended.
void Loop::Impl::complete(State& state) noexcept {
  if (state.error) {
    state.hook = runtime.hook;
    if (state.context) state.name = state.context->name();
  }
  bool reported = false;
  if (state.joiner.load(std::memory_order_acquire) == &State::detached_mark) {
    state.report();
    reported = true;
  }
  state.locals.clear();
  timers_.remove(state.timer);
  if (live_.fetch_sub(1, std::memory_order_acq_rel) == closed + 1) runtime.loop_drained();
  void* const joiner = state.joiner.exchange(&State::ended_mark, std::memory_order_acq_rel);
  if (joiner == &State::detached_mark) {
    if (!reported) state.report();
  } else if (joiner) {
    static_cast<Waiter*>(joiner)->wake();
  }
}

void Loop::Impl::recycle(State& state) noexcept {
  (state.previous ? state.previous->next : fibers_) = state.next;
  if (state.next) state.next->previous = state.previous;
  give_context(state);
  detail::release(state);
}

void Loop::Impl::give_context(State& state) noexcept {
  Context* const context_of_state = std::exchange(state.context, nullptr);
  if (ready_contexts_.size() < runtime.options.pooled_stacks) {
    ready_contexts_.push_back(context_of_state);
  } else {
    context_of_state->unmap();
    bare_contexts_.push_back(context_of_state);
  }
}

void Loop::Impl::cancel_all() {
  boost::asio::post(context, [this] {
    stopping_ = true;
    for (State* fiber = fibers_; fiber; fiber = fiber->next) detail::cancel(*fiber);
  });
}

std::vector<std::string> Loop::Impl::names() {
  std::vector<std::string> all;
  for (State* fiber = fibers_; fiber; fiber = fiber->next) all.push_back(fiber->context->name());
  return all;
}

void Loop::Impl::wake_at(State& state, TimePoint limit) {
  state.wake_at = limit;
  if (limit == TimePoint::max()) return;
  // Mostly the same deadline as in the wait before: then the timer is armed already, perhaps too early.
  if (state.timer.armed() && state.timer.at <= limit) return;
  arm(state.timer, limit);
}

void Loop::Impl::arm(Timer& timer, TimePoint at) {
  timers_.set(timer, at);
  if (timers_.front().at < alarm_at_) set_alarm(timers_.front().at);
}

void Loop::Impl::set_alarm(TimePoint at) {
  alarm_at_ = at;
  alarm_.expires_at(at);
  alarm_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_alarm();
  });
}

void Loop::Impl::on_alarm() {
  // An alarm that was moved too late to be stopped comes as well; it finds nothing due.
  alarm_at_ = TimePoint::max();
  const auto now = SteadyClock::now();
  while (!timers_.empty() && timers_.front().at <= now) {
    Timer& timer = timers_.front();
    timers_.remove(timer);
    timer.fire(timer, now);
  }
  if (!timers_.empty() && timers_.front().at < alarm_at_) set_alarm(timers_.front().at);
}

boost::asio::io_context& io_context(Loop& loop) noexcept { return loop.impl().context; }
void arm(Loop& loop, Timer& timer, TimePoint at) { loop.impl().arm(timer, at); }
void disarm(Loop& loop, Timer& timer) noexcept { loop.impl().disarm(timer); }

Loop& Loop::Impl::self() const noexcept { return *runtime.loops[index]; }

Loop::Loop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Loop::~Loop() = default;

void Loop::post(std::function<void()> fn) { boost::asio::post(impl_->context, std::move(fn)); }
std::size_t Loop::index() const noexcept { return impl_->index; }
Runtime& Loop::runtime() const noexcept { return impl_->runtime.self; }

Loop* Loop::current() noexcept {
  const Impl* const impl = current_loop();
  return impl ? &impl->self() : nullptr;
}

}  // namespace mpf::fiber
