#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <limits>
#include <new>
#include <string>

#include <doctest/doctest.h>

#include <mpf/base/error.hpp>
#include <mpf/fiber/fiber.hpp>

/// Makes the n-th allocation by operator new fail, once, on whatever thread it is. For a program of its own:
/// it replaces operator new and delete.
namespace mpf::test {

/// While it lives, the n-th allocation from its making on (the first is 1) throws std::bad_alloc. One at a
/// time.
class AllocationFault {
 public:
  explicit AllocationFault(std::int64_t n) noexcept;
  ~AllocationFault();
  AllocationFault(const AllocationFault&) = delete;
  AllocationFault& operator=(const AllocationFault&) = delete;

  /// False as long as fewer allocations were made.
  bool happened() const noexcept;
};

/// What operator new has given and operator delete not got back.
std::int64_t live_allocations() noexcept;

/// Runs `work` again and again with one more allocation failing first, until it makes no more; their number.
/// Each time it must end well, or with std::bad_alloc or a typed error that is no timeout: what hangs shows
/// as one. `check` runs after each.
template <class Work, class Check>
std::int64_t fail_each_allocation(const Work& work, const Check& check) {
  const fiber::DeadlineScope limit(std::chrono::seconds(60));
  for (std::int64_t n = 1;; ++n) {
    CAPTURE(n);
    bool happened = false;
    std::string wrong;
    {
      const AllocationFault fault(n);
      try {
        work();
      } catch (const std::bad_alloc&) {
        if (!fault.happened()) wrong = "std::bad_alloc without cause";
      } catch (const Error& error) {
        if (!fault.happened() || error.kind() == ErrorKind::timeout) wrong = error.what();
      } catch (const std::exception& error) {
        wrong = error.what();
      }
      happened = fault.happened();
    }
    CHECK(wrong == "");
    check();
    if (!happened) return n - 1;
  }
}

/// By how much memory grows each time that `round` runs; what is kept for good after a first time is none.
template <class Round>
std::int64_t leaked(const Round& round) {
  round();
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < 3; ++i) {
    const std::int64_t before = live_allocations();
    round();
    least = std::min(least, live_allocations() - before);
  }
  return least;
}

}  // namespace mpf::test
