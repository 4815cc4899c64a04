#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <mpf/base/timestamp.hpp>
#include <mpf/cache/epochs.hpp>
#include <mpf/cache/group.hpp>
#include <mpf/cache/key.hpp>
#include <mpf/cache/weight.hpp>

/// Values read through tiers: request stash, process, loader.
///
///     auto menu = cache.get<Menu>(key("content.menu", locale), content, [&] { return load_menu(locale); });
///
/// After a bump of a group has committed, no value whose loader began before is served any more, in any
/// process.
namespace mpf::cache {

struct CacheOptions {
  /// Of the process tier, keys and bookkeeping included. A value of more than half of it is not kept, and
  /// loaded by every call: that is counted (Stats::rejected) and logged, the first time for each key's name.
  std::size_t max_bytes = 64 * 1024 * 1024;
  std::size_t shards = 16;                ///< locks of their own; rounded up to a power of two
  const Clock* clock = &Clock::system();  ///< for ages; must outlive the cache
};

struct GetOptions {
  /// How long a value serves when no bump comes.
  std::chrono::milliseconds ttl = std::chrono::hours(8);

  /// 0 to 1: each value's ttl is shortened by a random part up to this, so that not all end at once.
  double jitter = 0.1;

  /// Keep "nothing" (a loader that returned an empty optional), for at most nothing_ttl.
  bool cache_nothing = true;
  std::chrono::milliseconds nothing_ttl = std::chrono::minutes(5);

  /// So long after its ttl, everybody but the one caller who reloads it still gets the value as it was.
  std::chrono::milliseconds stale_while_revalidate{0};

  /// So long after its ttl, a value serves while the loader fails (tried again every 5 s). Values outdated
  /// by a bump never do.
  std::chrono::milliseconds stale_on_error{0};

  /// Bytes that the value takes; 0: weigh() tells.
  std::size_t size = 0;
};

struct Stats {
  std::uint64_t stash_hits = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;        ///< calls that found no value to serve
  std::uint64_t loads = 0;         ///< loaders called
  std::uint64_t load_errors = 0;   ///< loaders that threw
  std::uint64_t joined = 0;        ///< calls that waited for another's loader
  std::uint64_t stale_served = 0;  ///< by stale_while_revalidate or stale_on_error
  std::uint64_t bypassed = 0;      ///< loads inside transactions, whose values were not stored
  std::uint64_t evictions = 0;
  std::uint64_t rejected = 0;  ///< values too large to store (half of max_bytes)
  std::uint64_t bumps = 0;     ///< asked for through this cache
  std::size_t entries = 0;
  std::size_t bytes = 0;
};

namespace detail {

struct Loaded {
  std::shared_ptr<const void> value;  // null: nothing
  std::size_t weight = 0;
};

/// A loader of the caller, by reference.
struct LoaderRef {
  void* object;
  Loaded (*call)(void* object, std::size_t size_hint);
};

template <class T>
inline constexpr char type_tag = 0;
using TypeTag = const char*;

template <class T, class Result>
Loaded keep(Result&& result, std::size_t size_hint) {
  using R = std::remove_cvref_t<Result>;
  std::shared_ptr<const T> value;
  if constexpr (std::is_convertible_v<R, std::shared_ptr<const T>>) {
    value = std::forward<Result>(result);
  } else if constexpr (std::is_same_v<R, std::optional<T>>) {
    if (result) value = std::make_shared<const T>(*std::forward<Result>(result));
  } else {
    static_assert(std::is_convertible_v<Result, T>,
                  "the loader returns T, std::optional<T> or std::shared_ptr<const T>");
    value = std::make_shared<const T>(std::forward<Result>(result));
  }
  const std::size_t weight = size_hint != 0 ? size_hint : value ? weigh(*value) : 0;
  return {std::move(value), weight};
}

}  // namespace detail

/// A cache. All members are for any fiber of any loop, and get() on plain threads too where the epoch store
/// and the loader allow it. One application has one, on the epochs of its database.
class Cache {
 public:
  explicit Cache(CacheOptions options = {}, std::unique_ptr<EpochStore> epochs = local_epochs());
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  /// The value of a key, from the nearest tier that has it; else what the loader returns (T, optional<T> or
  /// shared_ptr<const T>), which is then kept. Null only when the loader returned nothing.
  ///
  /// One loader a key runs at a time, in the fiber of the first who asks; others wait for it (each until its
  /// own deadline). What it throws, all of them get, and nothing is kept; if its fiber is cancelled or out of
  /// time, the next one waiting runs its own. A loader may call get() for other keys.
  ///
  /// In an open transaction of the epoch store's database the value is loaded without waiting for others and
  /// not kept; groups that the transaction has bumped are always loaded.
  ///
  /// A key always has the same T: Error(internal) otherwise.
  template <class T, class Loader>
  std::shared_ptr<const T> get(const Key& key, const Group& group, Loader&& loader,
                               const GetOptions& options = {}) {
    using L = std::remove_reference_t<Loader>;
    const detail::LoaderRef ref{
        const_cast<void*>(static_cast<const void*>(std::addressof(loader))),
        [](void* object, std::size_t hint) { return detail::keep<T>((*static_cast<L*>(object))(), hint); }};
    return std::static_pointer_cast<const T>(read(key, group, &detail::type_tag<T>, ref, options));
  }

  /// Outdates what is cached in the group and below it: at once or, in an open transaction of the epoch
  /// store's database, when that commits. Call it in the transaction that changes the data.
  void bump(const Group& group);

  /// Drops all values of the process tier.
  void clear();

  Stats stats() const;

 private:
  std::shared_ptr<const void> read(const Key& key, const Group& group, detail::TypeTag type,
                                   detail::LoaderRef loader, const GetOptions& options);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mpf::cache
