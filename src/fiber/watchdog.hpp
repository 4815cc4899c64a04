#pragma once

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <mpf/fiber/runtime.hpp>

namespace mpf::fiber {

/// Looks at the loops again and again, and reports once each time that one has been in the same run of a
/// fiber for the threshold. Costs the loops two stores a switch.
class Watchdog {
 public:
  using Report = std::function<void(const Stall&)>;

  Watchdog(std::chrono::milliseconds threshold, Report report);
  ~Watchdog() { stop(); }

  void watch(Loop::Impl& loop, pthread_t thread);  ///< before start()
  void start();
  void stop() noexcept;  ///< before the loops' threads end
  std::size_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
  struct Watched {
    Loop::Impl* loop;
    pthread_t thread;
    std::uint64_t slice = 0;
    std::chrono::steady_clock::time_point since{};
    bool reported = false;
  };

  void run();
  void look(Watched& watched);

  const std::chrono::milliseconds threshold_;
  const Report report_;
  std::vector<Watched> watched_;
  std::atomic<std::size_t> count_{0};
  std::mutex mutex_;
  std::condition_variable stop_requested_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mpf::fiber
