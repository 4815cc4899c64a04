#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include <mpf/cache/epochs.hpp>
#include <mpf/fiber/local.hpp>

namespace mpf::cache {

class Cache;

/// The request tier: values that this request has got already, served again without asking whether another
/// process has bumped meanwhile, so that a request sees one state. Bumps of this process count at once.
/// Cache uses the stash of the current fiber; the application opens one per request.
///
///     const auto stash = RequestStash::open();
class RequestStash {
 public:
  using Scope = fiber::Local<RequestStash>::Scope;

  /// Until the result goes, the current fiber and those it spawns share a new stash.
  [[nodiscard]] static Scope open();

  /// The current fiber's, or null.
  static RequestStash* current() noexcept;

  struct Entry {
    std::shared_ptr<const void> value;
    const char* type = nullptr;
    Epoch epoch = 0;
  };

  /// Null when there is none. For Cache.
  std::shared_ptr<const Entry> find(const Cache& cache, std::uint64_t hash, const std::string& path,
                                    const std::string& key) const;
  void keep(const Cache& cache, std::uint64_t hash, const std::string& path, const std::string& key,
            Entry entry);

 private:
  static constexpr std::size_t max_entries = 1000;  // more are simply not kept

  struct Slot {
    const Cache* cache;
    std::string path;
    std::string key;
    std::shared_ptr<const Entry> entry;
  };

  mutable std::mutex mutex_;
  std::unordered_multimap<std::uint64_t, Slot> slots_;
};

}  // namespace mpf::cache
