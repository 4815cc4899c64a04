#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>

#include <mpf/fiber/fiber.hpp>

#include "db/database.hpp"

using namespace mpf;
using namespace mpf::test;

namespace {

/// Rows named "<prefix>0", "<prefix>1", …
db::BulkInsert items(std::size_t rows, std::string prefix = "n") {
  db::BulkInsert insert{.table = "item",
                        .columns = {{"name", db::ColumnType::text}, {"amount", db::ColumnType::bigint}},
                        .rows = rows,
                        .write = {}};
  insert.write = [prefix](std::size_t row, db::RowWriter& writer) {
    writer.text(prefix + std::to_string(row));  // gone before the row is written
    writer.integer(static_cast<std::int64_t>(row) + 1);
  };
  return insert;
}

}  // namespace

TEST_CASE("a bulk insert writes all rows, in order") {
  fiber::run([] {
    const ItemDatabase items_db;
    CHECK(items_db.db.bulk_insert(items(0)) == 0);
    CHECK(items_db.db.bulk_insert(items(5000)) == 5000);
    CHECK(items_db.count() == 5000);
    CHECK(number(items_db.db, "SELECT sum(amount) FROM item") == 5000 * 5001 / 2);
    CHECK(number(items_db.db, "SELECT amount FROM item WHERE name = ?", {std::string("n4999")}) == 5000);
    CHECK(items_db.db.current() == nullptr);
  });
}

TEST_CASE("a bulk insert that fails leaves nothing behind, nor ends the transaction around it") {
  fiber::run([] {
    const ItemDatabase items_db;
    auto& db = items_db.db;
    items_db.add("n7");
    CHECK_THROWS_AS(db.bulk_insert(items(20)), db::ConstraintError);
    CHECK(items_db.count() == 1);

    auto thrower = items(20, "t");
    thrower.write = [inner = thrower.write](std::size_t row, db::RowWriter& writer) {
      if (row == 11) throw std::runtime_error("no more");
      inner(row, writer);
    };
    CHECK_THROWS_WITH(db.bulk_insert(thrower), "no more");
    CHECK(items_db.count() == 1);

    auto few = items(3, "f");
    few.write = [](std::size_t, db::RowWriter& writer) { writer.text("x"); };
    CHECK_THROWS_AS(db.bulk_insert(few), Error);
    auto many = items(3, "m");
    many.write = [](std::size_t, db::RowWriter& writer) {
      for (int i = 0; i < 3; ++i) writer.integer(i);
    };
    CHECK_THROWS_AS(db.bulk_insert(many), Error);
    CHECK(items_db.count() == 1);

    db.transaction([&](db::Transaction&) {
      items_db.add("before");
      CHECK_THROWS_AS(db.bulk_insert(items(20)), db::ConstraintError);
      CHECK(items_db.count() == 2);
      CHECK(db.bulk_insert(items(20, "good")) == 20);
    });
    CHECK(items_db.count() == 22);
    CHECK_THROWS_WITH(db.transaction([&](db::Transaction&) {
      db.bulk_insert(items(20, "undone"));
      throw std::runtime_error("undo");
    }),
                      "undo");
    CHECK(items_db.count() == 22);
    CHECK_THROWS_AS(
        db.transaction([&](db::Transaction&) { db.bulk_insert(items(1, "r")); }, {.read_only = true}), Error);
    CHECK(items_db.count() == 22);
  });
}

TEST_CASE("values of every kind pass through parameters, rows and bulk inserts alike") {
  fiber::run([] {
    const TempDir folder;
    const auto db = db::open_sqlite({.file = folder / "values.db"});
    db->execute_script("CREATE TABLE v (n INTEGER PRIMARY KEY AUTOINCREMENT, a ANY) STRICT");
    const Uuid uuid = Uuid::v4();
    const std::vector<db::Param> params{
        nullptr,
        true,
        std::int64_t{-7},
        0.1,
        std::string("t\0x", 3),
        db::Bytes{std::byte{0}, std::byte{255}},
        Timestamp(Microseconds(-5)),
        db::Numeric{-1250, 2},
        *Date::parse("2026-11-21"),
        Microseconds(90),
        uuid,
        db::JsonText{"{\"a\":1}"},
        *IpNetwork::parse("10.0.0.5/8"),
        db::Array{db::ElementType::text, {std::string("a\"b"), nullptr, std::string()}},
        db::RangeValue{.type = db::ElementType::integer,
                       .empty = false,
                       .lower_inclusive = true,
                       .upper_inclusive = false,
                       .lower = 1,
                       .upper = std::nullopt}};
    for (const auto& param : params) db->execute(write("INSERT INTO v (a) VALUES (?)", {param}));
    db::BulkInsert bulk{
        .table = "v", .columns = {{"a", db::ColumnType::text}}, .rows = params.size(), .write = {}};
    bulk.write = [&](std::size_t row, db::RowWriter& writer) { writer.param(params[row]); };
    REQUIRE(db->bulk_insert(bulk) == params.size());
    CHECK(number(*db,
                 "SELECT count(*) FROM v x JOIN v y ON x.a IS y.a AND typeof(x.a) = typeof(y.a) AND "
                 "y.n = x.n + 15") == 15);
    std::size_t at = 0;
    db->execute(read("SELECT a FROM v ORDER BY n LIMIT 15"), [&](const db::Row& row) {
      switch (at) {
        case 0:
          CHECK(row.is_null(0));
          break;
        case 1:
          CHECK(row.boolean(0));
          break;
        case 4:
          CHECK(row.text(0) == std::string_view("t\0x", 3));
          break;
        case 6:
          CHECK(row.timestamp(0).micros() == -5);
          break;
        case 7:
          CHECK(row.numeric(0, 2) == db::Numeric{-1250, 2});
          break;
        case 8:
          CHECK(row.date(0).to_string() == "2026-11-21");
          break;
        case 9:
          CHECK(row.duration(0) == Microseconds(90));
          break;
        case 10:
          CHECK(row.uuid(0) == uuid);
          break;
        case 11:
          CHECK(row.json(0) == "{\"a\":1}");
          break;
        case 12:
          CHECK(row.network(0).to_string() == "10.0.0.5/8");
          break;
        case 13: {
          std::vector<std::string> seen;
          row.array(0, [&](const db::Row& element) {
            CHECK(element.columns() == 1);
            seen.emplace_back(element.is_null(0) ? "NULL" : std::string(element.text(0)));
          });
          CHECK(seen == std::vector<std::string>{"a\"b", "NULL", ""});
          break;
        }
        case 14:
          CHECK(row.range(0, db::ElementType::integer) == std::get<db::RangeValue>(params[14]));
          break;
        default:
          break;
      }
      ++at;
    });
    CHECK(at == 15);
    // What JSON cannot say is refused, not changed.
    for (const db::Array& bad :
         {db::Array{db::ElementType::real, {NAN}}, db::Array{db::ElementType::real, {INFINITY}},
          db::Array{db::ElementType::text, {std::string("\xff")}},
          db::Array{db::ElementType::text, {std::int64_t{1}}}}) {
      CHECK_THROWS_AS(db->execute(write("INSERT INTO v (a) VALUES (?)", {bad})), Error);
    }
  });
}
