#include "migrate/catalog.hpp"

#include <map>
#include <set>

#include <mpf/base/uuid.hpp>
#include <mpf/db/sqlite.hpp>
#include <mpf/fiber/fiber.hpp>

#include "migrate/null_filling.hpp"
#include "migrate/twins.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

namespace ddl = orm::ddl;
using Facts = std::map<std::string, std::set<std::string>>;  ///< what is known of each table

constexpr std::string_view shadow = "mpf_check";
/// What an index says, in its comment, that is to be there beside those of the models.
constexpr std::string_view by_hand = "by hand";

std::vector<std::vector<std::string>> rows_of(db::Database& database, const std::string& sql) {
  std::vector<std::vector<std::string>> rows;
  database.execute({sql, {}, db::Access::read}, [&](const db::Row& row) {
    auto& texts = rows.emplace_back();
    for (std::size_t i = 0; i < row.columns(); ++i) {
      texts.push_back(row.is_null(i) ? std::string() : std::string(row.text(i)));
    }
  });
  return rows;
}

/// Rows of a table's name, and what is to be known.
void add(Facts& facts, db::Database& database, const std::string& what, const std::string& sql) {
  for (const auto& row : rows_of(database, sql)) {
    auto text = what;
    for (std::size_t i = 1; i < row.size(); ++i) {
      if (!row[i].empty()) text += " " + row[i];
    }
    facts[row[0]].insert(std::move(text));
  }
}

void make_tables(db::Database& database, const State& state) {
  const auto dialect = database.dialect();
  const bool postgres = dialect == db::Dialect::postgres;
  for (const auto& [name, entry] : state.tables()) {
    auto table = entry.table;
    std::string from_others;  // a key that is another row's counts nothing itself
    if (postgres) {           // references may go in circles
      for (auto& column : table.columns) {
        if (column.primary_key && column.references) {
          from_others += "; ALTER TABLE " + ddl::quote(name) + " ALTER COLUMN " + ddl::quote(column.name) +
                         " DROP IDENTITY";
        }
        column.references.reset();
      }
    }
    database.execute_script(ddl::create_table(table, dialect) + from_others);
    for (const auto& index : table.indexes) {
      for (const auto& sql : ddl::make_index(table, index, dialect)) database.execute_script(sql);
    }
  }
  if (!postgres) return;
  for (const auto& [name, entry] : state.tables()) {
    for (const auto& column : entry.table.columns) {
      if (!column.references) continue;
      database.execute_script(ddl::add_foreign_key(name, column));
    }
  }
  for (const auto& [name, entry] : state.tables()) {
    if (!entry.table.row_security) continue;
    for (const auto& sql : ddl::secure(entry.table, *entry.table.row_security)) database.execute_script(sql);
  }
  for (const auto& [name, entry] : state.tables()) {
    for (const auto& twins : entry.twins) {
      for (const auto& sql : hold_same(entry.table, twins)) database.execute_script(sql);
    }
    for (const auto& column : entry.filled) {
      for (const auto& sql : fill_nulls(entry.table, *find_column(entry.table, column)))
        database.execute_script(sql);
    }
  }
}

/// Rights and policies, of tables behind row security: elsewhere they are made by hand.
void add_security(Facts& facts, db::Database& database, const State& state, const std::string& ours) {
  for (const auto& [name, entry] : state.tables()) {
    if (!entry.table.row_security) continue;
    const auto of = ours + " AND c.relname = " + ddl::literal(name);
    add(facts, database, "row security",
        "SELECT c.relname::text, CASE WHEN c.relrowsecurity THEN 'enabled' END, CASE WHEN "
        "c.relforcerowsecurity THEN 'forced' END FROM pg_class c WHERE" +
            of);
    add(facts, database, "policy",
        "SELECT c.relname::text, quote_ident(p.polname), p.polcmd::text, CASE WHEN NOT p.polpermissive THEN "
        "'restrictive' END, 'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || "
        "pg_get_expr(p.polwithcheck, p.polrelid) FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid "
        "WHERE" +
            of);
    add(facts, database, "right",
        "SELECT c.relname::text, r.privilege_type, 'of ' || quote_ident(" +
            ddl::literal(entry.table.row_security->role) +
            ") FROM pg_class c CROSS JOIN aclexplode(c.relacl) r WHERE r.grantee = (SELECT oid FROM pg_roles "
            "WHERE rolname = " +
            ddl::literal(entry.table.row_security->role) + ") AND" + of);
  }
}

