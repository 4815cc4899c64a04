#include "auth/hash_queue.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/core.h>

#include <mpf/http/retry_later.hpp>

#include "auth/throttle.hpp"

namespace mpf::auth {

namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw http::RetryLater(ErrorKind::unavailable, std::chrono::seconds(5), message,
                         "Too many people are signing in at this moment. Try again in a few seconds");
}

}  // namespace

HashQueue::HashQueue(std::int64_t most, std::int64_t at_once)
    : most_(static_cast<std::size_t>(std::max<std::int64_t>(most, 1))),
      most_of_site_(std::max<std::size_t>(most_ / 2, 1)),
      most_of_address_(std::max<std::size_t>(most_ / 4, 1)),
      slots_(static_cast<std::size_t>(std::max<std::int64_t>(at_once, 1))) {}

std::size_t HashQueue::held_by(const std::string& holder) const {
  const auto found = held_.find(holder);
  return found == held_.end() ? 0 : found->second;
}

void HashQueue::give_back(const std::string& holder) noexcept {
  const auto found = held_.find(holder);
  if (found != held_.end() && --found->second == 0) held_.erase(found);
}

HashQueue::Place::Place(HashQueue& queue, const HashFor& whose) : queue_(queue) {
  if (whose.site) site_ = fmt::format("site {}", whose.site.value);
  if (!whose.remote_address.empty()) address_ = "address " + address_block(whose.remote_address);
  {
    const std::scoped_lock lock(queue_.mutex_);
    if (queue_.waiting_ >= queue_.most_) refuse("too many passwords wait to be checked (auth.hash_queue)");
    if (!site_.empty() && queue_.held_by(site_) >= queue_.most_of_site_) {
      refuse(fmt::format("half of the passwords that may wait (auth.hash_queue) are of {}", site_));
    }
    if (!address_.empty() && queue_.held_by(address_) >= queue_.most_of_address_) {
      refuse(fmt::format("a quarter of the passwords that may wait (auth.hash_queue) are from {}", address_));
    }
    ++queue_.waiting_;
    if (!site_.empty()) ++queue_.held_[site_];
    if (!address_.empty()) ++queue_.held_[address_];
    counted_ = true;
  }
  try {
    queue_.slots_.acquire();
  } catch (...) {
    leave();
    throw;
  }
}

HashQueue::Place::Place(HashQueue& queue) : queue_(queue) { queue_.slots_.acquire(); }

HashQueue::Place::~Place() {
  queue_.slots_.release();
  leave();
}

void HashQueue::Place::leave() noexcept {
  if (!counted_) return;
  const std::scoped_lock lock(queue_.mutex_);
  --queue_.waiting_;
  queue_.give_back(site_);
  queue_.give_back(address_);
}

}  // namespace mpf::auth
