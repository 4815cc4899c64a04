#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <mpf/base/json.hpp>
#include <mpf/base/timestamp.hpp>

namespace mpf {

/// A day of the Gregorian calendar, without a time or a zone. Years 1 to 9999.
class Date {
 public:
  constexpr Date() = default;  ///< 1970-01-01
  constexpr explicit Date(std::chrono::sys_days day)
      : days_(static_cast<std::int32_t>(day.time_since_epoch().count())) {}

  /// Nothing for a day that the calendar does not have, or a year outside of 1…9999.
  static constexpr std::optional<Date> of(std::chrono::year_month_day date) noexcept {
    const int year = int(date.year());
    if (!date.ok() || year < 1 || year > 9999) return std::nullopt;
    return Date(std::chrono::sys_days(date));
  }
  /// The day in UTC.
  static constexpr Date of(Timestamp time) noexcept {
    return Date(std::chrono::sys_days(std::chrono::floor<std::chrono::days>(time.since_epoch())));
  }

  /// "2026-11-21"; nothing for any other form.
  static std::optional<Date> parse(std::string_view text) noexcept;

  /// "2026-11-21"
  std::string to_string() const;

  constexpr std::chrono::sys_days sys_days() const noexcept {
    return std::chrono::sys_days(std::chrono::days(days_));
  }
  constexpr std::chrono::year_month_day ymd() const noexcept { return sys_days(); }
  /// Since 1970-01-01.
  constexpr std::int32_t days() const noexcept { return days_; }
  /// Its midnight in UTC.
  constexpr Timestamp midnight() const noexcept {
    return Timestamp(std::chrono::duration_cast<Microseconds>(sys_days().time_since_epoch()));
  }

  constexpr Date operator+(std::chrono::days d) const noexcept { return Date(sys_days() + d); }
  constexpr Date operator-(std::chrono::days d) const noexcept { return Date(sys_days() - d); }
  constexpr std::chrono::days operator-(Date other) const noexcept { return sys_days() - other.sys_days(); }
  constexpr auto operator<=>(const Date&) const = default;

  static constexpr Date first() noexcept;  ///< 0001-01-01
  static constexpr Date last() noexcept;   ///< 9999-12-31

 private:
  std::int32_t days_ = 0;
};

constexpr Date Date::first() noexcept { return Date(std::chrono::year(1) / 1 / 1); }
constexpr Date Date::last() noexcept { return Date(std::chrono::year(9999) / 12 / 31); }

/// As text.
template <>
struct JsonCodec<Date> {
  static void write(JsonWriter& writer, const Date& date);
  static bool read(JsonReader& reader, Date& date);
};

}  // namespace mpf

template <>
struct std::hash<mpf::Date> {
  std::size_t operator()(mpf::Date date) const noexcept { return std::hash<std::int32_t>{}(date.days()); }
};
