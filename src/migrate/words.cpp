#include <algorithm>

#include "migrate/migration.hpp"

namespace mpf::migrate {

using orm::ColumnType;
using orm::ElementType;

std::string_view type_to_text(ColumnType type) noexcept {
  switch (type) {
    case ColumnType::boolean:
      return "boolean";
    case ColumnType::smallint:
      return "smallint";
    case ColumnType::integer:
      return "integer";
    case ColumnType::bigint:
      return "bigint";
    case ColumnType::float4:
      return "float";
    case ColumnType::real:
      return "real";
    case ColumnType::decimal:
      return "decimal";
    case ColumnType::text:
      return "text";
    case ColumnType::bytes:
      return "bytes";
    case ColumnType::timestamp:
      return "timestamp";
    case ColumnType::date:
      return "date";
    case ColumnType::duration:
      return "duration";
    case ColumnType::uuid:
      return "uuid";
    case ColumnType::json:
      return "json";
    case ColumnType::network:
      return "network";
    case ColumnType::array:
      return "array";
    case ColumnType::range:
      return "range";
    case ColumnType::id:
      return "id";
  }
  return {};
}

std::string_view element_to_text(ElementType type) noexcept {
  switch (type) {
    case ElementType::boolean:
      return "boolean";
    case ElementType::integer:
      return "integer";
    case ElementType::real:
      return "real";
    case ElementType::text:
      return "text";
    case ElementType::uuid:
      return "uuid";
    case ElementType::timestamp:
      return "timestamp";
    case ElementType::date:
      return "date";
  }
  return {};
}

std::string_view to_string(MigrationState state) noexcept {
  switch (state) {
    case MigrationState::pending:
      return "pending";
    case MigrationState::begun:
      return "begun";
    case MigrationState::applied:
      return "applied";
    case MigrationState::edited:
      return "edited";
    case MigrationState::missing:
      return "missing";
    case MigrationState::orphaned:
      return "orphaned";
  }
  return {};
}

bool is_migration_name(std::string_view name) noexcept {
  const auto digits = std::min(name.find_first_not_of("0123456789"), name.size());
  if (digits < 4 || digits == name.size() || name[digits] != '_' || digits + 1 == name.size()) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", digits) == std::string_view::npos;
}

}  // namespace mpf::migrate
