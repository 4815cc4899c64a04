#include <algorithm>
#include <initializer_list>
#include <string>

#include "orm/ddl.hpp"
#include "orm/search_sql.hpp"

/// The tables of FTS5 that SQLite has for search_index<…>(), and what keeps them.
///
/// What is searched is one text, which the view tells of each row: phrases go from one column to the next as
/// they do without an index. Whatever happens to a row, its text is taken in anew as it is by then: triggers
/// by hand may change the row further, and SQLite calls them in no certain order. For that the table of FTS5
/// holds the texts itself; one that only has their words must be told by others what it is to forget, and is
/// corrupt once that was something else.
namespace mpf::orm::ddl {
namespace {

constexpr std::string_view prefix = "mpf_words_";

/// In triggers: quotes stand around names of columns only.
std::string of_row(const std::string& document, std::string_view row) {
  std::string result;
  bool inside = false;
  for (const char c : document) {
    if (c == '"') {
      inside = !inside;
      if (inside) result += row;
    }
    result += c;
  }
  return result;
}

struct SearchTable {
  const Table& table;
  const Index& index;

  const std::string& document() const { return index.expressions.front().sqlite; }
  std::string id() const { return quote(std::ranges::find(table.columns, true, &Column::primary_key)->name); }
  std::string view() const { return quote(std::string(prefix) + index.name); }

  /// Brings the index up to what the rows are now, which may be none; `rows`: "old.", "new.".
  std::string refresh(std::initializer_list<std::string_view> rows) const {
    std::string ids;
    for (const std::string_view row : rows) ids += (ids.empty() ? "" : ", ") + std::string(row) + id();
    return "DELETE FROM " + quote(index.name) + " WHERE rowid IN (" + ids + "); INSERT INTO " +
           quote(index.name) + " (rowid, document) SELECT id, document FROM " + view() + " WHERE id IN (" +
           ids + "); ";
  }

  std::string trigger(std::string_view name, std::string_view event, const std::string& when,
                      const std::string& body) const {
    return "CREATE TRIGGER " + quote(std::string(prefix) + std::string(name) + index.name) + " AFTER " +
           std::string(event) + " ON " + quote(table.name) + when + " BEGIN " + body + "END";
  }

  std::vector<std::string> create() const {
    // UPDATE OF would not tell when a column changes that is computed from others.
    const auto changed = " WHEN old." + id() + " <> new." + id() + " OR " + of_row(document(), "old.") +
                         " <> " + of_row(document(), "new.");
    return {"CREATE VIEW " + view() + " AS SELECT " + id() + " AS id, " + document() + " AS document FROM " +
                quote(table.name),
            "CREATE VIRTUAL TABLE " + quote(index.name) +
                " USING fts5(document, columnsize = 0, tokenize = 'mpf_words 1')",
            trigger("insert_", "INSERT", "", refresh({"new."})),
            trigger("update_", "UPDATE", changed, refresh({"old.", "new."})),
            trigger("delete_", "DELETE", "", refresh({"old."}))};
  }

  std::vector<std::string> drop() const {
    std::vector<std::string> statements;
    for (const std::string event : {"insert_", "update_", "delete_"}) {
      statements.push_back("DROP TRIGGER IF EXISTS " + quote(std::string(prefix) + event + index.name));
    }
    statements.push_back("DROP TABLE IF EXISTS " + quote(index.name));
    statements.push_back("DROP VIEW IF EXISTS " + view());
    return statements;
  }
};

}  // namespace

bool has_search_table(const Table& table, const Index& index) {
  return !index.expressions.empty() && detail::is_search_index(index, index.expressions.front().sqlite) &&
         std::ranges::any_of(table.columns, &Column::primary_key);
}

std::string fill_search_table(const Table& table, const Index& index) {
  return "INSERT INTO " + quote(index.name) + " (rowid, document) SELECT id, document FROM " +
         SearchTable{table, index}.view();
}

std::vector<std::string> make_index(const Table& table, const Index& index, db::Dialect dialect) {
  if (dialect == db::Dialect::postgres || index.method == IndexMethod::btree) {
    return {create_index(table, index, dialect)};
  }
  if (!has_search_table(table, index)) return {};
  return SearchTable{table, index}.create();
}

std::vector<std::string> remove_index(const Table& table, const Index& index, db::Dialect dialect) {
  if (dialect == db::Dialect::postgres || index.method == IndexMethod::btree) {
    return {"DROP INDEX " + quote(index.name)};
  }
  if (!has_search_table(table, index)) return {};
  return SearchTable{table, index}.drop();
}

}  // namespace mpf::orm::ddl
