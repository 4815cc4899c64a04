#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <mpf/cache/cache.hpp>
#include <mpf/cache/epochs.hpp>
#include <mpf/cache/stash.hpp>
#include <mpf/fiber/fiber.hpp>

#include "cache/simulated_database.hpp"

/// Two processes, each with readers and writers, a cache and its own view of one database, in random
/// interleavings of all steps of the epoch protocol. No reader may get a version older than one whose writer
/// had finished when the reader began, nor one that was never committed.
namespace {

using mpf::cache::Cache;
using mpf::cache::Epoch;
using mpf::cache::EpochStore;
using mpf::cache::Group;
using mpf::cache::key;
using mpf::cache::RequestStash;
using mpf::test::SimulatedDatabase;
using mpf::test::World;

// Under ThreadSanitizer a seed takes a hundred times as long, and one loop has no races to find.
#if defined(__SANITIZE_THREAD__)
constexpr int seeds = 30;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr int seeds = 30;
#else
constexpr int seeds = 400;
#endif
#else
constexpr int seeds = 400;
#endif

constexpr int rows = 8;  // two providers with two sites with two rows each
const Group content = Group::system("content");

Group provider_group(int provider) { return content.child("provider:" + std::to_string(provider)); }
Group group_of(int row) { return provider_group(row / 4).child("site:" + std::to_string(row / 2)); }

using MakeStore = std::function<std::unique_ptr<EpochStore>(SimulatedDatabase&, Cache*& cache)>;

struct Findings {
  int stale = 0;        // older than what had been committed
  int uncommitted = 0;  // never committed by anybody
  int own = 0;          // not what the transaction itself had written
  std::uint64_t hits = 0;
  std::uint64_t trace = 0;
};

class Simulation {
 public:
  Simulation(std::uint32_t seed, const MakeStore& make_store) : world_(seed) {
    for (int row = 0; row < rows; ++row) history_[row].insert(0);
    for (auto& process : processes_) {
      process.db = std::make_unique<SimulatedDatabase>(world_);
      Cache*& place = process.cache_place;
      process.cache = std::make_unique<Cache>(mpf::cache::CacheOptions{.max_bytes = 1'000'000, .shards = 1},
                                              make_store(*process.db, place));
      place = process.cache.get();
    }
  }

  Findings run() {
    {
      std::vector<mpf::fiber::Fiber<>> fibers;
      for (std::size_t p = 0; p < processes_.size(); ++p) {
        for (int i = 0; i < 3; ++i) fibers.push_back(mpf::fiber::spawn([this, p] { read_often(p); }));
        for (int i = 0; i < 2; ++i) fibers.push_back(mpf::fiber::spawn([this, p] { write_often(p); }));
      }
      for (auto& fiber : fibers) fiber.get();
    }
    for (const auto& process : processes_) findings_.hits += process.cache->stats().hits;
    findings_.trace = world_.trace;
    return findings_;
  }

 private:
  struct Process {
    std::unique_ptr<SimulatedDatabase> db;
    Cache* cache_place = nullptr;
    std::unique_ptr<Cache> cache;
    std::map<int, std::int64_t> finished;  // newest version whose writer, in this process, has finished
  };

  std::int64_t get(std::size_t p, int row) {
    Process& process = processes_[p];
    return *process.cache->get<std::int64_t>(key("row", row), group_of(row),
                                             [&] { return process.db->read(row); });
  }

  std::map<int, std::int64_t> finished_anywhere() const {
    std::map<int, std::int64_t> newest;
    for (const Process& process : processes_) {
      for (const auto& [row, version] : process.finished) newest[row] = std::max(newest[row], version);
    }
    return newest;
  }

  void judge(int row, std::int64_t version, std::int64_t floor) {
    if (!history_[row].contains(version)) {
      ++findings_.uncommitted;
    } else if (version < floor) {
      ++findings_.stale;
    }
  }

  void read_often(std::size_t p) {
    for (int i = 0; i < 25; ++i) {
      switch (world_.below(6)) {
        case 0:
          read_in_request(p);
          break;
        case 1:
          read_in_transaction(p);
          break;
        default: {
          const int row = static_cast<int>(world_.below(rows));
          const std::int64_t floor = finished_anywhere()[row];
          judge(row, get(p, row), floor);
        }
      }
      world_.pause();
    }
  }

