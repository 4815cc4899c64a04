#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mpf/base/date.hpp>
#include <mpf/base/decimal.hpp>
#include <mpf/base/enum.hpp>
#include <mpf/base/id.hpp>
#include <mpf/base/ip_network.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/base/range.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/base/uuid.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/ref.hpp>
#include <mpf/orm/schema.hpp>

/// How C++ types are stored in columns:
///
/// - bool; whole numbers of 8 to 64 bits but for the unsigned ones of 64; float and double;
/// - std::string, scoped enums (by name), mpf::db::Bytes, Timestamp, Date, Microseconds (durations), Uuid,
///   Decimal<scale>, IpNetwork, Id and Ref<T>;
/// - Json, and structs with describe(), as JSON;
/// - std::vector<T> of bool, whole numbers, floating point, std::string, scoped enums, Uuid, Timestamp, Date
///   and Id, as arrays; of structs with describe(), as JSON;
/// - Range<std::int64_t>, Range<Date>, Range<Timestamp>;
/// - std::optional of each.
///
/// Own types join in by a specialisation:
///
///     template <>
///     struct mpf::orm::ColumnCodec<Money> {
///       static constexpr ColumnType type = ColumnType::bigint;
///       static db::Param to_param(const Money& m) { return m.cents; }
///       static void read(const db::Row& row, std::size_t column, Money& into) {
///         into.cents = row.integer(column);
///       }
///     };
///
/// A codec of decimals also says `scale`, one of arrays and ranges `element`. With
/// `static void write(db::RowWriter&, const Money&)` bulk inserts make no db::Param on the way. `static
/// constexpr bool ordered = true` lets conditions ask for less and more.
namespace mpf::orm {

template <class T>
struct ColumnCodec;

/// A type that a column can hold; std::optional of one is a nullable column.
template <class T>
concept ColumnValue = requires { ColumnCodec<T>::type; };

namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
struct without_optional {
  using type = T;
};
template <class T>
struct without_optional<std::optional<T>> {
  using type = T;
};
/// The type of a column's value when it is there.
template <class T>
using bare = typename without_optional<T>::type;

template <class T>
inline constexpr bool is_ref = false;
template <class T>
inline constexpr bool is_ref<Ref<T>> = true;

/// Throw Error(corrupt): the column holds what the model cannot.
[[noreturn]] void throw_out_of_range(const db::Row& row, std::size_t column, std::int64_t value);
[[noreturn]] void throw_unknown_choice(const db::Row& row, std::size_t column);
[[noreturn]] void throw_null_element(const db::Row& row, std::size_t column);
[[noreturn]] void throw_bad_json(const db::Row& row, std::size_t column, const std::exception& error);
/// Throws Error(invalid): the enumeration's value has no name.
[[noreturn]] void throw_unnamed_choice(std::int64_t value);

template <class T>
concept ColumnInteger =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, std::uint64_t> &&
    !std::same_as<T, unsigned long long> && !std::same_as<T, wchar_t>;

template <class T>
void read_column(const db::Row& row, std::size_t column, T& into) {
  if constexpr (is_optional<T>) {
    if (row.is_null(column)) {
      into.reset();
    } else {
      ColumnCodec<bare<T>>::read(row, column, into.emplace());
    }
  } else {
    ColumnCodec<T>::read(row, column, into);
  }
}

template <class T>
db::Param to_param(const T& value) {
  if constexpr (is_optional<T>) {
    if (!value) return nullptr;
    return ColumnCodec<bare<T>>::to_param(*value);
  } else {
    return ColumnCodec<T>::to_param(value);
  }
}

/// Into the next column of a bulk insert.
template <class T>
void write_column(db::RowWriter& writer, const T& value) {
  if constexpr (is_optional<T>) {
    if (value) {
      write_column(writer, *value);
    } else {
      writer.null();
    }
  } else if constexpr (requires { ColumnCodec<T>::write(writer, value); }) {
    ColumnCodec<T>::write(writer, value);
  } else {
    writer.param(ColumnCodec<T>::to_param(value));
  }
}

/// Whether values of that type compare by less and more, on every database alike.
template <class T>
consteval bool column_is_ordered() {
  if constexpr (requires { ColumnCodec<T>::ordered; }) {
    return ColumnCodec<T>::ordered;
  } else {
    return false;
  }
}

}  // namespace detail

