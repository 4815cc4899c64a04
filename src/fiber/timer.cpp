#include "fiber/timer.hpp"

namespace mpf::fiber {

void TimerHeap::set(Timer& timer, TimePoint at) {
  if (!timer.armed()) {
    timers_.push_back(&timer);
    timer.position = timers_.size() - 1;
    timer.at = at;
    up(timer.position);
  } else if (at < timer.at) {
    timer.at = at;
    up(timer.position);
  } else {
    timer.at = at;
    down(timer.position);
  }
}

void TimerHeap::remove(Timer& timer) noexcept {
  if (!timer.armed()) return;
  const auto position = timer.position;
  Timer* const last = timers_.back();
  timers_.pop_back();
  timer.position = Timer::nowhere;
  if (last == &timer) return;
  place(position, last);
  up(position);
  down(last->position);
}

void TimerHeap::up(std::size_t position) noexcept {
  Timer* const timer = timers_[position];
  while (position > 0) {
    const auto parent = (position - 1) / 2;
    if (timers_[parent]->at <= timer->at) break;
    place(position, timers_[parent]);
    position = parent;
  }
  place(position, timer);
}

void TimerHeap::down(std::size_t position) noexcept {
  Timer* const timer = timers_[position];
  for (;;) {
    auto child = position * 2 + 1;
    if (child >= timers_.size()) break;
    if (child + 1 < timers_.size() && timers_[child + 1]->at < timers_[child]->at) ++child;
    if (timer->at <= timers_[child]->at) break;
    place(position, timers_[child]);
    position = child;
  }
  place(position, timer);
}

}  // namespace mpf::fiber
