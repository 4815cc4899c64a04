#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <set>
#include <string>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::MigrationProgress;
using migrate::Migrator;
using namespace std::chrono_literals;

namespace {

orm::Table item() { return test::table("item", {test::id_col(), test::null_col("name")}); }

/// A table with rows, and a migration that changes them by `value`.
class Rows {
 public:
  Rows(db::Database& database, int count, const std::string& value, int batch)
      : migrator(&database, {modules_.models("m", {item()})}) {
    migrator.make();
    migrator.apply();
    database.execute_script("INSERT INTO item (name) SELECT 'a' FROM generate_series(1, " +
                            std::to_string(count) + ")");
    modules_.write("m", "0002_fill",
                   "migration:\n  module: m\n  name: 0002_fill\n  depends: [m/0001_initial]\noperations:\n"
                   "  - backfill: {table: item, set: {name: \"" +
                       value + "\"}, batch: " + std::to_string(batch) + ", irreversible: true}\n");
  }

 private:
  test::Modules modules_;

 public:
  Migrator migrator;
};

}  // namespace

TEST_CASE("a backfill waits while a replica is too far behind, tells of it, and then goes on") {
  struct Limit {
    std::chrono::milliseconds lag;
    std::int64_t bytes;
  };
  test::Postgres server("wal_receiver_status_interval = 1s");
  test::run([&] {
    const auto replica = server.add_replica();
    for (const auto& [lag, bytes] :
         {Limit{1h, 1'000'000}, Limit{500ms, std::numeric_limits<std::int64_t>::max()}}) {
      CAPTURE(bytes);
      const auto place = server.fresh();
      const auto database = db::open_postgres(place);
      Rows rows(*database, 3'000, "(SELECT string_agg(md5(n::text || id), '') FROM generate_series(1, 50) n)",
                100);
      std::string waits;
      bool over = false;
      server.psql_at(replica, "SELECT pg_wal_replay_pause()");
      migrate::ApplyOptions options;
      options.replica_lag = lag;
      options.replica_bytes = bytes;
      options.progress = [&](const MigrationProgress& progress) {
        if (test::contains(progress.step, "waits for replica")) waits = progress.step;
      };
      std::string error;
      auto work = fiber::spawn([&] {
        error = test::error_of([&] { rows.migrator.apply(options); });
        over = true;
      });
      const fiber::DeadlineScope limit(120s);
      const auto done = [&] {
        return test::number(*database, "SELECT count(*) FROM item WHERE name <> 'a'");
      };
      while (waits.empty() && !over) done();
      CHECK(waits == "backfill item waits for replica walreceiver");
      const auto rows_done = done();
      CHECK(rows_done > 0);
      CHECK(rows_done < 3'000);
      // Nothing is changed from one look at the replicas to the next ones.
      std::set<std::string> seen;
      while (seen.size() < 3 && !over) {
        const auto now = server.psql(place.database,
                                     "SELECT (SELECT count(*) FROM item WHERE name <> 'a'), query_start FROM "
                                     "pg_stat_activity WHERE query LIKE 'SELECT ''replica %'");
        if (now.empty()) continue;
        seen.insert(now);
        CHECK(now.substr(0, now.find('|')) == std::to_string(rows_done));
      }
      CHECK(seen.size() == 3);
      server.psql_at(replica, "SELECT pg_wal_replay_resume()");
      work.get();
      CHECK(error == "");
      CHECK(done() == 3'000);
      CHECK(rows.migrator.pending().empty());
    }
  });
}

TEST_CASE("a backfill does not wait for replicas when told so") {
  test::Postgres server;
  test::run([&] {
    const auto replica = server.add_replica();
    const auto database = db::open_postgres(server.fresh());
    server.psql_at(replica, "SELECT pg_wal_replay_pause()");
    Rows rows(*database, 300, "repeat('b', 2000)", 100);
    migrate::ApplyOptions options;
    options.replica_lag = 0ms;
    options.replica_bytes = 1;
    CHECK(rows.migrator.apply(options).size() == 1);
    server.psql_at(replica, "SELECT pg_wal_replay_resume()");
  });
}

TEST_CASE("portions of a backfill that take long are followed by pauses and by smaller ones") {
  test::run([] {
    const test::FreshDatabase database(db::Dialect::postgres);
    // Each row takes 10 ms at least.
    Rows rows(*database, 200, "'b' || pg_sleep(0.01)::text", 100);
    int portions = 0;
    migrate::ApplyOptions options;
    options.progress = [&](const MigrationProgress& progress) {
      portions += progress.rows_total > 0 ? 1 : 0;
    };
    const auto begin = fiber::SteadyClock::now();
    rows.migrator.apply(options);
    CHECK(portions > 2);
    CHECK(fiber::SteadyClock::now() - begin >= 3s);
    CHECK(test::number(*database, "SELECT count(*) FROM item WHERE name = 'b'") == 200);
  });
}
