#include <doctest/doctest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>

#include "db/allocation_faults.hpp"
#include "db/database.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {

/// A database with tables all_types(id, …) of three rows, and item(name unique).
struct World {
  TempDir folder;
  std::unique_ptr<db::Database> owned;
  db::Database& db;

  explicit World(db::Dialect dialect) : owned(open(dialect, folder)), db(*owned) {
    const bool sqlite = dialect == db::Dialect::sqlite;
    db.execute_script(
        sqlite
            ? "CREATE TABLE all_types (id INTEGER PRIMARY KEY, truth INTEGER, number INTEGER, real REAL, "
              "text TEXT, bytes BLOB, stamp INTEGER, price INTEGER, day INTEGER, took INTEGER, uuid BLOB, "
              "json TEXT, net TEXT, list TEXT, span TEXT) STRICT;"
              "CREATE TABLE item (name TEXT NOT NULL UNIQUE) STRICT"
            : "CREATE TABLE all_types (id bigint PRIMARY KEY, truth boolean, number bigint, real "
              "double precision, text text, bytes bytea, stamp timestamptz, price numeric(12, 2), day date, "
              "took interval, uuid uuid, json jsonb, net inet, list text[], span int8range);"
              "CREATE TABLE item (name text NOT NULL UNIQUE)");
    for (std::int64_t id = 1; id <= 3; ++id) db.execute(insert_types(id));
    db.execute(write("INSERT INTO item VALUES ('taken')"));
  }

  static std::unique_ptr<db::Database> open(db::Dialect dialect, const TempDir& folder) {
    if (dialect == db::Dialect::sqlite) {
      return db::open_sqlite({.file = folder / "a.db", .cached_statements = 4});
    }
    auto options = Postgres::shared().fresh();
    options.pipelines = 1;
    options.owned = 2;
    options.cached_statements = 4;  // so that some are thrown out
    return db::open_postgres(options);
  }

  static std::vector<db::Param> values_of(std::int64_t id) {
    return {id,
            true,
            std::int64_t{-7},
            0.5,
            "a text that is too long for the string itself, number " + std::to_string(id),
            db::Bytes(40, std::byte{7}),
            Timestamp(Microseconds(1'000'000)),
            db::Numeric{-1250, 2},
            *Date::parse("2026-11-21"),
            Microseconds(90),
            *Uuid::parse("0197a5c0-0000-7000-8000-000000000001"),
            db::JsonText{"{\"a\": \"a text that is too long for the string itself\"}"},
            *IpNetwork::parse("10.0.0.5/8"),
            db::Array{db::ElementType::text, {std::string("a text of an array, long as well"), nullptr}},
            db::RangeValue{.type = db::ElementType::integer,
                           .empty = false,
                           .lower_inclusive = true,
                           .upper_inclusive = false,
                           .lower = 1,
                           .upper = 9}};
  }

