#include "db/sqlite_backup.hpp"

#include <memory>
#include <string>

#include <fmt/core.h>
#include <sqlite3.h>

#include <mpf/base/error.hpp>

#include "db/sqlite_error.hpp"

namespace mpf::db::sqlite {

namespace {

struct Close {
  void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
};
using Handle = std::unique_ptr<sqlite3, Close>;

Handle open(const std::filesystem::path& file, int flags) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Handle handle(raw);
  if (code != SQLITE_OK) throw_error(handle.get(), code, file.string(), "backup");
  return handle;
}

}  // namespace

void copy_database(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  if (std::filesystem::exists(to, error)) {
    throw Error(ErrorKind::conflict, fmt::format("there is already a file {}", to.string()));
  }
  const std::filesystem::path half = to.string() + ".part";
  std::filesystem::remove(half, error);
  try {
    const Handle source = open(from, SQLITE_OPEN_READONLY);
    const Handle target = open(half, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    sqlite3_busy_timeout(source.get(), 10'000);
    sqlite3_backup* const backup = sqlite3_backup_init(target.get(), "main", source.get(), "main");
    if (!backup) throw_error(target.get(), sqlite3_errcode(target.get()), half.string(), "backup");
    // All in one step is one read transaction: in WAL mode it holds up nobody and sees one moment.
    const int code = sqlite3_backup_step(backup, -1);
    const int end = sqlite3_backup_finish(backup);
    if (code != SQLITE_DONE)
      throw_error(target.get(), end == SQLITE_OK ? code : end, half.string(), "backup");
  } catch (...) {
    std::filesystem::remove(half, error);
    throw;
  }
  std::filesystem::rename(half, to, error);
  if (error) {
    const std::string why = error.message();
    std::filesystem::remove(half, error);
    throw Error(ErrorKind::unavailable, fmt::format("cannot make {}: {}", to.string(), why));
  }
}

}  // namespace mpf::db::sqlite
