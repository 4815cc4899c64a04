#include "fiber/watchdog.hpp"

#include <algorithm>
#include <cstdio>

#include "fiber/loop_impl.hpp"
#include "fiber/runtime_impl.hpp"
#include "fiber/stack_trace.hpp"

namespace mpf::fiber {
namespace {

void print(const Stall& stall) {
  std::fprintf(stderr, "mpf: fiber \"%s\" has held loop %zu for %lld ms\n%s", stall.fiber.c_str(), stall.loop,
               static_cast<long long>(stall.duration.count()), stall.stack.c_str());
}

}  // namespace

Watchdog::Watchdog(std::chrono::milliseconds threshold, Report report)
    : threshold_(threshold), report_(report ? std::move(report) : print) {}

void Watchdog::watch(Loop::Impl& loop, pthread_t thread) {
  watched_.push_back({.loop = &loop, .thread = thread});
}

void Watchdog::start() {
  thread_ = start_thread("mpf-watchdog", [this] { run(); });
}

void Watchdog::stop() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    stop_requested_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Watchdog::run() {
  const auto pause = std::max(threshold_ / 4, std::chrono::milliseconds(1));
  std::unique_lock lock(mutex_);
  while (!stop_requested_.wait_for(lock, pause, [this] { return stopping_; })) {
    lock.unlock();
    for (auto& watched : watched_) {
      try {
        look(watched);
      } catch (...) {
        // A report for which there is no memory, or that its receiver fails on, is lost: the process goes on.
      }
    }
    lock.lock();
  }
}

void Watchdog::look(Watched& watched) {
  const auto slice = watched.loop->slice.load(std::memory_order_acquire);
  const auto now = std::chrono::steady_clock::now();
  if (slice != watched.slice) {
    watched.slice = slice;
    watched.since = now;
    watched.reported = false;
    return;
  }
  const bool in_fiber = slice % 2 == 1;
  if (!in_fiber || watched.reported || now - watched.since < threshold_) return;
  watched.reported = true;
  Stall stall;
  stall.loop = watched.loop->index;
  stall.fiber = watched.loop->slice_context.load(std::memory_order_relaxed)->name();
  stall.duration = std::chrono::duration_cast<std::chrono::milliseconds>(now - watched.since);
  stall.stack = stack_of(watched.thread);
  // If it went on meanwhile, the stack may be that of somebody innocent.
  if (watched.loop->slice.load(std::memory_order_acquire) != slice)
    stall.stack = "(no stack: it has just gone on)\n";
  count_.fetch_add(1, std::memory_order_relaxed);
  report_(stall);
}

}  // namespace mpf::fiber
