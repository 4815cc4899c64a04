#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/orm/detail/core.hpp>

#include "orm/value_defect.hpp"

/// What is checked of values before they are written.
namespace mpf::orm::detail {

std::size_t column_named(const ModelInfo& model, std::string_view column);

/// Adds what is wrong with a column's new value; `prefix` is "" or "[3]." for a row of many.
void check_value(const ModelInfo& model, std::size_t column, const db::Param& value, std::string_view prefix,
                 std::vector<FieldError>& errors);

/// What is wrong with a text for that column; nothing for good ones.
std::optional<Defect> defect_of(const Column& column, std::string_view text);

/// The value as text: equal for equal values of one column.
std::string param_text(const db::Param& value);

/// The value of a column of a row that a statement gave.
db::Param read_value(const db::Row& row, std::size_t i, const Column& column);

/// The value of a column of an object, checked.
db::Param checked_value(const ModelInfo& model, std::size_t column, const void* object,
                        std::string_view prefix, std::vector<FieldError>& errors);

/// One message for a row that does not exist and one of another tenant.
[[noreturn]] void throw_bad_reference(const ModelInfo& model, std::size_t column, Id id,
                                      std::string_view prefix);

}  // namespace mpf::orm::detail
