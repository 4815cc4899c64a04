#pragma once

#include <cstdint>
#include <shared_mutex>
#include <unordered_map>

#include <mpf/cache/epochs.hpp>

namespace mpf::cache {

/// Epochs of the groups that this process has heard a bump of; all others are at the floor. Groups are known
/// by the hash of their path: where two collide, a bump of one outdates both, which is never wrong.
class EpochTable {
 public:
  explicit EpochTable(std::size_t max_groups = 100'000) : max_groups_(max_groups) {}

  /// The highest epoch in the chain. As each bump is given a higher number than all before it, two equal
  /// answers mean that nothing in the chain has been bumped in between.
  Epoch of(const Group& group) const;

  /// Numbers come in any order; a lower one than the group's is ignored.
  void raise(std::uint64_t group, Epoch epoch);

  /// All groups are at this epoch at least.
  void raise_floor(Epoch epoch);

 private:
  const std::size_t max_groups_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::uint64_t, Epoch> epochs_;
  Epoch floor_ = 0;
  Epoch highest_ = 0;
};

}  // namespace mpf::cache
