#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/context/detail/fcontext.hpp>

namespace mpf::fiber {

/// A stack and the execution on it, which serves one fiber after the other. Used by one thread at a time.
/// The object stays valid without its stack, so that the watchdog may read the name at any time.
class Context {
 public:
  using Run = void (*)(void* argument) noexcept;

  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { unmap(); }

  /// Takes a stack of at least that size with a guard below it. False when memory or mappings ran out.
  bool map(std::size_t stack_bytes) noexcept;
  bool mapped() const noexcept { return mapping_ != nullptr; }

  /// Gives the stack back. Nothing may be suspended on it.
  void unmap() noexcept;

  /// What the next resume() runs.
  void prepare(Run run, void* argument) noexcept {
    run_ = run;
    argument_ = argument;
  }

  /// Runs on the stack until suspend(), or until what was prepared returns.
  void resume() noexcept;

  /// On the stack: back to resume().
  void suspend() noexcept;

  /// Any thread; torn between two names at worst.
  std::string name() const;
  void set_name(std::string_view name) noexcept;

 private:
  /// __cxa_eh_globals of the Itanium C++ ABI: the exceptions being handled and how many are in flight.
  struct ExceptionState {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };

  static void entry(boost::context::detail::transfer_t from) noexcept;

  void* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;
  std::byte* stack_ = nullptr;
  std::size_t stack_bytes_ = 0;

  boost::context::detail::fcontext_t inner_ = nullptr;  // where resume() goes on
  boost::context::detail::fcontext_t outer_ = nullptr;  // where suspend() goes on
  ExceptionState exceptions_;
  Run run_ = nullptr;
  void* argument_ = nullptr;
  bool leaving_ = false;

  // Of the sanitizers, unused without them.
  [[maybe_unused]] void* inner_fake_stack_ = nullptr;
  [[maybe_unused]] const void* outer_stack_ = nullptr;
  [[maybe_unused]] std::size_t outer_stack_bytes_ = 0;
  [[maybe_unused]] void* inner_thread_ = nullptr;
  [[maybe_unused]] void* outer_thread_ = nullptr;

  static constexpr std::size_t name_words = 12;
  std::array<std::atomic<std::uint64_t>, name_words> name_{};
};

}  // namespace mpf::fiber
