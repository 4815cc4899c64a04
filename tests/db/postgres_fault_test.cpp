#include <doctest/doctest.h>

#include <atomic>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

#include "db/database.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {

using Steady = fiber::SteadyClock;

}  // namespace

TEST_CASE("postgres: killed and restarted under load, it comes back within a second, and no fiber is stuck") {
  Postgres server("synchronous_commit = on");  // or kill -9 loses what was committed last
  fiber::run(
      [&] {
        auto options = server.fresh();
        options.acquire_timeout = 200ms;
        const auto db = db::open_postgres(options);
        db->execute_script("CREATE TABLE t (x bigint)");
        std::atomic<bool> stop{false};
        std::atomic<int> failed{0};
        std::atomic<int> served{0};
        std::atomic<int> wrong{0};
        std::atomic<std::int64_t> written{0};
        std::vector<fiber::Fiber<>> load;
        const auto typed = [&](const std::function<void()>& work) {
          try {
            work();
            ++served;
          } catch (const Error& error) {  // lost, or none free in time
            if (error.kind() != ErrorKind::unavailable) throw;
            ++failed;
          }
        };
        for (int i = 0; i < 30; ++i) {
          load.push_back(fiber::spawn(
              [&, i] {
                while (!stop) {
                  typed([&] { wrong += number(*db, "SELECT $1", {std::int64_t{7}}) != 7; });
                  if (i % 3 == 0) {
                    typed([&] {
                      db->transaction([&](db::Transaction&) {
                        db->execute(write("INSERT INTO t VALUES (1)"));
                        db->execute(write("INSERT INTO t VALUES (2)"));
                      });
                      ++written;
                    });
                  }
                  fiber::yield();
                }
              },
              {.loop = &fiber::Loop::current()->runtime().next_loop()}));
        }
        const auto until = [&](const auto& reached) {
          while (!reached()) fiber::sleep_for(1ms);
        };
        for (int round = 0; round < 2; ++round) {
          const int before = served;
          until([&] { return served > before + 200; });
          const int failures = failed;
          fiber::offload([&] { server.kill(); });
          until([&] { return failed > failures + 30; });
          server.start();
          const auto back = Steady::now();
          const int now = served;
          until([&] { return served > now + 30; });
          CHECK(Steady::now() - back < 1s);
        }
        stop = true;
        for (auto& each : load) each.get();
        CHECK(wrong == 0);
        // This loop's connections may be waiting to be tried again, when the other loop's have served.
        until([&] {
          try {
            return number(*db, "SELECT 1") == 1;
          } catch (const Error& error) {  // lost, or none free in time
            CHECK(error.kind() == ErrorKind::unavailable);
            return false;
          }
        });
        // Both rows or none; what was under way when the server died may count as well.
        const auto rows = number(*db, "SELECT count(*) FROM t");
        CHECK(rows % 2 == 0);
        CHECK(rows >= 2 * written);
        CHECK(number(*db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") <= 20);
      },
      {.loops = 2});
}

TEST_CASE("postgres: long work takes the limits off its own session, and none off a pooler's") {
  for (const bool pooler : {false, true}) {
    CAPTURE(pooler);
    fiber::run([&] {
      auto options = Postgres::shared().fresh();
      options.pipelines = 1;
      options.transaction_pooler = pooler;
      {
        const auto database = db::open_postgres(options);
        database->execute_script("ALTER DATABASE \"" + options.database + "\" SET statement_timeout = '77s'");
      }
      const auto database = db::open_postgres(options);
      database->execute_script("CREATE TABLE seen (value text)");
      database->execute_long("INSERT INTO seen SELECT current_setting('statement_timeout')");
      std::string seen;
      database->execute({"SELECT value FROM seen", {}, db::Access::read},
                        [&](const db::Row& row) { seen = row.text(0); });
      CHECK(seen == (pooler ? "77s" : "0"));
      if (!pooler) return;
      database->execute_script("ALTER DATABASE \"" + options.database + "\" SET statement_timeout = '500ms'");
      const auto other = db::open_postgres(options);
      std::string message;
      try {
        other->execute_long("SELECT pg_sleep(60)");
      } catch (const db::StatementTimeout& e) {
        message = e.what();
      }
      CHECK(message.find("behind a pooler the limits of the server's role or database hold") !=
            std::string::npos);
    });
  }
}

TEST_CASE("postgres: behind a pooler that lends another session for each transaction") {
  fiber::run([&] {
    auto options = Postgres::shared().fresh();
    options.host = "127.0.0.1";
    options.port = Postgres::shared().pooler();
    options.tls = db::PostgresOptions::Tls::disable;
    options.transaction_pooler = true;
    const ItemDatabase world(options);
    std::vector<fiber::Fiber<>> fibers;
    for (int i = 0; i < 30; ++i) {
      fibers.push_back(fiber::spawn([&, i] {
        for (int k = 0; k < 10; ++k) {
          CHECK(number(world.db, "SELECT $1 + 1", {std::int64_t{k}}) == k + 1);
          world.db.transaction([&](db::Transaction&) {
            world.add(std::to_string(i) + "-" + std::to_string(k));
            CHECK_THROWS_AS(world.db.transaction([&](db::Transaction&) {
              world.add(std::to_string(i) + "-" + std::to_string(k));
            }),
                            db::ConstraintError);
          });
        }
      }));
    }
    for (auto& each : fibers) each.get();
    CHECK(world.count() == 300);
    try {
      const fiber::DeadlineScope limit(50ms);
      number(world.db, endless_query);
      FAIL("it ended");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::timeout);
    }
    CHECK(world.count() == 300);
  });
}

TEST_CASE("postgres: over TLS, with SCRAM, and with nobody in between") {
  Postgres server(
      "ssl = on\nssl_cert_file = '../server.crt'\nssl_key_file = '../server.key'\n"
      "password_encryption = 'scram-sha-256'",
      "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256");
  fiber::run([&] {
    server.psql("postgres", "CREATE ROLE app LOGIN PASSWORD 'correct horse'");
    db::PostgresOptions options;
    options.host = "127.0.0.1";
    options.port = server.port();
    options.database = "postgres";
    options.user = "app";
    options.password = Secret("correct horse");
    options.tls = db::PostgresOptions::Tls::verify_full;
    options.root_certificate = server.folder() / "server.crt";
    options.acquire_timeout = 500ms;
    const auto kind_of = [](const db::PostgresOptions& with) {
      try {
        db::open_postgres(with);
      } catch (const Error& error) {
        CHECK(std::string(error.what()).find("horse") == std::string::npos);
        return error.kind();
      }
      return ErrorKind::not_found;
    };
    {
      const auto db = db::open_postgres(options);
      bool encrypted = false;
      db->execute(read("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
                  [&](const db::Row& row) { encrypted = row.boolean(0); });
      CHECK(encrypted);
      // Large values both ways: the encrypted stream is read to its end.
      const std::string large(3'000'000, 'x');
      std::size_t size = 0;
      db->execute(read("SELECT $1", {large}), [&](const db::Row& row) { size = row.text(0).size(); });
      CHECK(size == large.size());
    }
    auto wrong = options;
    wrong.password = Secret("wrong horse");
    CHECK(kind_of(wrong) == ErrorKind::configuration);
    auto plain = options;
    plain.tls = db::PostgresOptions::Tls::disable;
    CHECK(kind_of(plain) == ErrorKind::configuration);
    auto other = options;
    other.root_certificate = "/nowhere/root.crt";
    CHECK(kind_of(other) == ErrorKind::configuration);
  });
}
