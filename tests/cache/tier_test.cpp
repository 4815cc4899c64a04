#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <list>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <mpf/cache/cache.hpp>
#include <mpf/cache/key.hpp>

#include "cache/tier.hpp"

using mpf::cache::Cached;
using mpf::cache::Group;
using mpf::cache::Identity;
using mpf::cache::key;
using mpf::cache::Key;
using mpf::cache::Tier;

namespace {

const Group group = Group::system("t");
constexpr std::size_t item_bytes = 10'000;

Cached some(mpf::cache::Epoch epoch = 1) { return {std::make_shared<const int>(1), nullptr, epoch, {}, {}}; }

/// What share of the requests a cache of `capacity` items answers.
template <class Ask>
double hit_ratio(const std::vector<int>& trace, Ask&& ask) {
  std::size_t hits = 0;
  for (const int item : trace) hits += ask(item) ? 1 : 0;
  return static_cast<double>(hits) / static_cast<double>(trace.size());
}

double tier_hit_ratio(const std::vector<int>& trace, std::size_t capacity) {
  Tier tier(capacity * (item_bytes + 300), 1);
  return hit_ratio(trace, [&](int item) {
    const Key k = key("i", item);
    if (tier.find(Identity::of(k, group), 0)) return true;
    tier.store(Identity::of(k, group), some(), item_bytes);
    return false;
  });
}

double lru_hit_ratio(const std::vector<int>& trace, std::size_t capacity) {
  std::list<int> order;
  std::unordered_map<int, std::list<int>::iterator> places;
  return hit_ratio(trace, [&](int item) {
    const auto it = places.find(item);
    if (it != places.end()) {
      order.splice(order.begin(), order, it->second);
      return true;
    }
    order.push_front(item);
    places[item] = order.begin();
    if (order.size() > capacity) {
      places.erase(order.back());
      order.pop_back();
    }
    return false;
  });
}

/// Zipf-distributed numbers from `first` on.
class Zipf {
 public:
  Zipf(int count, double skew) : sums_(static_cast<std::size_t>(count)) {
    double sum = 0;
    for (int i = 0; i < count; ++i) sums_[static_cast<std::size_t>(i)] = sum += 1 / std::pow(i + 1, skew);
  }
  int operator()(std::mt19937& random) const {
    const double at = std::uniform_real_distribution<double>(0, sums_.back())(random);
    return static_cast<int>(std::lower_bound(sums_.begin(), sums_.end(), at) - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

}  // namespace

TEST_CASE("the tier keeps within its bytes, whatever the sizes") {
  std::mt19937 random(7);
  Tier tier(1'000'000, 8);
  std::size_t most = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Key k = key("k", static_cast<int>(random() % 3000));
    const std::size_t weight = random() % 50 == 0 ? random() % 240'000 : random() % 4000;
    tier.store(Identity::of(k, group), some(), weight);
    most = std::max(most, tier.bytes());
    CHECK(tier.bytes() <= 1'000'000);
  }
  CHECK(most > 700'000);
  CHECK(tier.evictions() > 1000);
  const Key huge = key("huge");
  CHECK_FALSE(tier.store(Identity::of(huge, group), some(), 510'000));
  CHECK_FALSE(tier.find(Identity::of(huge, group), 0));
  tier.clear();
  CHECK(tier.bytes() == 0);
  CHECK(tier.entries() == 0);
}

TEST_CASE("one large value fits although it exceeds its shard's share") {
  Tier tier(1'000'000, 16);
  const Key k = key("large");
  CHECK(tier.store(Identity::of(k, group), some(), 200'000));
  CHECK(tier.find(Identity::of(k, group), 0));
}

TEST_CASE("a large value gets its room in a cache that is full of others") {
  Tier tier(1'000'000, 16);
  for (int i = 0; i < 2000; ++i) {
    const Key small = key("small", i);
    tier.store(Identity::of(small, group), some(), 2000);
  }
  REQUIRE(tier.bytes() > 900'000);
  for (const std::size_t weight : {100'000u, 250'000u, 490'000u}) {
    CAPTURE(weight);
    const Key k = key("large", static_cast<int>(weight));
    CHECK(tier.store(Identity::of(k, group), some(), weight));
    CHECK(tier.find(Identity::of(k, group), 0));
    CHECK(tier.bytes() <= 1'000'000);
  }
}

TEST_CASE("a value too large for the cache takes the old one away") {
  Tier tier(100'000, 1);
  const Key k = key("k");
  const Identity id = Identity::of(k, group);
  CHECK(tier.store(id, some(1), 10));
  CHECK_FALSE(tier.store(id, some(1), 90'000));
  CHECK_FALSE(tier.find(id, 0));
}

TEST_CASE("an older epoch neither replaces a newer nor is found") {
  Tier tier(100'000, 1);
  const Key k = key("k");
  const Identity id = Identity::of(k, group);
  tier.store(id, some(5), 10);
  tier.store(id, some(4), 10);
  REQUIRE(tier.find(id, 5));
  CHECK(tier.find(id, 5)->epoch == 5);
  CHECK_FALSE(tier.find(id, 6));
  CHECK(tier.entries() == 0);
}

TEST_CASE("scans do not wash out what is asked for often") {
  std::mt19937 random(1);
  const Zipf popular(2000, 0.9);
  std::vector<int> trace;
  int scanned = 1'000'000;
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 2000; ++i) trace.push_back(popular(random));
    for (int i = 0; i < 600; ++i) trace.push_back(scanned++);
  }
  const double ours = tier_hit_ratio(trace, 500);
  const double lru = lru_hit_ratio(trace, 500);
  INFO("ours ", ours, " lru ", lru);
  CHECK(ours > lru + 0.03);
}

TEST_CASE("popularity that moves on is followed") {
  std::mt19937 random(2);
  const Zipf popular(1000, 1.0);
  std::vector<int> trace;
  for (int phase = 0; phase < 10; ++phase) {
    for (int i = 0; i < 20'000; ++i) trace.push_back(phase * 500 + popular(random));
  }
  const double ours = tier_hit_ratio(trace, 200);
  const double lru = lru_hit_ratio(trace, 200);
  INFO("ours ", ours, " lru ", lru);
  CHECK(ours > lru - 0.01);
  CHECK(ours > 0.5);
}

TEST_CASE("a loop larger than the cache still hits sometimes") {
  std::vector<int> trace;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 300; ++i) trace.push_back(i);
  }
  CHECK(lru_hit_ratio(trace, 200) == 0);
  CHECK(tier_hit_ratio(trace, 200) > 0.1);
}

TEST_CASE("threads share the tier") {
  Tier tier(300'000, 4);
  std::vector<std::thread> threads;
  std::atomic<int> found{0};
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 20'000; ++i) {
        const Key k = key("k", static_cast<int>(random() % 500));
        const Identity id = Identity::of(k, group);
        switch (random() % 8) {
          case 0:
            tier.erase(id);
            break;
          case 1:
            tier.defer(id, 1, mpf::Timestamp());
            break;
          case 2:
          case 3:
            tier.store(id, some(), random() % 3000);
            break;
          default:
            found += tier.find(id, 0) ? 1 : 0;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(found > 0);
  CHECK(tier.bytes() <= 300'000);
  tier.clear();
  CHECK(tier.bytes() == 0);
}
