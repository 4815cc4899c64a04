#include <algorithm>
#include <charconv>
#include <map>

#include <mpf/base/json.hpp>

#include "orm/csv_value.hpp"

namespace mpf::orm::csv {

namespace {

/// As PostgreSQL keeps numbers: all digits, those behind the point too, and no exponent. One that it could
/// not keep stays as it is.
std::string canonical_number(std::string_view number) {
  constexpr int most_digits = 16'383;
  const bool negative = number.starts_with('-');
  if (negative) number.remove_prefix(1);
  const std::size_t e = number.find_first_of("eE");
  int exponent = 0;
  if (e != std::string_view::npos) {
    std::string_view power = number.substr(e + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    const auto [end, error] = std::from_chars(power.data(), power.data() + power.size(), exponent);
    if (error != std::errc() || exponent > most_digits || exponent < -most_digits) {
      return (negative ? "-" : "") + std::string(number);
    }
    number = number.substr(0, e);
  }
  const std::size_t point = std::min(number.find('.'), number.size());
  std::string digits(number.substr(0, point));
  if (point < number.size()) digits += number.substr(point + 1);
  // Digits before the point; there may be fewer than none.
  int whole = static_cast<int>(point) + exponent;
  if (whole <= 0) {
    digits.insert(0, static_cast<std::size_t>(1 - whole), '0');
    whole = 1;
  }
  if (digits.size() < static_cast<std::size_t>(whole)) digits.resize(static_cast<std::size_t>(whole), '0');
  const std::size_t zeros =
      std::min(digits.find_first_not_of('0'), static_cast<std::size_t>(whole) - 1);  // in front
  const bool nothing = digits.find_first_not_of('0') == std::string::npos;
  std::string text = negative && !nothing ? "-" : "";
  text += digits.substr(zeros, static_cast<std::size_t>(whole) - zeros);
  if (digits.size() > static_cast<std::size_t>(whole))
    text += "." + digits.substr(static_cast<std::size_t>(whole));
  return text;
}

void copy_value(JsonReader& reader, JsonWriter& writer);

void copy_object(JsonReader& reader, JsonWriter& writer) {
  std::map<std::string, std::string, std::less<>> members;
  reader.begin_object();
  std::string_view key;
  while (reader.next_key(key)) {
    JsonWriter member(members[std::string(key)]);
    copy_value(reader, member);
  }
  writer.begin_object();
  for (const auto& [name, value] : members) writer.key(name).raw(value);
  writer.end_object();
}

void copy_value(JsonReader& reader, JsonWriter& writer) {
  std::string text;
  switch (reader.peek()) {
    case JsonReader::Kind::object:
      return copy_object(reader, writer);
    case JsonReader::Kind::array:
      reader.begin_array();
      writer.begin_array();
      while (reader.next_item()) copy_value(reader, writer);
      writer.end_array();
      return;
    case JsonReader::Kind::string:
      reader.read_string(text);
      writer.value(text);
      return;
    case JsonReader::Kind::number:
      reader.read_raw(text);
      writer.raw(canonical_number(text));
      return;
    case JsonReader::Kind::boolean:
    case JsonReader::Kind::null:
      reader.read_raw(text);
      writer.raw(text);
      return;
  }
}

}  // namespace

std::string canonical_json(std::string_view json) {
  std::string text;
  JsonReader reader(json);
  JsonWriter writer(text);
  copy_value(reader, writer);
  reader.finish();
  return text;
}

}  // namespace mpf::orm::csv
