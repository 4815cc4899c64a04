#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mpf/base/date.hpp>
#include <mpf/base/error.hpp>
#include <mpf/base/json.hpp>
#include <mpf/base/timestamp.hpp>

namespace mpf {

/// What a Range may be of, with its text and, where values have a next one, that.
template <class T>
struct RangeBound;

template <>
struct RangeBound<std::int64_t> {
  static std::string to_string(std::int64_t value) { return std::to_string(value); }
  static std::optional<std::int64_t> parse(std::string_view text) noexcept {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
  }
  /// Nothing after the last one.
  static std::optional<std::int64_t> next(std::int64_t value) noexcept {
    if (value == std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    return value + 1;
  }
};

template <>
struct RangeBound<Date> {
  static std::string to_string(Date value) { return value.to_string(); }
  static std::optional<Date> parse(std::string_view text) noexcept { return Date::parse(text); }
  static std::optional<Date> next(Date value) noexcept {
    if (value >= Date::last()) return std::nullopt;
    return value + std::chrono::days(1);
  }
};

template <>
struct RangeBound<Timestamp> {
  static std::string to_string(Timestamp value) { return value.to_string(); }
  static std::optional<Timestamp> parse(std::string_view text) noexcept { return Timestamp::parse(text); }
};

/// The values between two bounds: of std::int64_t, Date or Timestamp. Empty by default; a bound that is not
/// there leaves its side open. Ranges of whole numbers and dates are kept as [lower, upper), so that equal
/// ones have equal bounds: [1,5] is [1,6).
template <class T>
class Range {
 public:
  using value_type = T;

  Range() = default;

  /// Throws Error(invalid) when upper lies before lower, or an included last value of the type has none after
  /// it.
  Range(std::optional<T> lower, std::optional<T> upper, bool lower_inclusive = true,
        bool upper_inclusive = false);

  static Range all() { return Range(std::nullopt, std::nullopt); }
  static Range closed(T lower, T upper) { return Range(lower, upper, true, true); }
  static Range from(T lower) { return Range(lower, std::nullopt); }    ///< lower included
  static Range before(T upper) { return Range(std::nullopt, upper); }  ///< upper excluded

  /// "[1,5)", "(,2026-11-21]", "empty"; nothing for any other text.
  static std::optional<Range> parse(std::string_view text);
  std::string to_string() const;

  bool empty() const noexcept { return empty_; }
  const std::optional<T>& lower() const noexcept { return lower_; }
  const std::optional<T>& upper() const noexcept { return upper_; }
  bool lower_inclusive() const noexcept { return lower_inclusive_; }  ///< false where there is no bound
  bool upper_inclusive() const noexcept { return upper_inclusive_; }

  bool contains(const T& value) const noexcept {
    if (empty_) return false;
    if (lower_ && (value < *lower_ || (value == *lower_ && !lower_inclusive_))) return false;
    return !upper_ || value < *upper_ || (value == *upper_ && upper_inclusive_);
  }
  /// An empty range lies in every one.
  bool contains(const Range& other) const noexcept { return intersection(other) == other; }
  bool overlaps(const Range& other) const noexcept { return !intersection(other).empty(); }
  Range intersection(const Range& other) const noexcept;

  bool operator==(const Range&) const = default;

 private:
  void settle_empty() noexcept;

