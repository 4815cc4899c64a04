#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <mpf/telemetry/logger.hpp>

namespace mpf::telemetry {

/// What spdlog's own sinks leave open, around one of them: lines that cannot be written are counted and told,
/// a file that was moved away (log rotation by others) is opened anew, and who waits until lines are out
/// learns it. Fed by one thread.
class LineSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  /// Throws Error if the file cannot be opened.
  explicit LineSink(const LogOptions& options);

  /// Before the first line: tells whether more lines wait, so that what comes together is written together,
  /// and how many were dropped before they came here.
  void attach(std::function<bool()> more, std::function<std::size_t()> overrun);

  /// Lines that could not be written.
  std::size_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }
  void count_lost() noexcept { lost_.fetch_add(1, std::memory_order_relaxed); }

  /// Any thread: returns when `lines` lines came here or were dropped before, and these are written.
  void wait_for(std::uint64_t lines);

 private:
  void sink_it_(const spdlog::details::log_msg& line) override;
  void flush_() override;
  void set_formatter_(std::unique_ptr<spdlog::formatter>) override {}
  void set_pattern_(const std::string&) override {}

  void open();
  void keep_open();
  void write(const spdlog::details::log_msg& line);
  void tell_dropped();
  void fail();
  void finish_lines();
  void gather_lines();

  const LogOptions options_;
  const std::chrono::milliseconds gathering_;
  std::function<bool()> more_;
  std::function<std::size_t()> overrun_;
  std::atomic<std::size_t> lost_ = 0;

  // Of the thread that feeds it.
  spdlog::sink_ptr inner_;
  std::uint64_t inode_ = 0;
  bool suspect_ = false;
  std::size_t unflushed_ = 0;
  std::size_t told_dropped_ = 0;
  std::chrono::steady_clock::time_point next_check_{};

  std::atomic<int> waiters_ = 0;
  std::mutex done_mutex_;
  std::condition_variable changed_;
  std::uint64_t done_ = 0;  ///< lines that came here and were written, or lost
};

}  // namespace mpf::telemetry
