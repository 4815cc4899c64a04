#include "db/sqlite_array.hpp"

#include <charconv>
#include <cmath>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/base/json.hpp>
#include <mpf/base/text.hpp>

namespace mpf::db::sqlite {
namespace {

[[noreturn]] void fail_element() {
  throw Error(ErrorKind::internal, "an element of an array is not of the array's type");
}

struct ElementWriter {
  JsonWriter& json;
  ElementType type;

  void want(ElementType given) const {
    if (type != given) fail_element();
  }
  void operator()(std::nullptr_t) const { json.null(); }
  void operator()(bool value) const {
    want(ElementType::boolean);
    json.value(value);
  }
  void operator()(std::int64_t value) const {
    want(ElementType::integer);
    json.value(value);
  }
  void operator()(double value) const {
    want(ElementType::real);
    if (!std::isfinite(value)) {
      fail(ErrorKind::invalid, "SQLite's arrays cannot hold infinities, nor what is no number");
    }
    json.value(value);
  }
  void operator()(const std::string& value) const {
    want(ElementType::text);
    if (!is_valid_utf8(value)) fail(ErrorKind::invalid, "a text in an array is not valid UTF-8");
    json.value(value);
  }
  void operator()(const Uuid& value) const {
    want(ElementType::uuid);
    json.value(value.to_string());
  }
  void operator()(Timestamp value) const {
    want(ElementType::timestamp);
    json.value(value.to_string());
  }
  void operator()(Date value) const {
    want(ElementType::date);
    json.value(value.to_string());
  }
  template <class Other>
  void operator()(const Other&) const {
    fail_element();
  }
};

[[noreturn]] void fail_corrupt(std::string_view column, std::string_view what) {
  throw Error(ErrorKind::corrupt, fmt::format("column '{}' holds {}", column, what));
}

/// One element of an array, shown as a row.
class ElementRow final : public Row {
 public:
  ElementRow(std::string_view column, JsonReader& reader) : column_(column), reader_(reader) {}

  void read() {
    kind_ = reader_.peek();
    switch (kind_) {
      case JsonReader::Kind::null:
        reader_.read_null();
        return;
      case JsonReader::Kind::boolean:
        reader_.read_bool(boolean_);
        return;
      case JsonReader::Kind::number:
        text_.clear();
        reader_.read_raw(text_);
        return;
      case JsonReader::Kind::string:
        reader_.read_string(text_);
        return;
      case JsonReader::Kind::array:
      case JsonReader::Kind::object:
        fail_corrupt(column_, "an array with an element of several values");
    }
  }

  std::size_t columns() const noexcept override { return 1; }
  std::string_view column_name(std::size_t) const override { return column_; }
  bool is_null(std::size_t) const override { return kind_ == JsonReader::Kind::null; }
  bool boolean(std::size_t) const override {
    want(JsonReader::Kind::boolean, "a boolean");
    return boolean_;
  }
  std::int64_t integer(std::size_t) const override { return number<std::int64_t>("a whole number"); }
  double real(std::size_t) const override { return number<double>("a number"); }
  std::string_view text(std::size_t) const override {
    want(JsonReader::Kind::string, "a text");
    return text_;
  }
  Timestamp timestamp(std::size_t) const override { return parsed<Timestamp>("a timestamp"); }
  Date date(std::size_t) const override { return parsed<Date>("a date"); }
  Uuid uuid(std::size_t) const override { return parsed<Uuid>("a UUID"); }

  std::span<const std::byte> bytes(std::size_t) const override { no_element(); }
  Numeric numeric(std::size_t, int) const override { no_element(); }
  Microseconds duration(std::size_t) const override { no_element(); }
  std::string_view json(std::size_t) const override { no_element(); }
  IpNetwork network(std::size_t) const override { no_element(); }
  void array(std::size_t, const RowSink&) const override { no_element(); }
  RangeValue range(std::size_t, ElementType) const override { no_element(); }