  /// A request sees the other process as it was when the request began, and its own as it is.
  void read_in_request(std::size_t p) {
    auto floor = finished_anywhere();
    const auto stash = RequestStash::open();
    for (int i = 0; i < 4; ++i) {
      const int row = static_cast<int>(world_.below(3));
      const std::int64_t least = std::max(floor[row], processes_[p].finished[row]);
      judge(row, get(p, row), least);
    }
  }

  void read_in_transaction(std::size_t p) {
    auto floor = finished_anywhere();
    processes_[p].db->transaction(
        [&](mpf::db::Transaction&) {
          for (int i = 0; i < 3; ++i) {
            const int row = static_cast<int>(world_.below(rows));
            judge(row, get(p, row), floor[row]);
            world_.pause();
          }
        },
        {.read_only = true});
  }

  struct Undo {};

  void write_often(std::size_t p) {
    for (int i = 0; i < 12; ++i) {
      std::map<int, std::int64_t> written;
      try {
        processes_[p].db->transaction([&](mpf::db::Transaction& transaction) {
          change(p, written, true);
          if (world_.below(3) == 0) {
            auto more = written;
            try {
              processes_[p].db->transaction([&](mpf::db::Transaction&) {
                change(p, more, false);
                if (world_.below(2) == 0) throw Undo();
              });
              written = more;
            } catch (const Undo&) {
            }
            check_own(p, written);
          }
          if (world_.below(4) == 0) throw Undo();
          // From here on others may see it.
          transaction.before_commit([this, &written] {
            for (const auto& [row, version] : written) history_[row].insert(version);
          });
        });
        for (const auto& [row, version] : written) {
          auto& newest = processes_[p].finished[row];
          newest = std::max(newest, version);
        }
      } catch (const Undo&) {
        check_nothing_left(p, written);
      }
      world_.pause();
    }
  }

  /// Writes some rows of a group and bumps it, in either order.
  void change(std::size_t p, std::map<int, std::int64_t>& written, bool may_read) {
    const int row = static_cast<int>(world_.below(rows));
    const std::uint32_t level = world_.below(3);
    const Group group = level == 0 ? content : level == 1 ? provider_group(row / 4) : group_of(row);
    const int first = level == 0 ? 0 : level == 1 ? row / 4 * 4 : row / 2 * 2;
    const int count = level == 0 ? rows : level == 1 ? 4 : 2;
    const bool bump_first = world_.below(2) == 0;
    if (may_read && world_.below(2) == 0) get(p, row);
    if (bump_first) processes_[p].cache->bump(group);
    for (int i = first; i < first + count; ++i) {
      if (i != row && world_.below(2) == 0) continue;
      processes_[p].db->write(i, written[i] = ++last_version_);
    }
    if (!bump_first) processes_[p].cache->bump(group);
    check_own(p, written);
  }

  /// Inside its transaction, a writer reads what it has written.
  void check_own(std::size_t p, const std::map<int, std::int64_t>& written) {
    if (written.empty()) return;
    const auto& [row, version] =
        *std::next(written.begin(),
                   static_cast<std::ptrdiff_t>(world_.below(static_cast<std::uint32_t>(written.size()))));
    if (get(p, row) != version) ++findings_.own;
  }

  void check_nothing_left(std::size_t p, const std::map<int, std::int64_t>& written) {
    if (written.empty()) return;
    const int row = written.begin()->first;
    const std::int64_t floor = finished_anywhere()[row];
    judge(row, get(p, row), floor);
  }

