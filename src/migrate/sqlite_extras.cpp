#include "migrate/sqlite_extras.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "migrate/sql_text.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

namespace ddl = orm::ddl;
using db::Access;

struct Extra {
  std::string name;
  std::string table;  ///< of a trigger; else empty
  std::string sql;
};

/// Views first: triggers may be on one.
std::vector<Extra> extras_of(db::Database& database) {
  std::vector<Extra> result;
  database.execute(
      {"SELECT name, iif(type = 'trigger', tbl_name, ''), sql FROM sqlite_schema WHERE type IN "
       "('view', 'trigger') ORDER BY type DESC, name",
       {},
       Access::read},
      [&](const db::Row& row) {
        result.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))});
      });
  return result;
}

/// Why SQLite cannot compile the statement, if it cannot. Nothing is run.
std::optional<std::string> problem_of(db::Database& database, const std::string& sql) {
  try {
    // As a script it is compiled now; one that is kept compiled would say what was true then.
    database.execute_script("EXPLAIN " + sql + ";");
  } catch (const Error& e) {
    const std::string text = e.what();
    return text.substr(0, text.find(" (database "));
  }
  return std::nullopt;
}

/// Those that can be written.
std::vector<std::string> columns_of(db::Database& database, const std::string& table) {
  std::vector<std::string> result;
  database.execute({"SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", {table}, Access::read},
                   [&](const db::Row& row) { result.emplace_back(row.text(0)); });
  return result;
}

std::string plain(const std::string& word) {
  auto name = word.starts_with('"') ? word.substr(1, word.size() - 2) : word;
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name;
}

/// A column behind UPDATE OF that the table has not: such a trigger is never run, and nobody is told.
std::optional<std::string> missing_column(const Extra& trigger, const std::vector<std::string>& columns) {
  std::set<std::string> known;
  for (const auto& column : columns) known.insert(plain(column));
  const auto statements = statements_of(trigger.sql);
  if (statements.empty()) return std::nullopt;
  const auto& words = statements.front();
  const auto on = std::ranges::find(words, "ON");
  static constexpr std::array<std::string_view, 2> of{"UPDATE", "OF"};
  auto at = std::search(words.begin(), on, of.begin(), of.end());
  if (at == on) return std::nullopt;
  for (at += 2; at != on; ++at) {
    if (*at != "," && !known.contains(plain(*at))) return "no such column: " + plain(*at);
  }
  return std::nullopt;
}

/// What is wrong with one of the triggers of a table, which are compiled together with what they follow.
std::optional<std::string> problem_of_writes(db::Database& database, const std::string& table,
                                             const std::vector<std::string>& columns) {
  const auto name = ddl::quote(table);
  std::string set;
  for (const auto& column : columns) {
    set += (set.empty() ? "" : ", ") + ddl::quote(column) + " = " + ddl::quote(column);
  }
  for (const auto& sql :
       {"INSERT INTO " + name + " DEFAULT VALUES", "UPDATE " + name + " SET " + set, "DELETE FROM " + name}) {
    const auto problem = problem_of(database, sql);
    // A view with triggers for some kinds of writes cannot be written in others.
    if (problem && problem->find("because it is a view") == std::string::npos) return problem;
  }
  return std::nullopt;
}

/// Whether the problem's last word, the name that is missing, is one of the trigger's.
bool is_of(const std::string& problem, const Extra& trigger) {
  const auto end = problem.find_last_of(". ");
  const auto missing = plain(end == std::string::npos ? problem : problem.substr(end + 1));
  return std::ranges::any_of(statements_of(trigger.sql), [&](const auto& words) {
    return std::ranges::any_of(words, [&](const auto& word) { return plain(word) == missing; });
  });
}

/// What is wrong with each of them that does not work: it uses a column or a table that is not there. SQLite
/// itself tells only when somebody uses them.
std::map<std::string, std::string> broken_extras(db::Database& database) {
  std::map<std::string, std::string> result;
  std::map<std::string, std::vector<Extra>> triggers;
  for (auto& extra : extras_of(database)) {
    if (!extra.table.empty()) {
      triggers[extra.table].push_back(std::move(extra));
    } else if (const auto problem = problem_of(database, "SELECT * FROM " + ddl::quote(extra.name))) {
      result["view " + extra.name] = *problem;
    }
  }
  std::map<std::string, std::string> suspects;  // or what one of them sets off is broken
  for (const auto& [table, all] : triggers) {
    if (result.contains("view " + table)) continue;
    const auto columns = columns_of(database, table);
    const auto problem = problem_of_writes(database, table, columns);
    for (const auto& trigger : all) {
      if (problem && is_of(*problem, trigger)) {
        result["trigger " + trigger.name] = *problem;
      } else if (const auto missing = missing_column(trigger, columns)) {
        result["trigger " + trigger.name] = *missing;
      } else if (problem) {
        suspects["trigger " + trigger.name] = *problem;
      }
    }
  }
  if (result.empty()) return suspects;
  return result;
}

}  // namespace

std::int64_t ExtrasGuard::version() {
  std::int64_t result = 0;
  database_.execute({"PRAGMA schema_version", {}, Access::read},
                    [&](const db::Row& row) { result = row.integer(0); });
  return result;
}

void ExtrasGuard::before() {
  if (database_.dialect() != db::Dialect::sqlite) return;
  const auto now = version();
  if (seen_ != now) broken_ = broken_extras(database_);  // others may have made some
  seen_ = now;
}

void ExtrasGuard::after() {
  if (database_.dialect() != db::Dialect::sqlite) return;
  const auto now = version();
  if (seen_ == now) return;
  seen_.reset();
  auto broken = broken_extras(database_);
  for (const auto& [extra, problem] : broken) {
    if (broken_.contains(extra)) continue;  // it did not work anyway
    fail(ErrorKind::conflict, "the " + extra + ", which was made by hand, would not work any more (" +
                                  problem +
                                  "): drop it by an 'sql' operation before, and make it anew as it "
                                  "is to be after it");
  }
  broken_ = std::move(broken);
  seen_ = now;
}

}  // namespace mpf::migrate
