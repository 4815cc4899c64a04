#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <mpf/base/file.hpp>
#include <mpf/db/sqlite.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/migrate/migrator.hpp>
#include <mpf/orm/ddl.hpp>
#include <mpf/orm/detail/describe.hpp>

#include "migrate/sum.hpp"
#include "orm/ddl.hpp"
#include "support/postgres.hpp"
#include "support/temp_dir.hpp"

namespace mpf::test {

inline orm::Column col(std::string name, orm::ColumnType type = orm::ColumnType::text) {
  orm::Column column;
  column.name = std::move(name);
  column.type = type;
  return column;
}
inline orm::Column id_col() {
  auto column = col("id", orm::ColumnType::id);
  column.primary_key = true;
  return column;
}
inline orm::Column null_col(std::string name, orm::ColumnType type = orm::ColumnType::text) {
  auto column = col(std::move(name), type);
  column.nullable = true;
  return column;
}
inline orm::Column with_default(orm::Column column, std::string literal) {
  column.default_value = std::move(literal);
  return column;
}
inline orm::Column ref_col(std::string name, std::string table,
                           orm::OnDelete on_delete = orm::OnDelete::restrict, bool nullable = false) {
  auto column = col(std::move(name), orm::ColumnType::id);
  column.nullable = nullable;
  column.references = orm::Reference{std::move(table), "id", on_delete};
  return column;
}
inline orm::Index index(const std::string& table, std::vector<std::string> columns, bool unique = false) {
  orm::Index result;
  result.name = orm::index_name(table, columns, unique);
  result.columns = std::move(columns);
  result.unique = unique;
  return result;
}
/// What search_index<…>() declares.
inline orm::Index search_index(const std::string& table, std::vector<std::string> columns) {
  return orm::detail::search_index_on(table, std::move(columns));
}
inline orm::Table table(std::string name, std::vector<orm::Column> columns,
                        std::vector<orm::Index> indexes = {}) {
  orm::Table result;
  result.name = std::move(name);
  result.columns = std::move(columns);
  result.indexes = std::move(indexes);
  return result;
}

/// Modules whose migrations lie in folders of their own.
class Modules {
 public:
  std::filesystem::path folder(const std::string& module) const { return dir_.path() / "src" / module; }

  migrate::ModuleModels models(const std::string& module, std::vector<orm::Table> tables) const {
    return {module, std::move(tables), nullptr, folder(module)};
  }

  void write(const std::string& module, const std::string& name, const std::string& text) const {
    add(module, name, text);
    accept(module);
  }
  /// One of many; accept() after the last one.
  void add(const std::string& module, const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(folder(module));
    write_file_atomic(folder(module) / (name + ".yaml"), text);
  }

  /// The files are as they should be, whatever a test did to them.
  void accept(const std::string& module) const {
    std::vector<migrate::Migration> all;
    for (const auto& entry : std::filesystem::directory_iterator(folder(module))) {
      if (entry.path().extension() != ".yaml") continue;
      try {
        all.push_back(migrate::parse_migration(read_file(entry.path()), entry.path().string()));
      } catch (const Error&) {  // the test is about that
      }
    }
    std::vector<const migrate::Migration*> each;
    for (const auto& migration : all) each.push_back(&migration);
    write_file_atomic(folder(module) / migrate::sum_file, migrate::sum_of(std::move(each)));
  }

  std::filesystem::path file(const std::string& name = "test.db") const { return dir_.path() / name; }

  std::unique_ptr<db::Database> open(const std::string& name = "test.db") const {
    return db::open_sqlite({.file = file(name)});
  }

