#include "migrate/history.hpp"

#include <algorithm>

namespace mpf::migrate {

using db::Access;
using db::Dialect;

namespace {

/// "?" as the dialect writes it.
std::string numbered(std::string sql, Dialect dialect) {
  if (dialect == Dialect::sqlite) return sql;
  int number = 0;
  for (auto at = sql.find('?'); at != std::string::npos; at = sql.find('?', at + 1)) {
    sql.replace(at, 1, "$" + std::to_string(++number));
  }
  return sql;
}

}  // namespace

bool History::exists(const char* table) {
  const bool sqlite = database_.dialect() == Dialect::sqlite;
  std::int64_t count = 0;
  database_.execute({sqlite ? "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?"
                            : "SELECT count(*) FROM pg_class WHERE oid = to_regclass($1)",
                     {std::string(table)},
                     Access::read},
                    [&](const db::Row& row) { count = row.integer(0); });
  return count > 0;
}

History::Records History::read() {
  Records records;
  if (!exists()) return records;
  database_.execute({"SELECT module, name, checksum, applied_at FROM mpf_migration", {}, Access::read},
                    [&](const db::Row& row) {
                      const MigrationId id{std::string(row.text(0)), std::string(row.text(1))};
                      records[id] = {std::string(row.text(2)), row.timestamp(3)};
                    });
  return records;
}

void History::prepare() {
  if (exists()) return;
  const bool sqlite = database_.dialect() == Dialect::sqlite;
  database_.execute_script(std::string("CREATE TABLE IF NOT EXISTS mpf_migration (\n"
                                       "  module text NOT NULL,\n"
                                       "  name text NOT NULL,\n"
                                       "  checksum text NOT NULL,\n"
                                       "  applied_at ") +
                           (sqlite ? "integer" : "timestamptz") +
                           " NOT NULL,\n  PRIMARY KEY (module, name)\n)" +
                           (sqlite ? " STRICT, WITHOUT ROWID;" : ";"));
}

std::map<MigrationId, History::Progress> History::read_progress() {
  std::map<MigrationId, Progress> result;
  if (!exists("mpf_migration_progress")) return result;
  database_.execute({"SELECT module, name, backward, checksum, phase, position FROM mpf_migration_progress",
                     {},
                     Access::read},
                    [&](const db::Row& row) {
                      result[{std::string(row.text(0)), std::string(row.text(1))}] = {
                          row.integer(2) != 0, std::string(row.text(3)),
                          static_cast<std::size_t>(row.integer(4)), row.integer(5)};
                    });
  return result;
}

void History::prepare_progress() {
  if (exists("mpf_migration_progress")) return;
  const bool sqlite = database_.dialect() == Dialect::sqlite;
  const std::string number = sqlite ? " integer NOT NULL,\n" : " bigint NOT NULL,\n";
  database_.execute_script(
      "CREATE TABLE IF NOT EXISTS mpf_migration_progress (\n"
      "  module text NOT NULL,\n  name text NOT NULL,\n  checksum text NOT NULL,\n  backward" +
      number + "  phase" + number + "  position" + number + "  PRIMARY KEY (module, name)\n)" +
      (sqlite ? " STRICT, WITHOUT ROWID;" : ";"));
}

void History::set_progress(const MigrationId& id, const Progress& progress) {
  database_.execute(
      {numbered(
           "INSERT INTO mpf_migration_progress (module, name, checksum, backward, phase, position) VALUES "
           "(?, ?, ?, ?, ?, ?) ON CONFLICT (module, name) DO UPDATE SET checksum = excluded.checksum, "
           "backward = excluded.backward, phase = excluded.phase, position = excluded.position",
           database_.dialect()),
       {id.module, id.name, progress.checksum, std::int64_t{progress.backward},
        static_cast<std::int64_t>(progress.phase), progress.position},
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
  database_.execute(
      {numbered("INSERT INTO mpf_migration (module, name, checksum, applied_at) VALUES (?, ?, ?, ?)",
                database_.dialect()),
       {migration.id.module, migration.id.name, migration.checksum, now},
       Access::write});
}

void History::remove(const MigrationId& id) {
  database_.execute({numbered("DELETE FROM mpf_migration WHERE module = ? AND name = ?", database_.dialect()),
                     {id.module, id.name},
                     Access::write});
}

void check_history(const Graph& graph, const History::Records& records,
                   const std::vector<ModuleModels>& modules) {
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
      problem(id, "is applied, and its file is gone: bring the file back, or forget it by " +
                      command("fake --undo", id));
      continue;
    }
    if (migration->checksum != record.checksum) {
      problem(
          id,
          "was edited after it was applied (" + migration->source +
              "): bring the file back as it was and put the change into a new migration, or, if the database "
              "is as the file says now, accept it by " +
              command("fake", id));
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
