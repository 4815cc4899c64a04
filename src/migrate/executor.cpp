#include "migrate/executor.hpp"

#include <algorithm>
#include <utility>

#include <mpf/fiber/fiber.hpp>

#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

namespace ddl = orm::ddl;
using db::Access;

constexpr std::chrono::milliseconds retry_pause{50};
constexpr std::chrono::milliseconds longest_pause{5'000};
/// "mpf_migr": whoever migrates a PostgreSQL database holds this advisory lock.
constexpr std::int64_t lock_key = 0x6d70665f6d696772;
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
        restore_extras();
        break;
      case Step::Kind::rename_rebuilt:
        rename_rebuilt(step.text);
        break;
      case Step::Kind::build_index:
        build_index(step);
        break;
      case Step::Kind::drop_index:
        database_.execute_long(step.text);
        break;
      case Step::Kind::backfill:
      case Step::Kind::call:
        break;  // by the runner, portion by portion
    }
  }

  /// What the server is sent.
  static std::string text_of(const Step& step) {
    // As a script a guard may take its time, which statements may not.
    return step.kind == Step::Kind::guard ? "SELECT set_config('mpf.count', (" + step.text + ")::text, true)"
                                          : step.text;
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
    auto query = step.text;
    if (database_.dialect() == db::Dialect::postgres) {
      database_.execute_script(text_of(step));
      query = "SELECT current_setting('mpf.count')::bigint";
    }
    database_.execute({query, {}, Access::read}, [&](const db::Row& row) { count = row.integer(0); });
    if (count > 0) fail(ErrorKind::conflict, std::to_string(count) + " rows " + step.message);
  }

  /// What was interrupted leaves an index behind that is not valid.
  void build_index(const Step& step) {
    std::optional<bool> valid;
    database_.execute(
        {"SELECT i.indisvalid AND i.indisready FROM pg_index i WHERE i.indexrelid = to_regclass($1)",
         {ddl::quote(step.subject)},
         Access::read},
        [&](const db::Row& row) { valid = row.boolean(0); });
    if (valid && *valid) return check_same(step);  // made just before the process was killed
    const auto drop = "DROP INDEX CONCURRENTLY IF EXISTS " + ddl::quote(step.subject);
    if (valid) database_.execute_long(drop);
    try {
      database_.execute_long(step.text);
    } catch (const Error&) {
      const fiber::ShieldScope shield;
      try {
        database_.execute_long(drop);
      } catch (const Error&) {  // the next try will
      }
      throw;
    }
  }

  /// Or by somebody else, in another way: the database tells what it makes of the statement on an empty copy
  /// of the table.
  void check_same(const Step& step) {
    std::string table;
    const auto found = definition(ddl::quote(step.subject), &table);
    auto text = step.text;
    const auto on = text.find(" ON ", text.find(ddl::quote(step.subject))) + 4;
    const auto name = ddl::quote(table);
    std::string wanted;
    if (text.compare(on, name.size() + 1, name + " ") == 0) {
      text.replace(on, name.size(), "pg_temp.mpf_copy");
      constexpr std::string_view concurrently = "CONCURRENTLY ";
      text.erase(text.find(concurrently), concurrently.size());
      in_transaction(database_, {.lock_wait = longest_pause}, [&] {
        database_.execute_script("CREATE TEMP TABLE mpf_copy (LIKE " + name + ") ON COMMIT DROP; " + text);
        wanted = definition("pg_temp." + ddl::quote(step.subject));
      });
    }
    if (wanted == found) return;
    fail(ErrorKind::conflict, "there is an index '" + step.subject + "' on table '" + table +
                                  "' already, and it is another one (" + found +
                                  "): drop it, or give it another name, and apply again");
  }

  /// "CREATE UNIQUE INDEX USING …"; the names of index and table are left out.
  std::string definition(const std::string& index, std::string* table = nullptr) {
    std::string text;
    database_.execute(
        {"SELECT c.relname::text, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON "
         "c.oid = i.indrelid WHERE i.indexrelid = to_regclass($1)",
         {index},
         Access::read},
        [&](const db::Row& row) {
          if (table) *table = row.text(0);
          text = row.text(1);
        });
    constexpr std::string_view kind = "INDEX ";
    const auto name = text.find(kind) + kind.size();
    const auto method = text.find("USING ", name);
    return method == std::string::npos ? text : text.erase(name, method - name);
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
            extras_.emplace_back(row.text(0), std::string(row.text(1)) + ";");
          }
        });
  }

  void restore_extras() {
    for (const auto& [name, statement] : extras_) {
      try {
        database_.execute_script(statement);
      } catch (const Error& e) {
        fail(ErrorKind::conflict, "'" + name + "', which was made by hand, does not fit any more (" +
                                      e.what() +
                                      "): drop it by an 'sql' operation before, and make it anew "
                                      "after it");
      }
    }
    extras_.clear();
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
  std::vector<std::pair<std::string, std::string>> extras_;  ///< names and statements
};

}  // namespace

