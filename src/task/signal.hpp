#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include <mpf/fiber/fiber.hpp>

namespace mpf::task {

/// Wakes one fiber, from any thread and without waiting. What is raised while nobody waits is kept.
class Signal {
 public:
  void raise() noexcept {
    const std::scoped_lock lock(mutex_);
    raised_ = true;
    if (waiter_) waiter_->wake();
  }

  /// Until raised, or that time.
  void wait_until(fiber::TimePoint when) {
    auto waiter = std::make_shared<fiber::Waiter>();
    {
      const std::scoped_lock lock(mutex_);
      if (std::exchange(raised_, false)) return;
      waiter_ = waiter;
    }
    struct Leave {
      Signal& signal;
      ~Leave() {
        const std::scoped_lock lock(signal.mutex_);
        signal.waiter_.reset();
        signal.raised_ = false;
      }
    } const leave{*this};
    waiter->wait_until(when);
  }

 private:
  std::mutex mutex_;
  bool raised_ = false;
  std::shared_ptr<fiber::Waiter> waiter_;
};

}  // namespace mpf::task
