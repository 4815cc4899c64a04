#include <mpf/base/json_reader.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include <mpf/base/json.hpp>
#include <mpf/base/text.hpp>

namespace mpf {
namespace {

// Values are read by recursion, and fibers have small stacks.
constexpr std::size_t deepest = 512;

// Objects with up to so many members look for a repeated key at each; larger ones once, sorted.
constexpr std::size_t few_keys = 16;

std::string_view describe(JsonReader::Kind kind) noexcept {
  constexpr std::array<std::string_view, 6> words{"null",     "true or false", "a number",
                                                  "a string", "an array",      "an object"};
  return words[static_cast<std::size_t>(kind)];
}

bool is_integer(std::string_view number) noexcept {
  return number.find_first_of(".eE") == std::string_view::npos;
}

/// "1.0" and "1e3" as integers, as far as doubles are exact; nothing for 1.5.
std::optional<std::int64_t> integral(std::string_view number) noexcept {
  double value = 0;
  const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || std::trunc(value) != value || std::abs(value) > 9007199254740992.0) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(value);
}

/// Whether a number that no double holds is too small rather than too large: by where its first digit
/// that counts stands.
bool underflows(std::string_view number) noexcept {
  const std::size_t e = number.find_first_of("eE");
  const std::string_view digits = number.substr(0, e);
  const std::size_t point = std::min(digits.find('.'), digits.size());
  const std::size_t first = digits.find_first_of("123456789");
  if (first == std::string_view::npos) return true;
  std::int64_t exponent = 0;
  if (e != std::string_view::npos) {
    const bool negative = number[e + 1] == '-';
    const std::size_t start = e + (negative || number[e + 1] == '+' ? 2 : 1);
    const auto result = std::from_chars(number.data() + start, number.data() + number.size(), exponent);
    if (result.ec != std::errc()) return negative;
    if (negative) exponent = -exponent;
  }
  return static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) + exponent < 0;
}

std::string quote_briefly(std::string_view text) {
  constexpr std::size_t shown = 40;
  const std::string_view start = truncate_utf8(text, shown);
  return '"' + std::string(start) + (start.size() < text.size() ? "…\"" : "\"");
}

template <class T>
std::string range_message(T min, T max) {
  return "must be between " + std::to_string(min) + " and " + std::to_string(max);
}

}  // namespace

JsonReader::JsonReader(std::string_view text, JsonLimits limits)
    : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), limits_(limits) {
  limits_.depth = std::min(limits_.depth, deepest);
}

JsonReader::Kind JsonReader::peek() {
  skip_space();
  if (at_ == end_) malformed("expected a value");
  switch (*at_) {
    case 'n':
      return Kind::null;
    case 't':
    case 'f':
      return Kind::boolean;
    case '"':
      return Kind::string;
    case '[':
      return Kind::array;
    case '{':
      return Kind::object;
    default:
      if (*at_ == '-' || (*at_ >= '0' && *at_ <= '9')) return Kind::number;
      malformed("expected a value");
  }
}

bool JsonReader::read_null() {
  if (peek() != Kind::null) return false;
  expect_word("null");
  return true;
}

bool JsonReader::read_bool(bool& into) {
  if (peek() != Kind::boolean) return wrong_type("true or false");
  const bool value = *at_ == 't';
  expect_word(value ? "true" : "false");
  into = value;
  return true;
}

bool JsonReader::read_integer(std::int64_t& into, std::int64_t min, std::int64_t max) {
  if (peek() != Kind::number) return wrong_type("a whole number");
  const std::string_view token = scan_number();
  std::int64_t value = 0;
  bool fits = true;
  if (is_integer(token)) {
    fits = std::from_chars(token.data(), token.data() + token.size(), value).ec == std::errc();
  } else if (const auto whole = integral(token)) {
    value = *whole;
  } else {
    return error("type", "expected a whole number, got " + std::string(token.substr(0, 40)));
  }
  if (!fits || value < min || value > max) return error("range", range_message(min, max));
  into = value;
  return true;
}

