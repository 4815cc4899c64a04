#include <mpf/cache/stash.hpp>

#include <utility>

namespace mpf::cache {

namespace {
constexpr fiber::Local<RequestStash> current_stash{};
}

RequestStash::Scope RequestStash::open() { return current_stash.set(std::make_shared<RequestStash>()); }

RequestStash* RequestStash::current() noexcept { return current_stash.get(); }

std::shared_ptr<const RequestStash::Entry> RequestStash::find(const Cache& cache, std::uint64_t hash,
                                                              const std::string& path,
                                                              const std::string& key) const {
  const std::scoped_lock lock(mutex_);
  const auto [begin, end] = slots_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Slot& slot = it->second;
    if (slot.cache == &cache && slot.key == key && slot.path == path) return slot.entry;
  }
  return nullptr;
}

void RequestStash::keep(const Cache& cache, std::uint64_t hash, const std::string& path,
                        const std::string& key, Entry entry) {
  auto kept = std::make_shared<const Entry>(std::move(entry));
  const std::scoped_lock lock(mutex_);
  const auto [begin, end] = slots_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    Slot& slot = it->second;
    if (slot.cache == &cache && slot.key == key && slot.path == path) {
      if (slot.entry->epoch <= kept->epoch) slot.entry = std::move(kept);
      return;
    }
  }
  if (slots_.size() < max_entries) slots_.emplace(hash, Slot{&cache, path, key, std::move(kept)});
}

}  // namespace mpf::cache
