#pragma once

#include <cstddef>
#include <vector>

#include <mpf/fiber/fiber.hpp>

namespace mpf::fiber {

/// A place in a loop's heap of timers; embedded in what waits. Loop's thread only. Must be disarmed before it
/// is destroyed.
struct Timer {
  using Fire = void (*)(Timer& timer, TimePoint now) noexcept;

  explicit Timer(Fire on_fire) noexcept : fire(on_fire) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const noexcept { return position != nowhere; }

  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);
  TimePoint at{};
  std::size_t position = nowhere;
  const Fire fire;  ///< called disarmed; may arm itself and others
};

/// Binary min-heap of armed timers.
class TimerHeap {
 public:
  bool empty() const noexcept { return timers_.empty(); }
  Timer& front() const noexcept { return *timers_.front(); }
  void set(Timer& timer, TimePoint at);  ///< adds or moves it
  void remove(Timer& timer) noexcept;    ///< nothing if it is not armed

 private:
  void up(std::size_t position) noexcept;
  void down(std::size_t position) noexcept;
  void place(std::size_t position, Timer* timer) noexcept {
    timers_[position] = timer;
    timer->position = position;
  }

  std::vector<Timer*> timers_;
};

}  // namespace mpf::fiber
