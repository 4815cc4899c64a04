#include <algorithm>

#include <mpf/base/enum.hpp>

#include "migrate/migration.hpp"

namespace mpf::migrate {

std::string_view type_to_text(orm::ColumnType type) noexcept {
  return type == orm::ColumnType::float4 ? "float" : enum_name(type);
}

std::string_view to_string(MigrationState state) noexcept { return enum_name(state); }

bool is_migration_name(std::string_view name) noexcept {
  const auto digits = std::min(name.find_first_not_of("0123456789"), name.size());
  if (digits < 4 || digits == name.size() || name[digits] != '_' || digits + 1 == name.size()) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", digits) == std::string_view::npos;
}

}  // namespace mpf::migrate
