#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <mpf/base/json.hpp>

namespace mpf {

/// Any JSON, kept as checked compact text: for what is stored and passed on but has no struct. A
/// default-constructed one is null. Work on the tree itself goes through json_dom.hpp.
class Json {
 public:
  Json() = default;

  /// Throws ValidationError (from_json).
  static Json parse(std::string_view text, const JsonLimits& limits = {});

  template <class T>
  static Json of(const T& value) {
    return Json(to_json(value));
  }

  const std::string& text() const noexcept { return text_; }
  bool is_null() const noexcept { return text_ == "null"; }

  /// Throws ValidationError where it does not fit (from_json).
  template <class T>
  T as() const {
    return from_json<T>(text_);
  }

  /// Same text: members in the same order, numbers spelled alike.
  bool operator==(const Json&) const = default;

 private:
  friend struct JsonCodec<Json>;
  explicit Json(std::string text) : text_(std::move(text)) {}

  std::string text_ = "null";
};

template <>
struct JsonCodec<Json> {
  static void write(JsonWriter& writer, const Json& json) { writer.raw(json.text()); }
  static bool read(JsonReader& reader, Json& json);
};

}  // namespace mpf
