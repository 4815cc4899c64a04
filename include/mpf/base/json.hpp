#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <mpf/base/enum.hpp>
#include <mpf/base/error.hpp>
#include <mpf/base/json_reader.hpp>
#include <mpf/base/json_writer.hpp>
#include <mpf/base/reflect.hpp>

/// Structs straight to JSON text and back, without a tree in between:
///
///     std::string text = mpf::to_json(item);
///     auto item = mpf::from_json<Item>(text);
///
/// Works for bool, numbers, strings, std::optional (null), sequences, maps with text as keys, scoped enums
/// (by name), described structs, and types with a JsonCodec: Id (a number), Timestamp (RFC 3339), Json.
namespace mpf {

/// Specialise for other types:
///   static void write(JsonWriter&, const T&);
///   static bool read(JsonReader&, T&);   // false after recording an error
template <class T>
struct JsonCodec;

namespace detail {

template <class T>
concept JsonCoded = requires { sizeof(JsonCodec<T>); };
template <class T>
concept JsonText = std::is_convertible_v<const T&, std::string_view>;
template <class T>
concept JsonMap = JsonText<typename T::key_type> && requires(T& map) {
  typename T::mapped_type;
  map.begin();
};
template <class T>
concept JsonSequence = requires(T& range) {
  range.begin();
  range.end();
  range.size();
} && !JsonMap<T>;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_array = false;
template <class T, std::size_t N>
inline constexpr bool is_array<std::array<T, N>> = true;

template <class>
inline constexpr bool unsupported = false;

template <class T>
void json_write(JsonWriter& writer, const T& value);
template <class T>
bool json_read(JsonReader& reader, T& value);

/// `,"name":` of a field, made at compile time.
template <Described T, std::size_t I>
consteval auto spell_key() {
  constexpr std::string_view name = reflect::get<I>(fields_of<T>()).name();
  for (const char c : name) {
    if (c < ' ' || c == '"' || c == '\\') throw "a field's name must not need escapes in JSON";
  }
  std::array<char, name.size() + 4> spelled{',', '"'};
  for (std::size_t i = 0; i < name.size(); ++i) spelled[i + 2] = name[i];
  spelled[name.size() + 2] = '"';
  spelled[name.size() + 3] = ':';
  return spelled;
}
template <Described T, std::size_t I>
inline constexpr auto spelled_key = spell_key<T, I>();

template <Described T>
inline constexpr std::size_t field_count = std::remove_cvref_t<decltype(fields_of<T>())>::size;

template <Described T, std::size_t... I>
void json_write_struct(JsonWriter& writer, const T& object, std::index_sequence<I...>) {
  constexpr const auto& fields = fields_of<T>();
  writer.begin_object();
  ((writer.spelled_key({spelled_key<T, I>.data(), spelled_key<T, I>.size()}),
    json_write(writer, object.*(std::remove_cvref_t<decltype(reflect::get<I>(fields))>::pointer))),
   ...);
  writer.end_object();
}

struct JsonField {
  bool (*read)(JsonReader& reader, void* object);
  bool required;
};

/// What the reader of structs, which is no template, knows about one.
struct JsonStruct {
  std::span<const std::string_view> names;
  const JsonField* fields;
};
inline constexpr std::size_t max_json_fields = 256;

template <Described T>
struct JsonStructOf {
  static_assert(field_count<T> <= max_json_fields, "a struct in JSON has at most 256 fields");

