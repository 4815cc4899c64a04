#include "migrate/losses.hpp"

#include <chrono>
#include <string>
#include <variant>

#include "migrate/executor.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

/// Whether there is anything in what it drops.
bool loses_rows(db::Database& database, const Operation& operation) {
  std::string query;
  if (const auto* table = std::get_if<DropTable>(&operation)) {
    query = "SELECT EXISTS (SELECT 1 FROM " + orm::ddl::quote(table->table) + ")";
  } else if (const auto* column = std::get_if<DropColumn>(&operation)) {
    query = "SELECT EXISTS (SELECT 1 FROM " + orm::ddl::quote(column->table) + " WHERE " +
            orm::ddl::quote(column->column) + " IS NOT NULL)";
  } else {
    return false;
  }
  bool found = false;
  try {
    in_transaction(database, {.lock_wait = std::chrono::seconds(1)}, [&] {
      database.execute({query, {}, db::Access::read}, [&](const db::Row& row) { found = row.boolean(0); });
    });
  } catch (const Error&) {
    return true;  // it has another name now, or nobody could look in time
  }
  return found;
}

}  // namespace

PlannedMigration to_rollback_plan(db::Database& database, const Prepared& prepared) {
  auto plan = to_plan(prepared);
  for (const auto& each : prepared.operations) {
    if (loses_rows(database, each.operation)) plan.lost.push_back(describe(each.operation));
  }
  return plan;
}

}  // namespace mpf::migrate