Facts read_postgres(db::Database& database, const std::string& schema, const State& state) {
  database.execute_script("SET LOCAL search_path = " + schema);
  Facts facts;
  const std::string ours =
      " c.relkind IN ('r', 'p') AND c.relnamespace = " + ddl::literal(schema) + "::regnamespace";
  for (const auto& row : rows_of(database, "SELECT c.relname::text FROM pg_class c WHERE" + ours))
    facts[row[0]];
  add(facts, database, "column",
      "SELECT c.relname::text, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), (SELECT "
      "'collate ' || "
      "collname FROM pg_collation WHERE oid = a.attcollation AND oid <> 100), CASE WHEN "
      "a.attnotnull THEN 'not null' END, CASE WHEN a.attgenerated = 's' THEN 'generated' END, CASE WHEN "
      "a.attidentity <> '' THEN 'identity' END, pg_get_expr(d.adbin, d.adrelid) FROM pg_class c JOIN "
      "pg_attribute "
      "a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = "
      "c.oid "
      "AND d.adnum = a.attnum WHERE" +
          ours);
  add(facts, database, "constraint",
      "SELECT c.relname::text, CASE WHEN k.contype <> 'p' THEN quote_ident(k.conname) END, "
      "pg_get_constraintdef(k.oid) FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid WHERE" +
          ours);
  add(facts, database, "index",
      "SELECT c.relname::text, replace(pg_get_indexdef(i.indexrelid), quote_ident(" + ddl::literal(schema) +
          ") || '.', ''), CASE WHEN NOT i.indisvalid THEN 'not valid' END FROM pg_class c JOIN pg_index i ON "
          "i.indrelid = c.oid WHERE NOT i.indisprimary AND coalesce(obj_description(i.indexrelid, "
          "'pg_class'), '') <> " +
          ddl::literal(by_hand) + " AND" + ours);
  add(facts, database, "trigger",
      "SELECT c.relname::text, quote_ident(t.tgname), CASE WHEN t.tgenabled <> 'O' THEN 'disabled' END, 'of "
      "' "
      "|| md5(p.prosrc) FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid JOIN pg_proc p ON p.oid = "
      "t.tgfoid WHERE t.tgname SIMILAR TO 'mpf\\_(same|fill)\\_%' AND" +
          ours);
  add_security(facts, database, state, ours);
  return facts;
}

/// Named CHECK constraints and generation rules in the text that a table was made with.
std::vector<std::string> rules_in(const std::string& sql) {
  std::vector<std::string> result;
  for (const std::string word : {"CONSTRAINT", "GENERATED ALWAYS AS"}) {
    for (auto at = sql.find(word); at != std::string::npos; at = sql.find(word, at + 1)) {
      int depth = 0;
      char quote = 0;
      auto end = at;
      for (; end < sql.size(); ++end) {
        const char c = sql[end];
        if (quote != 0) {
          if (c == quote) quote = 0;
          continue;
        }
        if (c == '\'' || c == '"') quote = c;
        if (c == '(') ++depth;
        if (c == ')' && --depth == 0) break;
      }
      result.push_back(sql.substr(at, end + 1 - at));
    }
  }
  return result;
}