bool JsonReader::read_unsigned(std::uint64_t& into, std::uint64_t max) {
  if (peek() != Kind::number) return wrong_type("a whole number");
  const std::string_view token = scan_number();
  std::uint64_t value = 0;
  bool fits = true;
  if (is_integer(token)) {
    // "-0" is a legal spelling of 0.
    fits =
        token == "-0" || std::from_chars(token.data(), token.data() + token.size(), value).ec == std::errc();
  } else if (const auto whole = integral(token)) {
    fits = *whole >= 0;
    value = static_cast<std::uint64_t>(*whole);
  } else {
    return error("type", "expected a whole number, got " + std::string(token.substr(0, 40)));
  }
  if (!fits || value > max) return error("range", range_message(std::uint64_t{0}, max));
  into = value;
  return true;
}

bool JsonReader::read_double(double& into) {
  if (peek() != Kind::number) return wrong_type("a number");
  const std::string_view token = scan_number();
  double value = 0;
  if (std::from_chars(token.data(), token.data() + token.size(), value).ec != std::errc()) {
    if (!underflows(token)) return error("range", "the number is too large");
    value = 0;
  }
  into = value;
  return true;
}

bool JsonReader::read_float(float& into) {
  double value = 0;
  if (!read_double(value)) return false;
  const auto narrow = static_cast<float>(value);
  if (std::isinf(narrow)) return error("range", "the number is too large");
  into = narrow;
  return true;
}

bool JsonReader::read_string(std::string& into) {
  if (peek() != Kind::string) return wrong_type("a string");
  std::string scratch;
  const std::string_view text = scan_string(scratch);
  if (text.data() == scratch.data()) {
    into = std::move(scratch);
  } else {
    into = text;
  }
  return true;
}

void JsonReader::read_raw(std::string& into) {
  JsonWriter writer(into);
  const auto copy = [this, &writer](const auto& self) -> void {
    switch (peek()) {
      case Kind::null:
        read_null();
        return writer.null();
      case Kind::boolean: {
        bool value = false;
        read_bool(value);
        return writer.value(value);
      }
      case Kind::number:
        return writer.raw(scan_number());
      case Kind::string: {
        std::string scratch;
        return writer.value(scan_string(scratch));
      }
      case Kind::array:
        begin_array();
        writer.begin_array();
        while (next_item()) self(self);
        return writer.end_array();
      case Kind::object: {
        begin_object();
        writer.begin_object();
        std::string_view key;
        while (next_key(key)) {
          writer.key(key);
          self(self);
        }
        return writer.end_object();
      }
    }
  };
  copy(copy);
}

void JsonReader::skip() {
  switch (peek()) {
    case Kind::null:
      read_null();
      return;
    case Kind::boolean:
      expect_word(*at_ == 't' ? "true" : "false");
      return;
    case Kind::number:
      scan_number();
      return;
    case Kind::string: {
      std::string scratch;
      scan_string(scratch);
      return;
    }
    case Kind::array:
      begin_array();
      while (next_item()) skip();
      return;
    case Kind::object: {
      begin_object();
      std::string_view key;
      while (next_key(key)) skip();
      return;
    }
  }
}

void JsonReader::push(bool array) {
  if (frames_.size() == limits_.depth) {
    malformed("nested deeper than " + std::to_string(limits_.depth) + " levels");
  }
  if (frames_.capacity() == 0) frames_.reserve(8);
  frames_.push_back({.array = array, .first_key = keys_.size()});
  ++at_;
}

bool JsonReader::begin_array() {
  if (peek() != Kind::array) return wrong_type("an array");
  push(true);
  return true;
}

bool JsonReader::next_item() {
  Frame& frame = frames_.back();
  skip_space();
  if (take(']')) {
    frames_.pop_back();
    return false;
  }
  if (!frame.started) {
    frame.started = true;
    return true;
  }
  if (!take(',')) malformed("expected ',' or ']'");
  skip_space();
  if (at_ != end_ && *at_ == ']') malformed("expected a value after ','");
  ++frame.index;
  return true;
}

bool JsonReader::begin_object() {
  if (peek() != Kind::object) return wrong_type("an object");
  push(false);
  return true;
}

