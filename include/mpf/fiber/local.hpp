#pragma once

#include <memory>
#include <utility>

namespace mpf::fiber {

namespace detail {
using LocalKey = const void*;
std::shared_ptr<void> local_get(LocalKey key) noexcept;
void* local_peek(LocalKey key) noexcept;
/// Returns the value before.
std::shared_ptr<void> local_set(LocalKey key, std::shared_ptr<void> value, bool inherited);
}  // namespace detail

/// A variable of the current fiber (outside fibers: of the thread), for what travels with a request or a
/// task without being passed: request id, open transaction, logger. Declared as a namespace constant:
///
///     inline constexpr fiber::Local<Span> current_span{};
///
/// What offload() runs sees the caller's values. With `inherited`, fibers spawned with SpawnOptions::inherit
/// start with the spawner's value.
template <class T>
class Local {
 public:
  constexpr explicit Local(bool inherited = true) : inherited_(inherited) {}
  Local(const Local&) = delete;

  T* get() const noexcept { return static_cast<T*>(detail::local_peek(this)); }
  std::shared_ptr<T> share() const noexcept { return std::static_pointer_cast<T>(detail::local_get(this)); }

  /// Sets the value until the returned guard goes.
  class Scope {
   public:
    Scope(const Local& local, std::shared_ptr<T> value)
        : local_(local), before_(detail::local_set(&local, std::move(value), local.inherited_)) {}
    ~Scope() { detail::local_set(&local_, std::move(before_), local_.inherited_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    const Local& local_;
    std::shared_ptr<void> before_;
  };
  [[nodiscard]] Scope set(std::shared_ptr<T> value) const { return Scope(*this, std::move(value)); }
  /// Sets the value until the fiber ends.
  void keep(std::shared_ptr<T> value) const { detail::local_set(this, std::move(value), inherited_); }

 private:
  bool inherited_;
};

}  // namespace mpf::fiber
