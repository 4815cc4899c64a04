#include "db/postgres_connect.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>

#include <fmt/core.h>

#include <mpf/db/error.hpp>

#include "db/own_thread.hpp"
#include "db/postgres_error.hpp"

namespace mpf::db::postgres {

namespace {

const char* name_of(PostgresOptions::Tls tls) noexcept {
  switch (tls) {
    case PostgresOptions::Tls::by_url:
      return "";
    case PostgresOptions::Tls::disable:
      return "disable";
    case PostgresOptions::Tls::prefer:
      return "prefer";
    case PostgresOptions::Tls::require:
      return "require";
    case PostgresOptions::Tls::verify_ca:
      return "verify-ca";
    case PostgresOptions::Tls::verify_full:
      return "verify-full";
  }
  return "";
}

struct Parsed {
  std::string host, port, database, options;
};

constexpr std::string_view right_url = "postgres://user:password@host:5432/database";

/// Null if it is malformed; why is not asked: the reason may quote the password.
PQconninfoOption* take_apart(const std::string& url) {
  char* message = nullptr;
  PQconninfoOption* const all = PQconninfoParse(url.c_str(), &message);
  PQfreemem(message);
  return all;
}

Parsed parse_url(const std::string& url) {
  Parsed parsed;
  PQconninfoOption* const all = take_apart(url);
  if (!all) {
    throw Error(ErrorKind::configuration,
                fmt::format("the database's URL is malformed; it must look like {}", right_url));
  }
  for (const PQconninfoOption* each = all; each->keyword; ++each) {
    if (!each->val) continue;
    const std::string_view key = each->keyword;
    if (key == "host") parsed.host = each->val;
    if (key == "hostaddr" && parsed.host.empty()) parsed.host = each->val;
    if (key == "port") parsed.port = each->val;
    if (key == "dbname") parsed.database = each->val;
    if (key == "options") parsed.options = each->val;
  }
  PQconninfoFree(all);
  return parsed;
}

}  // namespace

void CloseConnection::operator()(pg_conn* connection) const noexcept { PQfinish(connection); }
void ClearResult::operator()(pg_result* result) const noexcept { PQclear(result); }

Address::Address(const PostgresOptions& options) : Address(options, options.url.reveal()) {}

Address::Address(const PostgresOptions& options, const std::string& url)
    : timeout_(std::max(options.connect_timeout, std::chrono::milliseconds(1))) {
  const bool primary = url == options.url.reveal();
  const Parsed parsed = url.empty() ? Parsed{} : parse_url(url);
  const auto set = [&](const char* key, const std::string& value) {
    if (!value.empty()) settings_.emplace_back(key, value);
  };
  // What the URL may override; a peer that is gone must show.
  set("gssencmode", "disable");
  set("keepalives_idle", "10");
  set("keepalives_interval", "5");
  set("keepalives_count", "3");
  set("tcp_user_timeout", "10000");
  set("dbname", url);  // libpq takes it apart
  if (primary) {
    set("host", options.host);
    set("port", options.port == 0 ? "" : std::to_string(options.port));
  }
  if (primary || parsed.database.empty()) set("dbname", options.database);
  set("user", options.user);
  set("password", options.password.reveal());
  set("sslmode", name_of(options.tls));
  set("sslrootcert", options.root_certificate.string());
  set("sslcert", options.client_certificate.string());
  set("sslkey", options.client_key.string());
  set("application_name", options.application_name);
  set("client_encoding", "UTF8");
  if (!options.transaction_pooler) {
    const auto limit = [](const char* name, std::chrono::milliseconds value) {
      return fmt::format(" -c {}={}", name, value.count());
    };
    set("options", parsed.options + limit("statement_timeout", options.statement_timeout) +
                       limit("lock_timeout", options.lock_timeout) +
                       limit("idle_in_transaction_session_timeout", options.idle_in_transaction_timeout));
  }
  const std::string host = primary && !options.host.empty() ? options.host : parsed.host;
  const std::string port = primary && options.port != 0 ? std::to_string(options.port) : parsed.port;
  const std::string database =
      (primary && !options.database.empty()) || parsed.database.empty() ? options.database : parsed.database;
  description_ = fmt::format("postgres:{}{}{}/{}", host, port.empty() ? "" : ":", port, database);
}

std::string Address::text() const {
  std::vector<std::pair<std::string, std::string>> all;
  bool database_seen = false;
  for (const auto& [key, value] : settings_) {
    if (key == "dbname" && !std::exchange(database_seen, true) && value.find("://") != std::string::npos) {
      PQconninfoOption* const parts = PQconninfoParse(value.c_str(), nullptr);
      for (const PQconninfoOption* each = parts; each && each->keyword; ++each) {
        if (each->val) all.emplace_back(each->keyword, each->val);
      }
      PQconninfoFree(parts);
    } else {
      all.emplace_back(key, value);
    }
  }
  std::string text = fmt::format("connect_timeout={}", std::max<std::int64_t>(timeout_.count() / 1000, 2));
  for (const auto& [key, value] : all) {
    text += " " + key + "='";
    for (const char c : value) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += "'";
  }
  return text;
}

ConnectionHandle Address::connect(std::chrono::milliseconds timeout) const {
  ConnectionHandle connection;
  on_own_thread([&](const std::atomic<bool>& stop) { connection = connect_blocking(timeout, stop); });
  return connection;
}

ConnectionHandle Address::connect_blocking(std::chrono::milliseconds timeout,
                                           const std::atomic<bool>& stop) const {
  std::vector<const char*> keys;
  std::vector<const char*> values;
  bool database_seen = false;
  for (const auto& [key, value] : settings_) {
    // Only the first one is taken apart.
    if (key == "dbname" && !database_seen) {
      database_seen = true;
      if (value.find("://") == std::string::npos && value.find('=') != std::string::npos) {
        keys.push_back("dbname");  // a plain name that only looks like settings
        values.push_back("");
      }
    }
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  ConnectionHandle connection(PQconnectStartParams(keys.data(), values.data(), 1));
  if (!connection) throw std::bad_alloc();
  PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);  // the only way to the SQLSTATE
  const auto fail = [&] { throw_connect_error(PQerrorMessage(connection.get()), description_); };
  if (PQstatus(connection.get()) == CONNECTION_BAD) fail();
  const auto until = std::chrono::steady_clock::now() + timeout;
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    pollfd waited{PQsocket(connection.get()),
                  static_cast<short>(next == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    const auto now = std::chrono::steady_clock::now();
    if (now >= until) {
      throw ConnectionLost(
          fmt::format("cannot connect to {}: nobody answered within {} ms", description_, timeout.count()));
    }
    if (stop) throw ConnectionLost(fmt::format("connecting to {} was given up", description_));
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    if (::poll(&waited, 1, static_cast<int>(std::min<std::int64_t>(left, 50))) <= 0) continue;
    next = PQconnectPoll(connection.get());
    if (next == PGRES_POLLING_FAILED) fail();
  }
  PQsetErrorVerbosity(connection.get(), PQERRORS_DEFAULT);
  PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  if (PQsetnonblocking(connection.get(), 1) != 0 || PQenterPipelineMode(connection.get()) != 1) {
    throw ConnectionLost(
        fmt::format("cannot use the connection to {}: {}", description_, PQerrorMessage(connection.get())));
  }
  return connection;
}

}  // namespace mpf::db::postgres

namespace mpf::db {

std::optional<std::string> wrong_postgres_url(const Secret& url) {
  const std::string& text = url.reveal();
  PQconninfoOption* const all = postgres::take_apart(text);
  PQconninfoFree(all);
  if (all && (text.starts_with("postgres://") || text.starts_with("postgresql://"))) return {};
  return std::string(postgres::right_url);
}

}  // namespace mpf::db
