#include "db/postgres_error.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <vector>

#include <fmt/core.h>

#include <mpf/base/text.hpp>
#include <mpf/db/error.hpp>

#include "db/postgres_sql.hpp"

namespace mpf::db::postgres {

namespace {

std::string field(const pg_result* result, int code) {
  const char* const value = PQresultErrorField(result, code);
  return value ? value : "";
}

/// "Key (site_id, email)=(1, x) already exists.", in any language. The values are people's data: they stay
/// out of messages.
std::vector<std::string> columns_in(const std::string& detail, const std::string& table) {
  std::vector<std::string> columns;
  const std::size_t open = detail.find('(');
  const std::size_t close = detail.find(")=(");
  if (open == std::string::npos || close == std::string::npos || close < open) return columns;
  const std::string names = detail.substr(open + 1, close - open - 1);
  if (names.find('(') != std::string::npos) return columns;  // an expression
  for (std::size_t start = 0; start < names.size();) {
    const std::size_t end = std::min(names.find(", ", start), names.size());
    columns.push_back(table + "." + names.substr(start, end - start));
    start = end + 2;
  }
  return columns;
}

[[noreturn]] void throw_constraint(ConstraintError::Type type, const ErrorFields& error,
                                   const std::string& text) {
  std::vector<std::string> columns;
  if (!error.column.empty()) {
    columns.push_back(error.table + "." + error.column);
  } else {
    columns = columns_in(error.detail, error.table);
  }
  throw ConstraintError(type, text, error.constraint, std::move(columns), error.table);
}

}  // namespace

std::string_view sqlstate_of(const pg_result* result) noexcept {
  const char* const state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  return state ? state : "";
}

std::string_view last_error(const pg_conn* connection) noexcept {
  const std::string_view text = trim(PQerrorMessage(connection));
  return text.substr(0, text.find('\n'));
}

void throw_error(const pg_result* result, const std::string& where, std::string_view sql) {
  ErrorFields error{.state = std::string(sqlstate_of(result)),
                    .message = field(result, PG_DIAG_MESSAGE_PRIMARY),
                    .detail = field(result, PG_DIAG_MESSAGE_DETAIL),
                    .hint = field(result, PG_DIAG_MESSAGE_HINT),
                    .table = field(result, PG_DIAG_TABLE_NAME),
                    .column = field(result, PG_DIAG_COLUMN_NAME),
                    .constraint = field(result, PG_DIAG_CONSTRAINT_NAME)};
  if (error.message.empty()) error.message = trim(PQresultErrorMessage(result));
  throw_error(error, where, sql);
}

void throw_error(const ErrorFields& error, const std::string& where, std::string_view sql) {
  const std::string& state = error.state;
  std::string text = fmt::format("{} (PostgreSQL {}, {}, in: {})", error.message, state, where, excerpt(sql));
  if (!error.hint.empty()) text += "; hint: " + error.hint;
  const std::string_view group = std::string_view(state).substr(0, 2);
  using Type = ConstraintError::Type;

  if (state == "23505") throw_constraint(Type::unique, error, text);
  if (state == "23503" || state == "23001") throw_constraint(Type::foreign_key, error, text);
  if (state == "23502") throw_constraint(Type::not_null, error, text);
  if (state == "23P01") throw_constraint(Type::exclusion, error, text);
  if (group == "23" || group == "44") throw_constraint(Type::check, error, text);
  if (group == "40") throw SerializationError(text);
  if (state == "55P03") throw LockTimeout(text);
  if (state == sqlstate::query_canceled) throw StatementTimeout(text);
  if (state.empty() || group == "08" || state.starts_with("57P") || state == "25P03")
    throw ConnectionLost(text);
  if (state == "53100") {
    throw Error(ErrorKind::unavailable, "disk full: " + text, "The storage is full");
  }
  if (group == "53" || group == "58") throw Error(ErrorKind::unavailable, text);
  if (group == "54") throw Error(ErrorKind::too_large, text);
  if (group == "XX" && state != "XX000") throw Error(ErrorKind::corrupt, text);
  if (group == "22" && state != "22P03" && state != "22P01") throw Error(ErrorKind::invalid, text);
  throw SqlError(state, text);
}

void throw_connect_error(const std::string& message, const std::string& where) {
  // "connection to server at … failed: FATAL:  28P01: password authentication failed …", then LOCATION
  std::string text = message.substr(0, message.find("\nLOCATION"));
  std::replace(text.begin(), text.end(), '\n', ' ');
  text = fmt::format("cannot connect to {}: {}", where, trim(text));
  const auto has = [&](const char* words) { return text.find(words) != std::string::npos; };
  for (const char* const code : {"  28", "  3D000: ", "  42501: "}) {
    if (has(code)) throw Error(ErrorKind::configuration, text);
  }
  if (has("does not support SSL") || has("certificate") || has("does not match host name") ||
      has("no password supplied") || has("invalid connection option") || has("invalid sslmode")) {
    throw Error(ErrorKind::configuration, text);
  }
  throw ConnectionLost(text);
}

}  // namespace mpf::db::postgres
