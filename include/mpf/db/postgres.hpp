#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <mpf/base/secret.hpp>
#include <mpf/db/database.hpp>

namespace mpf::db {

struct PostgresOptions {
  // Where it is. What is empty or 0 is taken from `url`, then from the environment as every client of
  // PostgreSQL does (PGHOST, PGSERVICE, ~/.pgpass…).
  Secret url;        ///< "postgres://user:password@host:5432/database?sslmode=verify-full"
  std::string host;  ///< a name, an address, or the folder of a Unix socket
  std::uint16_t port = 0;
  std::string database;
  std::string user;
  Secret password;

  /// Of connections over TCP. `prefer` encrypts if the server can, and checks nothing; verify_full also
  /// checks the server's certificate and its name.
  enum class Tls { by_url, disable, prefer, require, verify_ca, verify_full };
  Tls tls = Tls::by_url;
  std::filesystem::path root_certificate;    ///< whom to trust; default: ~/.postgresql/root.crt
  std::filesystem::path client_certificate;  ///< shown to servers that ask; with its key
  std::filesystem::path client_key;

  /// Servers that follow this one by streaming replication, for reads that ask for one (Statement::replica):
  /// URLs; what they leave open is as above. They are used in turn.
  std::vector<Secret> replicas;
  /// One that has not replayed what was written so long ago, or that cannot be asked, is left alone until it
  /// has; when there is none the primary serves. Measured while there are reads that ask for replicas, by the
  /// position of the primary's log, so that no clock matters.
  std::chrono::milliseconds replica_lag{2'000};
  /// While there are reads from a replica it is asked now and then, on a connection for that alone. One that
  /// gives no answer for so long is taken for gone, whatever the network says: its connections are broken,
  /// and the primary serves the reads that waited for them. Those that have shown rows, and transactions in
  /// which a statement was answered, end with ConnectionLost. A read waits about twice as long at most.
  std::chrono::milliseconds replica_timeout{3'000};

  std::string application_name = "mpf";  ///< what pg_stat_activity shows

  // Connections, of each loop at most; opened when needed.
  std::size_t pipelines = 2;            ///< shared by the statements outside of transactions
  std::size_t owned = 8;                ///< lent to transactions, streams and bulk writes, one each
  std::size_t pipeline_depth = 256;     ///< statements under way on one shared connection
  std::size_t cached_statements = 256;  ///< prepared, per connection
  std::chrono::milliseconds connect_timeout{5'000};   ///< of one attempt
  std::chrono::milliseconds acquire_timeout{5'000};   ///< wait for a connection, Error(unavailable) then
  std::chrono::milliseconds max_idle{300'000};        ///< then a connection is closed
  std::chrono::milliseconds max_lifetime{3'600'000};  ///< then it is replaced, when it is free

  // Limits that the server keeps; 0: none. A statement that gets no answer for statement_timeout and
  // answer_grace more has lost its connection, whatever the network says.
  std::chrono::milliseconds statement_timeout{30'000};
  std::chrono::milliseconds lock_timeout{10'000};
  std::chrono::milliseconds idle_in_transaction_timeout{60'000};
  std::chrono::milliseconds answer_grace{5'000};

  /// A server that has owed an answer for so long is asked, by another connection, whether it is there. One
  /// that lets that wait as long is taken for gone, whatever the network says: its connections are broken,
  /// and whoever waits gets ConnectionLost, about twice that time after it asked. What merely takes long is
  /// not disturbed, as the server answers meanwhile. 0: nobody asks. Of replicas replica_timeout says the
  /// same.
  std::chrono::milliseconds silence_timeout{5'000};

  /// For PgBouncer's transaction pooling, where each transaction may meet another session: no named
  /// statements are prepared, and the limits above are those that the server's roles or databases set; those
  /// of execute_long() too.
  bool transaction_pooler = false;
};

/// What a server's URL must look like, if this one does not; it is not quoted.
std::optional<std::string> wrong_postgres_url(const Secret& url);

/// Opens a PostgreSQL database (15 or later) and checks that it answers. To be called in a fiber; the
/// database is then used from any fiber or thread, and destroyed before its runtime.
///
/// Statements outside of transactions share a few connections of their loop, on which those of several fibers
/// are under way at the same time, each a transaction of its own; transactions own a connection. Parameters
/// are written "$1", "$2"…; a statement without those may use "?" as on SQLite. int64 is bound as bigint,
/// string as text, null without a type.
///
/// A fiber that is cancelled, or whose deadline passes, has its statement cancelled on the server. A write
/// returns only when its fate is known, or its connection has been given up; if it was finished
/// nevertheless it counts as done.
///
/// Throws Error(unavailable) if nobody answers, Error(configuration) if the server refuses the user, the
/// password, the database or the encryption: messages tell where and why, never a password.
std::unique_ptr<Database> open_postgres(PostgresOptions options);

}  // namespace mpf::db