template <>
struct ColumnCodec<bool> {
  static constexpr ColumnType type = ColumnType::boolean;
  static db::Param to_param(bool value) { return value; }
  static void write(db::RowWriter& writer, bool value) { writer.boolean(value); }
  static void read(const db::Row& row, std::size_t column, bool& into) { into = row.boolean(column); }
};

template <detail::ColumnInteger T>
struct ColumnCodec<T> {
  static constexpr int bits = static_cast<int>(sizeof(T)) * 8 + (std::is_signed_v<T> ? 0 : 1);
  static constexpr ColumnType type = bits <= 16   ? ColumnType::smallint
                                     : bits <= 32 ? ColumnType::integer
                                                  : ColumnType::bigint;
  static db::Param to_param(T value) { return std::int64_t{value}; }
  static void write(db::RowWriter& writer, T value) { writer.integer(value); }
  static void read(const db::Row& row, std::size_t column, T& into) {
    const std::int64_t value = row.integer(column);
    if (!std::in_range<T>(value)) detail::throw_out_of_range(row, column, value);
    into = static_cast<T>(value);
  }
};

template <std::floating_point T>
struct ColumnCodec<T> {
  static constexpr ColumnType type = sizeof(T) <= 4 ? ColumnType::float4 : ColumnType::real;
  static db::Param to_param(T value) { return static_cast<double>(value); }
  static void write(db::RowWriter& writer, T value) { writer.real(static_cast<double>(value)); }
  static void read(const db::Row& row, std::size_t column, T& into) {
    into = static_cast<T>(row.real(column));
  }
};

template <>
struct ColumnCodec<std::string> {
  static constexpr ColumnType type = ColumnType::text;
  static db::Param to_param(std::string_view value) { return std::string(value); }
  static void write(db::RowWriter& writer, std::string_view value) { writer.text(value); }
  static void read(const db::Row& row, std::size_t column, std::string& into) { into = row.text(column); }
};

template <>
struct ColumnCodec<db::Bytes> {
  static constexpr ColumnType type = ColumnType::bytes;
  static db::Param to_param(const db::Bytes& value) { return value; }
  static void write(db::RowWriter& writer, const db::Bytes& value) { writer.bytes(value); }
  static void read(const db::Row& row, std::size_t column, db::Bytes& into) {
    const auto bytes = row.bytes(column);
    into.assign(bytes.begin(), bytes.end());
  }
};

template <>
struct ColumnCodec<Timestamp> {
  static constexpr ColumnType type = ColumnType::timestamp;
  static db::Param to_param(Timestamp value) { return value; }
  static void write(db::RowWriter& writer, Timestamp value) { writer.timestamp(value); }
  static void read(const db::Row& row, std::size_t column, Timestamp& into) { into = row.timestamp(column); }
};

template <>
struct ColumnCodec<Date> {
  static constexpr ColumnType type = ColumnType::date;
  static constexpr bool ordered = true;
  static db::Param to_param(Date value) { return value; }
  static void write(db::RowWriter& writer, Date value) { writer.date(value); }
  static void read(const db::Row& row, std::size_t column, Date& into) { into = row.date(column); }
};

template <>
struct ColumnCodec<Microseconds> {
  static constexpr ColumnType type = ColumnType::duration;
  static constexpr bool ordered = true;
  static db::Param to_param(Microseconds value) { return value; }
  static void write(db::RowWriter& writer, Microseconds value) { writer.duration(value); }
  static void read(const db::Row& row, std::size_t column, Microseconds& into) {
    into = row.duration(column);
  }
};

