#include <mpf/base/timestamp.hpp>

#include <cstddef>
#include <cstdio>

namespace mpf {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;

/// Reads fixed-width numbers and separators off the front; any mismatch sticks.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) noexcept {
    if (rest_.size() < digits) return fail();
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!is_digit(rest_[i])) return fail();
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }

  char one_of(std::string_view allowed) noexcept {
    if (rest_.empty() || allowed.find(rest_.front()) == std::string_view::npos) {
      ok_ = false;
      return '\0';
    }
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  /// ".5" → 500000; digits after the sixth are dropped. Zero when there is no fraction.
  int fraction_micros() noexcept {
    if (!rest_.starts_with('.')) return 0;
    rest_.remove_prefix(1);
    if (rest_.empty() || !is_digit(rest_.front())) return fail();
    int value = 0;
    int scale = 100'000;
    while (!rest_.empty() && is_digit(rest_.front())) {
      value += (rest_.front() - '0') * scale;
      scale /= 10;
      rest_.remove_prefix(1);
    }
    return value;
  }

  bool finished() const noexcept { return ok_ && rest_.empty(); }

 private:
  static bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
  int fail() noexcept {
    ok_ = false;
    return 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

constexpr Microseconds first = sys_days(std::chrono::year(1) / 1 / 1).time_since_epoch();
constexpr Microseconds after_last = sys_days(std::chrono::year(10000) / 1 / 1).time_since_epoch();

class SystemClock final : public Clock {
 public:
  Timestamp now() const noexcept override { return Timestamp::now(); }
};

}  // namespace

Timestamp Timestamp::now() noexcept {
  return Timestamp(std::chrono::floor<Microseconds>(std::chrono::system_clock::now().time_since_epoch()));
}

std::optional<Timestamp> Timestamp::parse(std::string_view text) noexcept {
  Cursor in(text);
  const int year = in.number(4);
  in.one_of("-");
  const int month = in.number(2);
  in.one_of("-");
  const int day = in.number(2);
  in.one_of("Tt ");
  const int hour = in.number(2);
  in.one_of(":");
  const int minute = in.number(2);
  in.one_of(":");
  const int second = in.number(2);
  const int micros = in.fraction_micros();
  const char zone = in.one_of("Zz+-");
  minutes offset{0};
  if (zone == '+' || zone == '-') {
    const int offset_hours = in.number(2);
    in.one_of(":");
    const int offset_minutes = in.number(2);
    if (offset_hours > 23 || offset_minutes > 59) return std::nullopt;
    offset = hours(offset_hours) + minutes(offset_minutes);
    if (zone == '-') offset = -offset;
  }
  if (!in.finished()) return std::nullopt;

  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                                         std::chrono::day(unsigned(day))};
  // A leap second (":59:60") becomes the second after it, as POSIX time has none.
  const bool leap = second == 60 && minute == 59;
  if (!date.ok() || hour > 23 || minute > 59 || (second > 59 && !leap)) return std::nullopt;
  const Microseconds since_epoch = sys_days(date).time_since_epoch() + hours(hour) + minutes(minute) +
                                   seconds(second) + Microseconds(micros) - offset;
  if (since_epoch < first || since_epoch >= after_last) return std::nullopt;
  return Timestamp(since_epoch);
}

std::string Timestamp::to_string() const {
  const days day_count = std::chrono::floor<days>(since_epoch_);
  const std::chrono::year_month_day date{sys_days(day_count)};
  const std::int64_t in_day = (since_epoch_ - day_count).count();
  const auto second_of_day = static_cast<int>(in_day / 1'000'000);
  const auto micros = static_cast<int>(in_day % 1'000'000);
  char buffer[64];
  int size = std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d", int(date.year()),
                           unsigned(date.month()), unsigned(date.day()), second_of_day / 3600,
                           second_of_day / 60 % 60, second_of_day % 60);
  if (micros != 0) size += std::snprintf(buffer + size, sizeof buffer - size, ".%06d", micros);
  return std::string(buffer, static_cast<std::size_t>(size)) + 'Z';
}

const Clock& Clock::system() noexcept {
  static const SystemClock clock;
  return clock;
}

}  // namespace mpf
