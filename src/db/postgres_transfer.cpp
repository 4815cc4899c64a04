#include "db/postgres_transfer.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>

#include <pqxx/connection>
#include <pqxx/stream_from>
#include <pqxx/tablewriter>
#include <pqxx/transaction>

#include <fmt/core.h>

#include <mpf/base/text.hpp>

#include "db/own_thread.hpp"
#include "db/postgres_error.hpp"
#include "db/postgres_text.hpp"
#include "db/quote.hpp"

namespace mpf::db::postgres {

namespace {

/// The line of a verbose message that begins with this word.
std::string line_of(std::string_view message, std::string_view word) {
  const std::string begin = fmt::format("\n{}:  ", word);
  const std::size_t at = message.find(begin);
  if (at == std::string_view::npos) return {};
  message.remove_prefix(at + begin.size());
  return std::string(message.substr(0, message.find('\n')));
}

ErrorFields fields_of(const pqxx::sql_error& error) {
  const std::string_view text = error.what();
  // "ERROR:  23505: duplicate key value …"
  std::string_view first = text.substr(0, text.find('\n'));
  const std::string code = error.sqlstate() + ": ";
  if (const std::size_t at = first.find(code); at != std::string_view::npos) {
    first.remove_prefix(at + code.size());
  }
  return {.state = error.sqlstate(),
          .message = std::string(first),
          .detail = line_of(text, "DETAIL"),
          .hint = line_of(text, "HINT"),
          .table = line_of(text, "TABLE NAME"),
          .column = line_of(text, "COLUMN NAME"),
          .constraint = line_of(text, "CONSTRAINT NAME")};
}

/// "COPY item, line 12, column name: …", in any language.
std::uint64_t row_in(std::string_view context, const std::string& table) {
  const std::string begin = fmt::format("COPY {}, ", table);
  if (!context.starts_with(begin)) return 0;
  const std::size_t digits = context.find_first_of("0123456789", begin.size());
  if (digits == std::string_view::npos) return 0;
  return std::strtoull(context.data() + digits, nullptr, 10);
}

/// "Key (site_id, email)=(1, x) already exists."
std::vector<std::string> values_in(std::string_view detail, std::size_t columns) {
  const std::size_t open = detail.find(")=(");
  const std::size_t close = detail.rfind(')');
  if (columns == 0 || open == std::string_view::npos || close < open + 3) return {};
  const std::string_view all = detail.substr(open + 3, close - open - 3);
  std::vector<std::string> values;
  for (std::size_t at = 0; at <= all.size();) {
    const std::size_t end = std::min(all.find(", ", at), all.size());
    values.emplace_back(all.substr(at, end - at));
    at = end + 2;
  }
  if (values.size() != columns) return {};  // a text with ", " in it
  return values;
}

[[noreturn]] void rethrow(const pqxx::sql_error& error, const Address& address, const std::string& table) {
  const ErrorFields fields = fields_of(error);
  const std::string context = line_of(error.what(), "CONTEXT");
  try {
    throw_error(fields, address.description(), "COPY " + table);
  } catch (const ConstraintError& refused) {
    throw RefusedRow(refused, row_in(context, table), values_in(fields.detail, refused.columns().size()));
  }
}

/// For as long as it takes, and values spelled as TextRow reads them.
constexpr const char* session_settings =
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; "
    "SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1";

/// The socket of a connection while there is one, for another thread to break it.
class Breakable {
 public:
  /// While it lives, and the connection with it.
  class Scope {
   public:
    Scope(Breakable& of, int socket) : of_(of) { of_.set(socket); }
    ~Scope() { end(); }
    void end() { of_.set(-1); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Breakable& of_;
  };

  void break_off() {
    const std::scoped_lock lock(mutex_);
    if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
  }

 private:
  void set(int socket) {
    const std::scoped_lock lock(mutex_);
    socket_ = socket;
  }

  std::mutex mutex_;
  int socket_ = -1;
};

/// What the work on the thread is given.
struct Copying {
  pqxx::transaction_base& transaction;
  const std::atomic<bool>& stop;
  /// Ends the connection before libpqxx tidies up: it would read all rows that are left, and lose memory for
  /// each statement that meets a broken connection.
  const std::function<void()>& hang_up;

