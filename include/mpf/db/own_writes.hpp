#pragma once

#include <atomic>

#include <mpf/fiber/local.hpp>

namespace mpf::db {

namespace detail {
struct OwnWrites {
  std::atomic<bool> any{false};
};
}  // namespace detail

/// Who has written reads what he wrote, so not from a replica (Statement::replica) that may lag. For its
/// lifetime the current fiber and those that are spawned meanwhile count as one: after a write of one of them
/// all read from the primary. The application makes one for each request and each task; where there is none,
/// this holds for a fiber and those it spawns after its write, until it ends.
class OwnWritesScope {
 public:
  OwnWritesScope();

  /// For drivers: the current fiber writes.
  static void note();
  /// For drivers: whether it, or one that counts as one with it, has written.
  static bool any() noexcept;

 private:
  fiber::Local<detail::OwnWrites>::Scope scope_;
};

}  // namespace mpf::db
