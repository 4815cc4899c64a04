#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <mpf/fiber/runtime.hpp>

#include "fiber/loop_impl.hpp"
#include "fiber/offload_pool.hpp"
#include "fiber/watchdog.hpp"

namespace mpf::fiber {

class Runtime::Impl {
 public:
  Impl(Runtime& of, RuntimeOptions with_options);
  ~Impl();

  void start();
  void stop() noexcept;

  void loop_drained() noexcept;  ///< one of the loops may have ended its last fiber

  Runtime& self;
  const RuntimeOptions options;
  const std::shared_ptr<const ExceptionHook> hook;
  std::vector<std::unique_ptr<Loop>> loops;
  OffloadPool offload;
  std::optional<Watchdog> watchdog;
  std::atomic<std::size_t> next_loop{0};

 private:
  bool drained() const noexcept;
  void say_who_stays();

  std::vector<std::thread> threads_;
  std::once_flag stopped_;
  std::mutex mutex_;
  std::condition_variable drained_;
};

/// Starts a thread that leaves the process's signals to others.
std::thread start_thread(const char* name, std::function<void()> body);

}  // namespace mpf::fiber
