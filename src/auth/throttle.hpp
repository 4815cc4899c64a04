#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <mpf/base/id.hpp>
#include <mpf/base/timestamp.hpp>

namespace mpf::auth {

struct ThrottleOptions {
  std::size_t per_user = 5;      ///< failures of one remote address for one user of a site
  std::size_t per_address = 50;  ///< failures of one remote address on a site
  Microseconds window{std::chrono::minutes(15)};
  std::size_t max_keys = 100'000;
  std::string_view refusal = "Too many failed attempts to sign in";
};

/// Counts failed attempts in a sliding window. An attempt counts from its begin, so that many at once are no
/// way around. Remembers a bounded number of addresses, in this process. Thread-safe.
class Throttle {
 public:
  Throttle(ThrottleOptions options, const Clock& clock) : options_(options), clock_(clock) {}

  /// Undone by its end, unless failed() has been called.
  class Attempt {
   public:
    Attempt(Throttle& throttle, std::string user_key, std::string address_key, Timestamp at);
    ~Attempt();
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    void failed() noexcept { failed_ = true; }
    /// Also forgets earlier failures of this address for this user.
    void succeeded();

   private:
    Throttle& throttle_;
    std::string user_key_;
    std::string address_key_;
    Timestamp at_;
    bool failed_ = false;
  };

  /// http::RetryLater, an Error(rate_limited), saying when to try again.
  Attempt begin(Id site, std::string_view user, std::string_view remote_address);

  /// How many addresses, and users at addresses, are remembered.
  std::size_t size();

 private:
  using Times = std::deque<Timestamp>;

  void drop_old(Times& times, Timestamp now) const;
  void make_room(Timestamp now);
  void refuse_if_full(const std::string& key, std::size_t limit, Timestamp now);
  void take_back(const std::string& key, Timestamp at);

  const ThrottleOptions options_;
  const Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<std::string, Times> failures_;
};

/// What counts as one remote address: IPv4 whole, IPv6 by its first 64 bits, which one customer has alone.
std::string address_block(std::string_view remote_address);

}  // namespace mpf::auth
