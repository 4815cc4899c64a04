#include "db/sqlite_connection.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/core.h>
#include <sqlite3.h>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/wait_watch.hpp>

#include "db/own_thread.hpp"
#include "db/sqlite_bind.hpp"
#include "db/sqlite_error.hpp"
#include "db/sqlite_functions.hpp"
#include "db/sqlite_row.hpp"
#include "db/sqlite_tokenizer.hpp"

namespace mpf::db::sqlite {

namespace {

/// A statement that kept its loop for longer goes off the loops next time.
constexpr auto long_hold = std::chrono::milliseconds(2);

/// Whether SQLite may have to see all rows before it gives the first one. Where the words stand does not
/// matter: for a false alarm a statement that is new goes to another thread once.
bool may_gather(std::string_view sql) {
  constexpr std::string_view signs[] = {"ORDER BY", "GROUP BY", "DISTINCT", "UNION", "EXCEPT", "INTERSECT",
                                        "count(",   "sum(",     "avg(",     "min(",  "max(",   "OVER"};
  return std::ranges::any_of(signs,
                             [&](std::string_view sign) { return sql.find(sign) != std::string_view::npos; });
}

/// Virtual machine steps between two looks at who else wants the loop; some tenths of a millisecond.
constexpr int progress_steps = 8192;

/// Makes a new file that only its owner may read, and leaves one that is there alone; SQLite gives its
/// companions the same rights. That it can't be made, SQLite tells better.
void make_private(const std::string& file) {
  if (file.empty() || file == ":memory:") return;
  const int made = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (made >= 0) ::close(made);
}

}  // namespace

void Connection::Close::operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
void Connection::Finalize::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

Connection::Connection(const SqliteOptions& options, Role role)
    : file_(options.file.string()),
      busy_timeout_(options.busy_timeout),
      cached_statements_(std::max<std::size_t>(options.cached_statements, 1)) {
  if (role == Role::writer && options.create) make_private(file_);
  sqlite3* handle = nullptr;
  const int create = role == Role::writer && options.create ? SQLITE_OPEN_CREATE : 0;
  const int flags =
      SQLITE_OPEN_READWRITE | create | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(file_.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  check(code, "open");
  configure(role, options);
}

Connection::~Connection() = default;

void Connection::configure(Role role, const SqliteOptions& options) {
  sqlite3* const handle = handle_.get();
  // Double-quoted text is an identifier, never by mistake a string; SQL cannot damage the file's structure.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // SQLite's parser recurses by the depth of expressions, and fibers have small stacks.
  sqlite3_limit(handle, SQLITE_LIMIT_EXPR_DEPTH, 300);
  // SQLite's own default; distributions build it with others, and a program must not depend on that.
  sqlite3_limit(handle, SQLITE_LIMIT_VARIABLE_NUMBER, 32'766);
  check(register_functions(handle), "functions");
  check(register_tokenizer(handle), "the tokenizer of FTS5");
  sqlite3_busy_handler(
      handle, [](void* self, int attempt) { return static_cast<Connection*>(self)->wait_for_lock(attempt); },
      this);
  if (role == Role::writer) {
    std::string mode;
    const Prepared statement = compile("PRAGMA journal_mode = WAL", false, nullptr);
    int code = sqlite3_step(statement.get());
    // Of several processes that open a new file at once one switches it; SQLite tells the others that it is
    // busy without asking the busy handler.
    const auto patience = std::chrono::steady_clock::now() + options.busy_timeout;
    while ((code & 0xff) == SQLITE_BUSY && std::chrono::steady_clock::now() < patience) {
      sqlite3_reset(statement.get());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      code = sqlite3_step(statement.get());
    }
    if (code != SQLITE_ROW) check(code, "PRAGMA journal_mode = WAL");
    mode = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 0));
    if (mode != "wal") {
      throw Error(ErrorKind::unavailable,
                  fmt::format("database {} cannot use a write-ahead log (it stays in mode '{}'): its file "
                              "system must be a local one",
                              file_, mode));
    }
    // Commits are not brought to the disk one by one, but by GroupSync if at all.
    script("PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864");
    // Otherwise rows that REPLACE takes away would go unnoticed by triggers, those of indexes of words too.
    script("PRAGMA recursive_triggers = ON");
  } else {
    script("PRAGMA query_only = ON");
  }
  script("PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON");
  number("SELECT count(*) FROM sqlite_schema");  // finds out now if this is no database
  sqlite3_progress_handler(
      handle, progress_steps, [](void* self) { return static_cast<Connection*>(self)->progress(); }, this);
}

int Connection::progress() noexcept {
  if (abort_) return abort_->load(std::memory_order_relaxed) ? 1 : 0;
  try {
    if (fiber::in_fiber()) {
      longest_hold_ = std::max(longest_hold_, std::chrono::steady_clock::now() - held_since_);
      fiber::yield();
      held_since_ = std::chrono::steady_clock::now();
    } else {
      fiber::checkpoint();  // of the fiber for which a thread works
    }
    return 0;
  } catch (...) {  // told again once SQLite has returned
    stopped_by_ = std::current_exception();
    return 1;
  }
}

int Connection::wait_for_lock(int attempt) noexcept {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (attempt == 0) busy_since_ = now;
  if (now - busy_since_ >= busy_timeout_) return 0;
  const auto pause = std::min<std::chrono::microseconds>(200us * (attempt + 1), 10ms);
  if (abort_) {
    if (abort_->load(std::memory_order_relaxed)) return 0;
    std::this_thread::sleep_for(pause);
    return 1;
  }
  try {
    const auto quiet = fiber::wait_watch.set(nullptr);  // it is the database that is waited for
    fiber::sleep_for(pause);
    return 1;
  } catch (...) {
    stopped_by_ = std::current_exception();
    return 0;
  }
}

void Connection::check(int code, std::string_view sql) {
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) fail(code, sql);
}

