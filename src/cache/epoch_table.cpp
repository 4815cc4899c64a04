#include "cache/epoch_table.hpp"

#include <algorithm>
#include <mutex>

namespace mpf::cache {

Epoch EpochTable::of(const Group& group) const {
  const std::shared_lock lock(mutex_);
  Epoch epoch = floor_;
  for (const std::uint64_t part : group.chain()) {
    const auto it = epochs_.find(part);
    if (it != epochs_.end()) epoch = std::max(epoch, it->second);
  }
  return epoch;
}

void EpochTable::raise(std::uint64_t group, Epoch epoch) {
  const std::scoped_lock lock(mutex_);
  highest_ = std::max(highest_, epoch);
  if (epoch <= floor_) return;
  Epoch& current = epochs_[group];
  current = std::max(current, epoch);
  if (epochs_.size() > max_groups_) {
    // Forgetting is only safe upwards: everything cached so far is outdated once, and memory stays bounded.
    epochs_.clear();
    floor_ = highest_;
  }
}

void EpochTable::raise_floor(Epoch epoch) {
  const std::scoped_lock lock(mutex_);
  floor_ = std::max(floor_, epoch);
  highest_ = std::max(highest_, floor_);
  std::erase_if(epochs_, [&](const auto& item) { return item.second <= floor_; });
}

}  // namespace mpf::cache
