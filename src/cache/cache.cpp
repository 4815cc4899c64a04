#include <mpf/cache/cache.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include <mpf/base/error.hpp>
#include <mpf/cache/stash.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/telemetry/log.hpp>

#include "cache/flights.hpp"
#include "cache/tier.hpp"

namespace mpf::cache {

namespace {

constexpr Microseconds retry_after_error = std::chrono::seconds(5);
constexpr std::size_t max_told = 100;
constexpr std::chrono::milliseconds longest = std::chrono::hours(24 * 365 * 100);

using Count = std::atomic<std::uint64_t>;
void count(Count& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

void check_type(const Identity& id, const char* kept, const char* asked) {
  if (kept == asked) return;
  throw Error(ErrorKind::internal, "the cache key \"" + id.key + "\" in group \"" + id.group.path() +
                                       "\" is used for two types: give one of them another name");
}

}  // namespace

struct Cache::Impl {
  Impl(const CacheOptions& options, std::unique_ptr<EpochStore> store)
      : clock(*options.clock), epochs(std::move(store)), tier(options.max_bytes, options.shards) {}

  const Clock& clock;
  std::unique_ptr<EpochStore> epochs;
  Tier tier;
  Flights flights;
  std::mutex told_mutex;
  std::set<std::string> told;  // names of keys
  Count randomness{0};
  Count stash_hits{0}, hits{0}, misses{0}, loads{0}, load_errors{0}, joined{0}, stale_served{0}, bypassed{0},
      rejected{0}, bumps{0};

  /// 0…1; splitmix64 of a counter.
  double random() noexcept {
    std::uint64_t z = (randomness.fetch_add(1, std::memory_order_relaxed) + 1) * 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return static_cast<double>((z ^ (z >> 31U)) >> 11U) * 0x1.0p-53;
  }

  detail::Loaded load(detail::LoaderRef loader, const GetOptions& options) {
    count(loads);
    try {
      return loader.call(loader.object, options.size);
    } catch (const fiber::Cancelled&) {
      throw;
    } catch (...) {
      count(load_errors);
      throw;
    }
  }

  /// Keeps a value whose loader began at `epoch`.
  void keep(const Identity& id, Epoch epoch, const char* type, const detail::Loaded& loaded,
            const GetOptions& options) {
    if (epochs->known_epoch(id.group) != epoch) return;
    if (!loaded.value && !options.cache_nothing) {
      tier.erase(id);
      return;
    }
    const auto ttl =
        std::min(loaded.value ? options.ttl : std::min(options.ttl, options.nothing_ttl), longest);
    const double part = 1 - std::clamp(options.jitter, 0.0, 1.0) * random();
    const auto life = Microseconds(std::llround(static_cast<double>(Microseconds(ttl).count()) * part));
    const bool stored = tier.store(id, {loaded.value, type, epoch, clock.now() + life, {}}, loaded.weight);
    if (!stored) tell_rejected(id, loaded.weight);
  }

  void tell_rejected(const Identity& id, std::size_t weight) {
    count(rejected);
    const std::string name = id.key.substr(0, id.key.find('('));
    {
      const std::scoped_lock lock(told_mutex);
      if (told.size() >= max_told || !told.insert(name).second) return;
    }
    log::warning(
        "a value of {} bytes is too large for the cache of {} bytes, which keeps none above half of that, "
        "and is "
        "loaded by each call: cache key \"{}\" in group \"{}\"; give the cache more memory (cache.max_mib), "
        "or "
        "make the value smaller",
        weight, tier.max_bytes(), id.key, id.group.path());
  }