template <>
struct ColumnCodec<Uuid> {
  static constexpr ColumnType type = ColumnType::uuid;
  static constexpr bool ordered = true;
  static db::Param to_param(const Uuid& value) { return value; }
  static void write(db::RowWriter& writer, const Uuid& value) { writer.uuid(value); }
  static void read(const db::Row& row, std::size_t column, Uuid& into) { into = row.uuid(column); }
};

template <int digits>
struct ColumnCodec<Decimal<digits>> {
  static constexpr ColumnType type = ColumnType::decimal;
  static constexpr bool ordered = true;
  static constexpr int scale = digits;
  static db::Param to_param(Decimal<digits> value) { return db::Numeric{value.coefficient(), digits}; }
  static void write(db::RowWriter& writer, Decimal<digits> value) {
    writer.numeric({value.coefficient(), digits});
  }
  static void read(const db::Row& row, std::size_t column, Decimal<digits>& into) {
    into = Decimal<digits>::of_coefficient(row.numeric(column, digits).coefficient);
  }
};

template <>
struct ColumnCodec<IpNetwork> {
  static constexpr ColumnType type = ColumnType::network;
  static constexpr bool ordered = true;
  static db::Param to_param(const IpNetwork& value) { return value; }
  static void write(db::RowWriter& writer, const IpNetwork& value) { writer.network(value); }
  static void read(const db::Row& row, std::size_t column, IpNetwork& into) { into = row.network(column); }
};

template <>
struct ColumnCodec<Json> {
  static constexpr ColumnType type = ColumnType::json;
  static db::Param to_param(const Json& value) { return db::JsonText{value.text()}; }
  static void write(db::RowWriter& writer, const Json& value) { writer.json(value.text()); }
  static void read(const db::Row& row, std::size_t column, Json& into) {
    try {
      into = Json::parse(row.json(column));
    } catch (const ValidationError& error) {
      detail::throw_bad_json(row, column, error);
    }
  }
};

namespace detail {

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

/// Structs that are kept as JSON, and lists of them.
template <class T>
concept JsonStruct = reflect::has_describe<T> && !reflect::has_model<T>;
template <class T>
concept JsonColumn = JsonStruct<T> || (is_vector<T> && JsonStruct<typename T::value_type>);

}  // namespace detail

template <detail::JsonColumn T>
struct ColumnCodec<T> {
  static constexpr ColumnType type = ColumnType::json;
  static db::Param to_param(const T& value) { return db::JsonText{to_json(value)}; }
  static void read(const db::Row& row, std::size_t column, T& into) {
    try {
      into = from_json<T>(row.json(column));
    } catch (const ValidationError& error) {
      detail::throw_bad_json(row, column, error);
    }
  }
};

template <>
struct ColumnCodec<Id> {
  static constexpr ColumnType type = ColumnType::id;
  static db::Param to_param(Id value) { return value.value; }
  static void write(db::RowWriter& writer, Id value) { writer.integer(value.value); }
  static void read(const db::Row& row, std::size_t column, Id& into) { into = Id(row.integer(column)); }
};

template <class T>
struct ColumnCodec<Ref<T>> {
  static constexpr ColumnType type = ColumnType::id;
  static db::Param to_param(const Ref<T>& value) { return value.id.value; }
  static void write(db::RowWriter& writer, const Ref<T>& value) { writer.integer(value.id.value); }
  static void read(const db::Row& row, std::size_t column, Ref<T>& into) {
    into = Ref<T>(Id(row.integer(column)));
  }
};

/// Enumerations are stored as the text of their names.
template <ScopedEnum T>
struct ColumnCodec<T> {
  static constexpr ColumnType type = ColumnType::text;
  static db::Param to_param(T value) {
    const std::string_view name = enum_name(value);
    if (name.empty()) detail::throw_unnamed_choice(static_cast<std::int64_t>(value));
    return std::string(name);
  }
  static void write(db::RowWriter& writer, T value) {
    const std::string_view name = enum_name(value);
    if (name.empty()) detail::throw_unnamed_choice(static_cast<std::int64_t>(value));
    writer.text(name);
  }
  static void read(const db::Row& row, std::size_t column, T& into) {
    const auto value = parse_enum<T>(row.text(column));
    if (!value) detail::throw_unknown_choice(row, column);
    into = *value;
  }
};

