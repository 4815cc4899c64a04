#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <mpf/base/timestamp.hpp>
#include <mpf/cache/epochs.hpp>
#include <mpf/cache/group.hpp>
#include <mpf/cache/key.hpp>

namespace mpf::cache {

/// A key in its group.
struct Identity {
  const std::string& key;
  const Group& group;
  std::uint64_t hash;

  static Identity of(const Key& key, const Group& group) noexcept {
    return {key.text(), group, key.hash() * 0x9e3779b97f4a7c15U ^ group.chain().back()};
  }
};

struct Cached {
  std::shared_ptr<const void> value;  // null: nothing
  const char* type = nullptr;
  Epoch epoch = 0;
  Timestamp expires_at;
  Timestamp retry_at;  // an expired value whose loader has failed serves until then
};

/// The process tier: an S3-FIFO in shards, all together within a number of bytes. New entries queue in a
/// small FIFO and leave it fast unless they are asked for; those that were, or come back soon after they left
/// (their hash is in the ghost queue), queue in the main FIFO, where each request buys another round.
///
/// A shard may hold more than its share as long as the whole is within bounds, so that large values fit.
/// Thread-safe; never waits for more than a shard's lock.
class Tier {
 public:
  Tier(std::size_t max_bytes, std::size_t shards);

  std::size_t max_bytes() const noexcept { return max_bytes_; }

  /// The entry, if its epoch is at least this; an older one is dropped.
  std::optional<Cached> find(const Identity& id, Epoch epoch);

  /// Keeps a value in place of the one that is there, unless that has a higher epoch. False if it is too
  /// large.
  bool store(const Identity& id, Cached cached, std::size_t weight);

  /// Sets Cached::retry_at, if the entry is still of this epoch.
  void defer(const Identity& id, Epoch epoch, Timestamp retry_at);

  void erase(const Identity& id);
  void clear();

  std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::size_t entries() const;
  std::uint64_t evictions() const noexcept { return evictions_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    std::string key;
    Group group;
    std::uint64_t hash;
    Cached cached;
    std::size_t weight;
    std::uint8_t hits = 0;  // since it was queued, at most 3
    bool in_main = false;
  };
  using Fifo = std::list<Entry>;  // newest first

  struct Shard {
    mutable std::mutex mutex;
    std::unordered_multimap<std::uint64_t, Fifo::iterator> index;
    Fifo small;
    Fifo main;
    std::size_t small_bytes = 0;
    std::size_t bytes = 0;
    std::deque<std::uint64_t> ghosts;
    std::unordered_set<std::uint64_t> ghost_set;
  };
  using Slot = std::unordered_multimap<std::uint64_t, Fifo::iterator>::iterator;

  Shard& shard_of(const Identity& id) noexcept;
  static Slot look_up(Shard& shard, const Identity& id);
  void remove(Shard& shard, Slot slot);
  void trim(Shard& own, const Identity& newest);
  bool evict_one(Shard& shard, const Identity& newest);
  static void remember_ghost(Shard& shard, std::uint64_t hash);

  const std::size_t max_bytes_;
  const std::size_t share_;  // of a shard
  std::vector<Shard> shards_;
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::size_t> cursor_{0};
  std::atomic<std::uint64_t> evictions_{0};
};

}  // namespace mpf::cache
