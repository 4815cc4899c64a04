#include "db/postgres_text.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include <mpf/base/decimal.hpp>
#include <mpf/base/error.hpp>
#include <mpf/base/text.hpp>

#include "db/postgres_types.hpp"
#include "db/quote.hpp"
#include "db/sqlite_array.hpp"

namespace mpf::db::postgres {

namespace {

constexpr std::string_view micros_of = "CAST(extract(epoch FROM {}) * 1000000 AS bigint)";

/// A bound of a range as a number.
std::string bound_number(ElementType type, const std::string& bound) {
  if (type == ElementType::timestamp) return fmt::format(micros_of, bound);
  if (type == ElementType::date) return fmt::format("{} - DATE '1970-01-01'", bound);
  return bound;
}

/// Backslash and what follows it: the two ways.
constexpr std::string_view letters = "\\bfnrtv";
constexpr std::string_view meant = "\\\b\f\n\r\t\v";

void append_escaped(std::string& to, std::string_view value) {
  for (std::size_t at = 0;;) {
    const std::size_t end = std::min(value.find_first_of(meant, at), value.size());
    to += value.substr(at, end - at);
    if (end == value.size()) return;
    to += '\\';
    to += letters[meant.find(value[end])];
    at = end + 1;
  }
}

void unescape(std::string_view field, std::string& into) {
  for (std::size_t at = 0;;) {
    const std::size_t end = std::min(field.find('\\', at), field.size());
    into += field.substr(at, end - at);
    if (end + 1 >= field.size()) return;
    const std::size_t which = letters.find(field[end + 1]);
    into += which == std::string_view::npos ? field[end + 1] : meant[which];
    at = end + 2;
  }
}

template <class T>
std::optional<T> number(std::string_view text) noexcept {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string shortest(double value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, end};
}

/// {1,NULL,"a \"b\""}
struct ElementText {
  std::string& out;
  void operator()(std::nullptr_t) const { out += "NULL"; }
  void operator()(bool value) const { out += value ? 't' : 'f'; }
  void operator()(std::int64_t value) const { out += std::to_string(value); }
  void operator()(double value) const { out += shortest(value); }
  void operator()(const std::string& value) const {
    out += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  void operator()(const Uuid& value) const { out += value.to_string(); }
  void operator()(Timestamp value) const { out += value.to_string(); }
  void operator()(Date value) const { out += value.to_string(); }
  template <class Other>
  void operator()(const Other&) const {
    throw Error(ErrorKind::internal, "an element of an array is not of the array's type");
  }
};

std::string bound_text(ElementType type, std::int64_t bound) {
  if (type == ElementType::timestamp) return Timestamp(Microseconds(bound)).to_string();
  if (type == ElementType::date) return Date(std::chrono::sys_days(std::chrono::days(bound))).to_string();
  return std::to_string(bound);
}

}  // namespace

std::string text_expression(const BulkColumn& column) {
  const std::string name = quote_name(column.name);
  switch (column.type) {
    case ColumnType::timestamp:
    case ColumnType::duration:
      return fmt::format(micros_of, name);
    case ColumnType::date:
      return name + " - DATE '1970-01-01'";
    case ColumnType::array:
      return fmt::format("to_jsonb({})", name);
    case ColumnType::range: {
      const auto bound = [&](std::string_view which) {
        return fmt::format("coalesce(CAST({} AS text), '')",
                           bound_number(column.element, fmt::format("{}({})", which, name)));
      };
      return fmt::format(
          "CASE WHEN {0} IS NULL THEN NULL WHEN isempty({0}) THEN 'empty' ELSE CASE WHEN lower_inc({0}) THEN "
          "'[' ELSE '(' END || {1} || ',' || {2} || CASE WHEN upper_inc({0}) THEN ']' ELSE ')' END END",
          name, bound("lower"), bound("upper"));
    }
    default:
      return name;
  }
}

void TextRow::take(std::string_view line) {
  fields_.clear();
  for (std::size_t at = 0;;) {
    const std::size_t end = std::min(line.find('\t', at), line.size());
    const std::string_view field = line.substr(at, end - at);
    auto& into = fields_.emplace_back();
    if (field != "\\N") unescape(field, into.emplace());
    if (end == line.size()) break;
    at = end + 1;
  }
  if (fields_.size() == columns_.size()) return;
  throw Error(ErrorKind::corrupt,
              fmt::format("a row with {} columns, {} were asked for", fields_.size(), columns_.size()));
}

void TextRow::corrupt(std::size_t column, std::string_view wanted) const {
  throw Error(ErrorKind::corrupt,
              fmt::format("column '{}' holds what cannot be read as {}", column_name(column), wanted));
}

std::string_view TextRow::text(std::size_t column) const {
  const auto& field = fields_.at(column);
  if (!field) throw Error(ErrorKind::internal, fmt::format("column '{}' is NULL", column_name(column)));
  return *field;
}

std::int64_t TextRow::integer(std::size_t column) const {
  const auto value = number<std::int64_t>(text(column));
  if (!value) corrupt(column, "a whole number");
  return *value;
}

double TextRow::real(std::size_t column) const {
  const auto value = number<double>(text(column));
  if (!value) corrupt(column, "a number");
  return *value;
}

std::span<const std::byte> TextRow::bytes(std::size_t column) const {
  const std::string_view field = text(column);
  auto decoded = field.starts_with("\\x") ? hex_decode(field.substr(2)) : std::nullopt;
  if (!decoded) corrupt(column, "bytes");
  bytes_ = std::move(*decoded);
  return std::as_bytes(std::span(bytes_));
}

Timestamp TextRow::timestamp(std::size_t column) const { return Timestamp(Microseconds(integer(column))); }

Numeric TextRow::numeric(std::size_t column, int scale) const {
  const auto coefficient = decimal::parse(text(column), scale);
  if (!coefficient) corrupt(column, fmt::format("a decimal number with {} digits behind the point", scale));
  return {*coefficient, scale};
}

Date TextRow::date(std::size_t column) const {
  const std::int64_t days = integer(column);
  if (days < Date::first().days() || days > Date::last().days()) {
    corrupt(column, "a date in the years 1 to 9999");
  }
  return Date(std::chrono::sys_days(std::chrono::days(days)));
}

Microseconds TextRow::duration(std::size_t column) const { return Microseconds(integer(column)); }

Uuid TextRow::uuid(std::size_t column) const {
  const auto value = Uuid::parse(text(column));
  if (!value) corrupt(column, "a UUID");
  return *value;
}

IpNetwork TextRow::network(std::size_t column) const {
  const auto value = IpNetwork::parse(text(column));
  if (!value) corrupt(column, "an IP network");
  return *value;
}

void TextRow::array(std::size_t column, const RowSink& on_element) const {
  sqlite::read_array(column_name(column), text(column), on_element);
}

RangeValue TextRow::range(std::size_t column, ElementType type) const {
  const std::string_view field = text(column);
  RangeValue value;
  value.type = type;
  if (field == "empty") return value;
  const std::size_t comma = field.find(',');
  if (field.size() < 3 || comma == std::string_view::npos) corrupt(column, "a range");
  const auto bound = [&](std::string_view part) {
    const auto parsed = number<std::int64_t>(part);
    if (!part.empty() && !parsed) corrupt(column, "a range");
    return parsed;
  };
  value.empty = false;
  value.lower_inclusive = field.front() == '[';
  value.upper_inclusive = field.back() == ']';
  value.lower = bound(field.substr(1, comma - 1));
  value.upper = bound(field.substr(comma + 1, field.size() - comma - 2));
  return value;
}

void TextWriter::next() {
  if (values_++ > 0) line_ += '\t';
}

void TextWriter::null() { plain("\\N"); }

void TextWriter::real(double value) { plain(shortest(value)); }

void TextWriter::text(std::string_view value) {
  std::string checked;
  append_text(checked, value);
  next();
  append_escaped(line_, checked);
}

void TextWriter::bytes(std::span<const std::byte> value) {
  next();
  line_ += "\\\\x" + hex_encode({reinterpret_cast<const char*>(value.data()), value.size()});
}

void TextWriter::numeric(Numeric value) { plain(decimal::to_string(value.coefficient, value.scale)); }

/// Both parts as whole numbers: nothing is rounded.
void TextWriter::duration(Microseconds value) {
  plain(fmt::format("{} seconds {} microseconds", value.count() / 1'000'000, value.count() % 1'000'000));
}

void TextWriter::array(const Array& value) {
  std::string list = "{";
  for (const Param& each : value.values) {
    if (list.size() > 1) list += ',';
    std::visit(ElementText{list}, each);
  }
  text(list + "}");
}

void TextWriter::range(const RangeValue& value) {
  if (value.empty) return plain("empty");
  std::string range = value.lower_inclusive ? "[" : "(";
  if (value.lower) range += bound_text(value.type, *value.lower);
  range += ',';
  if (value.upper) range += bound_text(value.type, *value.upper);
  plain(range + (value.upper_inclusive ? "]" : ")"));
}

}  // namespace mpf::db::postgres
