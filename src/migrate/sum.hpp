#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "migrate/migration.hpp"

namespace mpf::migrate {

class Graph;

inline constexpr std::string_view sum_file = "migrations.sum";

/// Text of a module's migrations.sum: one line a file, each hash covering the line above it.
std::string sum_of(std::vector<const Migration*> migrations);

/// Those of one module.
std::vector<const Migration*> of_module(const Graph& graph, std::string_view module);

/// Error(configuration) where files are not as their module's sum file says, with the command that accepts
/// them. Modules without such a file are not checked.
void check_sums(const Graph& graph);

}  // namespace mpf::migrate
