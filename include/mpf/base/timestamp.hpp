#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mpf {

using Microseconds = std::chrono::microseconds;

/// A point in time in UTC, to the microsecond. Years 1 to 9999.
class Timestamp {
 public:
  constexpr Timestamp() = default;  ///< 1970-01-01T00:00:00Z
  constexpr explicit Timestamp(Microseconds since_epoch) : since_epoch_(since_epoch) {}

  /// The system's clock. Code that must be testable takes a Clock (clock.hpp) instead.
  static Timestamp now() noexcept;

  /// RFC 3339 with any offset ("2026-11-21T09:00:00.25+01:00"; "T" may be a space); nothing if it is not.
  static std::optional<Timestamp> parse(std::string_view text) noexcept;

  constexpr Microseconds since_epoch() const noexcept { return since_epoch_; }
  constexpr std::int64_t micros() const noexcept { return since_epoch_.count(); }

  /// "2026-11-21T09:00:00.250000Z"; the fraction is left out when it is zero.
  std::string to_string() const;

  constexpr Timestamp operator+(Microseconds d) const noexcept { return Timestamp(since_epoch_ + d); }
  constexpr Timestamp operator-(Microseconds d) const noexcept { return Timestamp(since_epoch_ - d); }
  constexpr Microseconds operator-(Timestamp other) const noexcept {
    return since_epoch_ - other.since_epoch_;
  }
  constexpr auto operator<=>(const Timestamp&) const = default;

 private:
  Microseconds since_epoch_{0};
};

/// Where code gets the time from, so that tests can move it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const noexcept = 0;

  /// The system's clock; lives for the whole program.
  static const Clock& system() noexcept;
};

}  // namespace mpf
