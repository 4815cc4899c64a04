#pragma once

#include <string>
#include <string_view>

struct pg_conn;
struct pg_result;

namespace mpf::db::postgres {

/// The five characters of an error, or empty.
std::string_view sqlstate_of(const pg_result* result) noexcept;

namespace sqlstate {
inline constexpr std::string_view query_canceled = "57014", stale_plan = "0A000", no_such_statement = "26000",
                                  read_only = "25006";
}

/// What libpq says last about a connection, in one line: after a loss it repeats itself.
std::string_view last_error(const pg_conn* connection) noexcept;

/// What the server says about an error.
struct ErrorFields {
  std::string state, message, detail, hint, table, column, constraint;
};

/// Throws what they stand for (see error.hpp).
[[noreturn]] void throw_error(const ErrorFields& error, const std::string& where, std::string_view sql);

/// Throws what an error result stands for (see error.hpp). `where` is the database's description.
[[noreturn]] void throw_error(const pg_result* result, const std::string& where, std::string_view sql);

/// Of an attempt to connect, by libpq's verbose message: Error(configuration) if another will fail as well.
[[noreturn]] void throw_connect_error(const std::string& message, const std::string& where);

}  // namespace mpf::db::postgres
