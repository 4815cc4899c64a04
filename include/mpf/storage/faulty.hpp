#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <mpf/storage/storage.hpp>

namespace mpf::storage {

/// What goes wrong in a faulty storage. Changing it takes effect at once, from any thread.
struct Faults {
  /// The disk is full once that many more bytes have been written.
  std::atomic<std::uint64_t> free_bytes{UINT64_MAX};
  /// commit() fails after everything has been written.
  std::atomic<bool> fail_commit{false};
  /// Every call that reads fails.
  std::atomic<bool> fail_read{false};
};

/// For tests: a storage that fails as `faults` says and otherwise does what `inner` does.
std::unique_ptr<Storage> make_faulty(std::unique_ptr<Storage> inner, std::shared_ptr<Faults> faults);

}  // namespace mpf::storage
