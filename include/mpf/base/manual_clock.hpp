#pragma once

#include <atomic>
#include <cstdint>

#include <mpf/base/timestamp.hpp>

namespace mpf {

/// A clock that stands still until it is moved: for tests. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp::now()) noexcept : micros_(start.micros()) {}

  Timestamp now() const noexcept override { return Timestamp(Microseconds(micros_.load())); }
  void set(Timestamp to) noexcept { micros_.store(to.micros()); }
  void advance(Microseconds by) noexcept { micros_.fetch_add(by.count()); }

 private:
  std::atomic<std::int64_t> micros_;
};

}  // namespace mpf
