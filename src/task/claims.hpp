#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <mpf/task/queue.hpp>

#include "task/attempt.hpp"

namespace mpf::task {

/// Takes tasks out of the queues for one worker: due ones, of names that the registry knows, higher
/// priorities first and, among equals, one of each site in turn.
class Claims {
 public:
  Claims(Queue& queue, std::vector<std::string> queues);

  bool idle() const noexcept { return names_.empty() || queues_.empty(); }
  const std::vector<std::string>& queues() const noexcept { return queues_; }

  /// Whether a claim might find something. A read.
  bool any_waiting() const;

  /// Up to `count` tasks, now held by the worker. At most one task that a process has died under, and only if
  /// `suspect`: a task that kills its process shall not take the same neighbours along each time. In a
  /// transaction.
  std::vector<std::shared_ptr<Attempt>> claim(Id worker, std::size_t count, bool suspect);

  /// When the next task becomes due that is not yet.
  std::optional<Timestamp> next_due() const;

  /// Names of waiting tasks in these queues that the registry does not know.
  std::vector<std::string> unknown_names() const;

 private:
  void promote();
  /// Claims what the condition selects, at most `count`.
  /// Returns how many tasks it met: those taken, and those that were to be cancelled.
  std::size_t take(Id worker, const std::string& condition, std::vector<db::Param> params, std::size_t count,
                   std::vector<std::shared_ptr<Attempt>>& taken);
  void take_from(Id worker, const std::string& queue, std::size_t wanted,
                 std::vector<std::shared_ptr<Attempt>>& taken);
  std::vector<std::int64_t> sites_in_turn(const std::string& queue, std::int64_t rank, std::size_t count);
  std::string chosen(const std::string& condition) const;
  std::string named(std::vector<db::Param>& params) const;  // " AND name IN (…)"

  Queue& queue_;
  const std::vector<std::string> names_;
  const std::vector<std::string> queues_;
  std::string name_places_;
  std::string queue_places_;
  std::size_t first_queue_ = 0;
  std::unordered_map<std::string, std::int64_t> last_site_;
};

}  // namespace mpf::task
