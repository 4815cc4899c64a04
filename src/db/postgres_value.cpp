#include "db/postgres_value.hpp"

#include <libpq-fe.h>

#include <limits>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

namespace mpf::db::postgres {

namespace {

const char* name_of(Oid type) noexcept {
  switch (type) {
    case oid::boolean:
      return "a boolean";
    case oid::bytea:
      return "bytes";
    case oid::int2:
    case oid::int4:
    case oid::int8:
      return "an integer";
    case oid::float4:
    case oid::float8:
      return "a number";
    case oid::numeric:
      return "a decimal number";
    case oid::text:
    case oid::varchar:
    case oid::bpchar:
      return "text";
    case oid::json:
    case oid::jsonb:
      return "JSON";
    case oid::timestamp:
    case oid::timestamptz:
      return "a timestamp";
    case oid::date:
      return "a date";
    case oid::interval:
      return "a duration";
    case oid::uuid:
      return "a UUID";
    case oid::inet:
    case oid::cidr:
      return "a network";
    default:
      return nullptr;
  }
}

/// One element of an array, as a row of one column.
class Element final : public Row {
 public:
  explicit Element(const Value& value) noexcept : value_(value) {}

  bool null = false;
  Value& value() noexcept { return value_; }

  std::size_t columns() const noexcept override { return 1; }
  std::string_view column_name(std::size_t) const override { return value_.column_name(); }
  bool is_null(std::size_t) const override { return null; }
  bool boolean(std::size_t column) const override { return get(column, "a boolean").boolean(); }
  std::int64_t integer(std::size_t column) const override { return get(column, "an integer").integer(); }
  double real(std::size_t column) const override { return get(column, "a number").real(); }
  std::string_view text(std::size_t column) const override { return get(column, "text").text(); }
  std::span<const std::byte> bytes(std::size_t column) const override { return get(column, "bytes").bytes(); }
  Timestamp timestamp(std::size_t column) const override { return get(column, "a timestamp").timestamp(); }
  Numeric numeric(std::size_t column, int scale) const override {
    return get(column, "a decimal number").numeric(scale);
  }
  Date date(std::size_t column) const override { return get(column, "a date").date(); }
  Microseconds duration(std::size_t column) const override { return get(column, "a duration").duration(); }
  Uuid uuid(std::size_t column) const override { return get(column, "a UUID").uuid(); }
  std::string_view json(std::size_t column) const override { return get(column, "JSON").json(); }
  IpNetwork network(std::size_t column) const override { return get(column, "a network").network(); }
  void array(std::size_t column, const RowSink& on_element) const override {
    get(column, "an array").array(on_element);
  }
  RangeValue range(std::size_t column, ElementType type) const override {
    return get(column, "a range").range(type);
  }

 private:
  const Value& get(std::size_t column, const char* wanted) const {
    if (column != 0) throw Error(ErrorKind::internal, "an element of an array has column 0 only");
    if (null) read_null(value_.column_name(), wanted);
    return value_;
  }

