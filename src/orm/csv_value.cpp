#include "orm/csv_value.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <vector>

#include <fmt/core.h>

#include <mpf/base/decimal.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/base/range.hpp>
#include <mpf/base/text.hpp>
#include <mpf/orm/codec.hpp>

namespace mpf::orm::csv {

namespace {

constexpr std::int64_t micros_of_second = 1'000'000;

template <class T>
void append_number(std::string& text, T value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  text.append(buffer, end);
}

template <class T>
T number(std::string_view text, std::string_view wanted) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end)
    fail(ErrorKind::invalid, fmt::format("'{}' is no {}", truncate_utf8(text, 100), wanted));
  return value;
}

template <class T>
T value_or_fail(std::optional<T> value, std::string_view text, std::string_view wanted) {
  if (!value) fail(ErrorKind::invalid, fmt::format("'{}' is no {}", truncate_utf8(text, 100), wanted));
  return *value;
}

std::int64_t whole_number(std::string_view text, std::int64_t min, std::int64_t max) {
  const auto value = number<std::int64_t>(text, "whole number that fits");
  if (value < min || value > max) {
    fail(ErrorKind::invalid, fmt::format("{} is not within {} and {}", value, min, max));
  }
  return value;
}

template <class T>
std::int64_t whole_number(std::string_view text) {
  return whole_number(text, std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
}

void append_duration(std::string& text, Microseconds duration) {
  const std::int64_t count = duration.count();
  text += count < 0 ? "PT-" : "PT";
  const auto magnitude =
      count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
  append_number(text, magnitude / micros_of_second);
  if (const std::uint64_t rest = magnitude % micros_of_second; rest != 0) {
    std::string digits = fmt::format(".{:06}", rest);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += digits;
  }
  text += 'S';
}

std::optional<Microseconds> parse_duration(std::string_view text) {
  if (!text.starts_with("PT") || !text.ends_with('S')) return std::nullopt;
  text = text.substr(2, text.size() - 3);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string digits(text.substr(0, point));
  std::string fraction(point < text.size() ? text.substr(point + 1) : "0");
  if (digits.empty() || fraction.empty() || fraction.size() > 6) return std::nullopt;
  fraction.resize(6, '0');
  digits = (negative ? "-" : "") + digits + fraction;
  if (digits.find_first_not_of("0123456789", negative ? 1 : 0) != std::string::npos) return std::nullopt;
  std::int64_t count = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, count);
  if (error != std::errc() || stop != end) return std::nullopt;
  return Microseconds(count);
}

/// What calls visit(T{}) with the type that elements have.
template <class Visit>
decltype(auto) with_element(ElementType type, const Visit& visit) {
  switch (type) {
    case ElementType::boolean:
      return visit(bool{});
    case ElementType::integer:
      return visit(std::int64_t{});
    case ElementType::real:
      return visit(double{});
    case ElementType::uuid:
      return visit(Uuid{});
    case ElementType::timestamp:
      return visit(Timestamp{});
    case ElementType::date:
      return visit(Date{});
    case ElementType::text:
      break;
  }
  return visit(std::string{});
}

template <class Visit>
decltype(auto) with_bound(ElementType type, const Visit& visit) {
  if (type == ElementType::timestamp) return visit(Timestamp{});
  if (type == ElementType::date) return visit(Date{});
  return visit(std::int64_t{});
}

void read_array(const db::Row& row, std::size_t index, ElementType type, std::string& text) {
  with_element(type, [&]<class T>(const T&) {
    std::vector<std::optional<T>> values;
    row.array(index, [&](const db::Row& element) {
      auto& value = values.emplace_back();
      if (!element.is_null(0)) ColumnCodec<T>::read(element, 0, value.emplace());
    });
    text = to_json(values);
  });
}

db::Array parse_array(std::string_view text, ElementType type) {
  db::Array array(type);
  with_element(type, [&]<class T>(const T&) {
    std::vector<std::optional<T>> values;
    try {
      values = from_json<std::vector<std::optional<T>>>(text);
    } catch (const ValidationError& error) {
      fail(ErrorKind::invalid,
           fmt::format("no JSON array of {}: {}", detail::element_names[static_cast<std::size_t>(type)],
                       error.fields().front().message));
    }
    for (const auto& value : values) {
      array.values.push_back(value ? ColumnCodec<T>::to_param(*value) : db::Param(nullptr));
    }
  });
  return array;
}

void read_range(const db::Row& row, std::size_t index, ElementType type, std::string& text) {
  with_bound(type, [&]<class T>(const T&) {
    Range<T> range;
    ColumnCodec<Range<T>>::read(row, index, range);
    text = range.to_string();
  });
}

db::RangeValue parse_range(std::string_view text, ElementType type) {
  return with_bound(type, [&]<class T>(const T&) {
    const auto range = value_or_fail(Range<T>::parse(text), text, "range such as [1,6)");
    return std::get<db::RangeValue>(ColumnCodec<Range<T>>::to_param(range));
  });
}

