#include "migrate/executor.hpp"

#include <algorithm>

#include <mpf/fiber/fiber.hpp>

#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

namespace ddl = orm::ddl;
using db::Access;

constexpr std::chrono::milliseconds retry_pause{50};
constexpr int told_violations = 3;

class Execution {
 public:
  explicit Execution(db::Database& database) : database_(database) {}

  void run(const Step& step) {
    switch (step.kind) {
      case Step::Kind::sql:
        database_.execute_script(step.text);
        break;
      case Step::Kind::guard:
        check_guard(step);
        break;
      case Step::Kind::keep_extras:
        keep_extras(step);
        break;
      case Step::Kind::restore_extras:
        for (const auto& statement : extras_) database_.execute_script(statement);
        extras_.clear();
        break;
      case Step::Kind::rename_rebuilt:
        rename_rebuilt(step.text);
        break;
    }
  }

  void check_foreign_keys(const Script& script) {
    if (!script.rebuilds) return;
    // SQL by hand may have touched any table: then all are checked.
    const auto tables = script.by_hand ? std::vector<std::string>{""} : script.check;
    std::string violations;
    std::int64_t count = 0;
    for (const auto& table : tables) {
      const auto argument = table.empty() ? std::string() : "(" + ddl::quote(table) + ")";
      database_.execute({"PRAGMA foreign_key_check" + argument, {}, Access::read}, [&](const db::Row& row) {
        if (++count > told_violations) return;
        const auto id = row.is_null(1) ? std::string("?") : std::to_string(row.integer(1));
        violations += (violations.empty() ? "" : ", ") + std::string(row.text(0)) + " " + id + " (to " +
                      std::string(row.text(2)) + ")";
      });
    }
    if (count > 0) {
      fail(ErrorKind::conflict,
           std::to_string(count) + " rows refer to rows that do not exist: " + violations +
               (count > told_violations ? ", …" : "") + "; correct or delete them first");
    }
  }

 private:
  void check_guard(const Step& step) {
    std::int64_t count = 0;
    database_.execute({step.text, {}, Access::read}, [&](const db::Row& row) { count = row.integer(0); });
    if (count > 0) fail(ErrorKind::conflict, std::to_string(count) + " rows " + step.message);
  }

  /// Dropping the old table takes its triggers and indexes along. The state knows its own indexes; anything
  /// else came by hand.
  void keep_extras(const Step& step) {
    extras_.clear();
    database_.execute(
        {"SELECT name, sql FROM sqlite_schema WHERE tbl_name = ? AND type IN ('trigger', 'index') "
         "AND sql IS NOT NULL ORDER BY type, name",
         {step.text},
         Access::read},
        [&](const db::Row& row) {
          if (std::ranges::find(step.indexes, row.text(0)) == step.indexes.end()) {
            extras_.push_back(std::string(row.text(1)) + ";");
          }
        });
  }

  /// Without this pragma SQLite would look into every view and trigger, and stumble over those that mention
  /// the table that is just not there.
  void rename_rebuilt(const std::string& statement) {
    database_.execute_script("PRAGMA legacy_alter_table = ON;");
    try {
      database_.execute_script(statement);
    } catch (...) {
      database_.execute_script("PRAGMA legacy_alter_table = OFF;");
      throw;
    }
    database_.execute_script("PRAGMA legacy_alter_table = OFF;");
  }

  db::Database& database_;
  std::vector<std::string> extras_;
};

}  // namespace

void in_transaction(db::Database& database, const Script& script, std::chrono::milliseconds lock_wait,
                    const std::function<void()>& change) {
  const auto until = fiber::SteadyClock::now() + lock_wait;
  for (;;) {
    bool begun = false;
    try {
      database.transaction(
          [&](db::Transaction&) {
            begun = true;
            change();
          },
          {.read_only = false, .foreign_keys = !script.rebuilds});
      return;
    } catch (const Error& e) {
      if (begun || e.kind() != ErrorKind::unavailable || fiber::SteadyClock::now() >= until) throw;
    }
    fiber::sleep_for(retry_pause);
  }
}

void run_script(db::Database& database, const Migration& migration,
                const std::vector<LocatedOperation>& operations, const Script& script) {
  Execution execution(database);
  const LocatedOperation* current = nullptr;
  try {
    for (const auto& step : script.steps) {
      current = &operations[step.operation];
      execution.run(step);
    }
    current = nullptr;
    execution.check_foreign_keys(script);
  } catch (const Error& e) {
    std::string where = migration.source;
    if (current) {
      where += ":" + std::to_string(current->line) + ": cannot " + describe(current->operation);
    } else {
      where += ": the migration cannot be finished";
    }
    const bool constraint = dynamic_cast<const db::ConstraintError*>(&e) != nullptr;
    throw Error(constraint ? ErrorKind::conflict : e.kind(), where + ": " + e.what());
  }
}

}  // namespace mpf::migrate
