#pragma once

struct sqlite3;

namespace mpf::db::sqlite {

/// Gives a connection the functions, named mpf_…, that the ORM needs for what PostgreSQL has of its own:
/// letters of all scripts, dates, JSON, ranges, lists, search. Returns SQLite's code.
int register_functions(sqlite3* handle);

}  // namespace mpf::db::sqlite
