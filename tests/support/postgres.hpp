#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <mpf/db/postgres.hpp>
#include <mpf/db/sqlite.hpp>
#include <mpf/fiber/fiber.hpp>

#include "support/temp_dir.hpp"

namespace mpf::test {

/// A PostgreSQL server of this test process alone, in a temporary folder, on a Unix socket and a free port of
/// 127.0.0.1. Runs as an unprivileged user, without fsync; what initdb makes is kept in the folder for
/// temporary files, for the next ones. It ends, and its folder goes, when the process
/// ends, however that happens: a shell waits for the end of a pipe. It is no child of the process and has a
/// session of its own, so that who kills the process with its group or with all its descendants, as ctest
/// does at the end of a test's time, does not reach it. Throws when the server is missing: tests fail then,
/// they are not skipped.
class Postgres {
 public:
  /// The one that the process's tests share; started by the first call.
  static Postgres& shared() {
    return *fiber::offload([] {
      static Postgres server;
      return &server;
    });
  }

  /// Whether the server may have the same system identifier as other tests' servers, as copies of it have.
  enum class Identity { shared, own };

  /// Starts one. `settings` are lines for postgresql.conf, `access` replaces pg_hba.conf. With "ssl = on" it
  /// makes itself a certificate for localhost and 127.0.0.1: server.crt and server.key in its folder, to be
  /// named in the settings as "../server.crt".
  explicit Postgres(const std::string& settings = {}, const std::string& access = {},
                    Identity identity = Identity::shared) {
    const std::filesystem::path tools = tools_folder();
    const passwd* const user = unprivileged_user();
    if (user && ::chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0) {
      throw std::runtime_error("cannot give " + folder_.path().string() + " to " + user->pw_name);
    }
    port_ = free_port();
    std::ofstream(folder_ / "settings")
        << "listen_addresses = '127.0.0.1'\nport = " << port_ << "\nunix_socket_directories = '"
        << folder_.path().string() << "'\nmax_connections = 200\nfsync = off\nsynchronous_commit = off\n"
        << "full_page_writes = off\nautovacuum = off\nlog_min_messages = warning\n"
        << "max_prepared_transactions = 0\nshared_buffers = 32MB\ntimezone = 'UTC'\n"
        << settings << "\n";
    if (!access.empty()) std::ofstream(folder_ / "access") << access << "\n";
    if (identity == Identity::own) std::ofstream(folder_ / "own_identity") << "";
    start_shell(tools, user);
    expect(read_line(), "ready");
  }

  /// The shell sees the end of the pipe and stops the server; wait for that, the folder goes with it.
  ~Postgres() {
    ::close(commands_);
    while (!read_line().empty()) {
    }
    ::close(answers_);
  }
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  std::string socket_folder() const { return folder_.path().string(); }
  const std::filesystem::path& folder() const noexcept { return folder_.path(); }

  /// Options for a database of this server, by its Unix socket, as its superuser "postgres".
  db::PostgresOptions options(std::string database = "postgres") const {
    db::PostgresOptions options;
    options.host = socket_folder();
    options.port = port_;
    options.user = "postgres";
    options.database = std::move(database);
    return options;
  }

  /// Makes an empty database with a name of its own and gives the options for it.
  db::PostgresOptions fresh() {
    static std::atomic<int> number{0};
    const std::string name = "test_" + std::to_string(++number);
    expect(command("createdb " + name), "ok");
    return options(name);
  }

  /// One that sorts text as people of a language do, where its columns do not say otherwise.
  db::PostgresOptions fresh_in_english() {
    static std::atomic<int> number{0};
    const std::string name = "english_" + std::to_string(++number);
    expect(command("english " + name), "ok");
    return options(name);
  }

  /// Makes a copy of a database that nobody is connected to: much faster than making its tables anew.
  db::PostgresOptions copy(const std::string& database) {
    auto options = this->options("copy_" + std::to_string(++copies_));
    expect(command("copydb " + options.database + " " + database), "ok");
    return options;
  }

  void drop(const std::string& database) { expect(command("dropdb " + database), "ok"); }

  /// Ends the server as kill -9 does: nothing is written, connections break.
  void kill() {
    long pid = 0;
    std::ifstream(folder_ / "data/postmaster.pid") >> pid;
    if (pid <= 0 || ::kill(static_cast<pid_t>(pid), SIGKILL) != 0) {
      throw std::runtime_error("cannot kill the PostgreSQL server");
    }
    while (::kill(static_cast<pid_t>(pid), 0) == 0) ::usleep(1000);
  }