  World world_;
  std::array<Process, 2> processes_;
  std::map<int, std::set<std::int64_t>> history_;
  std::int64_t last_version_ = 0;
  Findings findings_;
};

Findings simulate(std::uint32_t seed, const MakeStore& make_store) {
  return mpf::fiber::run([&] { return Simulation(seed, make_store).run(); },
                         {.loops = 1, .offload_threads = 1, .stall_threshold = std::chrono::milliseconds(0)});
}

/// Sums up many seeds.
Findings simulate_many(int count, const MakeStore& make_store) {
  Findings sum;
  mpf::fiber::run(
      [&] {
        for (int seed = 1; seed <= count; ++seed) {
          const Findings found = Simulation(static_cast<std::uint32_t>(seed), make_store).run();
          sum.stale += found.stale;
          sum.uncommitted += found.uncommitted;
          sum.own += found.own;
          sum.hits += found.hits;
        }
      },
      {.loops = 1, .offload_threads = 1, .stall_threshold = std::chrono::milliseconds(0)});
  return sum;
}

std::unique_ptr<EpochStore> real(SimulatedDatabase& db, Cache*&) { return mpf::cache::database_epochs(db); }

/// The real protocol with one part taken out.
class Mutant : public EpochStore {
 public:
  explicit Mutant(SimulatedDatabase& db) : db_(db), real_(mpf::cache::database_epochs(db)) {}
  Epoch epoch(const Group& group) override { return real_->epoch(group); }
  Epoch known_epoch(const Group& group) const override { return real_->known_epoch(group); }
  void bump(const Group& group) override { real_->bump(group); }
  Standing standing(const Group& group) const override { return real_->standing(group); }

 protected:
  SimulatedDatabase& db_;
  std::unique_ptr<EpochStore> real_;
};

template <class M>
MakeStore mutant() {
  return [](SimulatedDatabase& db, Cache*&) { return std::make_unique<M>(db); };
}

}  // namespace

TEST_CASE("no stale, uncommitted or foreign value is ever served") {
  const Findings found = simulate_many(seeds, real);
  CHECK(found.stale == 0);
  CHECK(found.uncommitted == 0);
  CHECK(found.own == 0);
  CHECK(found.hits > 10 * seeds);  // it does cache
}

TEST_CASE("a seed always gives the same run") {
  const auto first = simulate(42, real).trace;
  CHECK(simulate(42, real).trace == first);
  CHECK(simulate(43, real).trace != first);
}

// Each of the following breaks one rule, and the simulation must notice; else it would prove nothing.

TEST_CASE("noticed: a process that does not listen to the others") {
  struct Deaf : Mutant {
    using Mutant::Mutant;
    Epoch epoch(const Group& group) override { return real_->known_epoch(group); }
  };
  CHECK(simulate_many(20, mutant<Deaf>()).stale > 0);
}

TEST_CASE("noticed: bumps that do not wait for the commit") {
  struct Early : Mutant {
    using Mutant::Mutant;
    std::unique_ptr<EpochStore> own = mpf::cache::local_epochs();
    Epoch epoch(const Group& group) override { return real_->epoch(group) + own->epoch(group) * 1'000'000; }
    Epoch known_epoch(const Group& group) const override {
      return real_->known_epoch(group) + own->known_epoch(group) * 1'000'000;
    }
    void bump(const Group& group) override { own->bump(group); }
  };
  CHECK(simulate_many(20, mutant<Early>()).stale > 0);
}

TEST_CASE("noticed: transactions that fill the cache") {
  struct Open : Mutant {
    using Mutant::Mutant;
    Standing standing(const Group&) const override { return Standing::open; }
  };
  const Findings found = simulate_many(20, mutant<Open>());
  CHECK(found.uncommitted > 0);
  CHECK(found.own > 0);
}

TEST_CASE("noticed: transactions that read what they have outdated") {
  struct Untouched : Mutant {
    using Mutant::Mutant;
    Standing standing(const Group& group) const override {
      return std::min(real_->standing(group), Standing::in_transaction);
    }
  };
  CHECK(simulate_many(20, mutant<Untouched>()).own > 0);
}

TEST_CASE("noticed: invalidation that deletes instead of counting") {
  struct Deleting : Mutant {
    Deleting(SimulatedDatabase& db, Cache*& place) : Mutant(db), cache(place) {}
    Cache*& cache;
    std::uint64_t heard = 0;
    // Values are dropped when a change is heard of, and those that are being loaded are kept all the same.
    Epoch epoch(const Group&) override {
      if (std::exchange(heard, db_.change_counter()) != db_.change_counter()) cache->clear();
      return 1;
    }
    Epoch known_epoch(const Group&) const override { return 1; }
  };
  const MakeStore make = [](SimulatedDatabase& db, Cache*& place) {
    return std::make_unique<Deleting>(db, place);
  };
  CHECK(simulate_many(20, make).stale > 0);
}
