#include <algorithm>
#include <initializer_list>
#include <span>

#include "migrate/lint.hpp"
#include "migrate/sql_text.hpp"

namespace mpf::migrate {
namespace {

using Words = std::vector<std::string>;

constexpr std::size_t longest_name = 63;
constexpr std::size_t many_columns = 3;

/// A name as PostgreSQL keeps it.
std::string folded(std::string name) {
  if (name.starts_with('"')) return name.substr(1, name.size() - 2);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name;
}

/// A statement or a part of one, as words that can be compared: keywords in capitals, names in double quotes
/// as they are.
class Part {
 public:
  explicit Part(std::span<const std::string> words) : words_(words) {}

  std::span<const std::string> words() const { return words_; }
  bool begins(std::initializer_list<std::string_view> words) const { return is_at(0, words); }
  bool has(std::initializer_list<std::string_view> words) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (is_at(i, words)) return true;
    }
    return false;
  }
  bool has_any(std::initializer_list<std::string_view> words) const {
    return std::ranges::any_of(words, [&](std::string_view word) { return has({word}); });
  }
  Part from(std::size_t at) const { return Part(words_.subspan(std::min(at, words_.size()))); }

  /// Where what follows the name at `at` begins; a name may have that of its schema before it.
  std::size_t past_name(std::size_t at) const {
    while (at < words_.size() && is_filler(words_[at])) ++at;
    while (at + 1 < words_.size() && words_[at + 1] == ".") at += 2;
    return at + 1;
  }

  /// What commas outside of parentheses separate.
  std::vector<Part> clauses() const {
    std::vector<Part> result;
    std::size_t begin = 0;
    int depth = 0;
    for (std::size_t i = 0; i <= words_.size(); ++i) {
      if (i < words_.size() && words_[i] == "(") ++depth;
      if (i < words_.size() && words_[i] == ")") --depth;
      if (i < words_.size() && (depth > 0 || words_[i] != ",")) continue;
      result.push_back(Part(words_.subspan(begin, i - begin)));
      begin = i + 1;
    }
    return result;
  }

  /// What the first pair of parentheses holds.
  Part inner() const {
    const auto open = std::ranges::find(words_, "(");
    if (open == words_.end()) return Part({});
    int depth = 1;
    auto end = open + 1;
    for (; end != words_.end(); ++end) {
      if (*end == "(") ++depth;
      if (*end == ")" && --depth == 0) break;
    }
    return Part({open + 1, end});
  }

  /// Whether it is about one of these tables, whose name follows the first of these words.
  bool is_about(const std::vector<std::string>& tables) const {
    const auto leads = [](const std::string& word) {
      return word == "TABLE" || word == "ON" || word == "UPDATE" || word == "FROM" || word == "INTO";
    };
    for (std::size_t i = 0; i + 1 < words_.size(); ++i) {
      if (!leads(words_[i]) || leads(words_[i + 1])) continue;
      const auto end = past_name(i + 1);
      return end <= words_.size() && std::ranges::count(tables, folded(words_[end - 1])) > 0;
    }
    return false;
  }

