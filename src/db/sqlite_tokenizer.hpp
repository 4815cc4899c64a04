#pragma once

struct sqlite3;

namespace mpf::db::sqlite {

/// Gives a connection the tokenizer "mpf_words" of FTS5, which breaks texts into words by the rules of
/// mpf/base/word_search.hpp: tokenize = 'mpf_words 1'. The number is that of the rules: an index made by
/// others is refused, as it would not find what it should. Returns SQLite's code;
/// Error(configuration) where SQLite was built without FTS5.
int register_tokenizer(sqlite3* handle);

}  // namespace mpf::db::sqlite
