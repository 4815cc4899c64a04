#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <mpf/base/error.hpp>

#include "fiber/runtime_impl.hpp"

namespace mpf::fiber {
namespace {

std::size_t cores() { return std::max(1u, std::thread::hardware_concurrency()); }

RuntimeOptions completed(RuntimeOptions options) {
  if (options.loops == 0) options.loops = cores();
  if (options.offload_threads == 0) options.offload_threads = std::max<std::size_t>(4, 2 * cores());
  return options;
}

}  // namespace

std::thread start_thread(const char* name, std::function<void()> body) {
  // Those that a fault raises stay open, and SIGURG, which the watchdog sends.
  sigset_t blocked;
  sigset_t before;
  ::sigfillset(&blocked);
  for (const int open : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF, SIGURG}) {
    ::sigdelset(&blocked, open);
  }
  ::pthread_sigmask(SIG_SETMASK, &blocked, &before);
  std::thread thread;
  try {
    thread = std::thread(std::move(body));
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(thread.native_handle(), name);
  return thread;
}

Runtime::Impl::Impl(Runtime& of, RuntimeOptions with_options)
    : self(of),
      options(completed(std::move(with_options))),
      hook(std::make_shared<const ExceptionHook>(options.on_exception)),
      offload(options.offload_threads, options.offload_queue) {
  for (std::size_t i = 0; i < options.loops; ++i) {
    loops.push_back(std::make_unique<Loop>(std::make_unique<Loop::Impl>(*this, i)));
  }
}

Runtime::Impl::~Impl() { stop(); }

void Runtime::Impl::start() {
  try {
    for (const auto& loop : loops) {
      const auto name = "mpf-loop-" + std::to_string(loop->index());
      threads_.push_back(start_thread(name.c_str(), [&impl = loop->impl()] { impl.run(); }));
    }
    if (options.stall_threshold.count() > 0) {
      watchdog.emplace(options.stall_threshold, options.on_stall);
      for (std::size_t i = 0; i < loops.size(); ++i) {
        watchdog->watch(loops[i]->impl(), threads_[i].native_handle());
      }
      watchdog->start();
    }
  } catch (...) {
    stop();
    throw;
  }
}

bool Runtime::Impl::drained() const noexcept {
  return std::all_of(loops.begin(), loops.end(), [](const auto& loop) { return loop->impl().drained(); });
}

void Runtime::Impl::stop() noexcept {
  if (const Loop* const here = Loop::current(); here && &here->runtime() == &self) {
    std::fputs("mpf: Runtime::stop() on one of its own loops would wait for itself\n", stderr);
    std::abort();
  }
  std::call_once(stopped_, [this] {
    for (const auto& loop : loops) loop->impl().close();
    for (const auto& loop : loops) loop->impl().cancel_all();
    if (!threads_.empty()) {
      std::unique_lock lock(mutex_);
      while (!drained_.wait_for(lock, std::chrono::seconds(10), [this] { return drained(); }))
        say_who_stays();
    }
    if (watchdog) watchdog->stop();
    for (const auto& loop : loops) loop->impl().end();
    for (auto& thread : threads_) thread.join();
    offload.stop();
  });
}

/// An operator who sees a process that does not end should see why.
void Runtime::Impl::say_who_stays() {
  for (const auto& loop : loops) {
    loop->post([&impl = loop->impl()] {
      for (const auto& name : impl.names()) {
        std::fprintf(stderr, "mpf: stopping, loop %zu still waits for fiber \"%s\"\n", impl.index,
                     name.c_str());
      }
    });
  }
}

void Runtime::Impl::loop_drained() noexcept {
  const std::scoped_lock lock(mutex_);
  drained_.notify_all();
}

Runtime::Runtime(RuntimeOptions options) : impl_(std::make_unique<Impl>(*this, std::move(options))) {
  impl_->start();
}

Runtime::~Runtime() = default;

std::size_t Runtime::loop_count() const noexcept { return impl_->loops.size(); }
Loop& Runtime::loop(std::size_t index) noexcept { return *impl_->loops[index]; }
Loop& Runtime::next_loop() noexcept {
  return loop(impl_->next_loop.fetch_add(1, std::memory_order_relaxed) % loop_count());
}
const RuntimeOptions& Runtime::options() const noexcept { return impl_->options; }
void Runtime::stop() noexcept { impl_->stop(); }

std::size_t Runtime::fiber_count() const noexcept {
  std::size_t count = 0;
  for (const auto& loop : impl_->loops) count += loop->impl().live();
  return count;
}

std::size_t Runtime::stall_count() const noexcept { return impl_->watchdog ? impl_->watchdog->count() : 0; }

}  // namespace mpf::fiber
