#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mpf/base/json_reader.hpp>

#include "db/sqlite_call.hpp"

/// JSON for SQLite, by the rules of PostgreSQL's jsonb.
namespace mpf::db::sqlite {

namespace {

/// Moves the reader to what the keys (texts of objects, numbers of arrays) lead to.
bool descend(JsonReader& json, Arguments keys) {
  for (sqlite3_value* const key : keys) {
    bool found = false;
    if (sqlite3_value_type(key) == SQLITE_INTEGER) {
      if (json.peek() != JsonReader::Kind::array || !json.begin_array()) return false;
      auto index = sqlite3_value_int64(key);
      while (!found && json.next_item()) {
        found = index-- == 0;
        if (!found) json.skip();
      }
    } else {
      if (json.peek() != JsonReader::Kind::object || !json.begin_object()) return false;
      std::string_view name;
      while (!found && json.next_key(name)) {
        found = name == text_of(key);
        if (!found) json.skip();
      }
    }
    if (!found) return false;
  }
  return true;
}

/// mpf_json(type, document, key…): the value there if it is of that type, else NULL.
void json_value(sqlite3_context* context, Arguments values) {
  const std::string_view type = text_of(values[0]);
  JsonReader json(text_of(values[1]));
  if (!descend(json, values.subspan(2))) return;
  const JsonReader::Kind kind = json.peek();
  if (type == "exists") {
    sqlite3_result_int(context, 1);
  } else if (type == "text") {
    std::string text;
    if (kind == JsonReader::Kind::string && json.read_string(text)) give_text(context, text);
  } else if (type == "integer") {
    std::int64_t number = 0;
    if (kind == JsonReader::Kind::number && json.read_integer(number)) sqlite3_result_int64(context, number);
  } else if (type == "real") {
    double number = 0;
    if (kind == JsonReader::Kind::number && json.read_double(number)) sqlite3_result_double(context, number);
  } else if (type == "boolean") {
    bool truth = false;
    if (kind == JsonReader::Kind::boolean && json.read_bool(truth))
      sqlite3_result_int(context, truth ? 1 : 0);
  } else if (type == "length") {
    if (kind != JsonReader::Kind::array || !json.begin_array()) return;
    std::int64_t count = 0;
    for (; json.next_item(); ++count) json.skip();
    sqlite3_result_int64(context, count);
  } else {
    throw std::invalid_argument("mpf_json: no such type");
  }
}

/// A JSON value as it compares: members by their names, numbers by what they are worth.
struct Value {
  JsonReader::Kind kind = JsonReader::Kind::null;
  std::string text;                     ///< of strings, numbers, booleans
  std::vector<Value> parts;             ///< elements, members
  std::vector<std::string> names = {};  ///< of the members

  bool plain() const { return kind != JsonReader::Kind::array && kind != JsonReader::Kind::object; }
};

/// One way to write each number: "15e-1" for 1.50 and 0.15e1.
std::string normalised(std::string_view number) {
  const bool negative = number.front() == '-';
  if (negative) number.remove_prefix(1);
  const std::size_t e = number.find_first_of("eE");
  const std::string_view mantissa = number.substr(0, e);
  std::int64_t exponent = e == std::string_view::npos ? 0 : std::stoll(std::string(number.substr(e + 1)));
  const std::size_t point = mantissa.find('.');
  std::string digits(mantissa.substr(0, point));
  if (point != std::string_view::npos) {
    digits += mantissa.substr(point + 1);
    exponent -= static_cast<std::int64_t>(mantissa.size() - point - 1);
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return "0";
  const std::size_t last = digits.find_last_not_of('0');
  exponent += static_cast<std::int64_t>(digits.size() - last - 1);
  digits.resize(last + 1);
  return (negative ? "-" : "") + digits + "e" + std::to_string(exponent);
}

Value read(JsonReader& json) {
  Value value{json.peek(), {}, {}};
  switch (value.kind) {
    case JsonReader::Kind::null:
      json.read_null();
      break;
    case JsonReader::Kind::boolean:
      json.read_raw(value.text);
      break;
    case JsonReader::Kind::number:
      json.read_raw(value.text);
      value.text = normalised(value.text);
      break;
    case JsonReader::Kind::string:
      json.read_string(value.text);
      break;
    case JsonReader::Kind::array:
      json.begin_array();
      while (json.next_item()) value.parts.push_back(read(json));
      break;
    case JsonReader::Kind::object: {
      json.begin_object();
      std::string_view name;
      while (json.next_key(name)) {
        value.names.emplace_back(name);
        value.parts.push_back(read(json));
      }
      break;
    }
  }
  return value;
}

bool contains(const Value& value, const Value& wanted);

bool has_member(const Value& object, const std::string& name, const Value& wanted) {
  const auto at = std::ranges::find(object.names, name);
  return at != object.names.end() &&
         contains(object.parts[static_cast<std::size_t>(at - object.names.begin())], wanted);
}

bool contains(const Value& value, const Value& wanted) {
  if (value.kind != wanted.kind) return false;
  if (value.plain()) return value.text == wanted.text;
  if (value.kind == JsonReader::Kind::array) {
    return std::ranges::all_of(wanted.parts, [&](const Value& each) {
      return std::ranges::any_of(value.parts, [&](const Value& own) { return contains(own, each); });
    });
  }
  for (std::size_t i = 0; i < wanted.parts.size(); ++i) {
    if (!has_member(value, wanted.names[i], wanted.parts[i])) return false;
  }
  return true;
}

/// An array contains a plain value that is one of its elements, though not one further within.
bool contains_at_all(const Value& value, const Value& wanted) {
  if (value.kind == JsonReader::Kind::array && wanted.plain()) {
    return std::ranges::any_of(value.parts, [&](const Value& own) { return contains(own, wanted); });
  }
  return contains(value, wanted);
}

/// mpf_json_contains(wanted, document, key…), of which the first is read once in a statement.
void json_contains(sqlite3_context* context, Arguments values) {
  std::unique_ptr<Value> made;
  const auto* wanted = static_cast<const Value*>(sqlite3_get_auxdata(context, 0));
  if (!wanted) {
    JsonReader json(text_of(values[0]));
    made = std::make_unique<Value>(read(json));
    wanted = made.get();
  }
  JsonReader json(text_of(values[1]));
  if (descend(json, values.subspan(2))) {
    sqlite3_result_int(context, contains_at_all(read(json), *wanted) ? 1 : 0);
  }
  if (made) {
    sqlite3_set_auxdata(context, 0, made.release(), [](void* kept) { delete static_cast<Value*>(kept); });
  }
}

}  // namespace

int register_json_functions(sqlite3* handle) {
  constexpr Function functions[] = {{"mpf_json", -1, call<json_value>},
                                    {"mpf_json_contains", -1, call<json_contains>}};
  return add_functions(handle, functions);
}

}  // namespace mpf::db::sqlite
