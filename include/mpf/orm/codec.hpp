#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mpf/base/enum.hpp>
#include <mpf/base/id.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/ref.hpp>
#include <mpf/orm/schema.hpp>

/// How C++ types are stored in columns. Own types join in by a specialisation:
///
///     template <>
///     struct mpf::orm::ColumnCodec<Money> {
///       static constexpr ColumnType type = ColumnType::bigint;
///       static db::Param to_param(const Money& m) { return m.cents; }
///       static void read(const db::Row& row, std::size_t column, Money& into) {
///         into.cents = row.integer(column);
///       }
///     };
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

}  // namespace detail

template <>
struct ColumnCodec<bool> {
  static constexpr ColumnType type = ColumnType::boolean;
  static db::Param to_param(bool value) { return value; }
  static void read(const db::Row& row, std::size_t column, bool& into) { into = row.boolean(column); }
};

template <detail::ColumnInteger T>
struct ColumnCodec<T> {
  static constexpr ColumnType type =
      sizeof(T) < 4 || (sizeof(T) == 4 && std::is_signed_v<T>) ? ColumnType::integer : ColumnType::bigint;
  static db::Param to_param(T value) { return std::int64_t{value}; }
  static void read(const db::Row& row, std::size_t column, T& into) {
    const std::int64_t value = row.integer(column);
    if (!std::in_range<T>(value)) detail::throw_out_of_range(row, column, value);
    into = static_cast<T>(value);
  }
};

template <std::floating_point T>
struct ColumnCodec<T> {
  static constexpr ColumnType type = ColumnType::real;
  static db::Param to_param(T value) { return static_cast<double>(value); }
  static void read(const db::Row& row, std::size_t column, T& into) {
    into = static_cast<T>(row.real(column));
  }
};

template <>
struct ColumnCodec<std::string> {
  static constexpr ColumnType type = ColumnType::text;
  static db::Param to_param(std::string_view value) { return std::string(value); }
  static void read(const db::Row& row, std::size_t column, std::string& into) { into = row.text(column); }
};

template <>
struct ColumnCodec<db::Bytes> {
  static constexpr ColumnType type = ColumnType::bytes;
  static db::Param to_param(const db::Bytes& value) { return value; }
  static void read(const db::Row& row, std::size_t column, db::Bytes& into) {
    const auto bytes = row.bytes(column);
    into.assign(bytes.begin(), bytes.end());
  }
};

template <>
struct ColumnCodec<Timestamp> {
  static constexpr ColumnType type = ColumnType::timestamp;
  static db::Param to_param(Timestamp value) { return value; }
  static void read(const db::Row& row, std::size_t column, Timestamp& into) { into = row.timestamp(column); }
};

template <>
struct ColumnCodec<Json> {
  static constexpr ColumnType type = ColumnType::json;
  static db::Param to_param(const Json& value) { return std::string(value.text()); }
  static void read(const db::Row& row, std::size_t column, Json& into) {
    into = Json::parse(row.text(column));
  }
};

template <>
struct ColumnCodec<Id> {
  static constexpr ColumnType type = ColumnType::id;
  static db::Param to_param(Id value) { return value.value; }
  static void read(const db::Row& row, std::size_t column, Id& into) { into = Id(row.integer(column)); }
};

template <class T>
struct ColumnCodec<Ref<T>> {
  static constexpr ColumnType type = ColumnType::id;
  static db::Param to_param(const Ref<T>& value) { return value.id.value; }
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
  static void read(const db::Row& row, std::size_t column, T& into) {
    const auto value = parse_enum<T>(row.text(column));
    if (!value) detail::throw_unknown_choice(row, column);
    into = *value;
  }
};

}  // namespace mpf::orm