void Connection::fail(int code, std::string_view sql) {
  if (stopped_by_) std::rethrow_exception(std::exchange(stopped_by_, nullptr));
  if (abort_ && abort_->load(std::memory_order_relaxed) && is_interruption(code)) throw Interrupted{};
  throw_error(handle_.get(), code, file_, sql);
}

Connection::Prepared Connection::compile(std::string_view sql, bool kept, std::string_view* rest) {
  sqlite3_stmt* statement = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      kept ? SQLITE_PREPARE_PERSISTENT : 0, &statement, &tail);
  Prepared prepared(statement);
  check(code, sql);
  if (rest) *rest = sql.substr(static_cast<std::size_t>(tail - sql.data()));
  return prepared;
}

Connection::Cached& Connection::prepare(std::string_view sql) {
  if (const auto found = by_sql_.find(sql); found != by_sql_.end()) {
    cache_.splice(cache_.begin(), cache_, found->second);
    return *found->second;
  }
  std::string_view rest;
  Prepared statement = compile(sql, true, &rest);
  if (!statement) throw Error(ErrorKind::internal, "an empty SQL statement");
  if (rest.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
    throw Error(ErrorKind::internal,
                fmt::format("more than one SQL statement, use execute_script(): {}", sql));
  }
  if (cache_.size() >= cached_statements_) {
    by_sql_.erase(cache_.back().sql);
    cache_.pop_back();
  }
  cache_.push_front({std::string(sql), std::move(statement), may_gather(sql) ? Pace::unknown : Pace::quick});
  try {
    by_sql_.emplace(cache_.front().sql, cache_.begin());
  } catch (...) {
    cache_.pop_front();
    throw;
  }
  return cache_.front();
}

int Connection::start(Cached& cached) {
  sqlite3_stmt* const prepared = cached.statement.get();
  if (abort_ || !fiber::in_fiber()) return sqlite3_step(prepared);
  if (cached.pace != Pace::quick) {
    try {
      return start_beside(cached);
    } catch (const std::system_error&) {  // no thread is to be had
    }
  }
  held_since_ = std::chrono::steady_clock::now();
  longest_hold_ = {};
  const int code = sqlite3_step(prepared);
  longest_hold_ = std::max(longest_hold_, std::chrono::steady_clock::now() - held_since_);
  if (longest_hold_ > long_hold) cached.pace = Pace::slow;
  return code;
}

