#include "db/postgres_types.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>

#include <mpf/base/error.hpp>

namespace mpf::db::postgres {

Oid element_oid(ElementType type) noexcept {
  switch (type) {
    case ElementType::boolean:
      return oid::boolean;
    case ElementType::integer:
      return oid::int8;
    case ElementType::real:
      return oid::float8;
    case ElementType::text:
      return oid::text;
    case ElementType::uuid:
      return oid::uuid;
    case ElementType::timestamp:
      return oid::timestamptz;
    case ElementType::date:
      return oid::date;
  }
  return oid::none;
}

Oid array_oid(ElementType type) noexcept {
  switch (type) {
    case ElementType::boolean:
      return oid::bool_array;
    case ElementType::integer:
      return oid::int8_array;
    case ElementType::real:
      return oid::float8_array;
    case ElementType::text:
      return oid::text_array;
    case ElementType::uuid:
      return oid::uuid_array;
    case ElementType::timestamp:
      return oid::timestamptz_array;
    case ElementType::date:
      return oid::date_array;
  }
  return oid::none;
}

Oid range_oid(ElementType type) noexcept {
  switch (type) {
    case ElementType::timestamp:
      return oid::timestamptz_range;
    case ElementType::date:
      return oid::date_range;
    default:
      return oid::int8_range;
  }
}

Oid oid_of(const Param& value) noexcept {
  struct {
    Oid operator()(std::nullptr_t) { return oid::none; }
    Oid operator()(bool) { return oid::boolean; }
    Oid operator()(std::int64_t) { return oid::int8; }
    Oid operator()(double) { return oid::float8; }
    Oid operator()(const std::string&) { return oid::text; }
    Oid operator()(const Bytes&) { return oid::bytea; }
    Oid operator()(Timestamp) { return oid::timestamptz; }
    Oid operator()(Numeric) { return oid::numeric; }
    Oid operator()(Date) { return oid::date; }
    Oid operator()(Microseconds) { return oid::interval; }
    Oid operator()(const Uuid&) { return oid::uuid; }
    Oid operator()(const JsonText&) { return oid::jsonb; }
    Oid operator()(const IpNetwork&) { return oid::inet; }
    Oid operator()(const Array& array) { return array_oid(array.type); }
    Oid operator()(const RangeValue& range) { return range_oid(range.type); }
  } visitor;
  return std::visit(visitor, value);
}

void append_text(std::string& to, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::invalid, "PostgreSQL's text cannot hold the character NUL",
                "A text contains the character NUL");
  }
  to += text;
}

