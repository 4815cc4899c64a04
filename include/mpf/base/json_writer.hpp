#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace mpf {

/// Appends compact JSON to a string, piece by piece. The caller keeps the order legal: one value at the top,
/// key() before each value of an object, an end for every begin.
///
///     JsonWriter json(out);
///     json.begin_object();
///     json.key("ok").value(true);
///     json.end_object();
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) noexcept : out_(out) {}
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  JsonWriter& key(std::string_view name) {
    separate();
    append_quoted(name);
    out_ += ':';
    comma_ = false;
    return *this;
  }

  /// A key that is known beforehand, spelled `,"name":` with nothing in it to escape.
  void spelled_key(std::string_view spelled) {
    out_.append(comma_ ? spelled : spelled.substr(1));
    comma_ = false;
  }

  void null() { raw("null"); }
  template <std::same_as<bool> T>
  void value(T b) {
    raw(b ? "true" : "false");
  }
  template <std::signed_integral T>
  void value(T number) {
    separate();
    append_integer(number);
  }
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  void value(T number) {
    separate();
    append_unsigned(number);
  }
  /// The shortest text that reads back as the same number; null for NaN and the infinities, which JSON
  /// cannot write.
  void value(double number) {
    separate();
    append_double(number);
  }
  void value(float number) {
    separate();
    append_float(number);
  }
  /// Malformed UTF-8 is written as U+FFFD, so that the result is always JSON.
  void value(std::string_view text) {
    separate();
    append_quoted(text);
  }
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }

  /// Text that is known to be one JSON value.
  void raw(std::string_view json) {
    separate();
    out_.append(json);
  }

 private:
  void separate() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  void open(char bracket) {
    separate();
    out_ += bracket;
    comma_ = false;
  }
  void close(char bracket) {
    out_ += bracket;
    comma_ = true;
  }
  void append_quoted(std::string_view text);
  void append_integer(std::int64_t number);
  void append_unsigned(std::uint64_t number);
  void append_double(double number);
  void append_float(float number);

  std::string& out_;
  bool comma_ = false;  ///< something stands before the next key or value
};

}  // namespace mpf
