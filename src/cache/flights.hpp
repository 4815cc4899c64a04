#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <mpf/cache/cache.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/local.hpp>

#include "cache/tier.hpp"

namespace mpf::cache {

/// One loader that runs, and those who wait for what it gives. Guarded by the Flights it belongs to.
struct Flight {
  Flight(const Identity& id, Epoch at) : key(id.key), group(id.group), hash(id.hash), epoch(at) {}

  const std::string key;
  const Group group;
  const std::uint64_t hash;
  const Epoch epoch;  // from before the loader began

  enum class State { loading, loaded, failed, abandoned };
  State state = State::loading;
  std::shared_ptr<const void> value;
  const char* type = nullptr;
  std::exception_ptr error;
  std::vector<std::shared_ptr<fiber::Waiter>> waiters;
  std::vector<const Flight*> waits_for;  // flights that its loader waits for in turn
};

/// The loaders that run now: one a key, over all fibers and loops.
class Flights {
 public:
  /// For the current fiber and those it spawns: the flights whose loaders it is running, innermost first.
  struct Leading {
    std::shared_ptr<Flight> flight;
    std::shared_ptr<Leading> outer;
  };

  enum class Role {
    leader,     ///< run the loader, then finish()
    passenger,  ///< wait()
    alone,      ///< run the loader, tell nobody: to wait would be a deadlock of loaders
  };
  struct Boarding {
    Role role;
    std::shared_ptr<Flight> flight;
    std::shared_ptr<fiber::Waiter> waiter;
  };

  /// Joins the flight of a key that began at this epoch or later, or starts one. Error(internal) when the
  /// loader of a key asks for the same key.
  Boarding board(const Identity& id, Epoch epoch);

  /// True while a flight of the key runs that began at this epoch or later.
  bool running(const Identity& id, Epoch epoch);

  /// Until the flight ends. Throws what waits throw.
  void wait(const Boarding& boarding);

  void finish(Flight& flight, std::shared_ptr<const void> value, const char* type);
  void fail(Flight& flight, std::exception_ptr error);
  /// The leader cannot go on; the passengers board again.
  void abandon(Flight& flight);

  /// Marks the current fiber as running the flight's loader.
  [[nodiscard]] fiber::Local<Leading>::Scope lead(std::shared_ptr<Flight> flight);

 private:
  using Map = std::unordered_multimap<std::uint64_t, std::shared_ptr<Flight>>;

  Map::iterator look_up(const Identity& id);
  void land(Flight& flight, std::unique_lock<std::mutex> lock);
  bool would_deadlock(const Flight& target) const;

  std::mutex mutex_;
  Map flights_;
  fiber::Local<Leading> leading_{};
};

}  // namespace mpf::cache