  /// Starts it again after kill(), on the same port, with the same data; returns when it answers.
  void start() { expect(command("start"), "ok"); }

  /// Puts a PgBouncer in front of the server, pooling by transaction; returns its port.
  std::uint16_t pooler() {
    const std::uint16_t port = free_port();
    std::ofstream(folder_ / "pgbouncer.ini")
        << "[databases]\n* = host=" << socket_folder() << " port=" << port_
        << " user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port
        << "\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n"
        << "pidfile = pgbouncer.pid\nlogfile = pgbouncer.log\n";
    expect(command("pgbouncer"), "ok");
    return port;
  }

  /// Starts another server that follows this one by streaming replication; returns its port. Its socket is in
  /// the same folder. It ends with this one.
  std::uint16_t add_replica() {
    const std::uint16_t port = free_port();
    expect(command("add_replica " + std::to_string(port)), "ok");
    return port;
  }
  /// As kill -9 would; and again.
  void stop_replica(std::uint16_t port) { expect(command("stop_replica " + std::to_string(port)), "ok"); }
  void start_replica(std::uint16_t port) { expect(command("start_replica " + std::to_string(port)), "ok"); }

  /// Runs an SQL script as superuser; returns what psql printed, unaligned, without headers.
  std::string psql(const std::string& database, const std::string& sql) {
    std::ofstream(folder_ / "script.sql") << sql;
    const std::string answer = command("psql " + database);
    std::ifstream output(folder_ / "script.out");
    std::string text((std::istreambuf_iterator<char>(output)), {});
    if (answer != "ok") throw std::runtime_error("psql failed: " + text);
    return text;
  }

  /// The same on a replica, as one statement of the database "postgres".
  std::string psql_at(std::uint16_t replica, const std::string& sql) {
    return psql("postgres", "\\connect - - - " + std::to_string(replica) + "\n" + sql);
  }

  static std::uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    ::close(fd);
    if (!bound) throw std::runtime_error("no free port");
    return ntohs(address.sin_port);
  }

 private:
  static std::filesystem::path tools_folder() {
    namespace fs = std::filesystem;
    fs::path best;
    int newest = 0;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
      const int version = std::atoi(entry.path().filename().c_str());
      if (version >= 15 && version > newest && fs::exists(entry.path() / "bin/initdb")) {
        newest = version;
        best = entry.path() / "bin";
      }
    }
    if (best.empty()) throw std::runtime_error("PostgreSQL 15 or later is not installed: ./dev setup");
    return best;
  }

  /// PostgreSQL refuses to run as root.
  static const passwd* unprivileged_user() {
    if (::geteuid() != 0) return nullptr;
    const passwd* user = ::getpwnam("postgres");
    if (!user) user = ::getpwnam("nobody");
    if (!user) throw std::runtime_error("there is no unprivileged user to run PostgreSQL as");
    return user;
  }

  static constexpr const char* script = R"sh(
cd "$1" || exit 1
PATH=$2:$PATH:/usr/sbin
dir=$1 port=$3
unset PGDATA PGHOST PGPORT PGUSER PGDATABASE PGOPTIONS PGPASSWORD
export PGHOST=$dir PGPORT=$port PGUSER=postgres LC_ALL=C
trap '' INT HUP TERM PIPE
start() { pg_ctl -D data -w -t 60 -l log start >pg_ctl.log 2>&1; }
halt() { pg_ctl -D "$1" -m immediate -w stop; }
finish() {
  {
    [ ! -f pgbouncer.pid ] || kill "$(cat pgbouncer.pid)"
    for each in replica_*; do [ ! -d "$each" ] || halt "$each"; done
    [ ! -d data ] || halt data
  } >/dev/null 2>&1
  cd /; rm -rf "$dir"; exit
}
follow() { pg_ctl -D "replica_$1" -w -t 60 -l "log_$1" start >pg_ctl.log 2>&1; }
# Copying what initdb has made once takes a tenth of the time. Another process may be keeping it just now.
kept=${TMPDIR:-/tmp}/mpf-test-postgres-$(id -u)-$(basename "${2%/bin}")
make_data() {
  initdb -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >initdb.log 2>&1 ||
    { echo "initdb failed: $(tail -n 3 initdb.log | tr '\n' ' ')"; finish; }
  [ -f own_identity ] || { cp -a data "$kept.$$" && mv -T "$kept.$$" "$kept"; } 2>/dev/null || rm -rf "$kept.$$"
}
configure() {
  cat settings >>data/postgresql.conf
  [ ! -f access ] || cp access data/pg_hba.conf
}
if [ -f own_identity ] || [ ! -d "$kept" ] || [ -L "$kept" ] || [ ! -O "$kept" ] || ! cp -a "$kept" data 2>/dev/null; then
  rm -rf data
  make_data
