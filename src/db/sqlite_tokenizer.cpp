#include "db/sqlite_tokenizer.hpp"

#include <exception>
#include <string>
#include <string_view>

#include <fmt/core.h>
#include <sqlite3.h>

#include <mpf/base/error.hpp>
#include <mpf/base/word_search.hpp>

namespace mpf::db::sqlite {

namespace {

constexpr std::string_view rules = "1";

using Give = int (*)(void*, int, const char*, int, int, int);

int create(void* connection, const char** arguments, int count, Fts5Tokenizer** tokenizer) {
  if (count != 1 || arguments[0] != rules) return SQLITE_ERROR;
  // Called while the table is connected, of which this is said: triggers may write to it although the schema
  // is not trusted. FTS5 says so itself since SQLite 3.41.
  sqlite3_vtab_config(static_cast<sqlite3*>(connection), SQLITE_VTAB_INNOCUOUS);
  *tokenizer = static_cast<Fts5Tokenizer*>(connection);  // there is nothing to be kept, and null is none
  return SQLITE_OK;
}

void destroy(Fts5Tokenizer*) {}

/// Where the words stand in the text is not told: nobody marks them.
int tokenize(Fts5Tokenizer*, void* context, int, const char* text, int size, Give give) {
  try {
    for (const std::string& word : words_in({text, static_cast<std::size_t>(size)})) {
      const int code = give(context, 0, word.data(), static_cast<int>(word.size()), 0, 0);
      if (code != SQLITE_OK) return code;
    }
    return SQLITE_OK;
  } catch (const std::exception&) {
    return SQLITE_NOMEM;
  }
}

}  // namespace

int register_tokenizer(sqlite3* handle) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(handle, "SELECT fts5(?1)", -1, &statement, nullptr);
  if (code == SQLITE_ERROR) {
    throw Error(ErrorKind::configuration,
                fmt::format("SQLite {} was built without FTS5, by which words are searched: use one that was "
                            "built with SQLITE_ENABLE_FTS5",
                            sqlite3_libversion()));
  }
  if (code != SQLITE_OK) return code;
  fts5_api* api = nullptr;
  sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
  sqlite3_step(statement);
  const int finished = sqlite3_finalize(statement);
  if (!api) return finished == SQLITE_OK ? SQLITE_ERROR : finished;
  fts5_tokenizer functions{create, destroy, tokenize};
  return api->xCreateTokenizer(api, "mpf_words", handle, &functions, nullptr);
}

}  // namespace mpf::db::sqlite
