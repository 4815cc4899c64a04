#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

namespace mpf::telemetry {

/// Writes lines to a file, or to standard error, on a thread of its own. All that waits goes out in one
/// call. A file that has been renamed or removed (log rotation) is opened anew.
class LineWriter {
 public:
  /// An empty path is standard error. Throws Error if the file cannot be opened.
  LineWriter(std::filesystem::path file, std::size_t max_waiting);
  /// Writes what waits.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  void push(std::string line);
  void count_dropped() noexcept { dropped_.fetch_add(1, std::memory_order_relaxed); }
  void flush() noexcept;
  std::size_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  void run();
  void write(const std::string& text, std::size_t lines);
  void follow_rotation();

  const std::filesystem::path file_;
  const std::size_t max_waiting_;
  int fd_;
  std::atomic<std::size_t> dropped_ = 0;

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable written_;
  std::deque<std::string> waiting_;
  std::uint64_t pushed_count_ = 0;  ///< lines ever taken in
  std::uint64_t done_count_ = 0;    ///< of those, written or dropped
  bool stopping_ = false;

  // Of the thread only.
  std::size_t told_dropped_ = 0;
  std::chrono::steady_clock::time_point next_rotation_check_{};

  std::thread thread_;
};

}  // namespace mpf::telemetry
