#include <algorithm>

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

}  // namespace

void Renderer::write_search(const SearchNode& node) {
  if (node.query.groups.empty()) {
    sql_ << "FALSE";
    return;
  }
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