  std::shared_ptr<const void> lead(const Identity& id, const std::shared_ptr<Flight>& flight,
                                   const std::optional<Cached>& expired, const char* type,
                                   detail::LoaderRef loader, const GetOptions& options);
};

Cache::Cache(CacheOptions options, std::unique_ptr<EpochStore> epochs)
    : impl_(std::make_unique<Impl>(options, std::move(epochs))) {}

Cache::~Cache() = default;

/// Runs the loader for all who wait.
std::shared_ptr<const void> Cache::Impl::lead(const Identity& id, const std::shared_ptr<Flight>& flight,
                                              const std::optional<Cached>& expired, const char* type,
                                              detail::LoaderRef loader, const GetOptions& options) {
  try {
    // Another flight may have landed between the look at the tier and the start of this one.
    const auto found = tier.find(id, flight->epoch);
    if (found && found->type == type && clock.now() < found->expires_at) {
      flights.finish(*flight, found->value, type);
      return found->value;
    }
    const auto leading = flights.lead(flight);
    const detail::Loaded loaded = load(loader, options);
    keep(id, flight->epoch, type, loaded, options);
    flights.finish(*flight, loaded.value, type);
    return loaded.value;
  } catch (const fiber::Cancelled&) {
    flights.abandon(*flight);
    throw;
  } catch (const std::exception& error) {
    const Timestamp now = clock.now();
    if (expired && now < expired->expires_at + std::min(options.stale_on_error, longest) &&
        expired->epoch >= epochs->known_epoch(id.group)) {
      tier.defer(id, expired->epoch, now + retry_after_error);
      count(stale_served);
      flights.finish(*flight, expired->value, type);
      return expired->value;
    }
    const auto* own = dynamic_cast<const Error*>(&error);
    if (own != nullptr && own->kind() == ErrorKind::timeout &&
        fiber::SteadyClock::now() >= fiber::deadline()) {
      flights.abandon(*flight);  // out of time itself; those who wait may have more
    } else {
      flights.fail(*flight, std::current_exception());
    }
    throw;
  } catch (...) {
    flights.fail(*flight, std::current_exception());
    throw;
  }
}

std::shared_ptr<const void> Cache::read(const Key& key, const Group& group, detail::TypeTag type,
                                        detail::LoaderRef loader, const GetOptions& options) {
  Impl& self = *impl_;
  const Identity id = Identity::of(key, group);
  const EpochStore::Standing standing = self.epochs->standing(group);
  if (standing == EpochStore::Standing::touched) {
    count(self.bypassed);
    return self.load(loader, options).value;
  }

  RequestStash* const stash = RequestStash::current();
  if (stash != nullptr) {
    const auto entry = stash->find(*this, id.hash, group.path(), key.text());
    if (entry && entry->epoch >= self.epochs->known_epoch(group)) {
      check_type(id, entry->type, type);
      count(self.stash_hits);
      return entry->value;
    }
  }
  const auto stashed = [&](std::shared_ptr<const void> value, Epoch epoch) {
    if (stash != nullptr) stash->keep(*this, id.hash, group.path(), key.text(), {value, type, epoch});
    return value;
  };

  bool missed = false;
  for (;;) {
    Epoch epoch = 0;
    bool certain = true;
    try {
      epoch = self.epochs->epoch(group);
    } catch (const Error& error) {
      // Without the store nobody knows whether a bump has come; only who accepts stale values gets one.
      if (error.kind() != ErrorKind::unavailable || options.stale_on_error.count() == 0) throw;
      epoch = self.epochs->known_epoch(group);
      certain = false;
    }
    const Timestamp now = self.clock.now();
    const std::optional<Cached> found = self.tier.find(id, epoch);
    if (found) {
      check_type(id, found->type, type);
      if (certain && now < found->expires_at) {
        count(self.hits);
        return stashed(found->value, found->epoch);
      }
      const auto age = now - found->expires_at;
      const bool others_load = standing == EpochStore::Standing::in_transaction ||
                               (fiber::in_fiber() && self.flights.running(id, epoch));
      if ((!certain && age < options.stale_on_error) || now < found->retry_at ||
          (age < options.stale_while_revalidate && others_load)) {
        count(self.stale_served);
        return found->value;
      }
    }
    if (!std::exchange(missed, true)) count(self.misses);
    if (standing == EpochStore::Standing::in_transaction) {
      count(self.bypassed);
      return self.load(loader, options).value;
    }
    if (!fiber::in_fiber()) {
      const detail::Loaded loaded = self.load(loader, options);
      self.keep(id, epoch, type, loaded, options);
      return stashed(loaded.value, epoch);
    }

    const Flights::Boarding boarding = self.flights.board(id, epoch);
    if (boarding.role == Flights::Role::leader) {
      return stashed(self.lead(id, boarding.flight, found, type, loader, options), epoch);
    }
    if (boarding.role == Flights::Role::alone) {
      const detail::Loaded loaded = self.load(loader, options);
      self.keep(id, epoch, type, loaded, options);
      return stashed(loaded.value, epoch);
    }
    count(self.joined);
    self.flights.wait(boarding);
    const Flight& flight = *boarding.flight;
    if (flight.state == Flight::State::failed) std::rethrow_exception(flight.error);
    if (flight.state == Flight::State::loaded) {
      check_type(id, flight.type, type);
      return stashed(flight.value, flight.epoch);
    }
  }
}

void Cache::bump(const Group& group) {
  count(impl_->bumps);
  impl_->epochs->bump(group);
}

void Cache::clear() { impl_->tier.clear(); }

Stats Cache::stats() const {
  const Impl& self = *impl_;
  Stats stats;
  stats.stash_hits = self.stash_hits;
  stats.hits = self.hits;
  stats.misses = self.misses;
  stats.loads = self.loads;
  stats.load_errors = self.load_errors;
  stats.joined = self.joined;
  stats.stale_served = self.stale_served;
  stats.bypassed = self.bypassed;
  stats.evictions = self.tier.evictions();
  stats.rejected = self.rejected;
  stats.bumps = self.bumps;
  stats.entries = self.tier.entries();
  stats.bytes = self.tier.bytes();
  return stats;
}

}  // namespace mpf::cache
