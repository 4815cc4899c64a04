#include <mpf/config/value.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

#include <mpf/base/text.hpp>

namespace mpf::config {
namespace {

using std::chrono::nanoseconds;

std::string describe(const Value& value) {
  switch (value.kind) {
    case Value::Kind::list:
      return "a list";
    case Value::Kind::map:
      return "a map";
    case Value::Kind::scalar:
      break;
  }
  if (value.text.empty()) return "nothing";
  const std::string_view start = truncate_utf8(value.text, 60);
  return '"' + std::string(start) + (start.size() < value.text.size() ? "…\"" : "\"");
}

Complaint expected(std::string_view what, const Value& value) {
  return "expected " + std::string(what) + ", got " + describe(value);
}

/// The whole text as a number; `error` says whether it is none or does not fit.
template <class T>
std::errc parse_number(std::string_view text, T& number) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range && stop == end) return error;
  return error != std::errc() || stop != end ? std::errc::invalid_argument : std::errc();
}

template <class T>
Complaint read_whole(const Value& value, T& into, T min, T max) {
  if (value.kind != Value::Kind::scalar) return expected("a whole number", value);
  const std::string_view text = trim(value.text);
  T number = 0;
  const std::errc error = parse_number(text, number);
  // A negative number for an unsigned type is no nonsense, only out of range.
  std::int64_t negative = 0;
  const bool below = error == std::errc::invalid_argument && text.starts_with('-') &&
                     parse_number(text, negative) == std::errc();
  if (error == std::errc::invalid_argument && !below) return expected("a whole number", value);
  if (error != std::errc() || number < min || number > max) {
    return "must be between " + std::to_string(min) + " and " + std::to_string(max);
  }
  into = number;
  return {};
}

struct Unit {
  std::string_view name;
  nanoseconds length;
};
constexpr std::array<Unit, 6> units{{{"d", std::chrono::hours(24)},
                                     {"h", std::chrono::hours(1)},
                                     {"m", std::chrono::minutes(1)},
                                     {"s", std::chrono::seconds(1)},
                                     {"ms", std::chrono::milliseconds(1)},
                                     {"us", std::chrono::microseconds(1)}}};

}  // namespace

Complaint read(const Value& value, bool& into) {
  const std::string text = to_lower_ascii(trim(value.text));
  const bool yes = text == "true" || text == "yes" || text == "on" || text == "1";
  const bool no = text == "false" || text == "no" || text == "off" || text == "0";
  if (value.kind != Value::Kind::scalar || (!yes && !no)) return expected("true or false", value);
  into = yes;
  return {};
}

Complaint read(const Value& value, std::string& into) {
  if (value.kind != Value::Kind::scalar) return expected("a text", value);
  into = value.text;
  return {};
}

Complaint read(const Value& value, double& into) {
  if (value.kind != Value::Kind::scalar) return expected("a number", value);
  double number = 0;
  if (parse_number(trim(value.text), number) != std::errc() || !std::isfinite(number)) {
    return expected("a number", value);
  }
  into = number;
  return {};
}

Complaint read(const Value& value, std::filesystem::path& into) {
  if (value.kind != Value::Kind::scalar) return expected("a path", value);
  into = value.text;
  return {};
}

Complaint read(const Value& value, Secret& into) {
  if (value.kind != Value::Kind::scalar) return expected("a text", value);
  into = Secret(value.text);
  return {};
}

std::string print(bool value) { return value ? "true" : "false"; }
std::string print(const std::string& value) { return value; }
std::string print(const std::filesystem::path& value) { return value.string(); }
std::string print(const Secret& value) { return value.empty() ? "" : "***"; }

std::string print(double value) {
  std::array<char, 32> buffer;
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

namespace detail {

Complaint read_integer(const Value& value, std::int64_t& into, std::int64_t min, std::int64_t max) {
  return read_whole(value, into, min, max);
}

Complaint read_unsigned(const Value& value, std::uint64_t& into, std::uint64_t max) {
  return read_whole(value, into, std::uint64_t{0}, max);
}

Complaint read_duration(const Value& value, nanoseconds& into) {
  constexpr std::string_view what = "a time such as 250ms, 30s, 5m or 1h30m";
  if (value.kind != Value::Kind::scalar) return expected(what, value);
  std::string_view rest = trim(value.text);
  if (rest == "0") {
    into = nanoseconds(0);
    return {};
  }
  if (rest.empty()) return expected(what, value);
  double total = 0;
  while (!rest.empty()) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
    double amount = 0;
    if (parse_number(rest.substr(0, digits), amount) != std::errc()) return expected(what, value);
    rest = trim(rest.substr(digits));
    const std::size_t letters = std::min(rest.find_first_not_of("dhmsu"), rest.size());
    const auto unit = std::ranges::find(units, rest.substr(0, letters), &Unit::name);
    if (unit == units.end()) return expected(what, value);
    total += amount * static_cast<double>(unit->length.count());
    rest = trim(rest.substr(letters));
  }
  constexpr double longest = 9e18;  // nanoseconds, some 285 years
  if (total > longest) return "is longer than 285 years";
  into = nanoseconds(std::llround(total));
  return {};
}

Complaint read_choice(const Value& value, std::size_t& index, const std::vector<std::string_view>& names) {
  const auto found =
      value.kind == Value::Kind::scalar ? std::ranges::find(names, trim(value.text)) : names.end();
  if (found == names.end()) {
    std::string list;
    for (const std::string_view name : names) list.append(list.empty() ? "one of: " : ", ").append(name);
    return expected(list, value);
  }
  index = static_cast<std::size_t>(found - names.begin());
  return {};
}

Complaint as_list(const Value& value, std::vector<Value>& items) {
  if (value.kind == Value::Kind::list) {
    items = value.items;
    return {};
  }
  if (!value.one_line) return expected("a list", value);
  if (trim(value.text).empty()) return {};
  for (const std::string_view piece : split(value.text, ',')) {
    Value item = value;
    item.text = trim(piece);
    items.push_back(std::move(item));
  }
  return {};
}

Complaint as_map(const Value& value, std::vector<Value>& items) {
  if (value.kind == Value::Kind::map) {
    items = value.items;
    return {};
  }
  if (!value.one_line) return expected("a map", value);
  if (trim(value.text).empty()) return {};
  for (const std::string_view piece : split(value.text, ',')) {
    const std::size_t equals = piece.find('=');
    if (equals == std::string_view::npos) return expected("pairs such as a=1, b=2", value);
    Value item = value;
    item.key = trim(piece.substr(0, equals));
    item.text = trim(piece.substr(equals + 1));
    items.push_back(std::move(item));
  }
  return {};
}

std::string print_duration(nanoseconds value) {
  std::string text;
  for (const auto& [name, length] : units) {
    if (value < length) continue;
    text += std::to_string(value / length);
    text += name;
    value %= length;
  }
  return text.empty() ? "0" : text;
}

}  // namespace detail
}  // namespace mpf::config