void in_transaction(db::Database& database, const TransactionSettings& settings,
                    const std::function<void()>& change) {
  const auto until = fiber::SteadyClock::now() + settings.lock_wait;
  const bool postgres = database.dialect() == db::Dialect::postgres;
  auto pause = postgres ? std::max(retry_pause, settings.lock_timeout) : retry_pause;
  for (;;) {
    bool begun = false;
    try {
      database.transaction(
          [&](db::Transaction&) {
            begun = true;
            if (postgres) {
              database.execute_script(
                  "SET LOCAL statement_timeout = 0; SET LOCAL mpf.scope = 'system'; "
                  "SET LOCAL lock_timeout = " +
                  std::to_string(settings.lock_timeout.count()));
            }
            change();
          },
          {.read_only = false,
           .foreign_keys = settings.foreign_keys,
           .isolation = db::Isolation::read_committed});
      return;
    } catch (const db::LockTimeout&) {
      if (fiber::SteadyClock::now() >= until) throw;
    } catch (const db::SerializationError&) {
      if (fiber::SteadyClock::now() >= until) throw;
    } catch (const Error& e) {
      if (begun || e.kind() != ErrorKind::unavailable || fiber::SteadyClock::now() >= until) throw;
    }
    fiber::sleep_for(pause);
    if (postgres) pause = std::min(pause * 2, longest_pause);
  }
}

namespace {

/// The lock's transaction has a connection for itself.
void require_second(db::Database& database) {
  try {
    database.transaction([](db::Transaction&) {}, {.read_only = true});
  } catch (const db::ConnectionLost&) {
    throw;
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::unavailable) throw;
    fail(ErrorKind::unavailable,
         std::string("migrations need two connections at once, one of which holds the "
                     "lock, and there is no second one: ") +
             e.what() + "; if database.owned_connections is 1, make it 2 at least");
  }
}

}  // namespace

void with_migration_lock(db::Database& database, std::chrono::milliseconds wait,
                         const std::function<void()>& body) {
  if (database.current()) fail(ErrorKind::internal, "migrations cannot run inside a transaction");
  if (database.dialect() == db::Dialect::sqlite) return body();  // a write transaction locks the whole file
  const auto until = fiber::SteadyClock::now() + wait;
  for (;;) {
    bool finished = false;
    try {
      database.transaction(
          [&](db::Transaction&) {
            bool mine = false;
            // Only tried: a statement that waits keeps a snapshot, for the end of which concurrent index
            // builds of the one who has the lock would wait.
            database.execute({"SELECT pg_try_advisory_xact_lock($1)", {lock_key}, Access::read},
                             [&](const db::Row& row) { mine = row.boolean(0); });
            if (!mine) return;
            // Also ends the portal of the query, which would keep its snapshot until the transaction ends.
            database.execute_script(
                "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0");
            // In a fiber of its own, whose transactions are not part of this one.
            auto work = fiber::spawn(
                [&] {
                  require_second(database);
                  body();
                },
                {.name = "migrate"});
            work.get();
            finished = true;
          },
          {.isolation = db::Isolation::read_committed});
    } catch (const db::ConnectionLost&) {
      if (!finished) throw;  // else only the lock was lost, when nobody needed it any more
    }
    if (finished) return;
    if (fiber::SteadyClock::now() >= until) {
      fail(ErrorKind::unavailable,
           "another process has been migrating " + database.description() + " for more than " +
               std::to_string(std::chrono::duration_cast<std::chrono::seconds>(wait).count()) + " s");
    }
    fiber::sleep_for(retry_pause);
  }
}

