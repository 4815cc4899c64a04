#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "migrate/graph.hpp"
#include "migrate/migration.hpp"

namespace mpf::migrate {

inline constexpr std::string_view sum_file = "migrations.sum";

/// Text of a module's migrations.sum: one line a file, each hash covering the line above it.
std::string sum_of(std::vector<const Migration*> migrations);

/// Those of one module.
std::vector<const Migration*> of_module(const Graph& graph, std::string_view module);

/// Error(configuration) where files are not as their module's sum file says, or a folder with migrations has
/// none, with the command that accepts them. Those built in without such a file are not checked.
void check_sums(const Graph& graph);

/// Whether the lines of a sum file are those of the files.
bool fits(const Graph& graph, const std::string& module, const Graph::Sum& sum);

/// That the lines of a sum file, in whatever order and with the marks of a conflict, are those of branches
/// none of which edited a file. Error(configuration) where that is not so.
void check_merged(const Graph& graph, const std::string& module, const Graph::Sum& sum);

}  // namespace mpf::migrate
