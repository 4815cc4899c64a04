#pragma once

#include <string>
#include <string_view>

struct sqlite3;

namespace mpf::db::sqlite {

/// Throws the Error for what the last call on the connection said. `file` and `sql` go into the message.
[[noreturn]] void throw_error(sqlite3* connection, int code, const std::string& file, std::string_view sql);

/// Whether the code says that SQLite stopped because our callbacks told it to.
bool is_interruption(int code) noexcept;

}  // namespace mpf::db::sqlite