  std::optional<T> lower_;
  std::optional<T> upper_;
  bool lower_inclusive_ = false;
  bool upper_inclusive_ = false;
  bool empty_ = true;
};

template <class T>
Range<T>::Range(std::optional<T> lower, std::optional<T> upper, bool lower_inclusive, bool upper_inclusive)
    : lower_(std::move(lower)),
      upper_(std::move(upper)),
      lower_inclusive_(lower_ && lower_inclusive),
      upper_inclusive_(upper_ && upper_inclusive),
      empty_(false) {
  if (lower_ && upper_ && *upper_ < *lower_) {
    fail(ErrorKind::invalid, "a range must not end (" + RangeBound<T>::to_string(*upper_) +
                                 ") before it begins (" + RangeBound<T>::to_string(*lower_) + ")");
  }
  settle_empty();
  if constexpr (requires(const T& value) { RangeBound<T>::next(value); }) {
    const auto beyond = [](std::optional<T>& bound) {
      const auto next = RangeBound<T>::next(*bound);
      if (!next) {
        fail(ErrorKind::invalid,
             "a range cannot have " + RangeBound<T>::to_string(*bound) + ", the last of all, as its bound");
      }
      bound = next;
    };
    if (lower_ && !lower_inclusive_) {
      beyond(lower_);
      lower_inclusive_ = true;
    }
    if (upper_ && upper_inclusive_) {
      beyond(upper_);
      upper_inclusive_ = false;
    }
    settle_empty();
  }
}

template <class T>
void Range<T>::settle_empty() noexcept {
  const bool nothing = lower_ && upper_ &&
                       (*upper_ < *lower_ || (*upper_ == *lower_ && !(lower_inclusive_ && upper_inclusive_)));
  if (!nothing) return;
  lower_.reset();
  upper_.reset();
  lower_inclusive_ = upper_inclusive_ = false;
  empty_ = true;
}

template <class T>
Range<T> Range<T>::intersection(const Range& other) const noexcept {
  if (empty_ || other.empty_) return {};
  Range result = *this;
  if (other.lower_) {
    if (!result.lower_ || *result.lower_ < *other.lower_) {
      result.lower_ = other.lower_;
      result.lower_inclusive_ = other.lower_inclusive_;
    } else if (*result.lower_ == *other.lower_) {
      result.lower_inclusive_ = result.lower_inclusive_ && other.lower_inclusive_;
    }
  }
  if (other.upper_) {
    if (!result.upper_ || *other.upper_ < *result.upper_) {
      result.upper_ = other.upper_;
      result.upper_inclusive_ = other.upper_inclusive_;
    } else if (*result.upper_ == *other.upper_) {
      result.upper_inclusive_ = result.upper_inclusive_ && other.upper_inclusive_;
    }
  }
  result.settle_empty();
  return result;
}

template <class T>
std::string Range<T>::to_string() const {
  if (empty_) return "empty";
  std::string text = lower_inclusive_ ? "[" : "(";
  if (lower_) text += RangeBound<T>::to_string(*lower_);
  text += ',';
  if (upper_) text += RangeBound<T>::to_string(*upper_);
  return text + (upper_inclusive_ ? "]" : ")");
}

template <class T>
std::optional<Range<T>> Range<T>::parse(std::string_view text) {
  if (text == "empty") return Range();
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos || comma == 0) return std::nullopt;
  const char open = text.front();
  const char close = text.back();
  if ((open != '[' && open != '(') || (close != ']' && close != ')')) return std::nullopt;
  const auto bound = [](std::string_view part, std::optional<T>& into) {
    if (part.empty()) return true;
    into = RangeBound<T>::parse(part);
    return into.has_value();
  };
  std::optional<T> lower, upper;
  if (!bound(text.substr(1, comma - 1), lower)) return std::nullopt;
  if (!bound(text.substr(comma + 1, text.size() - comma - 2), upper)) return std::nullopt;
  try {
    return Range(lower, upper, open == '[', close == ']');
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// {"lower":1,"upper":6,"bounds":"[)"}, null for a bound that is not there; {"empty":true}. "bounds" may be
/// left out when it is "[)".
template <class T>
struct JsonCodec<Range<T>> {
  static void write(JsonWriter& writer, const Range<T>& range) {
    writer.begin_object();
    if (range.empty()) {
      writer.key("empty").value(true);
    } else {
      writer.key("lower");
      detail::json_write(writer, range.lower());
      writer.key("upper");
      detail::json_write(writer, range.upper());
      const char bounds[] = {range.lower_inclusive() ? '[' : '(', range.upper_inclusive() ? ']' : ')'};
      writer.key("bounds").value(std::string_view(bounds, 2));
    }
    writer.end_object();
  }

  static bool read(JsonReader& reader, Range<T>& range) {
    if (!reader.begin_object()) return false;
    std::optional<T> lower, upper;
    std::string bounds = "[)";
    bool empty = false;
    bool ok = true;
    std::string_view key;
    while (reader.next_key(key)) {
      if (key == "lower") {
        ok = detail::json_read(reader, lower) && ok;
      } else if (key == "upper") {
        ok = detail::json_read(reader, upper) && ok;
      } else if (key == "bounds") {
        ok = reader.read_string(bounds) && ok;
      } else if (key == "empty") {
        ok = reader.read_bool(empty) && ok;
      } else {
        ok = reader.error("unknown", "a range has only lower, upper, bounds and empty") && ok;
        reader.skip();
      }
    }
    if (!ok) return false;
    if (bounds != "[)" && bounds != "[]" && bounds != "(]" && bounds != "()") {
      return reader.error("format", "the bounds of a range are one of [) [] (] ()");
    }
    if (empty) {
      range = Range<T>();
      return true;
    }
    try {
      range = Range<T>(lower, upper, bounds[0] == '[', bounds[1] == ']');
    } catch (const Error& error) {
      return reader.error("range", error.what());
    }
    return true;
  }
};

}  // namespace mpf
