#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include <mpf/auth/passwords.hpp>
#include <mpf/fiber/sync.hpp>

namespace mpf::auth {

/// Those who wait for one of a few slots, and the shares of it that they hold. Safe to use from all fibers.
class HashQueue {
 public:
  HashQueue(std::int64_t most, std::int64_t at_once);

  /// A slot that was waited for.
  class Place {
   public:
    /// Waits. http::RetryLater when too many do, at all or on behalf of the same.
    Place(HashQueue& queue, const HashFor& whose);
    /// The same for who has waited in another queue before: not refused.
    explicit Place(HashQueue& queue);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    void leave() noexcept;

    HashQueue& queue_;
    bool counted_ = false;
    std::string site_;
    std::string address_;
  };

 private:
  std::size_t held_by(const std::string& holder) const;
  void give_back(const std::string& holder) noexcept;

  const std::size_t most_;
  const std::size_t most_of_site_;
  const std::size_t most_of_address_;
  fiber::Semaphore slots_;
  std::mutex mutex_;
  std::size_t waiting_ = 0;
  std::unordered_map<std::string, std::size_t> held_;
};

}  // namespace mpf::auth
