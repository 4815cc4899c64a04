#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include <mpf/fiber/fiber.hpp>

/// Synchronisation between fibers, of one loop or of several. A wait suspends the fiber, never its loop's
/// thread, and ends with Cancelled or Error(timeout) as all waits do. Waiters are served in the order they
/// came; what is handed to a waiter is not lost when its wait is cancelled at the same moment. Threads
/// outside loops may take part; they block.
namespace mpf::fiber {

namespace detail {

/// One wait in a queue, on the stack of who waits.
struct WaitNode {
  Waiter waiter;
  WaitNode* previous = nullptr;
  WaitNode* next = nullptr;
  bool queued = false;
};

/// Oldest first. Guarded by the mutex of what it belongs to. A node taken out must be woken, after the mutex
/// was released.
class WaitQueue {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  WaitNode* front() const noexcept { return first_; }
  void push(WaitNode& node) noexcept;
  void remove(WaitNode& node) noexcept;
  WaitNode* pop() noexcept;       ///< null when empty
  WaitNode* take_all() noexcept;  ///< a chain for wake_all()

 private:
  WaitNode* first_ = nullptr;
  WaitNode* last_ = nullptr;
};

void wake_all(WaitNode* chain) noexcept;

/// Waits in the queue where the node stands; `guard` is the queue's, and not held. True when it was taken
/// out; otherwise it takes itself out, and false (that time came) or an exception follow.
bool wait_in(WaitQueue& queue, WaitNode& node, std::mutex& guard, TimePoint when);

}  // namespace detail

/// Lockable with std::unique_lock and std::scoped_lock. Owned by a fiber; not recursive. unlock() hands the
/// mutex to the fiber that waits longest.
class Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock();
  bool try_lock() noexcept;
  void unlock() noexcept;

 private:
  std::mutex guard_;
  detail::WaitQueue waiting_;
  bool locked_ = false;
};

/// Used with std::unique_lock<Mutex>. The lock is held again when a wait returns or throws.
class Condition {
 public:
  Condition() = default;
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
  std::mutex guard_;
  detail::WaitQueue waiting_;
};

/// A number of permits. acquire() suspends while there are none.
class Semaphore {
 public:
  explicit Semaphore(std::size_t permits) : permits_(permits) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  void acquire();
  bool try_acquire() noexcept;
  /// False when the time came first.
  bool acquire_until(TimePoint when);
  void release() noexcept;  ///< any thread

 private:
  std::mutex guard_;
  detail::WaitQueue waiting_;
  std::size_t permits_;
};

/// A bounded queue between fibers. push() suspends while it is full, pop() while it is empty. After close(),
/// push() fails, also where it waits, and pop() gives what is left, then nothing. With capacity 0 each push()
/// waits for its pop().
template <class T>
class Channel {
 public:
  explicit Channel(std::size_t capacity) : capacity_(capacity) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// False, and the value is dropped, when the channel is closed.
  bool push(T value) {
    Pusher self(std::move(value));
    {
      std::unique_lock lock(guard_);
      if (closed_) return false;
      if (place(*self.value, lock)) return true;
      pushers_.push(self);
    }
    detail::wait_in(pushers_, self, guard_, TimePoint::max());
    return self.taken;
  }

  /// Without waiting; the value is left as it was when there is no room, or the channel is closed. Any
  /// thread.
  bool try_push(T& value) {
    std::unique_lock lock(guard_);
    return !closed_ && place(value, lock);
  }

  std::optional<T> pop() {
    Popper self;
    {
      std::unique_lock lock(guard_);
      if (auto value = take(lock)) return value;
      if (closed_) return std::nullopt;
      poppers_.push(self);
    }
    detail::wait_in(poppers_, self, guard_, TimePoint::max());
    return std::move(self.value);
  }

  /// Without waiting; nothing when it is empty. Any thread.
  std::optional<T> try_pop() {
    std::unique_lock lock(guard_);
    return take(lock);
  }

  /// Any thread.
  void close() noexcept {
    std::unique_lock lock(guard_);
    closed_ = true;
    auto* const pushers = pushers_.take_all();
    auto* const poppers = poppers_.take_all();
    lock.unlock();
    detail::wake_all(pushers);
    detail::wake_all(poppers);
  }

 private:
  struct Pusher : detail::WaitNode {
    explicit Pusher(T&& of) : value(std::move(of)) {}
    std::optional<T> value;
    bool taken = false;
  };
  struct Popper : detail::WaitNode {
    std::optional<T> value;
  };

  /// To who waits for it, or into the queue. Releases the lock.
  bool place(T& value, std::unique_lock<std::mutex>& lock) {
    if (auto* const popper = static_cast<Popper*>(poppers_.front())) {
      popper->value.emplace(std::move(value));
      poppers_.pop();
      lock.unlock();
      popper->waiter.wake();
      return true;
    }
    if (values_.size() >= capacity_) return false;
    values_.push_back(std::move(value));
    return true;
  }

  /// The oldest value; who waits with the next one moves up. Releases the lock then.
  std::optional<T> take(std::unique_lock<std::mutex>& lock) {
    std::optional<T> value;
    auto* const pusher = static_cast<Pusher*>(pushers_.front());
    if (!values_.empty()) {
      if (pusher) values_.push_back(std::move(*pusher->value));
      value.emplace(std::move(values_.front()));
      values_.pop_front();
    } else if (pusher) {
      value.emplace(std::move(*pusher->value));
    }
    if (pusher) {
      pusher->taken = true;
      pushers_.pop();
      lock.unlock();
      pusher->waiter.wake();
    }
    return value;
  }

  const std::size_t capacity_;
  std::mutex guard_;
  detail::WaitQueue pushers_;
  detail::WaitQueue poppers_;
  std::deque<T> values_;
  bool closed_ = false;
};

}  // namespace mpf::fiber
