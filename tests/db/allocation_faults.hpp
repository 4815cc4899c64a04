#pragma once

#include <cstddef>
#include <cstdint>

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

}  // namespace mpf::test
