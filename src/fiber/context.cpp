#include "fiber/context.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cxxabi.h>
#include <algorithm>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#define MPF_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define MPF_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MPF_ASAN 1
#elif __has_feature(thread_sanitizer)
#define MPF_TSAN 1
#endif
#endif
#ifdef MPF_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef MPF_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace mpf::fiber {
namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;

#if defined(MPF_ASAN) || defined(MPF_TSAN)
constexpr std::size_t stack_factor = 4;  // instrumented frames are larger
#else
constexpr std::size_t stack_factor = 1;
#endif

// More than one page, so that a frame with a large array does not reach over the guard.
constexpr std::size_t guard_bytes = 64 * 1024;

}  // namespace

bool Context::map(std::size_t stack_bytes) noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  stack_bytes_ = (std::max(stack_bytes, page) * stack_factor + page - 1) / page * page;
  mapping_bytes_ = stack_bytes_ + guard_bytes;
  void* const at = ::mmap(nullptr, mapping_bytes_, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (at == MAP_FAILED) return false;
  stack_ = static_cast<std::byte*>(at) + guard_bytes;
  if (::mprotect(stack_, stack_bytes_, PROT_READ | PROT_WRITE) != 0) {
    ::munmap(at, mapping_bytes_);
    return false;
  }
  mapping_ = at;
  leaving_ = false;
  exceptions_ = {};
  inner_ = make_fcontext(stack_ + stack_bytes_, stack_bytes_, &Context::entry);
#ifdef MPF_TSAN
  inner_thread_ = __tsan_create_fiber(0);
#endif
  return true;
}

void Context::unmap() noexcept {
  if (!mapping_) return;
  leaving_ = true;  // lets AddressSanitizer free the fake stack
  resume();
#ifdef MPF_TSAN
  __tsan_destroy_fiber(inner_thread_);
#endif
#ifdef MPF_ASAN
  __asan_unpoison_memory_region(stack_, stack_bytes_);
#endif
  ::munmap(mapping_, mapping_bytes_);
  mapping_ = nullptr;
}

[[gnu::noinline]] void Context::resume() noexcept {
  auto& exceptions = *reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
  const ExceptionState outer = std::exchange(exceptions, exceptions_);
#ifdef MPF_ASAN
  void* outer_fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&outer_fake_stack, stack_, stack_bytes_);
#endif
#ifdef MPF_TSAN
  outer_thread_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(inner_thread_, 0);
#endif
  inner_ = jump_fcontext(inner_, this).fctx;
#ifdef MPF_ASAN
  __sanitizer_finish_switch_fiber(outer_fake_stack, nullptr, nullptr);
#endif
  exceptions_ = std::exchange(exceptions, outer);
}

[[gnu::noinline]] void Context::suspend() noexcept {
#ifdef MPF_ASAN
  __sanitizer_start_switch_fiber(leaving_ ? nullptr : &inner_fake_stack_, outer_stack_, outer_stack_bytes_);
#endif
#ifdef MPF_TSAN
  __tsan_switch_to_fiber(outer_thread_, 0);
#endif
  outer_ = jump_fcontext(outer_, nullptr).fctx;
#ifdef MPF_ASAN
  __sanitizer_finish_switch_fiber(inner_fake_stack_, &outer_stack_, &outer_stack_bytes_);
#endif
}

void Context::entry(boost::context::detail::transfer_t from) noexcept {
  auto& self = *static_cast<Context*>(from.data);
  self.outer_ = from.fctx;
#ifdef MPF_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &self.outer_stack_, &self.outer_stack_bytes_);
#endif
  while (!self.leaving_) {
    self.run_(self.argument_);
    self.suspend();
  }
  self.suspend();  // for good
}

std::string Context::name() const {
  std::array<char, name_words * sizeof(std::uint64_t)> text{};
  for (std::size_t i = 0; i < name_words; ++i) {
    const auto word = name_[i].load(std::memory_order_relaxed);
    std::memcpy(text.data() + i * sizeof word, &word, sizeof word);
  }
  return {text.data(), ::strnlen(text.data(), text.size())};
}

void Context::set_name(std::string_view name) noexcept {
  for (auto& stored : name_) {
    std::uint64_t word = 0;
    const auto part = name.substr(0, sizeof word);
    std::memcpy(&word, part.data(), part.size());
    name.remove_prefix(part.size());
    stored.store(word, std::memory_order_relaxed);
    if (part.size() < sizeof word) break;  // its zeros end the name
  }
}

}  // namespace mpf::fiber
