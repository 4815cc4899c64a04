#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <mpf/base/reflect.hpp>
#include <mpf/base/secret.hpp>
#include <mpf/config/options.hpp>
#include <mpf/telemetry/logger.hpp>

/// Sections of the configuration that every application has; "auth" is in auth/settings.hpp.
namespace mpf {

/// Section "application".
struct ApplicationSettings {
  std::filesystem::path data_folder = "var";
  bool auto_migrate = false;

  static constexpr auto describe() {
    using config::help;
    return mpf::describe(
        field<&ApplicationSettings::data_folder>(
            help("where database and files are kept unless set apart; made when it is missing")),
        field<&ApplicationSettings::auto_migrate>(
            help("apply pending migrations at start instead of refusing to start; for development")));
  }
};

namespace app::detail {
std::optional<std::string> wrong_token(const Secret& token);
}

/// Section "http".
struct HttpSettings {
  std::string address = "127.0.0.1";
  std::int64_t port = 8000;
  std::int64_t max_header_bytes = 16 * 1024;
  std::int64_t max_body_bytes = 1024 * 1024;
  std::int64_t max_connections = 10'000;
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds handler_timeout{30'000};
  std::chrono::milliseconds shutdown_grace{10'000};
  std::vector<std::string> trusted_proxies;
  bool log_requests = true;
  bool compress = true;
  std::int64_t query_budget = 50;
  Secret metrics_token;

  static constexpr auto describe() {
    using config::help;
    return mpf::describe(
        field<&HttpSettings::address>(help("address to listen on; 0.0.0.0 for all")),
        field<&HttpSettings::port>(help("0: any free one"), config::min(0), config::max(65535)),
        field<&HttpSettings::max_header_bytes>(help("request line and header"), config::min(1024),
                                               config::max(1024 * 1024)),
        field<&HttpSettings::max_body_bytes>(help("of a request, where the route says nothing else"),
                                             config::min(0)),
        field<&HttpSettings::max_connections>(help("more are refused"), config::min(1)),
        field<&HttpSettings::header_timeout>(help("for the header of a request")),
        field<&HttpSettings::body_timeout>(help("for the body of a request")),
        field<&HttpSettings::idle_timeout>(help("between requests of a connection")),
        field<&HttpSettings::write_timeout>(help("without progress while answering")),
        field<&HttpSettings::handler_timeout>(help("deadline of a handler")),
        field<&HttpSettings::shutdown_grace>(help("for running requests and tasks when stopping")),
        field<&HttpSettings::trusted_proxies>(
            help("addresses whose X-Forwarded-For and X-Forwarded-Proto count")),
        field<&HttpSettings::log_requests>(help("a log line for each request")),
        field<&HttpSettings::compress>(help("text for clients that take gzip; off when a proxy does it")),
        field<&HttpSettings::query_budget>(
            help("a request with more statements is logged as a warning, with where they come from; 0: any "
                 "number"),
            config::min(0)),
        field<&HttpSettings::metrics_token>(
            help("/metrics is for whoever shows this as bearer token; without one, for programs on this "
                 "machine, and with trusted_proxies for nobody"),
            config::check(app::detail::wrong_token)));
  }
};

namespace app::detail {
std::optional<std::string> wrong_database_url(const Secret& url);
std::optional<std::string> wrong_replicas(const std::vector<Secret>& urls);
}  // namespace app::detail

/// Section "database".
struct DatabaseSettings {
  Secret url;
  std::filesystem::path file;
  std::chrono::milliseconds busy_timeout{10'000};
  bool durable = false;
  std::int64_t pipelines = 2;
  std::int64_t owned_connections = 8;
  std::chrono::milliseconds statement_timeout{30'000};
  std::chrono::milliseconds lock_timeout{10'000};
  std::chrono::milliseconds silence_timeout{5'000};
  bool transaction_pooler = false;
  bool row_security = false;
  std::vector<Secret> replicas;
  std::chrono::milliseconds replica_lag{2'000};
  std::chrono::milliseconds replica_timeout{3'000};
  std::chrono::milliseconds migration_lag{10'000};

  static constexpr auto describe() {
    using config::help;
    return mpf::describe(
        field<&DatabaseSettings::url>(
            help("sqlite:PATH or postgres://user:password@host:port/database; default: the environment's "
                 "DATABASE_URL, else the file"),
            config::check(app::detail::wrong_database_url)),
        field<&DatabaseSettings::pipelines>(
            help("PostgreSQL: connections of each loop for statements outside of transactions"),
            config::min(1), config::max(100)),
        field<&DatabaseSettings::owned_connections>(
            help("PostgreSQL: connections of each loop for transactions, at most; migrations need two"),
            config::min(2), config::max(1000)),
        field<&DatabaseSettings::statement_timeout>(help("PostgreSQL: of one statement")),
        field<&DatabaseSettings::lock_timeout>(help("PostgreSQL: wait for a lock that others hold")),
        field<&DatabaseSettings::silence_timeout>(help(
            "PostgreSQL: a server that gives no answer for so long, nor takes a connection, is taken for "
            "gone")),
        field<&DatabaseSettings::transaction_pooler>(
            help("PostgreSQL is reached through PgBouncer that pools by transaction")),
        field<&DatabaseSettings::row_security>(
            help("PostgreSQL: scopes work as a role of their own behind row-level security; always so once a "
                 "model has the entry orm::row_security()")),
        field<&DatabaseSettings::replicas>(
            help("PostgreSQL: URLs of servers that follow it, for reads that may lag"),
            config::check(app::detail::wrong_replicas)),
        field<&DatabaseSettings::replica_lag>(
            help("PostgreSQL: how far behind a replica may be and still be read from"),
            config::min(std::chrono::milliseconds(1))),
        field<&DatabaseSettings::replica_timeout>(
            help("PostgreSQL: a replica that gives no answer for so long is taken for gone"),
            config::min(std::chrono::milliseconds(1))),
        field<&DatabaseSettings::migration_lag>(
            help("PostgreSQL: migrations stop changing rows while a replica is further behind; 0: never")),
        field<&DatabaseSettings::file>(
            help("SQLite file; default: <application name>.db in the data folder")),
        field<&DatabaseSettings::busy_timeout>(help("wait for another process that writes")),
        field<&DatabaseSettings::durable>(
            help("SQLite: commits survive a power loss; each waits for the disk")));
  }
};

/// Section "storage".
struct StorageSettings {
  std::filesystem::path folder;

  static constexpr auto describe() {
    return mpf::describe(field<&StorageSettings::folder>(
        config::help("files of the sites; default: files in the data folder")));
  }
};

/// Section "cache".
struct CacheSettings {
  std::int64_t max_mib = 128;

  static constexpr auto describe() {
    return mpf::describe(field<&CacheSettings::max_mib>(
        config::help("memory of the process's cache, in MiB; a value of more than half of it is not kept"),
        config::min(1)));
  }
};

/// Section "task".
struct TaskSettings {
  std::int64_t concurrency = 4;
  std::vector<std::string> queues;
  std::chrono::milliseconds poll_interval{1'000};
  std::chrono::milliseconds lease{10'000};
  std::chrono::milliseconds heartbeat{3'000};

  static constexpr auto describe() {
    using config::help;
    return mpf::describe(
        field<&TaskSettings::concurrency>(help("tasks that a worker runs at the same time"), config::min(1),
                                          config::max(1024)),
        field<&TaskSettings::queues>(help("queues that the worker serves; empty: all")),
        field<&TaskSettings::poll_interval>(help("how often a worker looks for tasks of other processes")),
        field<&TaskSettings::lease>(
            help("a process silent for so long is dead, its tasks go to others; the same for all processes")),
        field<&TaskSettings::heartbeat>(help("how often a process shows that it lives")));
  }
};

/// Section "log".
struct LogSettings {
  log::Level level = log::Level::info;
  telemetry::LogFormat format = telemetry::LogFormat::text;
  std::filesystem::path file;
  std::int64_t max_file_mib = 64;
  std::int64_t kept_files = 5;

  static constexpr auto describe() {
    using config::help;
    return mpf::describe(
        field<&LogSettings::level>(help("least important lines that are written")),
        field<&LogSettings::format>(help("text, or one JSON object a line")),
        field<&LogSettings::file>(help("default: standard error")),
        field<&LogSettings::max_file_mib>(help("before a file gets larger a new one is begun, in MiB"),
                                          config::min(1), config::max(1024 * 1024)),
        field<&LogSettings::kept_files>(help("full files that are kept, as name.1.log and so on"),
                                        config::min(0), config::max(1000)));
  }
};

/// Section "runtime".
struct RuntimeSettings {
  std::int64_t loops = 0;
  std::int64_t offload_threads = 0;
  std::chrono::milliseconds stall_threshold{50};

  static constexpr auto describe() {
    using config::help;
    return mpf::describe(
        field<&RuntimeSettings::loops>(help("event loops; 0: one per core"), config::min(0),
                                       config::max(1024)),
        field<&RuntimeSettings::offload_threads>(help("threads for blocking work; 0: by the cores"),
                                                 config::min(0), config::max(1024)),
        field<&RuntimeSettings::stall_threshold>(
            help("log handlers that keep their loop longer than this; 0: never")));
  }
};

}  // namespace mpf
