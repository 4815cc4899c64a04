#include <mpf/fiber/sync.hpp>

#include <exception>
#include <utility>

namespace mpf::fiber {
namespace detail {

void WaitQueue::push(WaitNode& node) noexcept {
  node.queued = true;
  node.previous = last_;
  node.next = nullptr;
  (last_ ? last_->next : first_) = &node;
  last_ = &node;
}

void WaitQueue::remove(WaitNode& node) noexcept {
  (node.previous ? node.previous->next : first_) = node.next;
  (node.next ? node.next->previous : last_) = node.previous;
  node.queued = false;
}

WaitNode* WaitQueue::pop() noexcept {
  WaitNode* const node = first_;
  if (node) remove(*node);
  return node;
}

WaitNode* WaitQueue::take_all() noexcept {
  for (WaitNode* node = first_; node; node = node->next) node->queued = false;
  WaitNode* const chain = first_;
  first_ = last_ = nullptr;
  return chain;
}

void wake_all(WaitNode* chain) noexcept {
  while (chain) {
    WaitNode* const next = chain->next;  // the node may be gone once it is woken
    chain->waiter.wake();
    chain = next;
  }
}

bool wait_in(WaitQueue& queue, WaitNode& node, std::mutex& guard, TimePoint when) {
  std::exception_ptr ended;
  try {
    if (node.waiter.wait_until(when)) return true;
  } catch (...) {
    ended = std::current_exception();
  }
  bool served = true;
  {
    const std::scoped_lock lock(guard);
    if (node.queued) {
      queue.remove(node);
      served = false;
    }
  }
  if (!served) {
    if (ended) std::rethrow_exception(ended);
    return false;
  }
  // Somebody has served us at the same moment: that counts, and the wake() is under way.
  node.waiter.wait_through();
  return true;
}

}  // namespace detail

void Mutex::lock() {
  detail::WaitNode self;
  {
    const std::scoped_lock lock(guard_);
    if (!locked_) {
      locked_ = true;
      return;
    }
    waiting_.push(self);
  }
  detail::wait_in(waiting_, self, guard_, TimePoint::max());  // then it is ours
}

bool Mutex::try_lock() noexcept {
  const std::scoped_lock lock(guard_);
  return !std::exchange(locked_, true);
}

void Mutex::unlock() noexcept {
  std::unique_lock lock(guard_);
  detail::WaitNode* const heir = waiting_.pop();
  if (!heir) locked_ = false;
  lock.unlock();
  if (heir) heir->waiter.wake();
}

void Condition::notify_one() noexcept {
  std::unique_lock lock(guard_);
  detail::WaitNode* const node = waiting_.pop();
  lock.unlock();
  if (node) node->waiter.wake();
}

void Condition::notify_all() noexcept {
  std::unique_lock lock(guard_);
  detail::WaitNode* const nodes = waiting_.take_all();
  lock.unlock();
  detail::wake_all(nodes);
}

void Condition::wait(std::unique_lock<Mutex>& lock) { wait_until(lock, TimePoint::max()); }

bool Condition::wait_until(std::unique_lock<Mutex>& lock, TimePoint when) {
  struct Relock {
    std::unique_lock<Mutex>& lock;
    ~Relock() {
      const ShieldScope shield;
      lock.lock();
    }
  };
  detail::WaitNode self;
  {
    const std::scoped_lock guard(guard_);
    waiting_.push(self);
  }
  lock.unlock();
  const Relock relock{lock};
  return detail::wait_in(waiting_, self, guard_, when);
}

void Semaphore::acquire() { acquire_until(TimePoint::max()); }

bool Semaphore::try_acquire() noexcept {
  const std::scoped_lock lock(guard_);
  if (permits_ == 0) return false;
  --permits_;
  return true;
}

bool Semaphore::acquire_until(TimePoint when) {
  detail::WaitNode self;
  {
    const std::scoped_lock lock(guard_);
    if (permits_ > 0) {
      --permits_;
      return true;
    }
    waiting_.push(self);
  }
  return detail::wait_in(waiting_, self, guard_, when);
}

void Semaphore::release() noexcept {
  std::unique_lock lock(guard_);
  detail::WaitNode* const heir = waiting_.pop();
  if (!heir) ++permits_;
  lock.unlock();
  if (heir) heir->waiter.wake();
}

}  // namespace mpf::fiber
