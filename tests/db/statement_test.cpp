#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>

#include "db/errors.hpp"
#include "db/postgres.hpp"

using namespace mpf;
using namespace mpf::test;

TEST_CASE("mistakes in SQL are told with the statement") {
  on_each_database([](db::Dialect dialect) {
    const bool sqlite = dialect == db::Dialect::sqlite;
    const ItemDatabase world(dialect);
    struct Mistake {
      db::Statement statement;
      std::string message;  ///< a part of it
      std::string on_postgres = {};
    };
    const std::vector<Mistake> mistakes{
        {read("SELEKT 1"), "SELEKT 1"},
        {read("SELECT ?", {}), "0 values for the 1 parameters of: SELECT ?"},
        {read("SELECT 1; SELECT 2"), "more than one SQL statement", "multiple commands"},
        {read("DELETE FROM item"), "this statement writes, so it needs Access::write"},
        {read(" "), "an empty SQL statement"},
        {write("BEGIN"), "a statement left a transaction open",
         "a statement cannot begin or end a transaction"},
        {read("SELECT \"no such column\" FROM item"), "no such column"}};
    for (int round = 0; round < 3; ++round) {  // prepared or not
      for (const Mistake& each : mistakes) {
        CAPTURE(each.statement.sql);
        const Error error = error_of([&] { world.db.execute(each.statement); });
        CHECK(error.kind() == ErrorKind::internal);
        CHECK(mentions(error, sqlite || each.on_postgres.empty() ? each.message : each.on_postgres));
      }
    }
    world.add("still works");
    CHECK(world.count() == 1);
  });
}

TEST_CASE("broken constraints tell which") {
  on_each_database([](db::Dialect dialect) {
    const bool sqlite = dialect == db::Dialect::sqlite;
    const ItemDatabase world(dialect);
    world.add("a");
    using Type = db::ConstraintError::Type;
    struct Broken {
      std::string values;
      Type type;
      ErrorKind kind;
      std::vector<std::string> columns;
      std::string constraint;
    };
    const std::vector<Broken> cases{
        {"(name) VALUES ('a')",
         Type::unique,
         ErrorKind::conflict,
         {"item.name"},
         sqlite ? "" : "item_name_key"},
        {"(name) VALUES (NULL)", Type::not_null, ErrorKind::invalid, {"item.name"}, ""},
        {"(name, amount) VALUES ('b', 0)", Type::check, ErrorKind::invalid, {}, "item_amount_check"},
        {"(name, parent_id) VALUES ('b', 99)", Type::foreign_key, ErrorKind::conflict,
         sqlite ? std::vector<std::string>{} : std::vector<std::string>{"item.parent_id"},
         sqlite ? "" : "item_parent_id_fkey"}};
    for (const Broken& each : cases) {
      CAPTURE(each.values);
      try {
        world.db.execute(write("INSERT INTO item " + each.values));
        FAIL("no constraint was broken");
      } catch (const db::ConstraintError& error) {
        CHECK(error.type() == each.type);
        CHECK(error.kind() == each.kind);
        if (each.type != Type::check) CHECK(error.columns() == each.columns);
        CHECK(error.constraint() == each.constraint);
        if (!sqlite) CHECK(error.table() == "item");
      }
    }
    CHECK_THROWS_AS(world.db.execute(write("INSERT INTO item (name, amount) VALUES ('b', 'x')")), Error);
    CHECK(world.count() == 1);
  });
}

TEST_CASE("more parameters than the database takes are refused before anything is sent") {
  on_each_database([](db::Dialect dialect) {
    const ItemDatabase items(dialect);
    const bool postgres = dialect == db::Dialect::postgres;
    // On every connection that could be shared.
    std::vector<fiber::Fiber<std::int64_t>> neighbours;
    for (int i = 0; postgres && i < 4; ++i) {
      neighbours.push_back(
          fiber::spawn([&] { return number(items.db, "SELECT count(*) FROM (SELECT pg_sleep(0.3)) AS s"); }));
    }
    fiber::yield();
    for (const std::size_t count : {std::size_t{32'767}, std::size_t{65'536}, std::size_t{200'000}}) {
      if (postgres && count < 65'536) continue;
      std::string sql = "SELECT count(*) FROM item WHERE id IN (?";
      for (std::size_t i = 1; i < count; ++i) sql += ", ?";
      const auto statement = read(sql + ")", std::vector<db::Param>(count, 1));
      for (const bool in_transaction : {false, true}) {
        const Error error = error_of([&] {
          if (!in_transaction) items.db.execute(statement);
          items.db.transaction([&](db::Transaction&) { items.db.execute(statement); });
        });
        CHECK(error.kind() == ErrorKind::too_large);
        CHECK(mentions(error, std::to_string(count) + " parameters"));
        CHECK(mentions(error, "one array"));
      }
      if (postgres) CHECK_THROWS_AS(items.db.execute_batch(std::vector{read("SELECT 1"), statement}), Error);
    }
    for (auto& each : neighbours) CHECK(each.get() == 1);
    CHECK(number(items.db, "SELECT count(*) FROM item") == 0);
  });
}

TEST_CASE("postgres: \"?\" stands for a parameter where no \"$1\" does, but not in quotes and comments") {
  fiber::run([] {
    const Opened world;
    std::string text;
    const auto first = [&](const db::Row& row) { text = row.text(0); };
    world.db.execute(
        read("SELECT '?' || \"x?\" || $$?$$ || E'\\'?' || ?::text /* ? /* ? */ */ -- ?\n FROM (SELECT "
             "'c'::text AS \"x?\") s WHERE 1 = ?",
             {std::string("p"), std::int64_t{1}}),
        first);
    CHECK(text == "?c?'?p");
    world.db.execute(read("SELECT ('{\"a\":1}'::jsonb ? $1)::text", {std::string("a")}), first);
    CHECK(text == "true");
  });
}

TEST_CASE("postgres: statements that would change a shared connection are refused, as is text that is none") {
  fiber::run([] {
    const ItemDatabase world(db::Dialect::postgres);
    const auto message = [&](const db::Statement& statement) -> std::string {
      return error_of([&] { world.db.execute(statement); }).what();
    };
    CHECK(message(write("SET statement_timeout = 0")).starts_with("a statement cannot change the session"));
    CHECK(message(write("COPY item FROM STDIN")).starts_with("COPY is run by Database::bulk_insert()"));
    CHECK_THROWS_AS(world.db.execute(read("SELECT nope FROM item")), db::SqlError);
    CHECK(message(read("SELECT nope FROM item")).find("42703") != std::string::npos);
    CHECK(error_of([&] { world.db.execute(read("SELECT $1", {std::string("a\0b", 3)})); }).kind() ==
          ErrorKind::invalid);
    CHECK(error_of([&] { world.db.execute(read("SELECT $1", {std::string("\xff\xfe")})); }).kind() ==
          ErrorKind::invalid);
    world.add("still works");
    CHECK(world.count() == 1);
  });
}
