#include "orm/value_defect.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <variant>

#include <mpf/base/text.hpp>

namespace mpf::orm::detail {

namespace {

constexpr Timestamp first_time{
    Microseconds(std::chrono::sys_days(std::chrono::year(1) / std::chrono::January / 1).time_since_epoch())};
constexpr Timestamp last_time{
    Microseconds(
        std::chrono::sys_days(std::chrono::year(9999) / std::chrono::December / 31).time_since_epoch()) +
    Microseconds(std::chrono::days(1)) - Microseconds(1)};

/// A number of JSON, its digits and the power of ten told apart.
bool is_held(std::string_view number) {
  constexpr std::size_t surely_held = 300;
  const std::size_t e = number.find_first_of("eE");
  if (e == std::string_view::npos && number.size() <= surely_held) return true;
  std::int64_t exponent = 0;
  if (e != std::string_view::npos) {
    std::string_view digits = number.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec != std::errc())
      return false;
  }
  constexpr std::int64_t most_behind_point = 16'383;  // of PostgreSQL's numeric, which jsonb keeps
  constexpr std::int64_t longest_exponent = 100'000;
  if (exponent > longest_exponent || exponent < -longest_exponent) return false;
  const std::string_view mantissa = number.substr(0, e);
  const std::size_t point = mantissa.find('.');
  const auto behind =
      point == std::string_view::npos ? 0 : static_cast<std::int64_t>(mantissa.size() - point - 1);
  if (behind - exponent > most_behind_point) return false;
  double value = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  if (read.ec == std::errc()) return true;
  // Too large, or so small that it counts for 0: by where its first digit stands.
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return true;
  const auto before = static_cast<std::int64_t>(std::min(point, mantissa.size()));
  return before - static_cast<std::int64_t>(first) + exponent <= 0;
}

Defect text_is(const char* what) { return {"encoding", std::string("is ") + what}; }

struct Visitor {
  std::optional<Defect> operator()(const std::string& text) const {
    if (const char* const defect = text_defect(text)) return text_is(defect);
    return std::nullopt;
  }
  std::optional<Defect> operator()(double real) const {
    if (std::isnan(real)) return Defect{"number", "is not a number"};
    return std::nullopt;
  }
  std::optional<Defect> operator()(Timestamp time) const { return defect_of(time); }
  std::optional<Defect> operator()(const db::JsonText& json) const { return defect_of_json(json.text); }
  std::optional<Defect> operator()(const db::Array& array) const {
    for (const db::Param& each : array.values) {
      if (auto defect = defect_of(each)) return defect;
    }
    return std::nullopt;
  }
  std::optional<Defect> operator()(const db::RangeValue& range) const {
    if (range.type != db::ElementType::timestamp) return std::nullopt;
    for (const auto& bound : {range.lower, range.upper}) {
      if (!bound) continue;
      if (auto defect = defect_of(Timestamp(Microseconds(*bound)))) return defect;
    }
    return std::nullopt;
  }
  std::optional<Defect> operator()(const auto&) const { return std::nullopt; }
};

}  // namespace

const char* text_defect(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return "text with a NUL character";
  if (!is_valid_utf8(text)) return "no valid UTF-8";
  return nullptr;
}

std::optional<Defect> defect_of(Timestamp time) {
  if (time >= first_time && time <= last_time) return std::nullopt;
  return Defect{"range", "is outside of the years 1 to 9999"};
}

std::optional<Defect> defect_of_json(std::string_view json) {
  constexpr std::string_view of_numbers = "+-.0123456789eE";
  if (const char* const defect = text_defect(json)) return text_is(defect);
  bool in_text = false;
  for (std::size_t at = 0; at < json.size();) {
    const char c = json[at];
    if (c == '"') {
      in_text = !in_text;
    } else if (in_text && c == '\\') {
      if (json.substr(at, 6) == "\\u0000") return Defect{"json", "is JSON whose text has a NUL character"};
      ++at;
    } else if (!in_text && (c == '-' || (c >= '0' && c <= '9'))) {
      const std::string_view number = json.substr(at, json.find_first_not_of(of_numbers, at) - at);
      if (!is_held(number)) return Defect{"json", "is JSON with a number that no double holds"};
      at += number.size();
      continue;
    }
    ++at;
  }
  return std::nullopt;
}

std::optional<Defect> defect_of(const db::Param& value) { return std::visit(Visitor{}, value); }

}  // namespace mpf::orm::detail