std::string_view checked_text(const Column& column, std::string_view text) {
  if (!is_valid_utf8(text)) fail(ErrorKind::invalid, "the text is not UTF-8");
  if (column.max_length && utf8_length(text) > *column.max_length) {
    fail(ErrorKind::invalid,
         fmt::format("{} characters, {} are allowed", utf8_length(text), *column.max_length));
  }
  if (!column.choices.empty() && std::ranges::find(column.choices, text) == column.choices.end()) {
    std::string all;
    for (const std::string& choice : column.choices) all += (all.empty() ? "" : ", ") + choice;
    fail(ErrorKind::invalid, fmt::format("'{}' is none of {}", truncate_utf8(text, 100), all));
  }
  return text;
}

std::string checked_json(std::string_view text) {
  try {
    return Json::parse(text).text();
  } catch (const ValidationError& error) {
    fail(ErrorKind::invalid, "no JSON: " + error.fields().front().message);
  }
}

db::Bytes parse_bytes(std::string_view text) {
  const auto hex = text.starts_with("\\x") ? hex_decode(text.substr(2)) : std::nullopt;
  const auto decoded = value_or_fail(hex, text, "bytes such as \\x0aff");
  const auto bytes = std::as_bytes(std::span(decoded));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

void read_value(const db::Row& row, std::size_t index, const Column& column, std::string& text) {
  const ElementType element = column.element.value_or(ElementType::text);
  switch (column.type) {
    case ColumnType::boolean:
      text = row.boolean(index) ? "true" : "false";
      return;
    case ColumnType::smallint:
    case ColumnType::integer:
    case ColumnType::bigint:
    case ColumnType::id:
      return append_number(text, row.integer(index));
    case ColumnType::float4:
      return append_number(text, static_cast<float>(row.real(index)));
    case ColumnType::real:
      return append_number(text, row.real(index));
    case ColumnType::decimal:
      text = decimal::to_string(row.numeric(index, column.scale).coefficient, column.scale);
      return;
    case ColumnType::text:
      text = row.text(index);
      return;
    case ColumnType::bytes: {
      const auto bytes = row.bytes(index);
      text = "\\x" + hex_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      return;
    }
    case ColumnType::timestamp:
      text = row.timestamp(index).to_string();
      return;
    case ColumnType::date:
      text = row.date(index).to_string();
      return;
    case ColumnType::duration:
      return append_duration(text, row.duration(index));
    case ColumnType::uuid:
      text = row.uuid(index).to_string();
      return;
    case ColumnType::json:
      text = canonical_json(row.json(index));
      return;
    case ColumnType::network:
      text = row.network(index).to_string();
      return;
    case ColumnType::array:
      return read_array(row, index, element, text);
    case ColumnType::range:
      return read_range(row, index, element, text);
  }
}

void write_value(db::RowWriter& writer, const Column& column, std::string_view text) {
  const ElementType element = column.element.value_or(ElementType::text);
  switch (column.type) {
    case ColumnType::boolean:
      if (text != "true" && text != "false")
        fail(ErrorKind::invalid, fmt::format("'{}' is neither true nor false", truncate_utf8(text, 100)));
      return writer.boolean(text == "true");
    case ColumnType::smallint:
      return writer.integer(whole_number<std::int16_t>(text));
    case ColumnType::integer:
      return writer.integer(whole_number<std::int32_t>(text));
    case ColumnType::bigint:
    case ColumnType::id:
      return writer.integer(whole_number<std::int64_t>(text));
    case ColumnType::float4:
      return writer.real(static_cast<double>(number<float>(text, "number of single precision")));
    case ColumnType::real:
      return writer.real(number<double>(text, "number"));
    case ColumnType::decimal:
      return writer.numeric(
          {value_or_fail(decimal::parse(text, column.scale), text,
                         fmt::format("decimal number with at most {} digits behind the point", column.scale)),
           column.scale});
    case ColumnType::text:
      return writer.text(checked_text(column, text));
    case ColumnType::bytes:
      return writer.bytes(parse_bytes(text));
    case ColumnType::timestamp:
      return writer.timestamp(
          value_or_fail(Timestamp::parse(text), text, "time such as 2026-11-21T09:00:00Z"));
    case ColumnType::date:
      return writer.date(value_or_fail(Date::parse(text), text, "date such as 2026-11-21"));
    case ColumnType::duration:
      return writer.duration(value_or_fail(parse_duration(text), text, "duration such as PT90.5S"));
    case ColumnType::uuid:
      return writer.uuid(value_or_fail(Uuid::parse(text), text, "UUID"));
    case ColumnType::json:
      return writer.json(checked_json(text));
    case ColumnType::network:
      return writer.network(value_or_fail(IpNetwork::parse(text), text, "network such as 10.0.0.0/8"));
    case ColumnType::array:
      return writer.array(parse_array(text, element));
    case ColumnType::range:
      return writer.range(parse_range(text, element));
  }
}

}  // namespace mpf::orm::csv
