#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <mpf/base/error.hpp>
#include <mpf/fiber/fiber.hpp>

/// Synchronisation between fibers, of one loop or of several. A wait suspends the fiber, never its thread,
/// and ends with Cancelled or Error(timeout) as all waits do. Waiters are served in the order they came.
namespace mpf::fiber {

/// Lockable with std::unique_lock and std::scoped_lock. Owned by a fiber; not recursive. unlock() hands the
/// mutex to the fiber that waits longest.
class Mutex {
 public:
  Mutex();
  ~Mutex();
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock();
  bool try_lock() noexcept;
  void unlock() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Used with std::unique_lock<Mutex>. The lock is held again when a wait returns or throws.
class Condition {
 public:
  Condition();
  ~Condition();
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  void notify_one() noexcept;  ///< any thread
  void notify_all() noexcept;  ///< any thread

  void wait(std::unique_lock<Mutex>& lock);
  /// False when the time came first.
  bool wait_until(std::unique_lock<Mutex>& lock, TimePoint when);

  template <class Predicate>
  void wait(std::unique_lock<Mutex>& lock, Predicate ready) {
    while (!ready()) wait(lock);
  }
  template <class Predicate>
  bool wait_for(std::unique_lock<Mutex>& lock, Duration duration, Predicate ready) {
    const auto until = SteadyClock::now() + duration;
    while (!ready()) {
      if (!wait_until(lock, until)) return ready();
    }
    return true;
  }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A number of permits. acquire() suspends while there are none.
class Semaphore {
 public:
  explicit Semaphore(std::size_t permits);
  ~Semaphore();
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  void acquire();
  bool try_acquire() noexcept;
  /// False when the time came first.
  bool acquire_until(TimePoint when);
  void release() noexcept;  ///< any thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A bounded queue between fibers. push() suspends while it is full, pop() while it is empty. After close(),
/// push() fails and pop() gives what is left, then nothing.
template <class T>
class Channel {
 public:
  explicit Channel(std::size_t capacity) : capacity_(capacity) {}

  /// False, and the value is dropped, when the channel is closed.
  bool push(T value) {
    std::unique_lock lock(mutex_);
    not_full_.wait(lock, [&] { return closed_ || values_.size() < capacity_; });
    if (closed_) return false;
    values_.push_back(std::move(value));
    not_empty_.notify_one();
    return true;
  }

  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    not_empty_.wait(lock, [&] { return closed_ || !values_.empty(); });
    if (values_.empty()) return std::nullopt;
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    not_full_.notify_one();
    return value;
  }

  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    not_full_.notify_all();
    not_empty_.notify_all();
  }

 private:
  const std::size_t capacity_;
  Mutex mutex_;
  Condition not_full_;
  Condition not_empty_;
  std::deque<T> values_;
  bool closed_ = false;
};

}  // namespace mpf::fiber
