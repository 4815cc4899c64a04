#include "cache/tier.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace mpf::cache {

namespace {

// List and index nodes beside the entry itself, about.
constexpr std::size_t bookkeeping = 96;
constexpr std::uint8_t max_hits = 3;
constexpr std::size_t min_ghosts = 64;

}  // namespace

Tier::Tier(std::size_t max_bytes, std::size_t shards)
    : max_bytes_(max_bytes),
      share_(max_bytes / std::bit_ceil(std::max<std::size_t>(shards, 1))),
      shards_(std::bit_ceil(std::max<std::size_t>(shards, 1))) {}

Tier::Shard& Tier::shard_of(const Identity& id) noexcept {
  return shards_[(id.hash >> 32U) & (shards_.size() - 1)];
}

Tier::Slot Tier::look_up(Shard& shard, const Identity& id) {
  const auto [begin, end] = shard.index.equal_range(id.hash);
  for (auto slot = begin; slot != end; ++slot) {
    if (slot->second->key == id.key && slot->second->group == id.group) return slot;
  }
  return shard.index.end();
}

std::optional<Cached> Tier::find(const Identity& id, Epoch epoch) {
  Shard& shard = shard_of(id);
  const std::scoped_lock lock(shard.mutex);
  const Slot slot = look_up(shard, id);
  if (slot == shard.index.end()) return std::nullopt;
  Entry& entry = *slot->second;
  if (entry.cached.epoch < epoch) {
    remove(shard, slot);
    return std::nullopt;
  }
  if (entry.hits < max_hits) ++entry.hits;
  return entry.cached;
}

bool Tier::store(const Identity& id, Cached cached, std::size_t weight) {
  weight += sizeof(Entry) + bookkeeping + id.key.capacity();
  Shard& shard = shard_of(id);
  {
    const std::scoped_lock lock(shard.mutex);
    const Slot slot = look_up(shard, id);
    std::uint8_t hits = 0;
    bool to_main = false;
    if (slot != shard.index.end()) {
      if (slot->second->cached.epoch > cached.epoch) return true;
      hits = slot->second->hits;
      to_main = slot->second->in_main;
      remove(shard, slot);
    }
    if (weight > max_bytes_ / 2) return false;
    to_main = shard.ghost_set.erase(id.hash) != 0 || to_main;
    Fifo& fifo = to_main ? shard.main : shard.small;
    fifo.push_front(Entry{id.key, id.group, id.hash, std::move(cached), weight, hits, to_main});
    shard.index.emplace(id.hash, fifo.begin());
    shard.bytes += weight;
    if (!to_main) shard.small_bytes += weight;
    bytes_ += weight;
  }
  trim(shard, id);
  return true;
}

void Tier::defer(const Identity& id, Epoch epoch, Timestamp retry_at) {
  Shard& shard = shard_of(id);
  const std::scoped_lock lock(shard.mutex);
  const Slot slot = look_up(shard, id);
  if (slot != shard.index.end() && slot->second->cached.epoch == epoch) {
    slot->second->cached.retry_at = retry_at;
  }
}

void Tier::erase(const Identity& id) {
  Shard& shard = shard_of(id);
  const std::scoped_lock lock(shard.mutex);
  const Slot slot = look_up(shard, id);
  if (slot != shard.index.end()) remove(shard, slot);
}

void Tier::clear() {
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    bytes_ -= shard.bytes;
    shard.index.clear();
    shard.small.clear();
    shard.main.clear();
    shard.ghosts.clear();
    shard.ghost_set.clear();
    shard.small_bytes = shard.bytes = 0;
  }
}

std::size_t Tier::entries() const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    count += shard.index.size();
  }
  return count;
}

void Tier::remove(Shard& shard, Slot slot) {
  const auto entry = slot->second;
  shard.index.erase(slot);
  shard.bytes -= entry->weight;
  bytes_ -= entry->weight;
  if (entry->in_main) {
    shard.main.erase(entry);
  } else {
    shard.small_bytes -= entry->weight;
    shard.small.erase(entry);
  }
}

void Tier::trim(Shard& own, const Identity& newest) {
  if (bytes_.load() <= max_bytes_) return;
  {
    // Who has more than its share pays first.
    const std::scoped_lock lock(own.mutex);
    while (bytes_.load() > max_bytes_ && own.bytes > share_ && evict_one(own, newest)) {
    }
  }
  for (std::size_t idle = 0; bytes_.load() > max_bytes_ && idle < shards_.size();) {
    Shard& shard = shards_[cursor_++ & (shards_.size() - 1)];
    const std::scoped_lock lock(shard.mutex);
    idle = evict_one(shard, newest) ? 0 : idle + 1;
  }
}

bool Tier::evict_one(Shard& shard, const Identity& newest) {
  const auto is_newest = [&](const Fifo& fifo) {
    if (fifo.empty()) return false;
    const Entry& last = fifo.back();
    return last.hash == newest.hash && last.key == newest.key && last.group == newest.group;
  };
  for (;;) {
    bool from_small = !shard.small.empty() && (shard.main.empty() || shard.small_bytes * 10 > shard.bytes);
    // A large value that others have to make room for would else be the first to go, each time anew.
    if (is_newest(from_small ? shard.small : shard.main)) from_small = !from_small;
    Fifo& fifo = from_small ? shard.small : shard.main;
    if (fifo.empty() || is_newest(fifo)) return false;
    const auto oldest = std::prev(fifo.end());
    if (from_small && oldest->hits > 1) {
      shard.small_bytes -= oldest->weight;
      oldest->in_main = true;
      oldest->hits = 0;
      shard.main.splice(shard.main.begin(), shard.small, oldest);
      continue;
    }
    if (!from_small && oldest->hits > 0) {
      --oldest->hits;
      shard.main.splice(shard.main.begin(), shard.main, oldest);
      continue;
    }
    if (from_small) remember_ghost(shard, oldest->hash);
    remove(shard, look_up(shard, Identity{oldest->key, oldest->group, oldest->hash}));
    ++evictions_;
    return true;
  }
}

void Tier::remember_ghost(Shard& shard, std::uint64_t hash) {
  if (!shard.ghost_set.insert(hash).second) return;
  shard.ghosts.push_back(hash);
  while (shard.ghosts.size() > std::max(min_ghosts, shard.index.size())) {
    shard.ghost_set.erase(shard.ghosts.front());
    shard.ghosts.pop_front();
  }
}

}  // namespace mpf::cache
