#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

/// Loops and what runs them. One event loop per core; handlers, tasks and commands run in stackful fibers
/// pinned to a loop, so that user code is plain synchronous C++ while the loop serves others.
namespace mpf::fiber {

class Runtime;

/// A fiber that kept its loop from everybody else for longer than RuntimeOptions::stall_threshold, by the
/// clock: also when its thread only waited for a processor of a busy machine.
struct Stall {
  std::size_t loop;
  std::string fiber;                   ///< SpawnOptions::name, or what set_name() said (a route, a task)
  std::chrono::milliseconds duration;  ///< so far
  std::string stack;                   ///< one frame a line, innermost first
};

struct RuntimeOptions {
  std::size_t loops = 0;                          ///< 0: one per core
  std::size_t stack_bytes = 256 * 1024;           ///< of a fiber, without the guard page; rounded up to pages
  std::size_t pooled_stacks = 128;                ///< kept per loop for reuse
  std::size_t offload_threads = 0;                ///< 0: twice the cores, at least 4
  std::size_t offload_queue = 4096;               ///< more waiting calls of offload() fail as unavailable
  std::chrono::milliseconds stall_threshold{50};  ///< 0 switches the watchdog off
  std::function<void(const Stall&)> on_stall =
      {};  ///< called on the watchdog's thread, what it throws is lost; default: writes to stderr

  /// Called with what a fiber threw that nobody joins, and its name; mostly in that fiber, so that its Locals
  /// can be read. Must not throw. Default: writes to stderr.
  std::function<void(std::string_view fiber, const std::exception_ptr& error)> on_exception = {};
};

/// One event loop, run by one thread. All members may be called from any thread.
class Loop {
 public:
  /// Runs fn on the loop's thread, outside any fiber: it must not block or throw. Dropped when the loop ends
  /// before its turn comes.
  void post(std::function<void()> fn);

  std::size_t index() const noexcept;
  Runtime& runtime() const noexcept;

  /// The loop of the calling thread, or null on other threads.
  static Loop* current() noexcept;

  class Impl;
  Impl& impl() const noexcept { return *impl_; }  ///< for MPF's own sources

  explicit Loop(std::unique_ptr<Impl> impl);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

 private:
  std::unique_ptr<Impl> impl_;
};

/// Owns loops, their threads and the threads of offload(). Several can live in one process.
class Runtime {
 public:
  /// Starts the threads.
  explicit Runtime(RuntimeOptions options = {});

  /// stop(), then joins the threads.
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  std::size_t loop_count() const noexcept;
  Loop& loop(std::size_t index) noexcept;

  /// The next loop in turn: spreads work that does not care where it runs.
  Loop& next_loop() noexcept;

  const RuntimeOptions& options() const noexcept;

  /// Cancels all fibers, waits until they have ended, ends the loops. Idempotent. Not from a fiber.
  void stop() noexcept;

  /// How many fibers exist now, over all loops.
  std::size_t fiber_count() const noexcept;

  /// How often the watchdog has reported since the start.
  std::size_t stall_count() const noexcept;

  class Impl;
  Impl& impl() const noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace mpf::fiber
