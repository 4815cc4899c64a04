#include "http/date.hpp"

#include <array>
#include <chrono>
#include <cstdio>

#include "http/text.hpp"

namespace mpf::http {

namespace {

constexpr std::array<std::string_view, 7> day_names{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::string format_date(std::time_t seconds) {
  using namespace std::chrono;
  const sys_seconds time{std::chrono::seconds(seconds)};
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::array<char, 64> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                    day_names[weekday(day).c_encoding()].data(), static_cast<unsigned>(date.day()),
                    month_names[static_cast<unsigned>(date.month()) - 1].data(),
                    static_cast<int>(date.year()), static_cast<int>(clock.hours().count()),
                    static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<std::time_t> parse_date(std::string_view text) noexcept {
  using namespace std::chrono;
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' ||
      text[16] != ' ' || text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
    return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t length) {
    return parse_decimal(text.substr(at, length));
  };
  const auto day = number(5, 2);
  const auto year_number = number(12, 4);
  const auto hour = number(17, 2);
  const auto minute = number(20, 2);
  const auto second = number(23, 2);
  if (!day || !year_number || !hour || !minute || !second) return std::nullopt;
  unsigned month_number = 0;
  while (month_number < 12 && month_names[month_number] != text.substr(8, 3)) ++month_number;
  const year_month_day date(year(static_cast<int>(*year_number)), month(month_number + 1),
                            std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto since_midnight = hours(static_cast<int>(*hour)) + minutes(static_cast<int>(*minute)) +
                              seconds(static_cast<int>(*second));
  return (sys_days(date).time_since_epoch() + since_midnight) / 1s;
}

}  // namespace mpf::http
