#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <mpf/base/timestamp.hpp>
#include <mpf/db/value.hpp>

/// What one of the databases would not take, refused for both: values mean the same on either.
namespace mpf::orm::detail {

/// Nothing for text that both databases take; otherwise what is wrong with it, for people.
const char* text_defect(std::string_view text);

struct Defect {
  const char* code = nullptr;  ///< "encoding", "number", "range", "json"
  std::string message;         ///< "is no valid UTF-8"
};

/// Outside of the years 1 to 9999.
std::optional<Defect> defect_of(Timestamp time);
/// NUL characters, numbers that no double holds. The text is well-formed.
std::optional<Defect> defect_of_json(std::string_view json);
/// Of any value: text, JSON, times, what is no number; also within arrays and ranges.
std::optional<Defect> defect_of(const db::Param& value);

}  // namespace mpf::orm::detail
