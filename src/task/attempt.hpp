#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include <mpf/fiber/fiber.hpp>
#include <mpf/task/context.hpp>
#include <mpf/task/queue.hpp>

#include "task/store.hpp"

namespace mpf::task {

/// Why an attempt is to end before its time.
enum class Stop : std::uint8_t { none, cancelled, stopping, lost };

/// How an attempt ended.
struct Outcome {
  enum class Type : std::uint8_t { done, failed, snoozed, stopped };
  Type type = Type::done;
  std::string error;
  bool permanent = false;
  std::chrono::milliseconds snooze{0};
};

/// One attempt at a task: shared by the fiber that runs it and the worker that watches it.
class Attempt {
 public:
  store::Hold hold;
  std::string name;
  std::string payload;
  std::optional<Id> site;
  int number = 1;
  int max_attempts = 1;
  bool suspect = false;
  const Registry::Entry* entry = nullptr;
  std::optional<fiber::Fiber<>> fiber;  // touched by the worker only
  Outcome outcome;                      // written by the fiber before it reports

  /// Runs the task in the current fiber; never throws.
  void run(Queue& queue) noexcept;

  /// Asks it to end. The first reason stays, but for a lost lease, which overrides.
  void ask_to_stop(Stop reason) noexcept;
  Stop stop() const noexcept { return stop_.load(); }
  /// The task has looked and knows that it is to stop.
  bool stop_seen() noexcept {
    if (stop_.load() == Stop::none) return false;
    stop_seen_ = true;
    return true;
  }

  void progress(Progress progress);
  void result(std::string json);

  struct Report {
    Progress progress;
    std::string result;
  };
  Report report() const;
  /// The progress, if it has changed since the last call.
  std::optional<Progress> take_progress();
  bool progress_waits() const;

  /// Set when a transaction with complete_in() has committed.
  std::atomic<bool> completed{false};

 private:
  Outcome classify(const Error& error, bool permanent) const;

  std::atomic<Stop> stop_{Stop::none};
  std::atomic<bool> stop_seen_{false};
  mutable std::mutex mutex_;
  Progress progress_;
  bool progress_changed_ = false;
  std::string result_ = "null";
};

}  // namespace mpf::task
