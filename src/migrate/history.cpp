#include "migrate/history.hpp"

#include <algorithm>

namespace mpf::migrate {

using db::Access;
using db::Dialect;

namespace {

constexpr auto* history_table = "mpf_migration";
constexpr auto* progress_table = "mpf_migration_progress";
/// They had fewer columns once.
constexpr std::int64_t first_columns = 4;
constexpr std::int64_t first_progress_columns = 6;

/// "?" as the dialect writes it.
std::string numbered(std::string sql, Dialect dialect) {
  if (dialect == Dialect::sqlite) return sql;
  int number = 0;
  for (auto at = sql.find('?'); at != std::string::npos; at = sql.find('?', at + 1)) {
    sql.replace(at, 1, "$" + std::to_string(++number));
  }
  return sql;
}

/// `whole`: with the columns that it had not at first.
std::string progress_query(bool whole) {
  return std::string("SELECT module, name, backward, checksum, phase, position") +
         (whole ? ", script, stood_phase, stood_position" : "") + " FROM " + progress_table;
}

History::Progress progress_in(const db::Row& row, bool whole) {
  History::Progress progress{.backward = row.integer(2) != 0,
                             .checksum = std::string(row.text(3)),
                             .phase = static_cast<std::size_t>(row.integer(4)),
                             .position = row.integer(5)};
  if (whole) progress.script = row.text(6);
  if (whole && !row.is_null(7)) {
    progress.stood = History::Progress::Stood{static_cast<std::size_t>(row.integer(7)), row.integer(8)};
  }
  return progress;
}

}  // namespace

std::int64_t History::columns_of(const char* table) {
  const bool sqlite = database_.dialect() == Dialect::sqlite;
  std::int64_t count = 0;
  database_.execute({sqlite ? "SELECT count(*) FROM pragma_table_info(?)"
                            : "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum "
                              "> 0 AND NOT attisdropped",
                     {std::string(table)},
                     Access::read},
                    [&](const db::Row& row) { count = row.integer(0); });
  return count;
}

History::Records History::read() {
  Records records;
  const auto columns = columns_of(history_table);
  if (columns == 0) return records;
  const bool whole = columns > first_columns;
  database_.execute({std::string("SELECT module, name, checksum, applied_at") +
                         (whole ? ", content IS NOT NULL" : "") + " FROM mpf_migration",
                     {},
                     Access::read},
                    [&](const db::Row& row) {
                      const MigrationId id{std::string(row.text(0)), std::string(row.text(1))};
                      records[id] = {std::string(row.text(2)), row.timestamp(3), whole && row.boolean(4)};
                    });
  return records;
}

void History::prepare() {
  const auto columns = columns_of(history_table);
  if (columns > first_columns) return;
  if (columns > 0) {
    database_.execute_script(std::string("ALTER TABLE mpf_migration ADD COLUMN ") +
                             (database_.dialect() == Dialect::sqlite ? "" : "IF NOT EXISTS ") +
                             "content text;");
    return;
  }
  const bool sqlite = database_.dialect() == Dialect::sqlite;
  database_.execute_script(std::string("CREATE TABLE IF NOT EXISTS mpf_migration (\n"
                                       "  module text NOT NULL,\n"
                                       "  name text NOT NULL,\n"
                                       "  checksum text NOT NULL,\n"
                                       "  applied_at ") +
                           (sqlite ? "integer" : "timestamptz") +
                           " NOT NULL,\n  content text,\n  PRIMARY KEY (module, name)\n)" +
                           (sqlite ? " STRICT, WITHOUT ROWID;" : ";"));
}

History::Begun History::read_progress() {
  Begun result;
  const auto columns = columns_of(progress_table);
  if (columns == 0) return result;
  const bool whole = columns > first_progress_columns;
  database_.execute({progress_query(whole), {}, Access::read}, [&](const db::Row& row) {
    result[{std::string(row.text(0)), std::string(row.text(1))}] = progress_in(row, whole);
  });
  return result;
}

std::optional<History::Progress> History::progress(const MigrationId& id) {
  std::optional<Progress> result;
  database_.execute({numbered(progress_query(true) + " WHERE module = ? AND name = ?", database_.dialect()),
                     {id.module, id.name},
                     Access::read},
                    [&](const db::Row& row) { result = progress_in(row, true); });
  return result;
}

void History::prepare_progress() {
  const auto columns = columns_of(progress_table);
  if (columns > first_progress_columns) return;
  const bool sqlite = database_.dialect() == Dialect::sqlite;
  const std::string number = sqlite ? " integer" : " bigint";
  if (columns == 0) {
    database_.execute_script(
        "CREATE TABLE IF NOT EXISTS mpf_migration_progress (\n"
        "  module text NOT NULL,\n  name text NOT NULL,\n  checksum text NOT NULL,\n  backward" +
        number + " NOT NULL,\n  phase" + number + " NOT NULL,\n  position" + number +
        " NOT NULL,\n  script text NOT NULL DEFAULT '',\n  stood_phase" + number + ",\n  stood_position" +
        number + ",\n  PRIMARY KEY (module, name)\n)" + (sqlite ? " STRICT, WITHOUT ROWID;" : ";"));
    return;
  }
  const std::string adds =
      std::string("ALTER TABLE mpf_migration_progress ADD COLUMN ") + (sqlite ? "" : "IF NOT EXISTS ");
  database_.execute_script(adds + "script text NOT NULL DEFAULT ''; " + adds + "stood_phase" + number + "; " +
                           adds + "stood_position" + number + ";");
}

void History::set_progress(const MigrationId& id, const Progress& progress) {
  const auto stood = [&](auto value) {
    return progress.stood ? db::Param(static_cast<std::int64_t>((*progress.stood).*value)) : db::Param();
  };
  database_.execute(
      {numbered("INSERT INTO mpf_migration_progress (module, name, checksum, backward, phase, position, "
                "script, stood_phase, stood_position) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT "
                "(module, name) DO UPDATE SET checksum = excluded.checksum, backward = excluded.backward, "
                "phase = excluded.phase, position = excluded.position, script = excluded.script, stood_phase "
                "= excluded.stood_phase, stood_position = excluded.stood_position",
                database_.dialect()),
       {id.module, id.name, progress.checksum, std::int64_t{progress.backward},
        static_cast<std::int64_t>(progress.phase), progress.position, progress.script,
        stood(&Progress::Stood::phase), stood(&Progress::Stood::position)},
       Access::write});
}

void History::remove_progress(const MigrationId& id) {
  database_.execute(
      {numbered("DELETE FROM mpf_migration_progress WHERE module = ? AND name = ?", database_.dialect()),
       {id.module, id.name},
       Access::write});
}

std::optional<std::string> History::checksum(const MigrationId& id) {
  std::optional<std::string> result;
  database_.execute(
      {numbered("SELECT checksum FROM mpf_migration WHERE module = ? AND name = ?", database_.dialect()),
       {id.module, id.name},
       Access::read},
      [&](const db::Row& row) { result = std::string(row.text(0)); });
  return result;
}

void History::add(const Migration& migration, Timestamp now) {
  const auto insert = [&](const MigrationId& id, const std::string& checksum, const db::Param& content) {
    database_.execute(
        {numbered("INSERT INTO mpf_migration (module, name, checksum, applied_at, content) VALUES (?, ?, "
                  "?, ?, ?) ON CONFLICT (module, name) DO NOTHING",
                  database_.dialect()),
         {id.module, id.name, checksum, now, content},
         Access::write});
  };
  insert(migration.id, migration.checksum, migration.text);
  for (const auto& id : migration.replaces) insert(id, {}, nullptr);
}

std::map<MigrationId, std::string> History::texts(std::string_view module) {
  std::map<MigrationId, std::string> result;
  if (columns_of(history_table) <= first_columns) return result;
  database_.execute(
      {numbered("SELECT name, content FROM mpf_migration WHERE module = ? AND content IS NOT NULL",
                database_.dialect()),
       {std::string(module)},
       Access::read},
      [&](const db::Row& row) {
        result[{std::string(module), std::string(row.text(0))}] = row.text(1);
      });
  return result;
}

void History::set_text(const MigrationId& id, const std::string& text) {
  database_.execute(
      {numbered("UPDATE mpf_migration SET content = ? WHERE module = ? AND name = ?", database_.dialect()),
       {text, id.module, id.name},
       Access::write});
}

void History::remove(const MigrationId& id) {
  database_.execute({numbered("DELETE FROM mpf_migration WHERE module = ? AND name = ?", database_.dialect()),
                     {id.module, id.name},
                     Access::write});
}

void History::remove(const Migration& migration) {
  remove(migration.id);
  for (const auto& id : migration.replaces) remove(id);
}

std::vector<MigrationId> newer_records(const Graph& graph, const History::Records& records,
                                       const std::vector<ModuleModels>& modules) {
  struct Last {
    Timestamp applied_at{};
    std::string name;
  };
  std::map<std::string, Last> known;
  for (const auto& migration : graph.migrations()) {
    auto& last = known[migration.id.module];
    last.name = std::max(last.name, migration.id.name);
    if (const auto record = records.find(migration.id); record != records.end()) {
      last.applied_at = std::max(last.applied_at, record->second.applied_at);
    }
  }
  std::vector<MigrationId> result;
  for (const auto& [id, record] : records) {
    if (graph.find(id) || !std::ranges::count(modules, id.module, &ModuleModels::module)) continue;
    // Two branches may give the same number; and clocks of several machines may differ. What was squashed has
    // the time of its parts where both were recorded at once.
    const auto last = known.find(id.module);
    const bool later =
        last == known.end() || record.applied_at >= last->second.applied_at || id.name > last->second.name;
    if (later) result.push_back(id);
  }
  return result;
}

void check_history(const Graph& graph, const History::Records& records,
                   const std::vector<ModuleModels>& modules, Newer newer) {
  const auto later = newer_records(graph, records, modules);
  std::string problems;
  const auto problem = [&](const MigrationId& id, const std::string& what) {
    problems += (problems.empty() ? "" : "\n") + id.to_string() + " " + what;
  };
  const auto command = [](const char* verb, const MigrationId& id) {
    return std::string("`migrate ") + verb + " " + id.module + " " + id.name + "`";
  };
  for (const auto& [id, record] : records) {
    const auto* migration = graph.find(id);
    if (!migration) {
      // A module that was taken out of the application leaves its tables and its history behind.
      if (!std::ranges::count(modules, id.module, &ModuleModels::module)) continue;
      if (std::ranges::count(later, id) == 0) {
        problem(id, "is applied, and its file is gone: bring the file back, or forget it by " +
                        command("fake --undo", id));
      } else if (newer == Newer::refused) {
        problem(id,
                "is applied, and its file is gone: if a newer release has it, use that one to change this "
                "database; else bring the file back");
      }
      continue;
    }
    if (migration->id != id) continue;  // a part of what was squashed
    if (!record.checksum.empty() && migration->checksum != record.checksum) {
      problem(
          id,
          "was edited after it was applied (" + migration->source +
              "): bring the file back as it was and put the change into a new migration, or, if the database "
              "is as the file says now, accept it by " +
              command("fake", id) + " and `migrate sum " + id.module + "`");
    }
    for (const auto& needed : migration->depends) {
      if (records.contains(needed)) continue;
      problem(id, "is applied, and " + needed.to_string() + ", on which it depends, is not: undo it by " +
                      command("rollback", id) + ", or, if the database has both, accept that by " +
                      command("fake", needed));
    }
  }
  if (!problems.empty()) fail(ErrorKind::conflict, problems);
}

}  // namespace mpf::migrate