void append_numeric(std::string& to, Numeric value) {
  // Groups of four decimal digits, the point between two of them.
  std::uint64_t rest = value.coefficient < 0 ? 0 - static_cast<std::uint64_t>(value.coefficient)
                                             : static_cast<std::uint64_t>(value.coefficient);
  const int scale = value.scale < 0 ? 0 : value.scale;
  const int fraction_groups = (scale + 3) / 4;
  std::int16_t groups[16];
  int count = 0;
  if (scale % 4 != 0) {
    static constexpr std::uint64_t power[] = {1, 10, 100, 1000};
    const std::uint64_t part = power[scale % 4];
    groups[count++] = static_cast<std::int16_t>(rest % part * power[4 - scale % 4]);
    rest /= part;
  }
  while (rest > 0) {
    groups[count++] = static_cast<std::int16_t>(rest % 10'000);
    rest /= 10'000;
  }
  const int weight = count - 1 - fraction_groups;  // of the first group
  int first = count - 1;
  int top = weight;
  while (first >= 0 && groups[first] == 0) {
    --first;
    --top;
  }
  int last = 0;
  while (last <= first && groups[last] == 0) ++last;
  append<std::int16_t>(to, static_cast<std::int16_t>(first - last + 1));
  append<std::int16_t>(to, static_cast<std::int16_t>(first < last ? 0 : top));
  append<std::int16_t>(to, value.coefficient < 0 ? std::int16_t{0x4000} : std::int16_t{0});
  append<std::int16_t>(to, static_cast<std::int16_t>(scale));
  for (int i = first; i >= last; --i) append<std::int16_t>(to, groups[i]);
}

namespace {
constexpr std::uint16_t numeric_negative = 0x4000;

struct NumericHead {
  std::uint16_t groups = 0;
  std::int16_t weight = 0;
  std::uint16_t sign = 0;
  const char* digits = nullptr;
};

bool numeric_head(const char* data, std::size_t size, NumericHead& head) noexcept {
  if (size < 8) return false;
  head.groups = load<std::uint16_t>(data);
  head.weight = load<std::int16_t>(data + 2);
  head.sign = load<std::uint16_t>(data + 4);
  head.digits = data + 8;
  return size >= 8 + std::size_t{2} * head.groups;
}
}  // namespace

bool read_numeric(const char* data, std::size_t size, int scale, std::int64_t& coefficient) noexcept {
  NumericHead head;
  if (!numeric_head(data, size, head)) return false;
  if (head.sign != 0 && head.sign != numeric_negative) return false;  // NaN, infinity
  __extension__ using Wide = __int128;
  constexpr Wide most = Wide{std::numeric_limits<std::int64_t>::max()} + 1;
  Wide value = 0;
  // The power of ten, counted from the last kept digit, of the group's own last digit.
  for (int i = 0; i < head.groups; ++i) {
    int exponent = (head.weight - i) * 4 + scale;
    int digits = load<std::int16_t>(head.digits + std::ptrdiff_t{2} * i);
    if (digits == 0) continue;
    for (; exponent < 0 && digits % 10 == 0; ++exponent) digits /= 10;
    if (exponent < 0) return false;  // digits behind the scale
    Wide part = digits;
    for (int e = 0; e < exponent; ++e) {
      part *= 10;
      if (part > most) return false;
    }
    value += part;
    if (value > most) return false;
  }
  if (head.sign == numeric_negative) value = -value;
  if (value > most - 1 || value < -most) return false;
  coefficient = static_cast<std::int64_t>(value);
  return true;
}

double read_numeric_as_double(const char* data, std::size_t size) noexcept {
  NumericHead head;
  if (!numeric_head(data, size, head)) return std::nan("");
  if (head.sign == 0xd000) return HUGE_VAL;
  if (head.sign == 0xf000) return -HUGE_VAL;
  if (head.sign == 0xc000) return std::nan("");
  // By decimal text, so that the result is the nearest double.
  std::string text = head.sign == numeric_negative ? "-0" : "0";
  for (int i = 0; i < head.groups; ++i) {
    const int digits = load<std::int16_t>(head.digits + std::ptrdiff_t{2} * i);
    text += static_cast<char>('0' + digits / 1000);
    text += static_cast<char>('0' + digits / 100 % 10);
    text += static_cast<char>('0' + digits / 10 % 10);
    text += static_cast<char>('0' + digits % 10);
  }
  text += 'e' + std::to_string((head.weight - head.groups + 1) * 4);
  return std::strtod(text.c_str(), nullptr);
}

void append_interval(std::string& to, Microseconds value) {
  append<std::int64_t>(to, value.count());
  append<std::int32_t>(to, 0);  // days
  append<std::int32_t>(to, 0);  // months
}

void append_network(std::string& to, const IpNetwork& value) {
  const auto address = value.address();
  to += value.is_v4() ? char{2} : char{3};
  to += static_cast<char>(value.prefix_length());
  to += char{0};  // no cidr
  to += static_cast<char>(address.size());
  to.append(reinterpret_cast<const char*>(address.data()), address.size());
}

void append_array(std::string& to, const Array& value) {
  bool nulls = false;
  for (const Param& each : value.values) nulls = nulls || std::holds_alternative<std::nullptr_t>(each);
  append<std::int32_t>(to, value.values.empty() ? 0 : 1);
  append<std::int32_t>(to, nulls ? 1 : 0);
  append<std::uint32_t>(to, element_oid(value.type));
  if (value.values.empty()) return;
  append<std::int32_t>(to, static_cast<std::int32_t>(value.values.size()));
  append<std::int32_t>(to, 1);
  for (const Param& each : value.values) {
    if (std::holds_alternative<std::nullptr_t>(each)) {
      append<std::int32_t>(to, -1);
      continue;
    }
    if (oid_of(each) != element_oid(value.type)) {
      throw Error(ErrorKind::internal, "an element of an array is of another type than the array says");
    }
    const std::size_t start = to.size();
    append<std::int32_t>(to, 0);
    append_value(to, each);
    std::string size;
    append<std::int32_t>(size, static_cast<std::int32_t>(to.size() - start - 4));
    to.replace(start, 4, size);
  }
}

namespace {

/// Since 2000, as PostgreSQL counts.
std::int64_t server_micros(std::int64_t since_1970) {
  std::int64_t micros = 0;
  if (__builtin_sub_overflow(since_1970, epoch_micros, &micros)) {
    throw Error(ErrorKind::invalid,
                "a time is too early for PostgreSQL: timestamps are of the years 1 to 9999",
                "A time is outside of the years 1 to 9999");
  }
  return micros;
}

}  // namespace

void append_timestamp(std::string& to, Timestamp value) {
  append<std::int64_t>(to, server_micros(value.micros()));
}

void append_range(std::string& to, const RangeValue& value) {
  constexpr int empty = 1, lower_inclusive = 2, upper_inclusive = 4, no_lower = 8, no_upper = 16;
  if (value.empty) {
    to += static_cast<char>(empty);
    return;
  }
  to += static_cast<char>((value.lower_inclusive ? lower_inclusive : 0) |
                          (value.upper_inclusive ? upper_inclusive : 0) | (value.lower ? 0 : no_lower) |
                          (value.upper ? 0 : no_upper));
  for (const auto& bound : {value.lower, value.upper}) {
    if (!bound) continue;
    if (value.type == ElementType::date) {
      append<std::int32_t>(to, 4);
      append<std::int32_t>(to, static_cast<std::int32_t>(*bound) - epoch_days);
    } else {
      append<std::int32_t>(to, 8);
      append<std::int64_t>(to, value.type == ElementType::timestamp ? server_micros(*bound) : *bound);
    }
  }
}

void append_value(std::string& to, const Param& value) {
  struct {
    std::string& out;
    void operator()(std::nullptr_t) {}
    void operator()(bool v) { out += v ? char{1} : char{0}; }
    void operator()(std::int64_t v) { append<std::int64_t>(out, v); }
    void operator()(double v) { append<std::int64_t>(out, std::bit_cast<std::int64_t>(v)); }
    void operator()(const std::string& v) { append_text(out, v); }
    void operator()(const Bytes& v) { out.append(reinterpret_cast<const char*>(v.data()), v.size()); }
    void operator()(Timestamp v) { append_timestamp(out, v); }
    void operator()(Numeric v) { append_numeric(out, v); }
    void operator()(Date v) { append<std::int32_t>(out, v.days() - epoch_days); }
    void operator()(Microseconds v) { append_interval(out, v); }
    void operator()(const Uuid& v) { out.append(reinterpret_cast<const char*>(v.bytes().data()), 16); }
    void operator()(const JsonText& v) {
      out += char{1};  // of jsonb's binary form
      append_text(out, v.text);
    }
    void operator()(const IpNetwork& v) { append_network(out, v); }
    void operator()(const Array& v) { append_array(out, v); }
    void operator()(const RangeValue& v) { append_range(out, v); }
  } visitor{to};
  std::visit(visitor, value);
}

}  // namespace mpf::db::postgres
