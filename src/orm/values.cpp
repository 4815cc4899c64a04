#include "orm/values.hpp"

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

std::optional<Defect> defect_of(const Column& column, std::string_view text) {
  if (const char* const defect = text_defect(text)) return Defect{"encoding", std::string("is ") + defect};
  if (column.max_length && text.size() > *column.max_length && utf8_length(text) > *column.max_length) {
    return Defect{"max_length", fmt::format("is longer than {} characters", *column.max_length)};
  }
  return std::nullopt;
}

std::string param_text(const db::Param& value) {
  struct Visitor {
    std::string operator()(std::nullptr_t) const { return {}; }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(const std::string& v) const { return v; }
    std::string operator()(const db::Bytes& v) const {
      std::string text;
      for (const std::byte byte : v) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
      return text;
    }
    std::string operator()(Timestamp v) const { return std::to_string(v.micros()); }
    std::string operator()(db::Numeric v) const { return fmt::format("{}e-{}", v.coefficient, v.scale); }
    std::string operator()(Date v) const { return v.to_string(); }
    std::string operator()(Microseconds v) const { return std::to_string(v.count()); }
    std::string operator()(const Uuid& v) const { return v.to_string(); }
    std::string operator()(const db::JsonText& v) const { return v.text; }
    std::string operator()(const IpNetwork& v) const { return v.to_string(); }
    std::string operator()(const db::Array& v) const {
      std::string text;
      for (const db::Param& each : v.values) text += param_text(each) + ",";
      return text;
    }
    std::string operator()(const db::RangeValue& v) const {
      const auto bound = [](const std::optional<std::int64_t>& at) { return at ? std::to_string(*at) : ""; };
      return fmt::format("{}{}{},{}{}", v.empty, v.lower_inclusive, bound(v.lower), bound(v.upper),
                         v.upper_inclusive);
    }
  };
  return std::visit(Visitor{}, value);
}

namespace {

db::Param read_element(const db::Row& row, ElementType type) {
  if (row.is_null(0)) return nullptr;
  switch (type) {
    case ElementType::boolean:
      return row.boolean(0);
    case ElementType::integer:
      return row.integer(0);
    case ElementType::real:
      return row.real(0);
    case ElementType::text:
      return std::string(row.text(0));
    case ElementType::uuid:
      return row.uuid(0);
    case ElementType::timestamp:
      return row.timestamp(0);
    case ElementType::date:
      return row.date(0);
  }
  return nullptr;
}

}  // namespace

db::Param read_value(const db::Row& row, std::size_t i, const Column& column) {
  if (row.is_null(i)) return nullptr;
  switch (column.type) {
    case ColumnType::boolean:
      return row.boolean(i);
    case ColumnType::smallint:
    case ColumnType::integer:
    case ColumnType::bigint:
    case ColumnType::id:
      return row.integer(i);
    case ColumnType::float4:
    case ColumnType::real:
      return row.real(i);
    case ColumnType::text:
      return std::string(row.text(i));
    case ColumnType::bytes: {
      const auto bytes = row.bytes(i);
      return db::Bytes(bytes.begin(), bytes.end());
    }
    case ColumnType::timestamp:
      return row.timestamp(i);
    case ColumnType::decimal:
      return row.numeric(i, column.scale);
    case ColumnType::date:
      return row.date(i);
    case ColumnType::duration:
      return row.duration(i);
    case ColumnType::uuid:
      return row.uuid(i);
    case ColumnType::network:
      return row.network(i);
    case ColumnType::json:
      return db::JsonText{std::string(row.json(i))};
    case ColumnType::array: {
      db::Array array{column.element.value_or(ElementType::text), {}};
      row.array(i, [&](const db::Row& each) { array.values.push_back(read_element(each, array.type)); });
      return array;
    }
    case ColumnType::range:
      return row.range(i, column.element.value_or(ElementType::integer));
  }
  return nullptr;
}

void check_value(const ModelInfo& model, std::size_t column, const db::Param& value, std::string_view prefix,
                 std::vector<FieldError>& errors) {
  const Column& described = model.table.columns[column];
  const auto refuse = [&](std::string code, std::string message) {
    errors.push_back({std::string(prefix) + std::string(model.columns[column].member), std::move(code),
                      std::move(message)});
  };
  if (const auto* const text = std::get_if<std::string>(&value)) {
    if (auto defect = defect_of(described, *text)) refuse(defect->code, std::move(defect->message));
  } else if (auto defect = defect_of(value)) {
    refuse(defect->code, std::move(defect->message));
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
