#include <sys/syscall.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <fstream>

#include <mpf/config/configuration.hpp>
#include <mpf/db/error.hpp>
#include <mpf/db/postgres.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>

#include "app/fixture.hpp"
#include "db/gate.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using namespace std::chrono_literals;
using test::TestApplication;

namespace {
std::atomic<int> syncs{0};
}

/// Stands before the C library's: a disk that counts.
extern "C" int fdatasync(int file) {
  ++syncs;
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

namespace {

std::string url_of(std::uint16_t port) {
  return "postgres://postgres@127.0.0.1:" + std::to_string(port) + "/postgres";
}

/// The profile "mine", for section "database".
void set_profile(TestApplication& app, const std::string& settings) {
  std::ofstream(app.folder() / "mine.yaml") << "database:\n  " << settings << "\n";
  app.options.profile = "mine";
  app.options.overrides["application.auto_migrate"] = "true";
  app.options.profile_folder = app.folder().path();
}

db::Statement may_lag(std::string sql) {
  db::Statement statement{std::move(sql), {}};
  statement.replica = true;
  return statement;
}

/// Tells how many hosts the site has: by the replica, by the primary, and by what may lag once more after a
/// write.
void hosts(Setup& s) {
  s.get("/hosts", [](Context& ctx) {
    const auto query = ctx.scope().query<tenant::SiteHost>();
    std::string answer = std::to_string(query.from_replica().count()) + " " + std::to_string(query.count());
    ctx.db().execute({"UPDATE tenant_site SET slug = slug", {}, db::Access::write});
    answer += " " + std::to_string(query.from_replica().count());
    return http::Response::text(answer);
  });
  s.get("/by-replica", [](Context& ctx) {
    bool answer = false;
    ctx.db().execute(may_lag("SELECT pg_is_in_recovery() AND to_regclass('tenant_site') IS NOT NULL"),
                     [&](const db::Row& row) { answer = row.boolean(0); });
    return http::Response::text(answer ? "yes" : "no");
  });
}

/// Each look is a request.
bool comes(const TestApplication& app, const std::string& path, const std::string& wanted) {
  const auto until = std::chrono::steady_clock::now() + 60s;
  auto browser = app.browser();
  while (std::chrono::steady_clock::now() < until) {
    if (browser.get(path).body == wanted) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("settings of the database that are wrong are told with file and line, and no secret") {
  struct Case {
    std::string settings;
    std::string problem;
  };
  const std::string time = "expected a time such as 250ms, 30s, 5m or 1h30m, got ";
  const std::string url = "postgres://user:password@host:5432/database";
  for (const Case& each : std::vector<Case>{
           {"replica_lag: soon", "2:16: database.replica_lag: " + time + "\"soon\""},
           {"replica_lag: 2", "2:16: database.replica_lag: " + time + "\"2\""},
           {"replica_lag: 0", "2:16: database.replica_lag: must be at least 1ms"},
           {"migration_lag: far", "2:18: database.migration_lag: " + time + "\"far\""},
           {"replica_timeout: 0", "2:20: database.replica_timeout: must be at least 1ms"},
           {"replicas: postgres://me:hush@here/db", "2:13: database.replicas: expected a list"},
           {"replicas: ['']", "2:13: database.replicas: item 1: must be " + url},
           {"replicas:\n    - postgres://me:hush@here/db\n    - mysql://me:hush@there/db",
            "3:5: database.replicas: item 2: must be " + url},
           {"replicas: ['postgres://me:hush@here:port/db?hush=%zz']",
            "2:13: database.replicas: item 1: must be " + url},
           {"durable: perhaps", "2:12: database.durable: expected true or false, got \"perhaps\""},
           {"url: mysql://me:hush@here", "2:8: database.url: must be sqlite:PATH, or " + url},
       }) {
    CAPTURE(each.settings);
    TestApplication app;
    set_profile(app, each.settings);
    app.options.overrides.erase("database.url");
    std::string problems;
    try {
      app.start();
    } catch (const config::ConfigurationError& error) {
      problems = error.what();
    }
    CHECK(problems == "the configuration has a problem:\n  " + (app.folder() / "mine.yaml").string() + ":" +
                          each.problem);
  }
}

TEST_CASE("postgres: from_replica() reads from a server of database.replicas, until its request writes") {
  test::Postgres server;
  const std::uint16_t port = server.add_replica();
  const test::Gate gate(port);
  TestApplication app(test::one_module(hosts));
  app.options.overrides["database.url"] = url_of(server.port());
  set_profile(app, "replicas: [" + url_of(gate.port()) + "]\n  replica_lag: 5m");
  app.start_with_sites();
  REQUIRE(comes(app, "/by-replica", "yes"));
  REQUIRE(comes(app, "/hosts", "1 1 1"));
  // What only the primary has tells who answers.
  server.psql_at(port, "SELECT pg_wal_replay_pause()");
  REQUIRE(app.command({"site", "host", "add", "acme", "new.test"}).code == 0);
  for (int i = 0; i < 5; ++i) CHECK(app.browser().get("/hosts").body == "1 2 2");
}

TEST_CASE("postgres: database.replica_lag is how far behind a replica may be") {
  test::Postgres server;
  const std::uint16_t port = server.add_replica();
  TestApplication app(test::one_module(hosts));
  app.options.overrides["database.url"] = url_of(server.port());
  set_profile(app, "replicas: [" + url_of(port) + "]\n  replica_lag: 200ms");
  app.start_with_sites();
  REQUIRE(comes(app, "/hosts", "1 1 1"));
  REQUIRE(comes(app, "/by-replica", "yes"));
  server.psql_at(port, "SELECT pg_wal_replay_pause()");
  REQUIRE(app.command({"site", "host", "add", "acme", "new.test"}).code == 0);
  CHECK(comes(app, "/hosts", "2 2 2"));
  server.psql_at(port, "SELECT pg_wal_replay_resume()");
  CHECK(comes(app, "/by-replica", "yes"));
}

TEST_CASE("postgres: a replica that gives no answer within database.replica_timeout is done without") {
  test::Postgres server;
  test::Gate gate(server.add_replica());
  TestApplication app(test::one_module(hosts));
  app.options.overrides["database.url"] = url_of(server.port());
  set_profile(app, "replicas: [" + url_of(gate.port()) + "]\n  replica_lag: 5m\n  replica_timeout: 400ms");
  app.start_with_sites();
  REQUIRE(comes(app, "/by-replica", "yes"));
  gate.swallow(true);
  const auto began = std::chrono::steady_clock::now();
  CHECK(app.browser().get("/by-replica").body == "no");
  CHECK(app.browser().get("/hosts").body == "1 1 1");
  CHECK(std::chrono::steady_clock::now() - began < 10s);
  CHECK(app.logger->contains("it has not answered for 400 ms"));
  gate.swallow(false);
  CHECK(comes(app, "/by-replica", "yes"));
}

TEST_CASE("postgres: a server that gives no answer within database.silence_timeout is not waited for") {
  test::Postgres server;
  test::Gate gate(server.port());
  TestApplication app(test::one_module(hosts));
  app.options.overrides["database.url"] = url_of(gate.port());
  set_profile(app, "statement_timeout: 0\n  silence_timeout: 300ms");
  app.start_with_sites();
  gate.swallow(true);
  const auto began = std::chrono::steady_clock::now();
  std::string told;
  try {
    app->run([](const Services& services) { services.db().execute({"SELECT 1", {}, {}}); });
  } catch (const db::ConnectionLost& error) {
    told = error.what();
  }
  CHECK(std::chrono::steady_clock::now() - began < 10s);
  CHECK_MESSAGE(told.find("the server has fallen silent: no answer for 300 ms") != std::string::npos, told);
  gate.swallow(false);
}

TEST_CASE("sqlite: with database.durable commits wait for the disk") {
  for (const bool durable : {false, true}) {
    CAPTURE(durable);
    TestApplication app;
    set_profile(app, std::string("durable: ") + (durable ? "yes" : "no"));
    app.options.overrides["database.url"] = "sqlite:" + (app.folder() / "own.db").string();
    app.options.worker = false;  // which writes as well
    app.start();
    app->run([&](const Services& services) {
      services.db().execute_script("CREATE TABLE note (n INTEGER)");
      const int before = syncs;
      for (std::int64_t i = 0; i < 20; ++i) {
        services.db().execute({"INSERT INTO note VALUES (?)", {i}, db::Access::write});
      }
      if (durable) {
        CHECK(syncs - before >= 20);
      } else {
        CHECK(syncs == before);
      }
    });
  }
}
