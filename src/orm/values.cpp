#include "orm/values.hpp"

#include <cmath>

#include <fmt/core.h>

#include <mpf/base/text.hpp>

#include "orm/ast.hpp"

namespace mpf::orm::detail {

std::size_t column_named(const ModelInfo& model, std::string_view column) {
  for (std::size_t i = 0; i < model.table.columns.size(); ++i) {
    if (model.table.columns[i].name == column) return i;
  }
  throw Error(ErrorKind::internal, fmt::format("{} has no column '{}'", model.table.name, column));
}

void check_value(const ModelInfo& model, std::size_t column, const db::Param& value, std::string_view prefix,
                 std::vector<FieldError>& errors) {
  const Column& described = model.table.columns[column];
  const auto refuse = [&](std::string code, std::string message) {
    errors.push_back({std::string(prefix) + std::string(model.columns[column].member), std::move(code),
                      std::move(message)});
  };
  if (const auto* const text = std::get_if<std::string>(&value)) {
    if (const char* const defect = text_defect(*text)) {
      refuse("encoding", std::string("is ") + defect);
    } else if (described.max_length && text->size() > *described.max_length &&
               utf8_length(*text) > *described.max_length) {
      refuse("max_length", fmt::format("is longer than {} characters", *described.max_length));
    }
  } else if (const auto* const real = std::get_if<double>(&value)) {
    if (std::isnan(*real)) refuse("number", "is not a number");
  } else if (const auto* const id = std::get_if<std::int64_t>(&value)) {
    if (described.references && *id <= 0) refuse("required", "is required");
  }
}

db::Param checked_value(const ModelInfo& model, std::size_t column, const void* object,
                        std::string_view prefix, std::vector<FieldError>& errors) {
  try {
    db::Param value = model.columns[column].get(object);
    check_value(model, column, value, prefix, errors);
    return value;
  } catch (const ValidationError& error) {  // of the codec, which does not know the field
    for (const FieldError& field : error.fields()) {
      errors.push_back(
          {std::string(prefix) + std::string(model.columns[column].member), field.code, field.message});
    }
    return nullptr;
  }
}

void throw_bad_reference(const ModelInfo& model, std::size_t column, Id id, std::string_view prefix) {
  throw ValidationError(std::string(prefix) + std::string(model.columns[column].member), "reference",
                        fmt::format("refers to {} {}, which does not exist here",
                                    model.table.columns[column].references->table, id.value));
}

}  // namespace mpf::orm::detail
