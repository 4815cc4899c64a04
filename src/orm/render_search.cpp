#include <algorithm>

#include "orm/ddl.hpp"
#include "orm/render.hpp"
#include "orm/search_sql.hpp"

/// Searches by words in SQL.
namespace mpf::orm::detail {

void Renderer::write_search_words(const SearchNode& node) {
  std::string document;
  for (const NodePtr& field : node.fields) add_text(document, sql_.capture([&] { write_value(*field); }));
  sql_ << (sql_.sqlite() ? document : words_of(document));
}

namespace {

/// As it stands in the text that write_search_words() makes.
std::string words_pattern(const SearchTerm& term) {
  std::string text;
  for (const std::string& word : term.words) {
    text += text.empty() ? " " : "  ";
    text += word;
  }
  return term.prefix ? text : text + ' ';
}

/// The query as a tsquery, phrases as words that all must be there; groups that cannot be said so are left
/// out, the positions of words being unknown.
std::string tsquery(const SearchQuery& query) {
  std::string text;
  for (const auto& group : query.groups) {
    const auto sayable = [](const SearchTerm& term) { return !term.negated || term.words.size() == 1; };
    if (!std::ranges::all_of(group, sayable)) continue;
    text += text.empty() ? "(" : " & (";
    for (const SearchTerm& term : group) {
      if (&term != group.data()) text += " | ";
      text += term.negated ? "!(" : "(";
      for (const std::string& word : term.words) {
        if (&word != term.words.data()) text += " & ";
        text += "'" + word + "'";
        if (term.prefix && &word == &term.words.back()) text += ":*";
      }
      text += ")";
    }
    text += ")";
  }
  return text;
}

/// The query in FTS5's language, which has no condition that only says what is not there.
struct Fts5Query {
  std::string wanted;    ///< holds for rows that are found, but for those of
  std::string unwanted;  ///< this; each may be empty, not both
};

/// Words consist of letters and digits; in quotes they are no operators either.
std::string fts5_term(const SearchTerm& term) {
  std::string text = "\"";
  for (const std::string& word : term.words) {
    if (&word != term.words.data()) text += ' ';
    text += word;
  }
  return text + (term.prefix ? "\"*" : "\"");
}

void add_operand(std::string& text, std::string_view sign, const std::string& operand) {
  if (!text.empty()) text += sign;
  text += operand;
}

Fts5Query fts5_query(const SearchQuery& query) {
  Fts5Query result;
  for (const auto& group : query.groups) {
    std::string any;
    std::string none;
    for (const SearchTerm& term : group) {
      if (term.negated) {
        add_operand(none, " AND ", fts5_term(term));
      } else {
        add_operand(any, " OR ", fts5_term(term));
      }
    }
    if (none.empty()) {
      add_operand(result.wanted, " AND ", "(" + any + ")");
    } else {  // "a or -b" fails where b is and a is not
      add_operand(result.unwanted, " OR ",
                  any.empty() ? "(" + none + ")" : "((" + none + ") NOT (" + any + "))");
    }
  }
  return result;
}

}  // namespace

/// By the index that the model of these texts declares for them; false if there is none. Without its ids, of
/// a row that is not there, nothing is known: it is one without words.
bool Renderer::write_indexed_search(const SearchNode& node) {
  std::string document;
  std::size_t at = 0;
  for (const NodePtr& field : node.fields) {
    const auto* const column = std::get_if<ColumnNode>(&field->content);
    if (!column) return false;
    const std::size_t owner = owner_of(follow(column->path->hops, false), column->path->column);
    if (field == node.fields.front()) at = owner;
    if (owner != at) return false;
    add_text(document, ddl::quote(column->path->column));
  }
  const Table& table = model_of(at).table;
  const auto index = std::ranges::find_if(table.indexes, [&](const Index& each) {
    return is_search_index(each, document) && ddl::has_search_table(table, each);
  });
  if (index == table.indexes.end()) return false;
  const Fts5Query query = fts5_query(node.query);
  const bool found = !query.wanted.empty();
  const bool maybe_absent = at != 0 && joins_[at - 1].optional;
  sql_ << (maybe_absent ? "(" : "");
  sql_.column(alias_of(at), table.columns[model_of(at).id].name) << (found ? " IN (" : " NOT IN (");
  sql_ << "SELECT rowid FROM ";
  sql_.name(index->name) << " WHERE ";
  sql_.name(index->name) << " MATCH ";
  if (!found) {
    sql_.bind(query.unwanted);
  } else {
    sql_.bind(query.unwanted.empty() ? query.wanted : "(" + query.wanted + ") NOT (" + query.unwanted + ")");
  }
  sql_ << (!maybe_absent ? ")" : found ? ")) IS TRUE" : ")) IS NOT FALSE");
  return true;
}

void Renderer::write_search(const SearchNode& node) {
  if (node.query.groups.empty()) {
    sql_ << "FALSE";
    return;
  }
  if (sql_.sqlite() && write_indexed_search(node)) return;
  const std::string words = sql_.capture([&] { write_search_words(node); });
  if (sql_.sqlite()) {
    sql_ << "mpf_search(" << words << ", ";
    sql_.bind(to_string(node.query)) << ")";
    return;
  }
  sql_ << "(TRUE";
  // What an index on this expression finds; the rest is checked row by row.
  if (std::string query = tsquery(node.query); !query.empty()) {
    sql_ << " AND " << vector_of(words) << " @@ CAST(";
    sql_.bind(std::move(query)) << " AS tsquery)";
  }
  for (const auto& group : node.query.groups) {
    if (std::ranges::all_of(group, [](const SearchTerm& term) { return term.words.size() == 1; })) continue;
    sql_ << " AND (FALSE";
    for (const SearchTerm& term : group) {
      sql_ << " OR strpos(" << words << ", ";
      sql_.bind(words_pattern(term)) << (term.negated ? ") = 0" : ") > 0");
    }
    sql_ << ")";
  }
  sql_ << ")";
}

void Renderer::write_search_rank(const SearchNode& node) {
  const std::string words = sql_.capture([&] { write_search_words(node); });
  if (sql_.sqlite()) {
    sql_ << "mpf_search_rank(" << words << ", ";
    sql_.bind(to_string(node.query)) << ")";
    return;
  }
  sql_ << "(SELECT CAST(0";
  for (const auto& group : node.query.groups) {
    for (const SearchTerm& term : group) {
      if (term.negated) continue;
      const std::string pattern = words_pattern(term);
      sql_ << " + (char_length(words) - char_length(replace(words, ";
      sql_.bind(pattern) << ", ''))) / char_length(";
      sql_.bind(pattern) << ")";
    }
  }
  // OFFSET 0 keeps the words from being made once for every mention.
  sql_
      << " AS float8) / CAST(cardinality(array_remove(string_to_array(words, ' '), '')) + 10 AS float8) FROM "
         "(SELECT "
      << words << " AS words OFFSET 0) AS document)";
}

}  // namespace mpf::orm::detail
