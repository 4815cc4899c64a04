#include "db/sqlite_error.hpp"

#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <vector>

#include <fmt/core.h>
#include <sqlite3.h>

#include <mpf/base/text.hpp>
#include <mpf/db/database.hpp>

namespace mpf::db::sqlite {

namespace {

/// Enough of a statement to recognise it.
std::string excerpt(std::string_view sql) {
  constexpr std::size_t most = 400;
  return sql.size() <= most ? std::string(sql) : std::string(truncate_utf8(sql, most)) + "…";
}

std::string what_follows(std::string_view message, std::string_view prefix) {
  const std::size_t at = message.find(prefix);
  return at == std::string_view::npos ? std::string() : std::string(message.substr(at + prefix.size()));
}

/// "UNIQUE constraint failed: user.site_id, user.email", "… failed: index 'name'"
[[noreturn]] void throw_constraint(int code, const std::string& message, std::string_view sql) {
  const std::string about = what_follows(message, "constraint failed: ");
  const std::string text = fmt::format("{} (in: {})", message, excerpt(sql));
  std::vector<std::string> columns;
  std::string constraint;
  const auto take_columns = [&] {
    if (about.starts_with("index '")) {
      constraint = about.substr(7, about.size() - 8);
      return;
    }
    std::size_t start = 0;
    while (start < about.size()) {
      const std::size_t end = std::min(about.find(", ", start), about.size());
      columns.push_back(about.substr(start, end - start));
      start = end + 2;
    }
  };
  using Type = ConstraintError::Type;
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      take_columns();
      throw ConstraintError(Type::unique, text, std::move(constraint), std::move(columns));
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      throw ConstraintError(Type::foreign_key, text, {}, {});
    case SQLITE_CONSTRAINT_NOTNULL:
      take_columns();
      throw ConstraintError(Type::not_null, text, {}, std::move(columns));
    case SQLITE_CONSTRAINT_TRIGGER:
      // ON DELETE RESTRICT is a trigger inside SQLite.
      if (message == "FOREIGN KEY constraint failed") throw ConstraintError(Type::foreign_key, text, {}, {});
      throw ConstraintError(Type::check, text, message, {});
    case SQLITE_CONSTRAINT_DATATYPE:
      throw Error(ErrorKind::internal, fmt::format("a value of the wrong type: {}", text));
    default:
      throw ConstraintError(Type::check, text, about, {});
  }
}

}  // namespace

bool is_interruption(int code) noexcept {
  const int primary = code & 0xff;
  return primary == SQLITE_INTERRUPT || primary == SQLITE_BUSY;
}

void throw_error(sqlite3* connection, int code, const std::string& file, std::string_view sql) {
  const std::string message = connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  const int system = connection ? sqlite3_system_errno(connection) : 0;
  const auto with_cause = [&](const std::string& text) {
    return fmt::format("{} (SQLite: {}{}{})", text, message, system != 0 ? ", " : "",
                       system != 0 ? std::generic_category().message(system) : std::string());
  };
  const auto disk_full = [&] {
    return Error(
        ErrorKind::unavailable,
        with_cause(fmt::format("disk full while writing database {}: free space on its volume", file)),
        "The storage is full");
  };
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
      throw_constraint(code, message, sql);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw LockTimeout(
          with_cause(fmt::format("database {} stayed locked by another process: end its long "
                                 "transaction (see `fuser {}`) or raise busy_timeout",
                                 file, file)));
    case SQLITE_FULL:
      throw disk_full();
    case SQLITE_IOERR:
      if (system == ENOSPC || system == EDQUOT || system == EFBIG) throw disk_full();
      if (code == SQLITE_IOERR_NOMEM) break;
      throw Error(
          ErrorKind::unavailable,
          with_cause(fmt::format("cannot read or write database {}: check its disk and file system", file)));
    case SQLITE_NOTADB:
      throw Error(ErrorKind::corrupt,
                  with_cause(fmt::format("{} is not an SQLite database: give another file, or move it away "
                                         "to start with an empty one",
                                         file)));
    case SQLITE_CORRUPT:
      throw Error(ErrorKind::corrupt,
                  with_cause(fmt::format("database {} is damaged: restore it from a backup, or save what "
                                         "can be read with `sqlite3 {} .recover`",
                                         file, file)));
    case SQLITE_CANTOPEN:
      throw Error(
          ErrorKind::unavailable,
          with_cause(fmt::format("cannot open database {}: check that its folder exists and that this user "
                                 "may write there",
                                 file)));
    case SQLITE_READONLY:
      throw Error(ErrorKind::unavailable,
                  with_cause(fmt::format("database {} is read-only: check the rights of the file and of its "
                                         "folder, and how the file system is mounted",
                                         file)));
    case SQLITE_PERM:
    case SQLITE_AUTH:
      throw Error(ErrorKind::unavailable, with_cause(fmt::format("no access to database {}", file)));
    case SQLITE_TOOBIG:
      throw Error(ErrorKind::too_large,
                  with_cause(fmt::format("a value or statement is too large for database {}", file)));
    default:
      break;
  }
  if ((code & 0xff) == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM) {
    throw Error(ErrorKind::unavailable, with_cause(fmt::format("out of memory in database {}", file)));
  }
  throw Error(ErrorKind::internal,
              fmt::format("SQLite: {} (database {}, in: {})", message, file, excerpt(sql)));
}

}  // namespace mpf::db::sqlite
