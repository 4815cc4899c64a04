#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <mpf/base/id.hpp>
#include <mpf/orm/scope.hpp>

#include "content/collection/models.hpp"

namespace portal::content {

/// Adds a collection below a parent (none: at the top), after its siblings. Its slug is made from the name,
/// with a number where another collection of the site has it already. In a transaction.
Collection add_collection(const orm::SiteScope& scope, std::string_view name, std::optional<mpf::Id> parent);

}  // namespace portal::content
