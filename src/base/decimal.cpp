#include <mpf/base/decimal.hpp>

#include <string>

namespace mpf::decimal {
namespace {

/// Two coefficients multiplied, or one raised by 18 digits, have at most 36 digits.
__extension__ using Wide = __int128;

/// 1 for a negative exponent.
Wide power_of_ten(int exponent) noexcept {
  Wide power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

std::int64_t narrow(Wide number) {
  if (number > max_coefficient || number < -max_coefficient) fail_overflow();
  return static_cast<std::int64_t>(number);
}

std::int64_t quotient(Wide number, Wide divisor, Rounding rounding) {
  if (divisor < 0) {
    number = -number;
    divisor = -divisor;
  }
  Wide result = number / divisor;
  const Wide rest = number % divisor;
  if (rest == 0 || rounding == Rounding::down) return narrow(result);
  if (rounding == Rounding::exact) {
    fail(ErrorKind::invalid,
         "a decimal number would have digits that there is no place for: say how to "
         "round it");
  }
  const Wide twice = (rest < 0 ? -rest : rest) * 2;
  const bool odd = result % 2 != 0;
  if (twice > divisor || (twice == divisor && (rounding == Rounding::half_up || odd))) {
    result += number < 0 ? -1 : 1;
  }
  return narrow(result);
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

void fail_overflow() { fail(ErrorKind::invalid, "a decimal number would need more than 18 digits"); }
std::int64_t checked(std::int64_t coefficient) { return narrow(coefficient); }
std::int64_t add(std::int64_t a, std::int64_t b) { return narrow(Wide{a} + b); }
std::int64_t multiply(std::int64_t a, std::int64_t b) { return narrow(Wide{a} * b); }

std::int64_t multiply(std::int64_t a, std::int64_t b, int drop, Rounding rounding) {
  return quotient(Wide{a} * b, power_of_ten(drop), rounding);
}

std::int64_t divide(std::int64_t a, std::int64_t b, int raise, Rounding rounding) {
  if (b == 0) fail(ErrorKind::invalid, "a decimal number divided by zero");
  return quotient(Wide{a} * power_of_ten(raise), Wide{b} * power_of_ten(-raise), rounding);
}

std::int64_t rescale(std::int64_t coefficient, int from, int to, Rounding rounding) {
  if (to >= from) return narrow(Wide{coefficient} * power_of_ten(to - from));
  return quotient(coefficient, power_of_ten(from - to), rounding);
}

std::optional<std::int64_t> parse(std::string_view text, int scale) noexcept {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view digits = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? "" : text.substr(point + 1);
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  if (point != std::string_view::npos && fraction.empty()) return std::nullopt;
  const auto places = static_cast<std::size_t>(scale);
  if (fraction.size() > places || digits.size() > 19) return std::nullopt;
  Wide number = 0;
  for (const std::string_view part : {digits, fraction}) {
    for (const char c : part) {
      if (!is_digit(c)) return std::nullopt;
      number = number * 10 + (c - '0');
    }
  }
  number *= power_of_ten(static_cast<int>(places - fraction.size()));
  if (number > max_coefficient) return std::nullopt;
  return static_cast<std::int64_t>(negative ? -number : number);
}

std::string to_string(std::int64_t coefficient, int scale) {
  std::string text = std::to_string(coefficient < 0 ? -coefficient : coefficient);
  const auto places = static_cast<std::size_t>(scale);
  if (text.size() <= places) text.insert(0, places + 1 - text.size(), '0');
  if (places > 0) text.insert(text.size() - places, 1, '.');
  if (coefficient < 0) text.insert(0, 1, '-');
  return text;
}

void write(JsonWriter& writer, std::int64_t coefficient, int scale) {
  writer.value(to_string(coefficient, scale));
}

bool read(JsonReader& reader, std::int64_t& coefficient, int scale) {
  std::string text;
  if (reader.peek() == JsonReader::Kind::number) {
    reader.read_raw(text);
  } else if (!reader.read_string(text)) {
    return false;
  }
  const auto parsed = parse(text, scale);
  if (!parsed) {
    return reader.error("format", "expected a decimal number with at most " + std::to_string(scale) +
                                      " digits behind the point and 18 in all");
  }
  coefficient = *parsed;
  return true;
}

}  // namespace mpf::decimal