fi
configure
if grep -q '^ssl = on' settings; then
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout server.key -out server.crt \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 >openssl.log 2>&1 ||
    { echo "no certificate: $(tail -n 3 openssl.log | tr '\n' ' ')"; finish; }
fi
start || { rm -rf data "$kept" && make_data && configure && start; } ||
  { echo "the server did not start: $(tail -n 3 log | tr '\n' ' ')"; finish; }
echo ready
while read -r verb name source; do
  case $verb in
    createdb) createdb -S file_copy -T template0 "$name" >command.log 2>&1 ;;
    english) createdb -S file_copy -T template0 --locale-provider=icu --icu-locale=en-US "$name" >command.log 2>&1 ;;
    copydb) createdb -S file_copy -T "$source" "$name" >command.log 2>&1 ;;
    dropdb) dropdb -f "$name" >command.log 2>&1 ;;
    psql) psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$name" -f script.sql >script.out 2>&1 ;;
    pgbouncer) pgbouncer -d pgbouncer.ini >command.log 2>&1 ;;
    start) rm -f data/postmaster.pid; start ;;
    add_replica) pg_basebackup -D "replica_$name" -R -X stream -c fast --no-sync >command.log 2>&1 &&
      echo "port = $name" >>"replica_$name/postgresql.conf" && follow "$name" ;;
    stop_replica) halt "replica_$name" >command.log 2>&1 ;;
    start_replica) follow "$name" ;;
    *) false ;;
  esac && echo ok || echo "failed: $verb $name: $(cat command.log pg_ctl.log 2>/dev/null | tail -n 3 | tr '\n' ' ')"
done
finish
)sh";

  void start_shell(const std::filesystem::path& tools, const passwd* user) {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    const std::string folder = folder_.path().string();
    const std::string port = std::to_string(port_);
    const char* const arguments[] = {"sh",           "-c",          script,       "mpf-test-postgres",
                                     folder.c_str(), tools.c_str(), port.c_str(), nullptr};
    const pid_t child = ::fork();
    if (child == 0) {  // beside other threads: nothing here may take memory
      ::setsid();
      if (::fork() != 0) ::_exit(0);  // its child belongs to nobody then
      if (user && (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) ::_exit(126);
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      sigset_t none;
      sigemptyset(&none);
      ::sigprocmask(SIG_SETMASK, &none, nullptr);
      ::execv("/bin/sh", const_cast<char* const*>(arguments));
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    commands_ = in[1];
    answers_ = out[0];
    if (child < 0) throw std::runtime_error("fork");
    ::waitpid(child, nullptr, 0);
  }

  std::string command(const std::string& line) {
    return fiber::offload([&] {
      const std::scoped_lock lock(mutex_);
      const std::string text = line + "\n";
      if (::write(commands_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        throw std::runtime_error("the shell beside PostgreSQL is gone");
      }
      return read_line();
    });
  }

  std::string read_line() const {
    std::string line;
    for (char c = 0; ::read(answers_, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }

  static void expect(const std::string& answer, const char* wanted) {
    if (answer != wanted) throw std::runtime_error("PostgreSQL for tests: " + answer);
  }

  TempDir folder_;
  std::atomic<int> copies_{0};
  std::uint16_t port_ = 0;
  int commands_ = -1;
  int answers_ = -1;
  std::mutex mutex_;
};

/// The databases that a test loops over:
///
///     for (const auto dialect : test::databases()) {
///       CAPTURE(dialect);
///       const test::FreshDatabase db(dialect);  // in a fiber
///       db->execute(…);
///     }
inline std::vector<db::Dialect> databases() { return {db::Dialect::sqlite, db::Dialect::postgres}; }

/// An empty database of either kind, for one test. Made, used and destroyed in a fiber.
class FreshDatabase {
 public:
  explicit FreshDatabase(db::Dialect dialect) {
    if (dialect == db::Dialect::sqlite) {
      folder_ = std::make_unique<TempDir>();
      db_ = db::open_sqlite({.file = *folder_ / "test.db"});
    } else {
      db_ = db::open_postgres(Postgres::shared().fresh());
    }
  }

  db::Database& operator*() const { return *db_; }
  db::Database* operator->() const { return db_.get(); }

 private:
  std::unique_ptr<TempDir> folder_;
  std::unique_ptr<db::Database> db_;
};

}  // namespace mpf::test