namespace detail {

template <class T>
consteval bool is_array_element() {
  return std::same_as<T, bool> || ColumnInteger<T> || std::floating_point<T> ||
         std::same_as<T, std::string> || ScopedEnum<T> || std::same_as<T, Uuid> ||
         std::same_as<T, Timestamp> || std::same_as<T, Date> || std::same_as<T, Id>;
}

/// As PostgreSQL calls them.
inline constexpr std::string_view element_names[] = {"boolean", "int8",        "float8", "text",
                                                     "uuid",    "timestamptz", "date"};

template <class T>
consteval ElementType element_type() {
  if constexpr (std::same_as<T, bool>) {
    return ElementType::boolean;
  } else if constexpr (ColumnInteger<T> || std::same_as<T, Id>) {
    return ElementType::integer;
  } else if constexpr (std::floating_point<T>) {
    return ElementType::real;
  } else if constexpr (std::same_as<T, Uuid>) {
    return ElementType::uuid;
  } else if constexpr (std::same_as<T, Timestamp>) {
    return ElementType::timestamp;
  } else if constexpr (std::same_as<T, Date>) {
    return ElementType::date;
  } else {
    return ElementType::text;
  }
}

}  // namespace detail

template <class T>
  requires(detail::is_array_element<T>())
struct ColumnCodec<std::vector<T>> {
  static constexpr ColumnType type = ColumnType::array;
  static constexpr ElementType element = detail::element_type<T>();
  static db::Param to_param(const std::vector<T>& values) {
    db::Array array{element, {}};
    array.values.reserve(values.size());
    for (const T& each : values) array.values.push_back(ColumnCodec<T>::to_param(each));
    return array;
  }
  static void read(const db::Row& row, std::size_t column, std::vector<T>& into) {
    into.clear();
    row.array(column, [&into](const db::Row& element_row) {
      if (element_row.is_null(0)) detail::throw_null_element(element_row, 0);
      T value{};
      ColumnCodec<T>::read(element_row, 0, value);
      into.push_back(std::move(value));
    });
  }
};

template <class T>
struct ColumnCodec<Range<T>> {
  static constexpr ColumnType type = ColumnType::range;
  static constexpr ElementType element = detail::element_type<T>();
  static db::Param to_param(const Range<T>& range) {
    db::RangeValue value{.type = element,
                         .empty = range.empty(),
                         .lower_inclusive = range.lower_inclusive(),
                         .upper_inclusive = range.upper_inclusive(),
                         .lower = {},
                         .upper = {}};
    if (range.lower()) value.lower = number(*range.lower());
    if (range.upper()) value.upper = number(*range.upper());
    return value;
  }
  static void read(const db::Row& row, std::size_t column, Range<T>& into) {
    const db::RangeValue value = row.range(column, element);
    if (value.empty) {
      into = Range<T>();
    } else {
      into = Range<T>(bound(value.lower), bound(value.upper), value.lower_inclusive, value.upper_inclusive);
    }
  }

 private:
  static std::int64_t number(const T& value) {
    if constexpr (std::same_as<T, Timestamp>) {
      return value.micros();
    } else if constexpr (std::same_as<T, Date>) {
      return value.days();
    } else {
      return value;
    }
  }
  static std::optional<T> bound(const std::optional<std::int64_t>& value) {
    if (!value) return std::nullopt;
    if constexpr (std::same_as<T, Timestamp>) {
      return Timestamp(Microseconds(*value));
    } else if constexpr (std::same_as<T, Date>) {
      return Date(std::chrono::sys_days(std::chrono::days(*value)));
    } else {
      return *value;
    }
  }
};

}  // namespace mpf::orm