int Connection::start_beside(Cached& cached) {
  int code = SQLITE_OK;
  on_own_thread([&](const std::atomic<bool>& stop) {
    const AbortScope heed(*this, stop);
    const auto began = std::chrono::steady_clock::now();
    code = sqlite3_step(cached.statement.get());
    cached.pace = std::chrono::steady_clock::now() - began > long_hold ? Pace::slow : Pace::quick;
  });
  return code;
}

std::uint64_t Connection::run(const Statement& statement, const RowSink& on_row) {
  if (busy_) {
    throw Error(ErrorKind::internal,
                fmt::format("a statement inside the row callback of another one in the same transaction: {}",
                            statement.sql));
  }
  const auto most = static_cast<std::size_t>(sqlite3_limit(handle_.get(), SQLITE_LIMIT_VARIABLE_NUMBER, -1));
  if (statement.params.size() > most) {
    throw Error(
        ErrorKind::too_large,
        fmt::format("{} parameters of a statement, where SQLite takes {}: hand over a list as one array, "
                    "or the work in portions: {:.200}",
                    statement.params.size(), most, statement.sql));
  }
  Cached& cached = prepare(statement.sql);
  sqlite3_stmt* const prepared = cached.statement.get();
  if (statement.access == Access::read && sqlite3_stmt_readonly(prepared) == 0) {
    throw Error(ErrorKind::internal,
                fmt::format("this statement writes, so it needs Access::write: {}", statement.sql));
  }
  const auto wanted = static_cast<std::size_t>(sqlite3_bind_parameter_count(prepared));
  if (wanted != statement.params.size()) {
    throw Error(ErrorKind::internal, fmt::format("{} values for the {} parameters of: {}",
                                                 statement.params.size(), wanted, statement.sql));
  }
  const StatementReset reset(prepared, busy_);
  for (std::size_t i = 0; i < wanted; ++i) {
    check(bind(prepared, static_cast<int>(i) + 1, statement.params[i]), statement.sql);
  }
  const auto before = sqlite3_total_changes64(handle_.get());
  SqliteRow row(prepared);
  int code = start(cached);
  while (code == SQLITE_ROW) {
    if (on_row) on_row(row);
    code = sqlite3_step(prepared);
  }
  if (code != SQLITE_DONE) fail(code, statement.sql);
  stopped_by_ = nullptr;
  if (sqlite3_total_changes64(handle_.get()) == before) return 0;
  return static_cast<std::uint64_t>(sqlite3_changes64(handle_.get()));
}

void Connection::script(std::string_view sql) {
  while (sql.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
    std::string_view rest;
    const Prepared statement = compile(sql, false, &rest);
    if (statement) {
      int code = sqlite3_step(statement.get());
      while (code == SQLITE_ROW) code = sqlite3_step(statement.get());
      if (code != SQLITE_DONE) fail(code, sql.substr(0, sql.size() - rest.size()));
    }
    sql = rest;
  }
}

std::int64_t Connection::number(const char* sql) {
  std::int64_t value = 0;
  run({sql, {}, Access::read}, [&](const Row& row) { value = row.integer(0); });
  return value;
}

bool Connection::in_transaction() const noexcept { return sqlite3_get_autocommit(handle_.get()) == 0; }

void Connection::return_to_savepoint(const char* undo) noexcept {
  if (!in_transaction()) return;
  if (!run_undisturbed(undo)) roll_back();
}

void Connection::roll_back() noexcept {
  if (!in_transaction()) return;
  run_undisturbed("ROLLBACK");
  lost_ = in_transaction();
}

bool Connection::run_undisturbed(const char* sql) noexcept {
  const auto* const abort = std::exchange(abort_, nullptr);
  sqlite3_progress_handler(handle_.get(), 0, nullptr, nullptr);
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  sqlite3_progress_handler(
      handle_.get(), progress_steps, [](void* self) { return static_cast<Connection*>(self)->progress(); },
      this);
  abort_ = abort;
  stopped_by_ = nullptr;
  return code == SQLITE_OK;
}

}  // namespace mpf::db::sqlite