 private:
  void want(JsonReader::Kind kind, std::string_view wanted) const {
    if (kind_ != kind) fail_corrupt(column_, fmt::format("an array with an element that is not {}", wanted));
  }
  template <class T>
  T number(std::string_view wanted) const {
    want(JsonReader::Kind::number, wanted);
    T value{};
    const char* const end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(text_.data(), end, value);
    if (error != std::errc() || stop != end) {
      fail_corrupt(column_, fmt::format("an array with an element that is not {}", wanted));
    }
    return value;
  }
  template <class T>
  T parsed(std::string_view wanted) const {
    want(JsonReader::Kind::string, wanted);
    const auto value = T::parse(text_);
    if (!value) fail_corrupt(column_, fmt::format("an array with an element that is not {}", wanted));
    return *value;
  }
  [[noreturn]] void no_element() const {
    throw Error(ErrorKind::internal,
                fmt::format("an element of array '{}' was read as a type that arrays don't have", column_));
  }

  std::string_view column_;
  JsonReader& reader_;
  JsonReader::Kind kind_ = JsonReader::Kind::null;
  bool boolean_ = false;
  std::string text_;
};

}  // namespace

void write_array(std::string& out, const Array& array) {
  JsonWriter json(out);
  json.begin_array();
  for (const Param& each : array.values) std::visit(ElementWriter{json, array.type}, each);
  json.end_array();
}

void write_range(std::string& out, const RangeValue& range) {
  JsonWriter json(out);
  json.begin_object();
  if (range.empty) {
    json.key("empty").value(true);
  } else {
    const auto bound = [&](const char* name, const std::optional<std::int64_t>& value) {
      json.key(name);
      if (value) {
        json.value(*value);
      } else {
        json.null();
      }
    };
    bound("lower", range.lower);
    bound("upper", range.upper);
    const char bounds[] = {range.lower_inclusive ? '[' : '(', range.upper_inclusive ? ']' : ')'};
    json.key("bounds").value(std::string_view(bounds, 2));
  }
  json.end_object();
}

void read_array(std::string_view column, std::string_view text, const RowSink& on_element) {
  JsonReader reader(text);
  try {
    if (reader.peek() != JsonReader::Kind::array) fail_corrupt(column, "no array");
  } catch (const ValidationError&) {
    fail_corrupt(column, "no array");
  }
  ElementRow element(column, reader);
  const auto next = [&] {
    try {
      if (!reader.next_item()) {
        reader.finish();
        return false;
      }
      element.read();
      return true;
    } catch (const ValidationError&) {
      fail_corrupt(column, "an array that is malformed");
    }
  };
  reader.begin_array();
  while (next()) on_element(element);
}

RangeValue read_range(std::string_view column, std::string_view text, ElementType type) {
  RangeValue range;
  range.type = type;
  std::string bounds;
  try {
    JsonReader reader(text);
    bool ok = reader.begin_object();
    std::string_view key;
    range.empty = false;
    const auto read_bound = [&](std::optional<std::int64_t>& into) {
      if (reader.read_null()) return true;
      return reader.read_integer(into.emplace());
    };
    while (ok && reader.next_key(key)) {
      if (key == "empty") {
        ok = reader.read_bool(range.empty);
      } else if (key == "lower") {
        ok = read_bound(range.lower);
      } else if (key == "upper") {
        ok = read_bound(range.upper);
      } else if (key == "bounds") {
        ok = reader.read_string(bounds);
      } else {
        ok = false;
      }
    }
    if (ok) reader.finish();
    if (!ok || (!range.empty && bounds.size() != 2)) fail_corrupt(column, "no range");
  } catch (const ValidationError&) {
    fail_corrupt(column, "no range");
  }
  if (range.empty) return {.type = type};
  range.lower_inclusive = bounds[0] == '[';
  range.upper_inclusive = bounds[1] == ']';
  return range;
}

}  // namespace mpf::db::sqlite
