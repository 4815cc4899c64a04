#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <mpf/fiber/fiber.hpp>

#include "db/errors.hpp"
#include "db/gate.hpp"
#include "db/postgres.hpp"

/// Connections that do not bring what was sent.
using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {

using Steady = fiber::SteadyClock;
using Harm = Gate::Harm;
using From = Gate::From;

const std::string who = "through the gate";

/// Impatient where nothing else ends what is waited for.
db::PostgresOptions options_for(Harm harm, const Gate& gate, const db::PostgresOptions& options) {
  auto by_gate = through(gate, options);
  by_gate.application_name = who;
  if (harm == Harm::delay) return by_gate;
  by_gate.acquire_timeout = 150ms;
  if (harm == Harm::cut) return by_gate;
  by_gate.connect_timeout = 150ms;
  by_gate.statement_timeout = 100ms;
  by_gate.answer_grace = 100ms;
  return by_gate;
}

class Dice {
 public:
  std::size_t any(std::size_t least, std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(least, most)(random_);
  }
  unsigned char byte() { return static_cast<unsigned char>(any(1, 255)); }
  Harm harm() { return std::array{Harm::delay, Harm::cut, Harm::garble, Harm::silence}[any(0, 3)]; }

 private:
  std::mt19937 random_{20261121};
};

/// What such harm may end in. Where bytes are others, the server may have been asked for something else.
void check_kind(Harm harm, const Error& error) {
  INFO(error.what());
  CHECK(harm != Harm::delay);
  if (harm == Harm::cut) CHECK(error.kind() == ErrorKind::unavailable);
  if (harm == Harm::silence) {
    CHECK((error.kind() == ErrorKind::unavailable || error.kind() == ErrorKind::timeout));
  }
}

/// Nothing of it goes on at the server.
void wait_until_all_gone(db::Database& witness) {
  const fiber::DeadlineScope limit(30s);
  while (number(witness, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", {who}) > 0) {
    fiber::sleep_for(1ms);
  }
}

db::Statement insert(std::int64_t unit, std::int64_t n) {
  return write("INSERT INTO t VALUES ($1, $2)", {unit, n});
}

db::BulkInsert bulk(std::size_t rows) {
  db::BulkInsert insert;
  insert.table = "t";
  insert.columns = {{"unit", db::ColumnType::bigint}, {"n", db::ColumnType::bigint}};
  insert.rows = rows;
  insert.write = [](std::size_t row, db::RowWriter& writer) {
    writer.integer(1);
    writer.integer(static_cast<std::int64_t>(row));
  };
  return insert;
}

}  // namespace

TEST_CASE("postgres: a connection that is delayed, cut, garbled or silent gives typed errors in time") {
  Gate gate(Postgres::shared().port());
  Dice dice;
  fiber::run([&] {
    const auto options = Postgres::shared().fresh();
    const auto witness = db::open_postgres(options);
    int errors = 0;
    for (int round = 0; round < 50; ++round) {
      CAPTURE(round);
      const Harm harm = dice.harm();
      gate.plan(harm, dice.any(0, round % 2 == 0 ? 500 : 2'500), dice.byte());
      const auto begun = Steady::now();
      try {
        const auto db = db::open_postgres(options_for(harm, gate, options));
        for (int i = 0; i < 4; ++i) {
          std::vector<fiber::Fiber<>> fibers;
          for (int k = 0; k < 3; ++k) {
            fibers.push_back(fiber::spawn([&] {
              try {
                std::size_t size = 0;
                db->execute(read("SELECT repeat('x', 300), i FROM generate_series(1, 3) AS s(i)"),
                            [&](const db::Row& row) { size += row.text(0).size(); });
                if (harm == Harm::delay) CHECK(size == 900);
              } catch (const Error& error) {
                ++errors;
                check_kind(harm, error);
              }
            }));
          }
          for (auto& each : fibers) each.get();
          db->transaction([&](db::Transaction&) { number(*db, "SELECT 1::bigint"); });
        }
      } catch (const Error& error) {
        ++errors;
        check_kind(harm, error);
      }
      CHECK(Steady::now() - begun < 10s);
    }
    CHECK(errors > 10);
    wait_until_all_gone(*witness);
  });
}

TEST_CASE("postgres: writes through a connection that does harm either way are all or none") {
  Gate gate(Postgres::shared().port());
  Dice dice;
  fiber::run([&] {
    const auto options = Postgres::shared().fresh();
    const auto witness = db::open_postgres(options);
    witness->execute_script("CREATE TABLE t (unit bigint, n bigint)");
    constexpr std::int64_t many = 2'000;
    struct Work {
      std::string name;
      std::int64_t rows;
      std::size_t bytes;  ///< that it sends and gets, about
      std::function<void(db::Database&)> run;
    };
    std::int64_t last = 0;
    bool in_order = true;
    const std::vector<Work> works{
        {"a transaction", 2, 900,
         [](db::Database& db) {
           db.transaction([&](db::Transaction&) {
             for (std::int64_t n = 0; n < 2; ++n) db.execute(insert(1, n));
           });
         }},
        {"a batch", 2, 900,
         [](db::Database& db) {
           db.execute_batch(std::vector{insert(1, 0), read("SELECT 1"), insert(1, 1)});
         }},
        {"a bulk insert", many, 55'000, [](db::Database& db) { db.bulk_insert(bulk(many)); }},
        {"a stream", 0, 60'000,
         [&](db::Database& db) {
           auto all = read("SELECT i::bigint FROM generate_series(1, 3000) AS s(i)");
           all.stream = true;
           last = 0;
           db.execute(all, [&](const db::Row& row) {
             const std::int64_t before = std::exchange(last, row.integer(0));
             in_order = in_order && last == before + 1;
           });
           in_order = in_order && last == 3'000;
         }},
    };
    int errors = 0;
    int done = 0;
    for (std::size_t round = 0; round < 80; ++round) {
      const Work& work = works[round % works.size()];
      const Harm harm = dice.harm();
      const From from = dice.any(0, 1) == 0 ? From::server : From::client;
      CAPTURE(round);
      CAPTURE(work.name);
      witness->execute_script("TRUNCATE t");
      in_order = true;
      gate.plan(harm, dice.any(0, dice.any(0, 1) == 0 ? 900 : work.bytes), dice.byte(), from);
      const auto begun = Steady::now();
      bool succeeded = false;
      try {
        const auto db = db::open_postgres(options_for(harm, gate, options));
        work.run(*db);
        succeeded = true;
        ++done;
      } catch (const Error& error) {
        ++errors;
        check_kind(harm, error);
      }
      CHECK(Steady::now() - begun < 10s);
      wait_until_all_gone(*witness);
      const auto rows = number(*witness, "SELECT count(*) FROM t");
      CHECK((rows == work.rows || (rows == 0 && !succeeded)));
      if (harm != Harm::garble && succeeded) CHECK(in_order);
    }
    CHECK(errors > 20);
    CHECK(done > 10);
  });
}

TEST_CASE("postgres: a commit that gets no answer is no rollback, and says so") {
  Gate gate(Postgres::shared().port());
  fiber::run([&] {
    const auto options = Postgres::shared().fresh();
    const auto witness = db::open_postgres(options);
    witness->execute_script("CREATE TABLE t (unit bigint, n bigint)");
    struct Case {
      Harm harm;
      From from;
      bool committed;
    };
    for (const Case& each :
         {Case{Harm::cut, From::server, true}, Case{Harm::cut, From::client, false},
          Case{Harm::silence, From::server, true}, Case{Harm::silence, From::client, false}}) {
      CAPTURE(static_cast<int>(each.harm));
      CAPTURE(each.committed);
      witness->execute_script("TRUNCATE t");
      gate.plan_at("COMMIT", each.harm, each.from);
      auto db = db::open_postgres(options_for(each.harm, gate, options));
      int attempts = 0;
      bool told_of_commit = false;
      bool told_of_failure = false;
      try {
        db->transaction(
            [&](db::Transaction& transaction) {
              ++attempts;
              transaction.on_commit([&] { told_of_commit = true; });
              transaction.on_rollback([&] { told_of_failure = true; });
              for (std::int64_t n = 0; n < 2; ++n) db->execute(insert(1, n));
            },
            {.retries = 3});
        FAIL("it was committed");
      } catch (const db::ConnectionLost& lost) {
        CHECK(mentions(lost, "whether the transaction has been committed is not known"));
      }
      CHECK(attempts == 1);
      CHECK(!told_of_commit);
      CHECK(told_of_failure);
      db.reset();
      wait_until_all_gone(*witness);
      CHECK(number(*witness, "SELECT count(*) FROM t") == (each.committed ? 2 : 0));
    }
  });
}