 private:
  static bool is_filler(const std::string& word) {
    return word == "IF" || word == "EXISTS" || word == "NOT" || word == "ONLY" || word == "TABLE";
  }
  bool is_at(std::size_t at, std::initializer_list<std::string_view> words) const {
    return at + words.size() <= words_.size() &&
           std::equal(words.begin(), words.end(), words_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  std::span<const std::string> words_;
};

class SqlLinter {
 public:
  explicit SqlLinter(const std::vector<std::string>& made) : made_(made) {}

  std::vector<SqlFinding> run(std::string_view sql) {
    for (const auto& words : statements_of(sql)) {
      const Part statement(words);
      check_always(statement);
      if (!statement.is_about(made_)) check(statement);
    }
    if (locks_ && changes_rows_) {
      add("rows-and-tables", "the table stays locked until the last of its rows is changed",
          "use the operation backfill, or an 'sql' operation of its own: each is committed by itself");
    }
    return std::move(findings_);
  }

 private:
  void add(const char* rule, const char* message, const char* safe, bool refused = true) {
    findings_.push_back({rule, message, safe, refused});
  }

  void check_always(const Part& s) {
    if (s.has({"CONCURRENTLY"})) {
      add("concurrently", "it cannot run inside the transaction of an 'sql' operation",
          "use the operations create_index and drop_index, which run concurrently by themselves; anything "
          "else outside of migrations");
    }
    if (s.has({"CASCADE"}) && (s.begins({"DROP"}) || s.begins({"TRUNCATE"}))) {
      add("cascade", "it also drops what nobody named", "drop each thing by its name");
    }
    if (s.begins({"SET"}) && s.has_any({"LOCK_TIMEOUT", "STATEMENT_TIMEOUT"})) {
      add("timeout", "a statement that waits for a lock for long has everybody else wait behind it",
          "leave it out: migrations wait for half a second at a time, and try again");
    }
    const bool cut = std::ranges::any_of(
        s.words(), [](const std::string& word) { return folded(word).size() > longest_name; });
    if (cut) {
      add("long-name", "a name has more than 63 bytes, and PostgreSQL cuts the rest off", "a shorter name");
    }
    if (s.begins({"CREATE", "INDEX"}) && s.inner().clauses().size() > many_columns) {
      add("wide-index", "an index of more than three columns is rarely of use",
          "index the columns that select most, in that order", false);
    }
    if (s.begins({"CREATE", "TABLE"}) || s.begins({"ALTER", "TABLE"})) check_types(s);
  }

  void check_types(const Part& s) {
    if (s.has_any({"SERIAL", "BIGSERIAL", "SMALLSERIAL"})) {
      add("serial", "a sequence with rights of its own, which only looks like a type",
          "bigint GENERATED BY DEFAULT AS IDENTITY", false);
    }
    if (s.has_any({"VARCHAR", "CHAR", "CHARACTER"})) {
      add("varchar", "its length cannot be changed freely later", "text with a check", false);
    }
    for (const auto* small : {"INT", "INTEGER", "INT4", "SMALLINT"}) {
      if (s.has({small, "PRIMARY", "KEY"})) {
        add("small-key", "its numbers come to an end, and a key is hard to change", "bigint", false);
      }
    }
    if (s.has_any({"TIMESTAMP"}) && !s.has({"WITH", "TIME", "ZONE"})) {
      add("timestamp", "a time that does not say where it is", "timestamptz", false);
    }
    if (s.has({"JSON"})) add("json", "it cannot be compared, so DISTINCT fails", "jsonb", false);
  }

  void check(const Part& s) {
    if (s.has({"CONCURRENTLY"})) return;
    if (s.begins({"ALTER", "TABLE"})) {
      locks_ = true;
      for (const auto& clause : s.from(s.past_name(2)).clauses()) check_clause(clause);
      return;
    }
    if (s.begins({"CREATE", "INDEX"}) || s.begins({"CREATE", "UNIQUE", "INDEX"})) {
      locks_ = true;
      add("index", "nobody can write to the table while the index is built",
          "use the operation create_index, which builds it concurrently");
    }
    if (s.begins({"DROP", "INDEX"})) {
      add("index", "it waits for the table's lock, and everybody else behind it",
          "use the operation drop_index");
    }
    if (s.begins({"REINDEX"})) {
      add("index", "nobody can write to the table meanwhile",
          "REINDEX … CONCURRENTLY, outside of migrations");
    }
    if (s.begins({"VACUUM"}) || s.begins({"CLUSTER"}) || s.begins({"LOCK"}) ||
        s.begins({"REFRESH", "MATERIALIZED", "VIEW"})) {
      add("lock", "nobody can use the table meanwhile", "do it outside of migrations, off hours");
    }
    if (s.begins({"DROP", "TABLE"})) {
      add("drop-table", "the release that still runs uses the table",
          "stop using it in this release, and drop it in the next one");
    }
    if (s.begins({"DROP", "SCHEMA"})) {
      add("drop-table", "the release that still runs uses what is in it", "drop each table by its name");
    }
    if (s.begins({"TRUNCATE"})) {
      add("truncate", "all rows are gone, and the table is locked", "delete in batches");
    }
    check_rows(s);
    check_kind(s);
  }

  void check_rows(const Part& s) {
    const bool copies = s.begins({"INSERT"}) && s.has({"SELECT"});
    const bool changes = s.begins({"UPDATE"}) || s.begins({"DELETE"});
    changes_rows_ = changes_rows_ || copies || changes;
    if (changes && !s.has({"WHERE"})) {
      add("all-rows", "all rows stay locked until the migration ends",
          "use the operation backfill, which changes them in batches");
    }
  }

  void check_kind(const Part& s) {
    if (s.begins({"ALTER"}) && s.has_any({"RENAME"}) && !s.begins({"ALTER", "INDEX"})) {
      add("rename", "the release that still runs does not find the old name any more",
          "add the new one beside it, and drop the old one a release later");
    }
    if (s.begins({"ALTER", "TYPE"}) && s.has({"ADD", "VALUE"}) && !s.has_any({"BEFORE", "AFTER"})) {
      add("enum-order", "the new value sorts behind all others, and no value can be taken away again",
          "say BEFORE or AFTER which one, or take text with choices", false);
    }
  }

  /// One of the changes of an ALTER TABLE.
  void check_clause(const Part& c) {
    if (c.begins({"RENAME"}) && !c.begins({"RENAME", "CONSTRAINT"})) {
      add("rename", "the release that still runs does not find the old name any more",
          "rename a column in the model by orm::renamed_from: `migrate make` keeps both until no older "
          "release runs any more; a table: add the new one, write both, copy with 'backfill', and drop the "
          "old one a release later");
    }
    if (c.begins({"DROP"}) && !c.begins({"DROP", "CONSTRAINT"})) {
      add("drop-column", "the release that still runs uses the column",
          "stop using it in this release, and drop it in the next one");
    }
    if (c.begins({"SET", "SCHEMA"})) {
      add("rename", "the release that still runs does not find the table any more",
          "a new table there, and the old one dropped a release later");
    }
    if (c.begins({"SET"}) && c.has_any({"LOGGED", "UNLOGGED", "TABLESPACE", "ACCESS"})) {
      add("lock", "the whole table is written anew, and nobody can use it meanwhile", "do it off hours");
    }
    if (c.begins({"DETACH", "PARTITION"})) {
      add("detach", "it locks the whole table", "DETACH PARTITION … CONCURRENTLY, outside of migrations");
    }
    if (c.begins({"ALTER"})) check_altered(c.from(c.past_name(c.begins({"ALTER", "COLUMN"}) ? 2 : 1)));
    if (c.begins({"ADD"})) check_added(c);
  }

  /// What is done to a column.
  void check_altered(const Part& c) {
    if (c.begins({"TYPE"}) || c.begins({"SET", "DATA", "TYPE"})) {
      add("type", "the whole table may be written anew, and nobody can use it meanwhile",
          "rename the column in the model at the same time by orm::renamed_from: `migrate make` fills the "
          "new "
          "one beside the old one; or do so with 'add_column', 'backfill' and 'drop_column' a release later");
    }
    if (c.begins({"SET", "NOT", "NULL"})) {
      add("not-null", "all rows are looked at while nobody can use the table",
          "use the operation alter_column, which goes by way of a check");
    }
  }

  void check_added(const Part& c) {
    const bool adds_rule = c.has({"FOREIGN", "KEY"}) || c.has_any({"CHECK", "REFERENCES"});
    if (adds_rule && !c.has({"NOT", "VALID"})) {
      add("constraint", "all rows are looked at while the table is locked",
          "use the operations add_check and alter_column, or NOT VALID and a VALIDATE CONSTRAINT of its own");
    }
    if ((c.has({"UNIQUE"}) || c.has({"PRIMARY", "KEY"})) && !c.has({"USING", "INDEX"})) {
      add("unique", "nobody can use the table while its index is built",
          "use the operation create_index with 'unique: true'");
    }
    if (c.has({"EXCLUDE"})) {
      add("exclude", "there is no way to add it without keeping writers out",
          "make a new table, or do it off hours");
    }
    const bool makes_values = c.has_any({"GEN_RANDOM_UUID", "UUID_GENERATE_V4", "UUIDV7", "RANDOM",
                                         "CLOCK_TIMESTAMP", "TIMEOFDAY", "NEXTVAL"});
    if (c.has({"DEFAULT"}) && makes_values) {
      add("volatile-default", "each row gets a value of its own: the whole table is written anew",
          "use the operation add_column with 'computed_default', which fills rows in batches");
    }
    const bool generated = c.has_any({"GENERATED", "SERIAL", "BIGSERIAL", "SMALLSERIAL"});
    if (generated) {
      add("generated-column", "the whole table is written anew, and nobody can use it meanwhile",
          "add a plain column and fill it by 'backfill'");
    } else if (c.has({"NOT", "NULL"}) && !c.has_any({"DEFAULT", "CHECK"})) {
      add("no-default", "rows that exist have no value for it, and the release that still runs writes none",
          "use the operation add_column with a 'default', or 'nullable: true'");
    }
  }

  const std::vector<std::string>& made_;
  std::vector<SqlFinding> findings_;
  bool locks_ = false;         ///< a table in use, until the script's transaction ends
  bool changes_rows_ = false;  ///< of one
};

}  // namespace

std::vector<SqlFinding> lint_sql(std::string_view sql, const std::vector<std::string>& made) {
  return SqlLinter(made).run(sql);
}

}  // namespace mpf::migrate
