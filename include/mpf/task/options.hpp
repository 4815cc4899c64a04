#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/base/id.hpp>

namespace mpf::task {

/// How long a failed task waits for its next attempt: base · factor^(attempt - 1), at most max, made longer
/// or shorter by a random part up to jitter.
struct Backoff {
  std::chrono::milliseconds base = std::chrono::seconds(1);
  double factor = 2;
  std::chrono::milliseconds max = std::chrono::hours(1);
  double jitter = 0.2;

  /// `random` is in 0…1; attempts count from 1.
  std::chrono::milliseconds delay(int attempt, double random) const noexcept;
};

/// What holds for all tasks of a name.
struct TaskOptions {
  std::string queue = "default";
  int max_attempts = 10;
  Backoff backoff{};

  /// Of one attempt: its waits then end with Error(timeout). It does not rescue what a dead process held;
  /// the worker's lease does.
  std::chrono::milliseconds timeout = std::chrono::minutes(5);

  /// So often may a process die under a task before it counts as poison and fails. Deaths are forgotten
  /// when the task reports more progress than ever before.
  int max_crashes = 3;

  /// Errors that no other attempt would mend.
  std::vector<ErrorKind> permanent = {ErrorKind::invalid,     ErrorKind::not_found, ErrorKind::denied,
                                      ErrorKind::unsupported, ErrorKind::too_large, ErrorKind::configuration};
};

/// Thrown by a task that must not be tried again, whatever its kind.
class Permanent : public Error {
 public:
  explicit Permanent(const std::string& message, ErrorKind kind = ErrorKind::invalid)
      : Error(kind, message) {}
};

/// Thrown by a task that wants to be run again later; no failure, and the attempt does not count.
class Snooze {
 public:
  explicit Snooze(std::chrono::milliseconds delay) : delay_(delay) {}
  std::chrono::milliseconds delay() const noexcept { return delay_; }

 private:
  std::chrono::milliseconds delay_;
};

/// Until when a unique key keeps equal tasks out.
enum class UniqueUntil : std::uint8_t {
  started,   ///< one may wait while another runs: "look again", where a running one may have looked already
  finished,  ///< one at a time
};

/// What holds for one task.
struct EnqueueOptions {
  std::chrono::milliseconds delay{0};

  /// Not empty: while another task of this name, site and key is waiting (or running, see unique_until), no
  /// second one is made and enqueue() gives the id of the other.
  std::string unique_key;
  UniqueUntil unique_until = UniqueUntil::finished;

  std::optional<Id> site;  ///< workers take turns between sites
  std::optional<Id> job;   ///< makes it a sub-task

  int priority = 0;  ///< higher first
  std::optional<int> max_attempts;
  std::string queue;  ///< empty: the one of its TaskOptions
};

struct JobOptions {
  std::string kind;  ///< for people and dashboards: "import"

  /// Not empty: while a job of this kind, site and key is running, no second one is made.
  std::string unique_key;

  std::optional<Id> site;

  /// How many sub-tasks there will be. Without it the job stays open until Queue::close_job().
  std::optional<std::int64_t> total;
};

}  // namespace mpf::task