  void check_stopped() const {
    if (stop) throw ConnectionLost("the copy was given up");  // the fiber tells why
  }
};

/// Runs work(copying) on a thread of its own. A fiber that gives up breaks the connection: whatever the
/// thread waits for ends then, and the server undoes what it has been told.
template <class Work>
std::uint64_t in_transaction(const Address& address, const std::string& table, const CopySettings& settings,
                             const Work& work) {
  std::uint64_t rows = 0;
  Breakable breakable;
  const auto run = [&](const std::atomic<bool>& stop) {
    try {
      pqxx::connection connection(address.text());
      connection.set_verbosity(pqxx::connection::verbose);
      Breakable::Scope scope(breakable, connection.sock());
      const std::function<void()> hang_up = [&] {
        scope.end();  // the socket's number may be another one's then
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Wdeprecated-declarations"  // nothing else keeps ROLLBACK from connecting anew
        connection.inhibit_reactivation(true);
#pragma GCC diagnostic pop
        connection.disconnect();
      };
      pqxx::transaction<> transaction(connection);
      transaction.exec0(session_settings);
      for (const auto& [name, value] : settings) {
        transaction.exec_params("SELECT set_config($1, $2, true)", name, value);
      }
      const Copying copying{transaction, stop, hang_up};
      rows = work(copying);
      copying.check_stopped();
      transaction.commit();
    } catch (const pqxx::broken_connection& error) {
      throw_connect_error(error.what(), address.description());
    } catch (const pqxx::sql_error& error) {
      rethrow(error, address, table);
    } catch (const pqxx::failure& error) {
      throw ConnectionLost(fmt::format("{} ({})", trim(error.what()), address.description()));
    }
  };
  on_own_thread(run, [&] { breakable.break_off(); });
  return rows;
}

std::string list_of(const std::vector<BulkColumn>& columns) {
  std::string list;
  for (const BulkColumn& column : columns) list += (list.empty() ? "" : ", ") + quote_name(column.name);
  return list;
}

/// COPY doesn't heed row security, and refuses tables that have it: then the rows take a way round.
bool is_secured(pqxx::transaction_base& transaction, const std::string& table) {
  return transaction.exec_params1("SELECT row_security_active($1)", table)[0].as<bool>();
}

/// As rows with ids of their own have passed it by.
void move_sequences_on(pqxx::transaction_base& transaction, const CopyIn& copy, const std::string& table) {
  for (const BulkColumn& column : copy.columns) {
    if (column.type != ColumnType::id) continue;
    const pqxx::row found =
        transaction.exec_params1("SELECT pg_get_serial_sequence($1, $2)", table, column.name);
    if (found[0].is_null()) continue;
    const auto sequence = found[0].as<std::string>();
    transaction.exec(
        fmt::format("SELECT setval({}, last) FROM (SELECT max({}) AS last FROM {}) AS ids, {} AS "
                    "sequence WHERE ids.last >= sequence.last_value",
                    transaction.quote(sequence), quote_name(column.name), table, sequence));
  }
}

/// The rows of copy.next() into a table with such columns; their number.
std::uint64_t write_rows(const Copying& copying, const CopyIn& copy, const std::string& table) {
  std::vector<std::string> names;
  for (const BulkColumn& column : copy.columns) names.push_back(quote_name(column.name));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // what follows it escapes by itself, from tuples
  pqxx::tablewriter rows(copying.transaction, table, names.begin(), names.end());
#pragma GCC diagnostic pop
  try {
    TextWriter writer;
    std::uint64_t count = 0;
    for (writer.begin_row(); !copying.stop && copy.next(writer); writer.begin_row(), ++count) {
      if (writer.values() != names.size()) {
        throw Error(ErrorKind::internal, fmt::format("a row for {} has {} values, {} are needed", copy.table,
                                                     writer.values(), names.size()));
      }
      rows.write_raw_line(writer.line());
    }
    copying.check_stopped();
    rows.complete();
    return count;
  } catch (...) {
    copying.hang_up();
    throw;
  }
}

}  // namespace

std::uint64_t transfer_out(const Address& address, const CopyOut& copy) {
  std::string query;
  for (const BulkColumn& column : copy.columns) {
    query += (query.empty() ? "SELECT " : ", ") + text_expression(column);
  }
  query += " FROM " + quote_name(copy.table);
  if (!copy.order.empty()) query += " ORDER BY " + quote_name(copy.order);
  return in_transaction(address, copy.table, copy.settings, [&](const Copying& copying) {
    // It takes whatever stands between COPY and TO.
    pqxx::stream_from rows(copying.transaction, "(" + query + ")");
    TextRow row(copy.columns);
    std::string line;
    std::uint64_t count = 0;
    try {
      for (; !copying.stop && rows.get_raw_line(line); ++count) {
        row.take(std::string_view(line).substr(0, line.find('\n')));
        copy.on_row(row);
      }
      copying.check_stopped();
    } catch (...) {
      copying.hang_up();
      throw;
    }
    return count;
  });
}

std::uint64_t transfer_in(const Address& address, const CopyIn& copy) {
  return in_transaction(address, copy.table, copy.settings, [&](const Copying& copying) {
    auto& transaction = copying.transaction;
    const std::string table = quote_name(copy.table);
    std::uint64_t count = 0;
    if (is_secured(transaction, table)) {
      const std::string names = list_of(copy.columns);
      transaction.exec(fmt::format(
          "CREATE TEMPORARY TABLE mpf_copy ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0", names, table));
      count = write_rows(copying, copy, "mpf_copy");
      transaction.exec(fmt::format("INSERT INTO {} ({}) SELECT {} FROM mpf_copy", table, names, names));
    } else {
      count = write_rows(copying, copy, table);
    }
    move_sequences_on(transaction, copy, table);
    return count;
  });
}

}  // namespace mpf::db::postgres