  template <class Field>
  static bool read_field(JsonReader& reader, void* object) {
    return json_read(reader, static_cast<T*>(object)->*(Field::pointer));
  }
  template <class Field>
  static constexpr JsonField entry(const Field&) {
    using Type = typename Field::type;
    return {&read_field<Field>, !is_optional<Type> && !Field::template has<Defaulted>};
  }
  static constexpr auto names = reflect::apply(
      [](const auto&... field) { return std::array<std::string_view, sizeof...(field)>{field.name()...}; },
      fields_of<T>());
  static constexpr auto fields = reflect::apply(
      [](const auto&... field) { return std::array<JsonField, sizeof...(field)>{entry(field)...}; },
      fields_of<T>());
  static constexpr JsonStruct description{names, fields.data()};
};

template <ScopedEnum E>
struct JsonEnumOf {
  static constexpr auto names = [] {
    std::array<std::string_view, reflect::enumerators_of<E>.size()> result;
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = reflect::enumerators_of<E>[i].name;
    return result;
  }();
};

template <class T>
void json_write(JsonWriter& writer, const T& value) {
  static_assert(!std::is_same_v<T, char>, "a char is neither a text nor a number: use std::string or int");
  if constexpr (JsonCoded<T>) {
    JsonCodec<T>::write(writer, value);
  } else if constexpr (std::is_arithmetic_v<T>) {
    writer.value(value);
  } else if constexpr (JsonText<T>) {
    writer.value(std::string_view(value));
  } else if constexpr (ScopedEnum<T>) {
    writer.value(enum_name(value));
  } else if constexpr (is_optional<T>) {
    if (value) {
      json_write(writer, *value);
    } else {
      writer.null();
    }
  } else if constexpr (Described<T>) {
    json_write_struct(writer, value, std::make_index_sequence<field_count<T>>());
  } else if constexpr (JsonMap<T>) {
    writer.begin_object();
    for (const auto& [key, item] : value) {
      writer.key(key);
      json_write(writer, item);
    }
    writer.end_object();
  } else if constexpr (JsonSequence<T>) {
    writer.begin_array();
    for (const auto& item : value) {
      json_write<std::remove_cv_t<typename T::value_type>>(writer, item);
    }
    writer.end_array();
  } else {
    static_assert(unsupported<T>, "no JSON for this type: give it describe() or a mpf::JsonCodec");
  }
}

template <class T>
bool json_read_number(JsonReader& reader, T& value) {
  if constexpr (std::is_same_v<T, float>) {
    return reader.read_float(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    double number = 0;
    if (!reader.read_double(number)) return false;
    value = number;
  } else if constexpr (std::is_signed_v<T>) {
    std::int64_t number = 0;
    if (!reader.read_integer(number, std::numeric_limits<T>::min(), std::numeric_limits<T>::max())) {
      return false;
    }
    value = static_cast<T>(number);
  } else {
    std::uint64_t number = 0;
    if (!reader.read_unsigned(number, std::numeric_limits<T>::max())) return false;
    value = static_cast<T>(number);
  }
  return true;
}

template <class T>
bool json_read_sequence(JsonReader& reader, T& value) {
  if (!reader.begin_array()) return false;
  const JsonReader::Fresh fresh(reader);
  bool ok = true;
  if constexpr (is_array<T>) {
    std::size_t count = 0;
    for (; reader.next_item(); ++count) {
      if (count < value.size()) {
        ok = json_read(reader, value[count]) && ok;
      } else {
        reader.skip();
      }
    }
    if (count == value.size()) return ok;
    return reader.error("length",
                        "expected " + std::to_string(value.size()) + " items, got " + std::to_string(count));
  } else {
    T items;
    while (reader.next_item()) {
      typename T::value_type item{};
      ok = json_read(reader, item) && ok;
      items.insert(items.end(), std::move(item));
    }
    if (ok) value = std::move(items);
    return ok;
  }
}

template <class T>
bool json_read_map(JsonReader& reader, T& value) {
  if (!reader.begin_object()) return false;
  const JsonReader::Fresh fresh(reader);
  T items;
  bool ok = true;
  std::string_view key;
  while (reader.next_key(key)) {
    typename T::mapped_type item{};
    ok = json_read(reader, item) && ok;
    items.insert_or_assign(typename T::key_type(key), std::move(item));
  }
  if (ok) value = std::move(items);
  return ok;
}

template <class T>
bool json_read(JsonReader& reader, T& value) {
  static_assert(!std::is_same_v<T, std::string_view>, "a std::string_view cannot keep what is read");
  static_assert(!std::is_same_v<T, char>, "a char is neither a text nor a number: use std::string or int");
  if constexpr (JsonCoded<T>) {
    return JsonCodec<T>::read(reader, value);
  } else if constexpr (std::is_same_v<T, bool>) {
    return reader.read_bool(value);
  } else if constexpr (std::is_arithmetic_v<T>) {
    return json_read_number(reader, value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return reader.read_string(value);
  } else if constexpr (ScopedEnum<T>) {
    std::size_t index = 0;
    if (!reader.read_enum(index, JsonEnumOf<T>::names)) return false;
    value = enum_entries<T>()[index].value;
    return true;
  } else if constexpr (is_optional<T>) {
    if (reader.read_null()) {
      value.reset();
      return true;
    }
    if (value) return json_read(reader, *value);
    const JsonReader::Fresh fresh(reader);
    typename T::value_type item{};
    if (!json_read(reader, item)) return false;
    value = std::move(item);
    return true;
  } else if constexpr (Described<T>) {
    return reader.read_struct(&value, JsonStructOf<T>::description);
  } else if constexpr (JsonMap<T>) {
    return json_read_map(reader, value);
  } else if constexpr (JsonSequence<T>) {
    return json_read_sequence(reader, value);
  } else {
    static_assert(unsupported<T>, "no JSON for this type: give it describe() or a mpf::JsonCodec");
  }
}

}  // namespace detail

/// Appends.
template <class T>
void write_json(std::string& out, const T& value) {
  JsonWriter writer(out);
  detail::json_write(writer, value);
}

template <class T>
std::string to_json(const T& value) {
  std::string out;
  write_json(out, value);
  return out;
}

/// A new value. Every member of a struct must be given, except those that are optional or described as
/// `mpf::defaulted`. Throws ValidationError with all that is wrong: codes "syntax", "type", "required",
/// "range", "enum", "unknown", "duplicate", "length", "format", and paths like "items[3].title".
template <class T>
T from_json(std::string_view text, const JsonLimits& limits = {}) {
  T value{};
  JsonReader reader(text, limits);
  {
    const JsonReader::Fresh fresh(reader);
    detail::json_read(reader, value);
  }
  reader.finish();
  return value;
}

/// Into a value that exists: members of structs that the text does not mention stay as they are, sequences
/// and maps are replaced. When it throws, some members may already have been assigned.
template <class T>
void read_json(std::string_view text, T& into, const JsonLimits& limits = {}) {
  JsonReader reader(text, limits);
  detail::json_read(reader, into);
  reader.finish();
}

struct Id;
template <>
struct JsonCodec<Id> {
  static void write(JsonWriter& writer, const Id& id);
  static bool read(JsonReader& reader, Id& id);
};

class Timestamp;
template <>
struct JsonCodec<Timestamp> {
  static void write(JsonWriter& writer, const Timestamp& time);
  static bool read(JsonReader& reader, Timestamp& time);
};

}  // namespace mpf