  Value value_;
};

}  // namespace

void read_null(std::string_view column, const char* wanted) {
  throw Error(ErrorKind::internal, fmt::format("column '{}' holds NULL and was read as {}", column, wanted));
}

const char* Value::column_name() const { return PQfname(result, column); }

void Value::wrong_type(const char* wanted) const {
  const char* const name = name_of(type);
  throw Error(ErrorKind::internal,
              fmt::format("column '{}' holds {} and was read as {}", column_name(),
                          name ? std::string(name) : fmt::format("a value of type {}", type), wanted));
}

void Value::malformed() const {
  throw Error(ErrorKind::corrupt,
              fmt::format("column '{}' holds a value that cannot be represented", column_name()));
}

bool Value::boolean() const {
  if (type != oid::boolean) {
    if (type == oid::int2 || type == oid::int4 || type == oid::int8) return integer() != 0;
    wrong_type("a boolean");
  }
  require_size(1);
  return *data != 0;
}

std::int64_t Value::integer() const {
  switch (type) {
    case oid::int8:
      require_size(8);
      return load<std::int64_t>(data);
    case oid::int4:
      require_size(4);
      return load<std::int32_t>(data);
    case oid::int2:
      require_size(2);
      return load<std::int16_t>(data);
    case oid::oid:
      require_size(4);
      return load<std::uint32_t>(data);
    case oid::numeric: {  // sums of bigint are that
      std::int64_t number = 0;
      if (!read_numeric(data, size, 0, number)) malformed();
      return number;
    }
    default:
      wrong_type("an integer");
  }
}

double Value::real() const {
  switch (type) {
    case oid::float8:
      require_size(8);
      return std::bit_cast<double>(load<std::int64_t>(data));
    case oid::float4:
      require_size(4);
      return std::bit_cast<float>(load<std::int32_t>(data));
    case oid::numeric:
      return read_numeric_as_double(data, size);
    case oid::int8:
    case oid::int4:
    case oid::int2:
      return static_cast<double>(integer());
    default:
      wrong_type("a number");
  }
}

std::string_view Value::text() const {
  switch (type) {
    case oid::text:
    case oid::varchar:
    case oid::bpchar:
    case oid::character:
    case oid::name:
    case oid::unknown:
    case oid::void_type:
    case oid::json:
      return {data, size};
    case oid::jsonb:
      return json();
    default:
      break;
  }
  if (type < oid::first_of_users) wrong_type("text");
  return {data, size};  // enumerations and domains of text
}

std::span<const std::byte> Value::bytes() const {
  if (type == oid::bytea) return {reinterpret_cast<const std::byte*>(data), size};
  if (name_of(type) == nullptr || (type != oid::text && type != oid::varchar)) wrong_type("bytes");
  return {reinterpret_cast<const std::byte*>(data), size};
}

std::int64_t Value::server_time(std::int64_t micros) const {
  constexpr auto limits = std::numeric_limits<std::int64_t>();
  if (micros == limits.max() || micros == limits.min() || micros > limits.max() - epoch_micros) malformed();
  return micros + epoch_micros;
}

Timestamp Value::timestamp() const {
  if (type != oid::timestamptz && type != oid::timestamp) wrong_type("a timestamp");
  require_size(8);
  return Timestamp(Microseconds(server_time(load<std::int64_t>(data))));
}

Numeric Value::numeric(int scale) const {
  std::int64_t coefficient = 0;
  if (type == oid::numeric) {
    if (!read_numeric(data, size, scale, coefficient)) malformed();
  } else if (type == oid::int8 || type == oid::int4 || type == oid::int2) {
    coefficient = integer();
    for (int i = 0; i < scale; ++i) {
      if (__builtin_mul_overflow(coefficient, std::int64_t{10}, &coefficient)) malformed();
    }
  } else {
    wrong_type("a decimal number");
  }
  constexpr std::int64_t most = 999'999'999'999'999'999;
  if (coefficient > most || coefficient < -most) malformed();
  return {coefficient, scale};
}

Date Value::date() const {
  if (type != oid::date) wrong_type("a date");
  require_size(4);
  const auto days = std::int64_t{load<std::int32_t>(data)} + epoch_days;
  if (days < Date::first().days() || days > Date::last().days()) malformed();
  return Date(std::chrono::sys_days(std::chrono::days(days)));
}

Microseconds Value::duration() const {
  if (type != oid::interval) wrong_type("a duration");
  require_size(16);
  std::int64_t micros = load<std::int64_t>(data);
  std::int64_t days = load<std::int32_t>(data + 8);
  if (load<std::int32_t>(data + 12) != 0) malformed();  // months have no fixed length
  if (__builtin_mul_overflow(days, std::int64_t{86'400'000'000}, &days) ||
      __builtin_add_overflow(micros, days, &micros)) {
    malformed();
  }
  return Microseconds(micros);
}

Uuid Value::uuid() const {
  if (type != oid::uuid) wrong_type("a UUID");
  require_size(16);
  Uuid::Bytes bytes;
  std::memcpy(bytes.data(), data, bytes.size());
  return Uuid(bytes);
}

std::string_view Value::json() const {
  if (type == oid::jsonb) {
    if (size < 1 || *data != 1) malformed();
    return {data + 1, size - 1};
  }
  if (type != oid::json && type != oid::text) wrong_type("JSON");
  return {data, size};
}

IpNetwork Value::network() const {
  if (type != oid::inet && type != oid::cidr) wrong_type("a network");
  if (size < 4) malformed();
  const auto length = static_cast<std::size_t>(static_cast<unsigned char>(data[3]));
  if (size != 4 + length || (length != 4 && length != 16)) malformed();
  return {std::span(reinterpret_cast<const std::byte*>(data + 4), length),
          static_cast<unsigned char>(data[1])};
}

void Value::array(const RowSink& on_element) const {
  if (size < 12) wrong_type("an array");
  switch (type) {
    case oid::bool_array:
    case oid::int2_array:
    case oid::int4_array:
    case oid::int8_array:
    case oid::float4_array:
    case oid::float8_array:
    case oid::text_array:
    case oid::varchar_array:
    case oid::uuid_array:
    case oid::timestamptz_array:
    case oid::date_array:
      break;
    default:
      if (type < oid::first_of_users) wrong_type("an array");
  }
  const auto dimensions = load<std::int32_t>(data);
  if (dimensions == 0) return;
  if (dimensions != 1 || size < 20) malformed();
  const auto count = load<std::int32_t>(data + 12);
  Element element(Value{nullptr, 0, load<std::uint32_t>(data + 8), result, column});
  const char* at = data + 20;
  const char* const end = data + size;
  for (std::int32_t i = 0; i < count; ++i) {
    if (end - at < 4) malformed();
    const auto length = load<std::int32_t>(at);
    at += 4;
    element.null = length < 0;
    if (length >= 0) {
      if (end - at < length) malformed();
      element.value().data = at;
      element.value().size = static_cast<std::size_t>(length);
      at += length;
    }
    on_element(element);
  }
}

RangeValue Value::range(ElementType of) const {
  const bool fits = type == range_oid(of) || (of == ElementType::integer && type == oid::int4_range);
  if (!fits) wrong_type("a range");
  if (size < 1) malformed();
  const int flags = static_cast<unsigned char>(data[0]);
  RangeValue range{.type = of, .empty = (flags & 1) != 0};
  if (range.empty) return range;
  range.lower_inclusive = (flags & 2) != 0;
  range.upper_inclusive = (flags & 4) != 0;
  const char* at = data + 1;
  const auto bound = [&]() -> std::int64_t {
    if (data + size - at < 4) malformed();
    const auto length = load<std::int32_t>(at);
    at += 4;
    if ((length != 4 && length != 8) || data + size - at < length) malformed();
    const std::int64_t number = length == 4 ? load<std::int32_t>(at) : load<std::int64_t>(at);
    at += length;
    if (of == ElementType::date) {
      constexpr auto limits = std::numeric_limits<std::int32_t>();
      if (number == limits.max() || number == limits.min()) malformed();  // infinity, which is no bound
      return number + epoch_days;
    }
    if (of == ElementType::timestamp) return server_time(number);
    return number;
  };
  if ((flags & 8) == 0) range.lower = bound();
  if ((flags & 16) == 0) range.upper = bound();
  return range;
}

}  // namespace mpf::db::postgres
