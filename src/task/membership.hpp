#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <mpf/task/queue.hpp>

namespace mpf::task {

/// A worker's row in mpf_task_worker, which stands for all tasks it holds, and the rescue of the tasks of
/// others whose row has run out. All members must be called in a transaction.
class Membership {
 public:
  Membership(Queue& queue, std::string name, std::chrono::milliseconds lease);

  Id id() const noexcept { return id_; }

  /// Makes a row, in place of one that was lost.
  void join();

  /// Renews the lease. False when the others have taken this worker for dead: nothing it held is its own.
  bool renew();

  void leave();

  /// Frees the tasks of workers that are dead: whose lease has run out, or whose process is known to be gone.
  /// Gives how many tasks those were.
  std::uint64_t rescue();

 private:
  void bury(Timestamp now);

  Queue& queue_;
  const std::string name_;
  const std::string process_;
  const std::chrono::milliseconds lease_;
  Id id_;
};

}  // namespace mpf::task