  static db::Statement insert_types(std::int64_t id) {
    return write("INSERT INTO all_types VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values_of(id));
  }

  /// As an application does: it keeps what it reads.
  static void take(const db::Row& row) {
    std::string text(row.text(4));
    std::vector<std::byte> bytes(row.bytes(5).begin(), row.bytes(5).end());
    std::vector<std::string> list;
    row.array(13,
              [&](const db::Row& element) { list.emplace_back(element.is_null(0) ? "" : element.text(0)); });
    const bool right = row.boolean(1) && row.integer(2) == -7 && row.real(3) == 0.5 &&
                       text.starts_with("a text") && bytes.size() == 40 &&
                       row.timestamp(6) == Timestamp(Microseconds(1'000'000)) &&
                       row.numeric(7, 2) == db::Numeric{-1250, 2} &&
                       row.date(8) == *Date::parse("2026-11-21") && row.duration(9) == Microseconds(90) &&
                       row.uuid(10) == *Uuid::parse("0197a5c0-0000-7000-8000-000000000001") &&
                       std::string(row.json(11)).find("too long") != std::string::npos &&
                       row.network(12) == *IpNetwork::parse("10.0.0.5/8") && list.size() == 2 &&
                       row.range(14, db::ElementType::integer).upper == 9;
    if (!right) throw std::logic_error("a row is wrong");
  }

  std::int64_t items() const { return number(db, "SELECT count(*) FROM item"); }
};

struct Undone : std::exception {};

struct Path {
  std::string name;
  std::function<void(db::Database&)> run;
};

const std::string all_rows = "SELECT * FROM all_types ORDER BY id";

/// What an application does with a database. Each leaves the tables as they were.
std::vector<Path> paths() {
  const auto undo = [](db::Database& db, const std::function<void()>& work) {
    try {
      db.transaction([&](db::Transaction&) {
        work();
        throw Undone();
      });
    } catch (const Undone&) {
    }
  };
  return {
      {"rows of every type", [](db::Database& db) { db.execute(read(all_rows), World::take); }},
      {"parameters of every type",
       [=](db::Database& db) { undo(db, [&] { db.execute(World::insert_types(9)); }); }},
      {"many statements",
       [](db::Database& db) {
         for (int i = 0; i < 6; ++i) {
           number(db, "SELECT ? + " + std::to_string(i) + " -- a text that is too long for the string itself",
                  {std::int64_t{1}});
         }
       }},
      {"a batch",
       [](db::Database& db) {
         const std::vector batch{read(all_rows), read("SELECT count(*) FROM item"), read(all_rows)};
         db.execute_batch(batch, [](std::size_t statement, const db::Row& row) {
           if (statement != 1) World::take(row);
         });
       }},
      {"a stream",
       [](db::Database& db) {
         db::Statement stream = read(all_rows);
         stream.stream = true;
         db.execute(stream, World::take);
       }},
      {"a bulk insert",
       [=](db::Database& db) {
         undo(db, [&] {
           db::BulkInsert insert{
               .table = "item", .columns = {{"name", db::ColumnType::text}}, .rows = 50, .write = {}};
           insert.write = [](std::size_t row, db::RowWriter& writer) {
             writer.text("a name that is too long for the string itself, number " + std::to_string(row));
           };
           db.bulk_insert(insert);
         });
       }},
      {"a bulk insert that breaks a constraint",
       [](db::Database& db) {
         db::BulkInsert insert{
             .table = "item", .columns = {{"name", db::ColumnType::text}}, .rows = 2, .write = {}};
         insert.write = [](std::size_t, db::RowWriter& writer) { writer.text("taken"); };
         try {
           db.bulk_insert(insert);
         } catch (const db::ConstraintError&) {
         }
       }},
      {"a transaction with hooks that is rolled back",
       [](db::Database& db) {
         try {
           db.transaction([&](db::Transaction& tx) {
             tx.on_rollback([text = std::string("a hook that holds more than fits into a function")] {});
             db.execute(write("INSERT INTO item VALUES ('undone')"));
             throw Undone();
           });
         } catch (const Undone&) {
         }
       }},
      {"a savepoint that is rolled back, and one that is kept",
       [=](db::Database& db) {
         undo(db, [&] {
           try {
             db.transaction(
                 [&](db::Transaction&) { db.execute(write("INSERT INTO item VALUES ('taken')")); });
           } catch (const db::ConstraintError&) {
           }
           db.transaction([&](db::Transaction& tx) {
             tx.on_commit([text = std::string("a hook that holds more than fits into a function")] {});
             db.execute(write("INSERT INTO item VALUES ('kept')"));
           });
           if (number(db, "SELECT count(*) FROM item WHERE name = 'kept'") != 1) {
             throw std::logic_error("a savepoint was not kept");
           }
         });
       }},
      {"a write whose row is looked at",
       [](db::Database& db) {
         try {
           db.execute(write("INSERT INTO item VALUES ('seen') RETURNING name"), [](const db::Row& row) {
             const std::string name(row.text(0));
             throw Undone();
           });
         } catch (const Undone&) {
         }
       }},
      {"a script",
       [](db::Database& db) {
         db.execute_script("CREATE TABLE short_lived (x INTEGER); DROP TABLE short_lived;");
       }},
  };
}

/// Fails each allocation of the path in turn; how many there were.
std::int64_t fail_each_allocation(const World& world, const Path& path) {
  const auto goes_on = [&] {  // as if nothing had been
    int rows = 0;
    world.db.execute(read(all_rows), [&](const db::Row& row) {
      World::take(row);
      ++rows;
    });
    CHECK(rows == 3);
    CHECK(world.items() == 1);
    CHECK(world.db.current() == nullptr);
    world.db.transaction(
        [&](db::Transaction&) { world.db.execute(write("UPDATE item SET name = 'taken'")); });
  };
  return test::fail_each_allocation([&] { path.run(world.db); }, goes_on);
}

}  // namespace

TEST_CASE("every allocation of a path fails once: a typed error, nothing leaks, the database goes on") {
  on_each_database(
      [](db::Dialect dialect) {
        std::int64_t failures = 0;
        for (const Path& path : paths()) {
          CAPTURE(path.name);
          CHECK(leaked([&] {
                  const World world(dialect);
                  failures += fail_each_allocation(world, path);
                }) <= 0);
        }
        CHECK(failures > 500);
      },
      {.loops = 1});
}
