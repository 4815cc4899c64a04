#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <mpf/fiber/fiber.hpp>

namespace mpf::fiber {

/// The threads of offload(), started as they are needed.
class OffloadPool {
 public:
  OffloadPool(std::size_t max_threads, std::size_t max_queued)
      : max_threads_(max_threads), max_queued_(max_queued) {}
  ~OffloadPool() { stop(); }

  /// From a fiber; returns or throws as fn does.
  void run(State& fiber, const std::function<void()>& fn);

  /// Joins the threads. No call may be running.
  void stop() noexcept;

 private:
  /// On the stack of the fiber that waits for it.
  struct Job {
    State& fiber;
    const std::function<void()>& fn;
    std::exception_ptr error;
    Waiter done;
    Job* previous = nullptr;
    Job* next = nullptr;
    bool queued = true;
  };

  void enqueue(Job& job);
  void unlink(Job& job) noexcept;
  void work();

  const std::size_t max_threads_;
  const std::size_t max_queued_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Job* first_ = nullptr;
  Job* last_ = nullptr;
  std::size_t queued_ = 0;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mpf::fiber
