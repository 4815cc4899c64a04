#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>

#include "db/errors.hpp"
#include "db/postgres.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {

/// A server that can be made to take no writes, as one does that has been demoted.
class Demotable {
 public:
  explicit Demotable(Postgres& server) : witness_(db::open_postgres(server.options())) {}

  void set_read_only(bool on) const {
    witness_->execute_long(std::string("ALTER SYSTEM SET default_transaction_read_only = ") +
                           (on ? "on" : "off"));
    witness_->execute(read("SELECT pg_reload_conf()"));
  }

 private:
  std::unique_ptr<db::Database> witness_;
};

void until(const std::function<bool()>& done) {
  const fiber::DeadlineScope limit(30s);
  while (!done()) fiber::yield();
}

/// Sessions hear of it one by one.
Error refused(const std::function<void()>& work) {
  std::optional<Error> refusal;
  until([&] {
    try {
      work();
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::timeout) throw;
      refusal = error;
    }
    return refusal.has_value();
  });
  return *refusal;
}

}  // namespace

TEST_CASE(
    "postgres: connections to what is no primary any more are replaced, and no mistake is blamed for it") {
  Postgres server;
  fiber::run(
      [&] {
        const Demotable state(server);
        auto options = server.fresh();
        options.pipelines = 1;
        options.owned = 2;
        const ItemDatabase world(options);
        int names = 0;
        const auto add = [&] { world.add(std::to_string(++names)); };
        const auto in_transaction = [&](const std::function<void()>& work) {
          return [&, work] { world.db.transaction([&](db::Transaction&) { work(); }); };
        };
        db::BulkInsert bulk;
        bulk.table = "item";
        bulk.columns.push_back({"name"});
        bulk.rows = 1;
        bulk.write = [&](std::size_t, db::RowWriter& row) { row.text(std::to_string(++names)); };
        const auto insert = [&] {
          return write("INSERT INTO item (name) VALUES (?)", {std::to_string(++names)});
        };
        const std::vector<std::function<void()>> writes{
            add,
            in_transaction(add),
            [&] {
              world.db.execute_batch(std::vector{read("SELECT 1"), insert()});
            },
            [&] { world.db.bulk_insert(bulk); },
            [&] { world.db.execute_script("CREATE TABLE more (x bigint); DROP TABLE more"); },
        };
        const auto backend = [&] { return number(world.db, "SELECT pg_backend_pid()::bigint"); };
        const auto own_backend = [&] {
          return world.db.transaction([&](db::Transaction&) { return backend(); });
        };
        for (std::size_t i = 0; i < writes.size(); ++i) {
          CAPTURE(i);
          writes[i]();
          const std::set<std::int64_t> before{backend(), own_backend()};
          state.set_read_only(true);
          const Error error = refused(writes[i]);
          CHECK(error.kind() == ErrorKind::unavailable);
          CHECK(mentions(error, "takes no writes: it is read-only now"));
          // Not for each write anew, where the address leads to such a server for long.
          until([&] {
            CHECK_THROWS_AS(writes[i](), db::ConnectionLost);
            return !before.contains(backend()) && !before.contains(own_backend());
          });
          // What is no write by its own word is a mistake still, there and in a transaction that only reads.
          const auto hidden = [&] { world.db.execute(read("SELECT nextval('item_id_seq')")); };
          CHECK(refused(hidden).kind() == ErrorKind::internal);
          CHECK_THROWS_AS(world.db.transaction([&](db::Transaction&) { hidden(); }, {.read_only = true}),
                          db::SqlError);
          state.set_read_only(false);
          until([&] {
            try {
              writes[i]();
              return true;
            } catch (const db::ConnectionLost&) {
              return false;
            }
          });
        }
      },
      {.loops = 1});
}
