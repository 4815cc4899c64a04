#pragma once

#include <cstddef>
#include <exception>
#include <span>
#include <string_view>

#include <sqlite3.h>

/// What SQLite's functions of our own are made with.
namespace mpf::db::sqlite {

using Arguments = std::span<sqlite3_value* const>;

inline std::string_view text_of(sqlite3_value* value) {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return text ? std::string_view(text, static_cast<std::size_t>(sqlite3_value_bytes(value)))
              : std::string_view();
}

inline void give_text(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

/// A function that is NULL for a NULL; it may throw.
using Body = void (*)(sqlite3_context*, Arguments);

template <Body body>
void call(sqlite3_context* context, int count, sqlite3_value** values) noexcept {
  const Arguments arguments(values, static_cast<std::size_t>(count));
  for (sqlite3_value* const value : arguments) {
    if (sqlite3_value_type(value) == SQLITE_NULL) return;
  }
  try {
    body(context, arguments);
  } catch (const std::exception& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

struct Function {
  const char* name;
  int arguments;  ///< -1: any number
  void (*call)(sqlite3_context*, int, sqlite3_value**);
};

/// Return SQLite's code.
int add_functions(sqlite3* handle, std::span<const Function> functions);
int register_json_functions(sqlite3* handle);
int register_value_functions(sqlite3* handle);
int register_aggregates(sqlite3* handle);

}  // namespace mpf::db::sqlite
