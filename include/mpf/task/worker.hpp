#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <mpf/fiber/runtime.hpp>
#include <mpf/task/queue.hpp>

namespace mpf::task {

struct WorkerOptions {
  std::size_t concurrency = 4;      ///< tasks at a time
  std::vector<std::string> queues;  ///< in turn; empty: those of all tasks in the registry
  std::chrono::milliseconds poll = std::chrono::seconds(1);  ///< for tasks that other processes enqueued

  /// A process that has not renewed its lease for so long is dead, and its tasks go to others. All workers on
  /// a database use the same.
  std::chrono::milliseconds lease = std::chrono::seconds(30);
  std::chrono::milliseconds heartbeat = std::chrono::seconds(10);

  std::chrono::milliseconds keep_done = std::chrono::hours(24 * 7);  ///< finished ones are removed after it
  std::string name;  ///< shown in mpf_task_worker; empty: host name and process id
};

struct WorkerStats {
  std::uint64_t started = 0;
  std::uint64_t done = 0;
  std::uint64_t failed_attempts = 0;
  std::uint64_t lost = 0;     ///< attempts whose lease went to others
  std::uint64_t rescued = 0;  ///< tasks taken back from dead processes
  std::size_t running = 0;
  std::vector<std::string>
      unknown;  ///< names of waiting tasks that this program does not know; left to others
};

/// Runs tasks of a queue, each in a fiber of its own spread over the runtime's loops. Any number of workers
/// in any number of processes work on one database. One fiber of the worker talks to the database for all:
/// what has finished and what starts next is one transaction.
class Worker {
 public:
  Worker(fiber::Runtime& runtime, Queue& queue, WorkerOptions options = {});

  /// stop() without grace.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Registers the process and starts taking tasks. Once.
  void start();

  /// Takes no more tasks and waits for those running; after `grace` cancels them, and they go back to the
  /// queue without a counted attempt. Idempotent. In a fiber, or on a thread outside the loops.
  void stop(std::chrono::milliseconds grace = std::chrono::seconds(10));

  /// Instead of start(): runs, in the calling fiber's time, what is due by the queue's clock, until nothing
  /// is. For tests and one-off commands. Gives the number of attempts.
  std::size_t run_due();

  WorkerStats stats() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mpf::task
