#include "orm/value_list.hpp"

#include <bit>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <mpf/base/json_writer.hpp>

#include "orm/values.hpp"

namespace mpf::orm::detail {

namespace {

std::string hexadecimal(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text += digits[static_cast<unsigned>(byte) >> 4];
    text += digits[static_cast<unsigned>(byte) & 15];
  }
  return text;
}

/// What PostgreSQL has an array type for that statements carry as it is.
struct OfArray {
  std::optional<ElementType> operator()(bool) const { return ElementType::boolean; }
  std::optional<ElementType> operator()(std::int64_t) const { return ElementType::integer; }
  std::optional<ElementType> operator()(double) const { return ElementType::real; }
  std::optional<ElementType> operator()(const std::string&) const { return ElementType::text; }
  std::optional<ElementType> operator()(const Uuid&) const { return ElementType::uuid; }
  std::optional<ElementType> operator()(Timestamp) const { return ElementType::timestamp; }
  std::optional<ElementType> operator()(Date) const { return ElementType::date; }
  std::optional<ElementType> operator()(const auto&) const { return std::nullopt; }
};
std::optional<ElementType> element_type(const db::Param& value) { return std::visit(OfArray{}, value); }

/// Of the others: the type, and each value as PostgreSQL reads it.
struct TypeName {
  std::string_view operator()(db::Numeric) const { return "numeric[]"; }
  std::string_view operator()(Microseconds) const { return "interval[]"; }
  std::string_view operator()(const IpNetwork&) const { return "inet[]"; }
  std::string_view operator()(const db::Bytes&) const { return "bytea[]"; }
  std::string_view operator()(const db::JsonText&) const { return "jsonb[]"; }
  std::string_view operator()(const auto&) const { return {}; }
};
std::string_view type_name(const db::Param& value) { return std::visit(TypeName{}, value); }
struct Spelled {
  std::string operator()(db::Numeric v) const { return param_text(v); }  // "125e-2"
  std::string operator()(Microseconds v) const { return param_text(v) + " microseconds"; }
  std::string operator()(const IpNetwork& v) const { return v.to_string(); }
  std::string operator()(const db::Bytes& v) const { return "\\x" + hexadecimal(v); }
  std::string operator()(const db::JsonText& v) const { return v.text; }
  std::string operator()(const auto&) const { return {}; }
};
std::string spelled(const db::Param& value) { return std::visit(Spelled{}, value); }

/// How a value stands in a JSON list for SQLite, which gives back the very value that would have been bound.
struct JsonItem {
  JsonWriter& json;
  void operator()(std::nullptr_t) const { json.null(); }
  void operator()(bool v) const { json.value(std::int64_t{v ? 1 : 0}); }
  void operator()(std::int64_t v) const { json.value(v); }
  void operator()(double v) const { json.value(std::bit_cast<std::int64_t>(v)); }  // mpf_real() reads it
  void operator()(const std::string& v) const { json.value(v); }
  void operator()(const db::Bytes& v) const { json.value(hexadecimal(v)); }  // mpf_bytes() reads it
  void operator()(Timestamp v) const { json.value(v.micros()); }
  void operator()(db::Numeric v) const { json.value(v.coefficient); }
  void operator()(Date v) const { json.value(std::int64_t{v.days()}); }
  void operator()(Microseconds v) const { json.value(std::int64_t{v.count()}); }
  void operator()(const Uuid& v) const { json.value(hexadecimal(v.bytes())); }
  void operator()(const db::JsonText& v) const { json.value(v.text); }
  void operator()(const IpNetwork& v) const { json.value(v.sort_key()); }
  void operator()(const db::Array&) const { json.null(); }
  void operator()(const db::RangeValue&) const { json.null(); }
};

void write_json_list(Sql& sql, std::span<const db::Param> values) {
  std::string text;
  JsonWriter json(text);
  json.begin_array();
  for (const db::Param& value : values) std::visit(JsonItem{json}, value);
  json.end_array();
  const db::Param& first = values.front();
  const bool bytes = std::holds_alternative<Uuid>(first) || std::holds_alternative<db::Bytes>(first);
  sql << "SELECT "
      << (bytes                                   ? "mpf_bytes(value)"
          : std::holds_alternative<double>(first) ? "mpf_real(value)"
                                                  : "value")
      << " FROM json_each(";
  sql.bind(std::move(text)) << ")";
}

}  // namespace

std::string array_literal(std::span<const db::Param> values) {
  std::string text = "{";
  for (const db::Param& value : values) {
    if (text.size() > 1) text += ',';
    if (std::holds_alternative<std::nullptr_t>(value)) {
      text += "NULL";
      continue;
    }
    text += '"';
    for (const char c : spelled(value)) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text + "}";
}

void write_list(Sql& sql, std::span<const db::Param> values) {
  if (sql.sqlite()) {
    write_json_list(sql, values);
  } else if (const auto type = element_type(values.front())) {
    sql.bind(db::Array{*type, {values.begin(), values.end()}});
  } else {
    sql << "CAST(";
    sql.bind(array_literal(values)) << " AS " << type_name(values.front()) << ")";
  }
}

}  // namespace mpf::orm::detail