 private:
  TempDir dir_;
};

inline std::vector<std::string> texts(db::Database& database, const std::string& sql) {
  std::vector<std::string> rows;
  database.execute({sql, {}, db::Access::read}, [&](const db::Row& row) {
    std::string text;
    for (std::size_t i = 0; i < row.columns(); ++i) {
      text += (i > 0 ? "|" : "") + (row.is_null(i) ? std::string("NULL") : std::string(row.text(i)));
    }
    rows.push_back(std::move(text));
  });
  return rows;
}

inline std::int64_t number(db::Database& database, const std::string& sql) {
  std::int64_t value = 0;
  database.execute({sql, {}, db::Access::read}, [&](const db::Row& row) { value = row.integer(0); });
  return value;
}

/// Named CHECK constraints in a table's SQL.
inline std::vector<std::string> checks_in(const std::string& sql) {
  std::vector<std::string> result;
  for (auto at = sql.find("CONSTRAINT"); at != std::string::npos; at = sql.find("CONSTRAINT", at + 1)) {
    int depth = 0;
    bool quoted = false;
    auto end = at;
    for (; end < sql.size(); ++end) {
      if (sql[end] == '\'') quoted = !quoted;
      if (quoted) continue;
      if (sql[end] == '(') ++depth;
      if (sql[end] == ')' && --depth == 0) break;
    }
    result.push_back(sql.substr(at, end + 1 - at));
  }
  return result;
}

inline std::set<std::string> postgres_catalog(db::Database& database) {
  std::set<std::string> result;
  const auto add = [&](const std::string& what, const std::string& sql) {
    for (const auto& row : texts(database, sql)) result.insert(what + " " + row);
  };
  const std::string ours = "c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'mpf_migration%'";
  add("column",
      "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, "
      "a.attgenerated::text, a.attidentity::text, (SELECT collname::text FROM pg_collation WHERE oid = "
      "a.attcollation), coalesce(pg_get_expr(d.adbin, d.adrelid), '') FROM "
      "pg_class c "
      "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN "
      "pg_attrdef d "
      "ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relkind = 'r' AND " +
          ours);
  add("constraint",
      "SELECT c.relname::text, k.conname::text, pg_get_constraintdef(k.oid) FROM pg_class c JOIN "
      "pg_constraint k ON k.conrelid = c.oid WHERE " +
          ours);
  add("index",
      "SELECT pg_get_indexdef(i.indexrelid) FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid WHERE NOT "
      "i.indisprimary AND " +
          ours);
  add("row security",
      "SELECT c.relname::text, c.relrowsecurity::text, c.relforcerowsecurity::text FROM pg_class c WHERE "
      "c.relkind = 'r' AND " +
          ours);
  add("policy",
      "SELECT c.relname::text, p.polname::text, p.polcmd::text, coalesce(pg_get_expr(p.polqual, p.polrelid), "
      "''), coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') FROM pg_class c JOIN pg_policy p ON "
      "p.polrelid = c.oid WHERE " +
          ours);
  add("trigger",
      "SELECT c.relname::text, t.tgname::text, t.tgenabled::text, md5(p.prosrc) FROM pg_class c JOIN "
      "pg_trigger t ON t.tgrelid = c.oid JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal AND " +
          ours);
  // Of one that went, nothing may be left.
  add("function",
      "SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND "
      "proname LIKE 'mpf\\_%'");
  add("sequence", "SELECT c.relname::text FROM pg_class c WHERE c.relkind = 'S' AND " + ours);
  add("right",
      "SELECT coalesce(t.relname, c.relname)::text, c.relkind::text, r.grantee::regrole::text, "
      "r.privilege_type FROM pg_class c LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND "
      "d.objid = c.oid AND c.relkind = 'S' AND d.refobjsubid > 0 LEFT JOIN pg_class t ON t.oid = d.refobjid "
      "CROSS JOIN aclexplode(c.relacl) r WHERE r.grantee <> c.relowner AND " +
          ours);
  return result;
}

/// All that the database knows about the tables but history's: independent of the order of columns and of
/// how a table came to be.
inline std::set<std::string> catalog(db::Database& database) {
  if (database.dialect() == db::Dialect::postgres) return postgres_catalog(database);
  std::set<std::string> result;
  const auto tables =
      texts(database,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND "
            "name NOT LIKE 'mpf_migration%'");
  for (const auto& name : tables) {
    const auto add = [&](const std::string& what, const std::string& sql) {
      for (const auto& row : texts(database, sql)) result.insert(name + " " + what + " " + row);
    };
    const auto argument = "('" + name + "')";
    add("column",
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo" + argument);
    add("reference",
        "SELECT \"table\", group_concat(\"from\"), group_concat(\"to\"), on_delete FROM (SELECT * FROM "
        "pragma_foreign_key_list" +
            argument + " ORDER BY id, seq) GROUP BY id");
    add("strict", "SELECT strict, wr FROM pragma_table_list WHERE name = '" + name + "'");
    add("index",
        "SELECT i.name, i.\"unique\", i.partial, (SELECT group_concat(coalesce(c.name, '-') || "
        "c.desc) FROM pragma_index_xinfo(i.name) c WHERE c.key) FROM pragma_index_list" +
            argument + " i");
    // What expressions and conditions say: as it was written, since a rename changes but the names.
    add("index sql",
        "SELECT name, substr(sql, instr(sql, ' (')) FROM sqlite_schema WHERE type = 'index' AND "
        "sql IS NOT NULL AND tbl_name = '" +
            name + "'");
    const auto sql = texts(database, "SELECT sql FROM sqlite_schema WHERE name = '" + name + "'").at(0);
    for (auto at = sql.find("GENERATED"); at != std::string::npos; at = sql.find("GENERATED", at + 1)) {
      result.insert(name + " generated " + sql.substr(at, sql.find(" STORED", at) - at));
    }
    add("other", "SELECT type, name FROM sqlite_schema WHERE tbl_name = '" + name + "' AND type = 'trigger'");
    add("words",
        "SELECT type, name, sql FROM sqlite_schema WHERE name LIKE 'mpf\\_words\\_%' ESCAPE '\\' AND "
        "(tbl_name = '" +
            name + "' OR name = 'mpf_words_" + name + "')");
    for (const auto& check :
         checks_in(texts(database, "SELECT sql FROM sqlite_schema WHERE name = '" + name + "'").at(0))) {
      result.insert(name + " check " + check);
    }
  }
  return result;
}

template <class Call>
std::string error_of(const Call& call, ErrorKind* kind = nullptr) {
  try {
    call();
  } catch (const Error& e) {
    if (kind) *kind = e.kind();
    return e.what();
  }
  return {};
}

/// Indexes of words on SQLite that do not hold exactly the words of the rows.
inline std::vector<std::string> wrong_search_tables(db::Database& database) {
  std::vector<std::string> wrong;
  for (const auto& name : texts(database,
                                "SELECT substr(name, 11) FROM sqlite_schema WHERE type = 'view' AND name "
                                "LIKE 'mpf\\_words\\_%' ESCAPE '\\'")) {
    const auto check = "INSERT INTO \"" + name + "\" (\"" + name + "\") VALUES ('integrity-check')";
    const auto rows = "SELECT id, document FROM \"mpf_words_" + name + "\"";
    const auto known = "SELECT rowid, document FROM \"" + name + "\"";
    const bool fits = error_of([&] { database.execute_script(check); }).empty() &&
                      number(database, "SELECT count(*) FROM (" + rows + " EXCEPT " + known + ")") == 0 &&
                      number(database, "SELECT count(*) FROM (" + known + " EXCEPT " + rows + ")") == 0;
    if (!fits) wrong.push_back(name);
  }
  return wrong;
}

/// The catalog that these tables should give.
inline std::set<std::string> catalog_of(const std::vector<orm::Table>& tables, db::Database& empty) {
  for (const auto& each : tables) {  // references may go in circles: they come last
    auto bare = each;
    for (auto& column : bare.columns) column.references.reset();
    for (const auto& sql : orm::create_table_sql(bare, empty.dialect())) empty.execute_script(sql);
    for (const auto& column : each.columns) {
      if (!column.primary_key || !column.references) continue;
      empty.execute_script("ALTER TABLE " + orm::ddl::quote(each.name) + " ALTER COLUMN " +
                           orm::ddl::quote(column.name) + " DROP IDENTITY");
    }
  }
  for (const auto& each : tables) {
    for (const auto& column : each.columns) {
      if (!column.references) continue;
      empty.execute_script(orm::ddl::add_foreign_key(each.name, column));
    }
    if (!each.row_security || empty.dialect() == db::Dialect::sqlite) continue;
    for (const auto& sql : orm::ddl::make_role(each.row_security->role)) empty.execute_script(sql);
    for (const auto& sql : orm::ddl::secure(each, *each.row_security)) empty.execute_script(sql);
  }
  return catalog(empty);
}

inline std::set<std::string> catalog_of(const std::vector<orm::Table>& tables) {
  const TempDir dir;
  const auto database = db::open_sqlite({.file = dir.path() / "model.db"});
  for (const auto& each : tables) {
    for (const auto& sql : orm::create_table_sql(each, db::Dialect::sqlite)) database->execute_script(sql);
  }
  return catalog(*database);
}

inline std::set<std::string> wanted_catalog(const std::vector<orm::Table>& tables, db::Dialect dialect) {
  if (dialect == db::Dialect::sqlite) return catalog_of(tables);
  const FreshDatabase fresh(dialect);
  return catalog_of(tables, *fresh);
}

/// Runs body in a fiber. Tests block the loop now and then, and nobody is to complain.
template <class Body>
auto run(Body&& body) {
  fiber::RuntimeOptions options;
  options.stall_threshold = std::chrono::milliseconds(0);
  return fiber::run(std::forward<Body>(body), options);
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace mpf::test
