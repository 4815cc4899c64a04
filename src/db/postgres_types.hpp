#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include <mpf/db/value.hpp>

/// How PostgreSQL numbers its types and writes them in binary.
namespace mpf::db::postgres {

using Oid = unsigned int;

namespace oid {
inline constexpr Oid none = 0, boolean = 16, bytea = 17, character = 18, name = 19, int8 = 20, int2 = 21,
                     int4 = 23, text = 25, oid = 26, json = 114, cidr = 650, float4 = 700, float8 = 701,
                     unknown = 705, inet = 869, bool_array = 1000, int2_array = 1005, int4_array = 1007,
                     text_array = 1009, varchar_array = 1015, int8_array = 1016, float4_array = 1021,
                     float8_array = 1022, bpchar = 1042, varchar = 1043, date = 1082, timestamp = 1114,
                     date_array = 1182, timestamptz = 1184, timestamptz_array = 1185, interval = 1186,
                     numeric = 1700, void_type = 2278, uuid = 2950, uuid_array = 2951, jsonb = 3802,
                     int4_range = 3904, timestamptz_range = 3910, date_range = 3912, int8_range = 3926,
                     first_of_users = 16384;
}  // namespace oid

/// Its day and moment zero: 2000-01-01.
inline constexpr std::int32_t epoch_days = 10'957;
inline constexpr std::int64_t epoch_micros = 946'684'800'000'000;

template <class Int>
Int load(const char* from) noexcept {
  std::make_unsigned_t<Int> value = 0;
  std::memcpy(&value, from, sizeof value);
  if constexpr (sizeof value == 2) value = __builtin_bswap16(value);
  if constexpr (sizeof value == 4) value = __builtin_bswap32(value);
  if constexpr (sizeof value == 8) value = __builtin_bswap64(value);
  return static_cast<Int>(value);
}

template <class Int>
void append(std::string& to, Int number) {
  auto value = static_cast<std::make_unsigned_t<Int>>(number);
  if constexpr (sizeof value == 2) value = __builtin_bswap16(value);
  if constexpr (sizeof value == 4) value = __builtin_bswap32(value);
  if constexpr (sizeof value == 8) value = __builtin_bswap64(value);
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

Oid element_oid(ElementType type) noexcept;
Oid array_oid(ElementType type) noexcept;
Oid range_oid(ElementType type) noexcept;

/// What a value is bound as; none for null.
Oid oid_of(const Param& value) noexcept;

/// Appends the value in binary, as the type that oid_of() says. Not for null. Error(invalid) for what
/// PostgreSQL cannot hold: a NUL character in text.
void append_value(std::string& to, const Param& value);
void append_text(std::string& to, std::string_view text);
void append_numeric(std::string& to, Numeric value);
void append_interval(std::string& to, Microseconds value);
void append_network(std::string& to, const IpNetwork& value);
void append_array(std::string& to, const Array& value);
/// Error(invalid) for what is earlier than the server can count.
void append_timestamp(std::string& to, Timestamp value);
void append_range(std::string& to, const RangeValue& value);

/// Gives numeric columns as coefficient at that scale; false when it does not fit exactly.
bool read_numeric(const char* data, std::size_t size, int scale, std::int64_t& coefficient) noexcept;
double read_numeric_as_double(const char* data, std::size_t size) noexcept;

}  // namespace mpf::db::postgres