Facts read_sqlite(db::Database& database) {
  Facts facts;
  const auto tables = rows_of(database,
                              "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE "
                              "'sqlite_%'");
  for (const auto& table : tables) {
    const auto& name = table[0];
    facts[name];
    const auto argument = ddl::literal(name);
    const auto about = [&](const std::string& what, const std::string& sql) {
      add(facts, database, what, "SELECT " + argument + ", " + sql);
    };
    about(
        "column",
        "name, type, CASE WHEN \"notnull\" THEN 'not null' END, 'default ' || dflt_value, CASE WHEN pk THEN "
        "'primary key' END, CASE WHEN hidden THEN 'generated' END FROM pragma_table_xinfo(" +
            argument + ")");
    about("reference",
          "group_concat(\"from\"), 'to', \"table\", group_concat(\"to\"), on_delete FROM (SELECT * FROM "
          "pragma_foreign_key_list(" +
              argument + ") ORDER BY id, seq) GROUP BY id");
    about("table", "CASE WHEN strict THEN 'strict' END FROM pragma_table_list WHERE name = " + argument);
    about("index",
          "name, substr(sql, instr(sql, ' (')), CASE WHEN sql LIKE 'CREATE UNIQUE%' THEN 'unique' END FROM "
          "sqlite_schema WHERE type = 'index' AND sql NOT LIKE '%/* " +
              std::string(by_hand) + " */%' AND tbl_name = " + argument);
    // Of indexes of words: a trigger's name ends with that of the table of FTS5.
    about("search",
          "type, name, sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'mpf\\_words\\_%' ESCAPE "
          "'\\' "
          "AND tbl_name = " +
              argument);
    about("search",
          "s.type, s.name, s.sql FROM sqlite_schema t JOIN sqlite_schema s ON s.name IN (substr(t.name, 18), "
          "'mpf_words_' || substr(t.name, 18)) WHERE t.type = 'trigger' AND t.name LIKE "
          "'mpf\\_words\\_insert\\_%' ESCAPE '\\' AND t.tbl_name = " +
              argument);
    for (auto& rule : rules_in(table[1])) facts[name].insert(std::move(rule));
  }
  return facts;
}

std::vector<std::string> compare(const State& state, const Facts& wanted, const Facts& found) {
  std::vector<std::string> result;
  for (const auto& [name, entry] : state.tables()) {
    const auto there = found.find(name);
    if (there == found.end()) {
      result.push_back("table " + name + " is missing");
      continue;
    }
    const auto& should = wanted.at(name);
    for (const auto& fact : should) {
      if (!there->second.contains(fact)) result.push_back("table " + name + " lacks: " + fact);
    }
    for (const auto& fact : there->second) {
      if (!should.contains(fact)) result.push_back("table " + name + " has besides: " + fact);
    }
  }
  return result;
}

void open_shadow(db::Database& database, const std::string& live) {
  const std::string name(shadow);
  try {
    database.execute_script("CREATE SCHEMA " + name + "; SET LOCAL search_path = " + name + ", " + live);
  } catch (const db::ConnectionLost&) {
    throw;
  } catch (const Error& e) {
    throw Error(e.kind(), "cannot make the schema " + name +
                              " to compare with, which would be gone afterwards; the role needs the right "
                              "CREATE on the database, which must be no replica: " +
                              e.what());
  }
}

std::vector<std::string> compare_postgres(db::Database& database, const State& state) {
  struct Undo {};
  std::vector<std::string> result;
  try {
    database.transaction(
        [&](db::Transaction&) {
          const auto live = rows_of(database, "SELECT quote_ident(current_schema())").at(0).at(0);
          const auto found = read_postgres(database, live, state);
          open_shadow(database, live);
          make_tables(database, state);
          result = compare(state, read_postgres(database, std::string(shadow), state), found);
          throw Undo();
        },
        {.isolation = db::Isolation::read_committed});
  } catch (const Undo&) {  // nothing of it stays
  }
  return result;
}

std::vector<std::string> compare_sqlite(db::Database& database, const State& state) {
  struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("mpf_check_" + Uuid::v4().to_string());
    Folder() { std::filesystem::create_directory(path); }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  };
  const Folder folder;
  const auto fresh = db::open_sqlite({.file = folder.path / "check.db"});
  fresh->transaction([&](db::Transaction&) { make_tables(*fresh, state); });
  return compare(state, read_sqlite(*fresh), read_sqlite(database));
}

}  // namespace

std::vector<std::string> compare_catalog(db::Database& database, const State& state) {
  return database.dialect() == db::Dialect::postgres ? compare_postgres(database, state)
                                                     : compare_sqlite(database, state);
}

}  // namespace mpf::migrate
