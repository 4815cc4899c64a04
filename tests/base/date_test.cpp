#include <mpf/base/date.hpp>

#include <random>

#include <doctest/doctest.h>

using namespace mpf;
using std::chrono::days;

TEST_CASE("dates as text") {
  for (const char* text : {"1970-01-01", "0001-01-01", "9999-12-31", "2024-02-29", "2000-02-29"}) {
    CAPTURE(text);
    const auto date = Date::parse(text);
    REQUIRE(date);
    CHECK(date->to_string() == text);
  }
  for (const char* text :
       {"", "2026-1-1", "2026-11-21T00:00:00Z", "2026-13-01", "2026-00-01", "2026-02-29", "1900-02-29",
        "2026-04-31", "2026-01-00", "0000-01-01", "10000-01-01", " 2026-11-21", "2026/11/21", "+026-11-21"}) {
    CAPTURE(text);
    CHECK_FALSE(Date::parse(text));
  }
}

TEST_CASE("dates count, compare and convert") {
  CHECK(Date().days() == 0);
  CHECK(Date::first().to_string() == "0001-01-01");
  CHECK(Date::last().to_string() == "9999-12-31");
  const Date date = *Date::of(std::chrono::year(2026) / 11 / 21);
  CHECK((date + days(10)).to_string() == "2026-12-01");
  CHECK((date - days(21)).to_string() == "2026-10-31");
  CHECK((date - Date()) == days(20778));
  CHECK(date > Date());
  CHECK(date.ymd() == std::chrono::year(2026) / 11 / 21);
  CHECK(date.midnight().to_string() == "2026-11-21T00:00:00Z");
  CHECK(Date::of(*Timestamp::parse("2026-11-21T23:59:59.9Z")) == date);
  CHECK(Date::of(*Timestamp::parse("1969-12-31T23:59:59.9Z")).days() == -1);
  CHECK_FALSE(Date::of(std::chrono::year(2026) / 2 / 30));
  CHECK_FALSE(Date::of(std::chrono::year(0) / 2 / 3));
}

TEST_CASE("every date comes back from its text and from JSON") {
  for (Date date = Date::first(); date <= Date::last(); date = date + days(7)) {
    REQUIRE(Date::parse(date.to_string()) == date);
  }
  std::mt19937 random(5);
  std::uniform_int_distribution<int> day(Date::first().days(), Date::last().days());
  for (int i = 0; i < 2000; ++i) {
    const Date date{std::chrono::sys_days(days(day(random)))};
    CHECK(from_json<Date>(to_json(date)) == date);
  }
  CHECK_THROWS_AS(from_json<Date>("\"2026-02-30\""), ValidationError);
}
