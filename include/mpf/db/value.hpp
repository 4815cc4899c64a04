#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <mpf/base/date.hpp>
#include <mpf/base/ip_network.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/base/uuid.hpp>

/// The values that statements take and columns hold, and how both databases keep them:
///
/// | value       | PostgreSQL           | SQLite                                                       |
/// | ----------- | -------------------- | ------------------------------------------------------------ |
/// | boolean     | boolean              | 0 or 1                                                       |
/// | Timestamp   | timestamptz          | microseconds since 1970                                      |
/// | Date        | date                 | days since 1970-01-01                                        |
/// | Microseconds| interval             | microseconds                                                 |
/// | Numeric     | numeric(18,scale)    | the coefficient, at the scale of the column                  |
/// | Uuid        | uuid                 | a blob of 16 bytes                                           |
/// | JsonText    | jsonb                | text                                                         |
/// | IpNetwork   | inet                 | text: IpNetwork::sort_key()                                  |
/// | Array       | bigint[], text[], …  | a JSON array; its elements as JSON writes them (times, dates |
/// |             |                      | and UUIDs as text)                                           |
/// | RangeValue  | int8range, tstzrange,| {"lower":1,"upper":6,"bounds":"[)"}, null for no bound, or   |
/// |             | daterange            | {"empty":true}; times and dates are their numbers, as in     |
/// |             |                      | columns, so that json_extract() gives what compares          |
namespace mpf::db {

enum class Dialect : std::uint8_t { sqlite, postgres };

/// What a column holds.
enum class ColumnType : std::uint8_t {
  boolean,
  smallint,  ///< 16 bits
  integer,   ///< 32 bits
  bigint,    ///< 64 bits
  float4,    ///< single precision
  real,      ///< double precision
  decimal,   ///< 18 digits, some of them behind the point
  text,
  bytes,
  timestamp,
  date,
  duration,
  uuid,
  json,
  network,
  array,  ///< of elements of one type
  range,  ///< of integers, timestamps or dates
  id      ///< bigint, the primary key or a reference
};

/// What arrays and ranges are of. Integers have 64 bits. Ranges: integer, timestamp and date only.
enum class ElementType : std::uint8_t { boolean, integer, real, text, uuid, timestamp, date };

using Bytes = std::vector<std::byte>;

/// coefficient * 10^-scale
struct Numeric {
  std::int64_t coefficient = 0;
  int scale = 0;
  bool operator==(const Numeric&) const = default;
};

/// A JSON value, as text.
struct JsonText {
  std::string text;
  bool operator==(const JsonText&) const = default;
};

/// A range of integers, or of timestamps (bounds in microseconds since 1970) or dates (days since 1970).
struct RangeValue {
  ElementType type = ElementType::integer;
  bool empty = true;
  bool lower_inclusive = false;  ///< false where there is no bound
  bool upper_inclusive = false;
  std::optional<std::int64_t> lower;
  std::optional<std::int64_t> upper;
  bool operator==(const RangeValue&) const = default;
};

class Param;

/// The elements are null or of what the type says: bool, std::int64_t, double, std::string, Uuid, Timestamp,
/// Date.
struct Array {
  ElementType type = ElementType::integer;
  std::vector<Param> values;

  Array();
  explicit Array(ElementType elements);
  Array(ElementType elements, std::vector<Param> content);
  Array(const Array& other);
  Array(Array&& other) noexcept;
  Array& operator=(const Array& other);
  Array& operator=(Array&& other) noexcept;
  ~Array();
  bool operator==(const Array& other) const;
};

/// A value bound to a statement. Values never become part of SQL text.
///
/// A variant, for std::visit(), std::get_if() and the like. What copies, moves, compares and destroys it is
/// compiled once, in value.cpp: inline, it would be a good part of the time that each source takes to
/// compile.
class Param : public std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Bytes, Timestamp,
                                  Numeric, Date, Microseconds, Uuid, JsonText, IpNetwork, Array, RangeValue> {
 public:
  Param() noexcept : Param(nullptr) {}
  // NOLINTBEGIN(google-explicit-constructor): values become parameters where they are listed.
  Param(std::nullptr_t /*null*/) noexcept : variant(std::in_place_type<std::nullptr_t>, nullptr) {}
  Param(std::same_as<bool> auto value) noexcept : variant(std::in_place_type<bool>, value) {}
  /// Whatever fits into 64 bits.
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool> &&
             (std::signed_integral<Integer> || sizeof(Integer) < sizeof(std::int64_t)))
  Param(Integer value) noexcept : variant(std::in_place_type<std::int64_t>, value) {}
  Param(std::floating_point auto value) noexcept : variant(std::in_place_type<double>, value) {}
  Param(const char* value);
  Param(std::string value) noexcept;
  Param(Bytes value) noexcept;
  Param(Timestamp value) noexcept : variant(std::in_place_type<Timestamp>, value) {}
  Param(Numeric value) noexcept : variant(std::in_place_type<Numeric>, value) {}
  Param(Date value) noexcept : variant(std::in_place_type<Date>, value) {}
  Param(Microseconds value) noexcept : variant(std::in_place_type<Microseconds>, value) {}
  Param(Uuid value) noexcept : variant(std::in_place_type<Uuid>, value) {}
  Param(JsonText value) noexcept;
  Param(IpNetwork value) noexcept : variant(std::in_place_type<IpNetwork>, value) {}
  Param(Array value) noexcept;
  Param(RangeValue value) noexcept : variant(std::in_place_type<RangeValue>, value) {}
  // NOLINTEND(google-explicit-constructor)

  Param(const Param& other);
  Param(Param&& other) noexcept;
  Param& operator=(const Param& other);
  Param& operator=(Param&& other) noexcept;
  ~Param();

  friend bool operator==(const Param& left, const Param& right);
};

}  // namespace mpf::db