bool JsonReader::next_key(std::string_view& key) {
  Frame& frame = frames_.back();
  skip_space();
  if (take('}')) {
    end_object();
    return false;
  }
  if (frame.started) {
    if (!take(',')) malformed("expected ',' or '}'");
    skip_space();
  }
  frame.started = true;
  if (at_ == end_ || *at_ != '"') malformed("expected a key in quotes");
  std::string scratch;
  key = scan_string(scratch);
  if (key.data() == scratch.data()) key = unescaped_.emplace_front(std::move(scratch));
  skip_space();
  if (!take(':')) malformed("expected ':'");
  frame.key = key;
  note_key(key);
  return true;
}

void JsonReader::note_key(std::string_view key) {
  const std::size_t first = frames_.back().first_key;
  if (keys_.size() - first < few_keys) {
    for (std::size_t i = first; i < keys_.size(); ++i) {
      if (keys_[i] == key) {
        error("duplicate", "the key is there twice");
        return;
      }
    }
  }
  keys_.push_back(key);
}

void JsonReader::end_object() {
  const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(frames_.back().first_key);
  if (keys_.end() - first > static_cast<std::ptrdiff_t>(few_keys)) {
    std::sort(first, keys_.end());
    const auto twice = std::adjacent_find(first, keys_.end());
    if (twice != keys_.end()) {
      frames_.back().key = *twice;
      error("duplicate", "the key is there twice");
    }
  }
  keys_.erase(first, keys_.end());
  frames_.pop_back();
}

std::string JsonReader::path() const {
  std::string path;
  for (const Frame& frame : frames_) {
    if (frame.array) {
      path += '[' + std::to_string(frame.index) + ']';
    } else {
      if (!path.empty()) path += '.';
      path += frame.key;
    }
  }
  return path;
}

bool JsonReader::error(std::string code, std::string message) {
  if (errors_.size() < limits_.errors) errors_.push_back({path(), std::move(code), std::move(message)});
  return false;
}

bool JsonReader::wrong_type(std::string_view wanted) {
  const Kind kind = peek();
  skip();
  return error("type", "expected " + std::string(wanted) + ", got " + std::string(describe(kind)));
}

void JsonReader::finish() {
  skip_space();
  if (at_ != end_) malformed("unexpected text after the value");
  if (!errors_.empty()) throw ValidationError(std::move(errors_));
}

bool JsonReader::read_struct(void* object, const detail::JsonStruct& description) {
  if (!begin_object()) return false;
  const std::size_t errors_before = errors_.size();
  const std::size_t count = description.names.size();
  std::array<bool, detail::max_json_fields> seen;
  std::fill_n(seen.begin(), count, false);
  std::size_t next = 0;  // fields mostly come in the order of the description
  std::string_view key;
  while (next_key(key)) {
    std::size_t i = next;
    std::size_t tries = 0;
    while (tries < count && description.names[i] != key) {
      if (++i == count) i = 0;
      ++tries;
    }
    if (tries == count) {
      if (limits_.unknown_fields_error) {
        const auto near = nearest_word(key, {description.names.begin(), description.names.end()});
        error("unknown", near ? "unknown field, did you mean \"" + std::string(*near) + "\"?"
                              : std::string("unknown field"));
      }
      skip();
      continue;
    }
    seen[i] = true;
    description.fields[i].read(*this, object);
    next = i + 1 == count ? 0 : i + 1;
  }
  if (fresh_ > 0) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!seen[i] && description.fields[i].required) {
        // The object is closed: name the member by hand.
        if (errors_.size() >= limits_.errors) break;
        std::string where = path();
        if (!where.empty()) where += '.';
        errors_.push_back({where.append(description.names[i]), "required", "is required"});
      }
    }
  }
  return errors_.size() == errors_before;
}

bool JsonReader::read_enum(std::size_t& index, std::span<const std::string_view> names) {
  if (peek() != Kind::string) return wrong_type("a string");
  std::string scratch;
  const std::string_view text = scan_string(scratch);
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) {
    std::string expected;
    for (const std::string_view name : names) {
      expected.append(expected.empty() ? "" : ", ").append(name);
    }
    return error("enum", "expected one of: " + expected + "; got " + quote_briefly(text));
  }
  index = static_cast<std::size_t>(found - names.begin());
  return true;
}

}  // namespace mpf
