#include "db/allocation_faults.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::int64_t> live{0};
std::atomic<std::int64_t> left{0};  // until the one that fails; 0: none does
std::atomic<bool> hit{false};

bool fails_now() noexcept {
  if (left.load(std::memory_order_relaxed) <= 0) return false;
  if (left.fetch_sub(1) != 1) return false;
  hit = true;
  return true;
}

void* allocate(std::size_t size, std::size_t alignment = 0) {
  if (fails_now()) throw std::bad_alloc();
  void* const memory = alignment == 0
                           ? std::malloc(size == 0 ? 1 : size)
                           : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (!memory) throw std::bad_alloc();
  live.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void release(void* memory) noexcept {
  if (!memory) return;
  live.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

// The forms for arrays and those that do not throw call these.
void* operator new(std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace mpf::test {

AllocationFault::AllocationFault(std::int64_t n) noexcept {
  hit = false;
  left = n;
}
AllocationFault::~AllocationFault() { left = 0; }
bool AllocationFault::happened() const noexcept { return hit; }

std::int64_t live_allocations() noexcept { return live.load(); }

}  // namespace mpf::test
