#include "cache/flights.hpp"

#include <algorithm>
#include <utility>

#include <mpf/base/error.hpp>

namespace mpf::cache {

Flights::Map::iterator Flights::look_up(const Identity& id) {
  const auto [begin, end] = flights_.equal_range(id.hash);
  for (auto it = begin; it != end; ++it) {
    if (it->second->key == id.key && it->second->group == id.group) return it;
  }
  return flights_.end();
}

bool Flights::would_deadlock(const Flight& target) const {
  std::vector<const Flight*> reach{&target};
  for (std::size_t i = 0; i < reach.size(); ++i) {
    for (const Leading* mine = leading_.get(); mine != nullptr; mine = mine->outer.get()) {
      if (mine->flight.get() == reach[i]) return true;
    }
    for (const Flight* next : reach[i]->waits_for) {
      if (std::find(reach.begin(), reach.end(), next) == reach.end()) reach.push_back(next);
    }
  }
  return false;
}

Flights::Boarding Flights::board(const Identity& id, Epoch epoch) {
  const std::scoped_lock lock(mutex_);
  const auto found = look_up(id);
  if (found != flights_.end() && found->second->epoch >= epoch) {
    const std::shared_ptr<Flight>& flight = found->second;
    for (const Leading* mine = leading_.get(); mine != nullptr; mine = mine->outer.get()) {
      if (mine->flight == flight) {
        throw Error(ErrorKind::internal, "the loader of \"" + id.key + "\" in cache group \"" +
                                             id.group.path() + "\" asks the cache for the same key");
      }
    }
    if (would_deadlock(*flight)) return {Role::alone, nullptr, nullptr};
    auto waiter = std::make_shared<fiber::Waiter>();
    flight->waiters.push_back(waiter);
    for (const Leading* mine = leading_.get(); mine != nullptr; mine = mine->outer.get()) {
      mine->flight->waits_for.push_back(flight.get());
    }
    return {Role::passenger, flight, std::move(waiter)};
  }
  auto flight = std::make_shared<Flight>(id, epoch);
  if (found != flights_.end()) {
    found->second = flight;  // who waits for the older one began before the bump, and may have its value
  } else {
    flights_.emplace(id.hash, flight);
  }
  return {Role::leader, std::move(flight), nullptr};
}

bool Flights::running(const Identity& id, Epoch epoch) {
  const std::scoped_lock lock(mutex_);
  const auto found = look_up(id);
  return found != flights_.end() && found->second->epoch >= epoch;
}

void Flights::wait(const Boarding& boarding) {
  struct Leave {
    Flights& flights;
    const Boarding& boarding;
    ~Leave() {
      const std::scoped_lock lock(flights.mutex_);
      std::erase(boarding.flight->waiters, boarding.waiter);
      for (Leading* mine = flights.leading_.get(); mine != nullptr; mine = mine->outer.get()) {
        auto& waits = mine->flight->waits_for;
        const auto it = std::find(waits.begin(), waits.end(), boarding.flight.get());
        if (it != waits.end()) waits.erase(it);
      }
    }
  } leave{*this, boarding};
  for (;;) {
    {
      const std::scoped_lock lock(mutex_);
      if (boarding.flight->state != Flight::State::loading) return;
    }
    boarding.waiter->wait();
  }
}

void Flights::land(Flight& flight, std::unique_lock<std::mutex> lock) {
  const auto [begin, end] = flights_.equal_range(flight.hash);
  const auto it = std::find_if(begin, end, [&](const auto& item) { return item.second.get() == &flight; });
  const std::shared_ptr<Flight> alive = it != end ? it->second : nullptr;
  if (it != end) flights_.erase(it);
  const auto waiters = std::exchange(flight.waiters, {});
  lock.unlock();
  for (const auto& waiter : waiters) waiter->wake();
}

void Flights::finish(Flight& flight, std::shared_ptr<const void> value, const char* type) {
  std::unique_lock lock(mutex_);
  flight.state = Flight::State::loaded;
  flight.value = std::move(value);
  flight.type = type;
  land(flight, std::move(lock));
}

void Flights::fail(Flight& flight, std::exception_ptr error) {
  std::unique_lock lock(mutex_);
  flight.state = Flight::State::failed;
  flight.error = std::move(error);
  land(flight, std::move(lock));
}

void Flights::abandon(Flight& flight) {
  std::unique_lock lock(mutex_);
  flight.state = Flight::State::abandoned;
  land(flight, std::move(lock));
}

fiber::Local<Flights::Leading>::Scope Flights::lead(std::shared_ptr<Flight> flight) {
  return leading_.set(std::make_shared<Leading>(Leading{std::move(flight), leading_.share()}));
}

}  // namespace mpf::cache
