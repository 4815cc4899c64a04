#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "migrate/graph.hpp"

namespace mpf::migrate {

/// What is unsafe about SQL by hand on PostgreSQL, and what to do instead. `made` are tables that the
/// migration itself makes: nobody uses them yet.
struct SqlFinding {
  std::string rule;
  std::string message;
  std::string safe;
  bool refused = true;
};
std::vector<SqlFinding> lint_sql(std::string_view sql, const std::vector<std::string>& made);

/// What is unsafe about a migration, operations with a reason excepted. Moves the state on over it.
std::vector<LintFinding> lint(const Migration& migration, State& state);

/// Error(configuration) for the first that is refused.
void refuse_unsafe(const std::vector<LintFinding>& findings);

}  // namespace mpf::migrate
