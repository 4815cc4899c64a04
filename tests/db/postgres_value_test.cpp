#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <mpf/base/decimal.hpp>
#include <mpf/fiber/fiber.hpp>

#include "db/errors.hpp"
#include "db/postgres.hpp"

using namespace mpf;
using namespace mpf::test;

TEST_CASE("postgres: every kind of value is bound and read back, in binary") {
  fiber::run([] {
    const Opened world;
    world.db.execute_script(
        "CREATE TABLE v (b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, n "
        "numeric(18,4), t text, x bytea, d date, ts timestamptz, iv interval, u uuid, j jsonb, ip inet, ai "
        "bigint[], at text[], ab boolean[], af double precision[], au uuid[], ats timestamptz[], ad date[], "
        "ri "
        "int8range, rt tstzrange, rd daterange, nothing text)");
    const db::Bytes bytes{std::byte{0}, std::byte{7}, std::byte{255}};
    const std::string text = "quote ' \" ; -- $1 ? 🦊";
    const auto now = Timestamp::now();
    const auto day = *Date::parse("2026-11-21");
    const auto uuid = Uuid::v4();
    const auto net = *IpNetwork::parse("2001:db8::5/32");
    using Element = db::ElementType;
    const db::Array ai{Element::integer, {std::int64_t{1}, nullptr, INT64_MIN}};
    const db::Array at{Element::text, {std::string("a"), std::string(""), std::string("ü\"{,}")}};
    const db::Array ab{Element::boolean, {true, false}};
    const db::Array af{Element::real, {0.5, -1e300}};
    const db::Array au{Element::uuid, {uuid}};
    const db::Array ats{Element::timestamp, {now}};
    const db::Array ad{Element::date, {day}};
    const db::RangeValue ri{Element::integer, false, true, false, 1, 6};
    const db::RangeValue rt{Element::timestamp, false, true, true, now.micros(), now.micros() + 5};
    const db::RangeValue rd{Element::date, false, true, false, day.days(), std::nullopt};
    const auto insert = write(
        "INSERT INTO v VALUES "
        "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,"
        "$23,$24,$25,$26)",
        {true,
         std::int64_t{-32768},
         std::int64_t{INT32_MIN},
         INT64_MIN,
         1.5,
         0.1,
         db::Numeric{-1234567890123456789 / 10, 4},
         text,
         bytes,
         day,
         now,
         Microseconds(-90'061'000'001),
         uuid,
         db::JsonText{R"({"a": [1, null]})"},
         net,
         ai,
         at,
         ab,
         af,
         au,
         ats,
         ad,
         ri,
         rt,
         rd,
         nullptr});
    // The third time it is a prepared statement.
    for (int i = 0; i < 3; ++i) CHECK(world.db.execute(insert) == 1);
    int rows = 0;
    for (int round = 0; round < 3; ++round) {
      world.db.execute(read("SELECT * FROM v"), [&](const db::Row& row) {
        ++rows;
        CHECK(row.columns() == 26);
        CHECK(row.column_name(7) == "t");
        CHECK(row.boolean(0));
        CHECK(row.integer(1) == -32768);
        CHECK(row.integer(2) == INT32_MIN);
        CHECK(row.integer(3) == INT64_MIN);
        CHECK(row.real(4) == 1.5);
        CHECK(row.real(5) == 0.1);
        CHECK(row.numeric(6, 4) == db::Numeric{-123456789012345678, 4});
        CHECK(row.numeric(6, 4).coefficient == -123456789012345678);
        CHECK_THROWS_AS(row.numeric(6, 3), Error);
        CHECK(row.text(7) == text);
        CHECK(std::ranges::equal(row.bytes(8), bytes));
        CHECK(row.date(9) == day);
        CHECK(row.timestamp(10) == now);
        CHECK(row.duration(11) == Microseconds(-90'061'000'001));
        CHECK(row.uuid(12) == uuid);
        CHECK(row.json(13) == R"({"a": [1, null]})");
        CHECK(row.network(14) == net);
        std::vector<std::int64_t> numbers;
        int nulls = 0;
        row.array(15, [&](const db::Row& element) {
          if (element.is_null(0)) {
            ++nulls;
          } else {
            numbers.push_back(element.integer(0));
          }
        });
        CHECK(nulls == 1);
        CHECK(numbers == std::vector<std::int64_t>{1, INT64_MIN});
        std::vector<std::string> texts;
        row.array(16, [&](const db::Row& element) { texts.emplace_back(element.text(0)); });
        CHECK(texts == std::vector<std::string>{"a", "", "ü\"{,}"});
        row.array(19, [&](const db::Row& element) { CHECK(element.uuid(0) == uuid); });
        row.array(20, [&](const db::Row& element) { CHECK(element.timestamp(0) == now); });
        row.array(21, [&](const db::Row& element) { CHECK(element.date(0) == day); });
        CHECK(row.range(22, Element::integer) == ri);
        CHECK(row.range(23, Element::timestamp) == rt);
        CHECK(row.range(24, Element::date) == rd);
        CHECK(row.is_null(25));
        CHECK_THROWS_WITH_AS(row.integer(25), "column 'nothing' holds NULL and was read as an integer",
                             Error);
        CHECK_THROWS_WITH_AS(row.integer(7), "column 't' holds text and was read as an integer", Error);
        CHECK_THROWS_AS(row.text(99), Error);
      });
    }
    CHECK(rows == 9);
  });
}

TEST_CASE("postgres: decimals of every size keep every digit") {
  fiber::run([] {
    const Opened world;
    for (const int scale : {0, 1, 2, 3, 4, 5, 8, 17, 18}) {
      for (const std::int64_t coefficient :
           {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{10}, std::int64_t{9'999},
            std::int64_t{10'000}, std::int64_t{123'456'789}, std::int64_t{100'000'000'000'000'000},
            std::int64_t{-999'999'999'999'999'999}}) {
        CAPTURE(scale);
        CAPTURE(coefficient);
        bool seen = false;
        world.db.execute(read("SELECT $1, $1::text", {db::Numeric{coefficient, scale}}),
                         [&](const db::Row& row) {
                           seen = true;
                           CHECK(row.numeric(0, scale).coefficient == coefficient);
                           CHECK(std::string(row.text(1)).find("e") == std::string::npos);
                         });
        CHECK(seen);
      }
    }
    world.db.execute(read("SELECT 1.25::numeric, 'NaN'::numeric, 1e30::numeric, sum(i)::numeric, sum(i) FROM "
                          "generate_series(1, 4::bigint) AS s(i)"),
                     [&](const db::Row& row) {
                       CHECK(row.real(0) == 1.25);
                       CHECK(row.numeric(0, 2).coefficient == 125);
                       CHECK_THROWS_AS(row.numeric(1, 2), Error);
                       CHECK(std::isnan(row.real(1)));
                       CHECK_THROWS_AS(row.numeric(2, 0), Error);
                       CHECK(row.real(2) == 1e30);
                       CHECK(row.integer(4) == 10);
                     });
  });
}
