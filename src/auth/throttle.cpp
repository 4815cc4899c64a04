#include "auth/throttle.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include <fmt/core.h>

#include <mpf/base/hash.hpp>
#include <mpf/base/text.hpp>
#include <mpf/http/retry_later.hpp>

namespace mpf::auth {

std::string address_block(std::string_view remote_address) {
  in6_addr address{};
  std::string text(remote_address);
  if (inet_pton(AF_INET6, text.c_str(), &address) != 1) return text;
  const auto* bytes = reinterpret_cast<const char*>(address.s6_addr);
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    char v4[INET_ADDRSTRLEN];
    return inet_ntop(AF_INET, bytes + 12, v4, sizeof v4);
  }
  return hex_encode({bytes, 8}) + "/64";
}

Throttle::Attempt::Attempt(Throttle& throttle, std::string user_key, std::string address_key, Timestamp at)
    : throttle_(throttle), user_key_(std::move(user_key)), address_key_(std::move(address_key)), at_(at) {}

Throttle::Attempt::~Attempt() {
  if (failed_) return;
  const std::scoped_lock lock(throttle_.mutex_);
  throttle_.take_back(user_key_, at_);
  throttle_.take_back(address_key_, at_);
}

void Throttle::Attempt::succeeded() {
  const std::scoped_lock lock(throttle_.mutex_);
  throttle_.failures_.erase(user_key_);
}

Throttle::Attempt Throttle::begin(Id site, std::string_view user, std::string_view remote_address) {
  const Timestamp now = clock_.now();
  const std::string address_key = fmt::format("{}|{}", site.value, address_block(remote_address));
  // Hashed: the name is the client's, of any length.
  const std::string user_key = fmt::format("{}|{}", address_key, sha256(user));
  const std::scoped_lock lock(mutex_);
  refuse_if_full(user_key, options_.per_user, now);
  refuse_if_full(address_key, options_.per_address, now);
  make_room(now);
  failures_[user_key].push_back(now);
  failures_[address_key].push_back(now);
  return {*this, user_key, address_key, now};
}

std::size_t Throttle::size() {
  const std::scoped_lock lock(mutex_);
  return failures_.size();
}

void Throttle::drop_old(Times& times, Timestamp now) const {
  while (!times.empty() && times.front() + options_.window <= now) times.pop_front();
}

void Throttle::make_room(Timestamp now) {
  if (failures_.size() < options_.max_keys) return;
  for (auto it = failures_.begin(); it != failures_.end();) {
    drop_old(it->second, now);
    it = it->second.empty() ? failures_.erase(it) : std::next(it);
  }
  // Under an attack from more addresses than that, forgetting some is better than growing.
  while (failures_.size() >= options_.max_keys) failures_.erase(failures_.begin());
}

void Throttle::refuse_if_full(const std::string& key, std::size_t limit, Timestamp now) {
  const auto found = failures_.find(key);
  if (found == failures_.end()) return;
  Times& times = found->second;
  drop_old(times, now);
  if (times.size() < limit) return;
  const auto wait = std::chrono::ceil<std::chrono::minutes>(times.front() + options_.window - now).count();
  const std::string message =
      fmt::format("{}. Try again in {} minute{}", options_.refusal, wait, wait == 1 ? "" : "s");
  throw http::RetryLater(ErrorKind::rate_limited, std::chrono::minutes(wait), message, message);
}

void Throttle::take_back(const std::string& key, Timestamp at) {
  const auto found = failures_.find(key);
  if (found == failures_.end()) return;
  Times& times = found->second;
  const auto mine = std::find(times.begin(), times.end(), at);
  if (mine != times.end()) times.erase(mine);
  if (times.empty()) failures_.erase(found);
}

}  // namespace mpf::auth
