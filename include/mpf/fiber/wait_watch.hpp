#pragma once

#include <string_view>

#include <mpf/fiber/local.hpp>

namespace mpf::fiber {

/// Hears of the waits of a fiber that may take long and that nobody would expect while something scarce is
/// held: sleeps, calls of other servers, offload(). Databases watch their transactions this way.
class WaitWatch {
 public:
  /// Before the wait, in its fiber. `what` is "a sleep", "an HTTP request to https://example.com". Must not
  /// wait itself.
  virtual void on_wait(std::string_view what) noexcept = 0;

 protected:
  ~WaitWatch() = default;
};

/// Who watches the current fiber. Not inherited: what a spawned fiber does is its own business.
inline constexpr Local<WaitWatch> wait_watch{false};

/// For what makes a fiber wait for something slow.
inline void note_wait(std::string_view what) noexcept {
  if (WaitWatch* const watch = wait_watch.get()) watch->on_wait(what);
}

}  // namespace mpf::fiber