void run_step(const Migration& migration, const std::vector<LocatedOperation>& operations,
              const std::function<void()>& work, std::optional<std::size_t> operation) {
  const auto where = [&] {
    if (!operation) return migration.source + ": the migration cannot be finished";
    const auto& located = operations[*operation];
    return place_of(migration, located) + ": cannot " + describe(located.operation);
  };
  try {
    work();
  } catch (const db::LockTimeout& e) {
    throw db::LockTimeout(where() + ": " + e.what());
  } catch (const db::SerializationError& e) {
    throw db::SerializationError(where() + ": " + e.what());
  } catch (const db::ConnectionLost& e) {
    throw db::ConnectionLost(where() + ": " + e.what());
  } catch (const Error& e) {
    const bool constraint = dynamic_cast<const db::ConstraintError*>(&e) != nullptr;
    throw Error(constraint ? ErrorKind::conflict : e.kind(), where() + ": " + e.what());
  }
}

void run_steps(db::Database& database, const Migration& migration,
               const std::vector<LocatedOperation>& operations, const Script& script,
               std::span<const Step> steps, const StepWatch& watch, ExtrasGuard& extras) {
  Execution execution(database);
  extras.before();
  const bool watches = database.dialect() == db::Dialect::postgres;
  for (const auto& step : steps) {
    const auto run = [&] { execution.run(step); };
    const auto run_watched = [&] {
      watched(
          database, Execution::text_of(step), watch.first_look,
          [&](const LongWork& now) { watch.tell(step, now); }, run);
    };
    run_step(migration, operations, watches ? std::function<void()>(run_watched) : run, step.operation);
  }
  run_step(
      migration, operations,
      [&] {
        execution.check_foreign_keys(script);
        extras.after();
      },
      std::nullopt);
}

std::optional<std::int64_t> run_batch(db::Database& database, const Batches& batches, std::int64_t position) {
  auto update = "UPDATE " + ddl::quote(batches.table) + " SET " + batches.set;
  const auto rest = batches.where.empty() ? std::string() : " AND (" + batches.where + ")";
  if (batches.id.empty()) {
    if (!batches.where.empty()) update += " WHERE " + batches.where;
    database.execute_script(update);
    return std::nullopt;
  }
  const auto id = ddl::quote(batches.id);
  // Ids may be below 0 as well.
  auto after = position == DataStep::beginning ? id + " IS NOT NULL" : id + " > " + std::to_string(position);
  if (batches.until) after += " AND " + id + " <= " + std::to_string(*batches.until);
  std::optional<std::int64_t> last;
  database.execute(
      {"SELECT max(" + id + ") FROM (SELECT " + id + " FROM " + ddl::quote(batches.table) + " WHERE " +
           after + " ORDER BY " + id + " LIMIT " + std::to_string(batches.rows) + ") AS batch",
       {},
       Access::read},
      [&](const db::Row& row) {
        if (!row.is_null(0)) last = row.integer(0);
      });
  if (!last) return std::nullopt;
  database.execute(
      {update + " WHERE " + after + " AND " + id + " <= " + std::to_string(*last) + rest, {}, Access::write});
  return last;
}

}  // namespace mpf::migrate
