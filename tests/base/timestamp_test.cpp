#include <mpf/base/timestamp.hpp>

#include <random>
#include <string>

#include <doctest/doctest.h>

#include <mpf/base/manual_clock.hpp>

using namespace mpf;

TEST_CASE("times that are RFC 3339") {
  struct Case {
    const char* text;
    const char* same;
  };
  for (const auto& [text, same] : {
           Case{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
           Case{"2026-11-21T09:00:00.25+01:00", "2026-11-21T08:00:00.250000Z"},
           Case{"2026-11-21 09:00:00z", "2026-11-21T09:00:00Z"},
           Case{"2026-11-21t09:00:00-00:30", "2026-11-21T09:30:00Z"},
           Case{"2024-02-29T23:59:59.1234567Z", "2024-02-29T23:59:59.123456Z"},
           Case{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
           Case{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
           Case{"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
           Case{"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"},
       }) {
    CAPTURE(text);
    const auto time = Timestamp::parse(text);
    REQUIRE(time);
    CHECK(time->to_string() == same);
  }
}

TEST_CASE("texts that are none") {
  for (const char* text : {"",
                           "2026-11-21",
                           "2026-11-21T09:00Z",
                           "2026-11-21T09:00:00",
                           "2026-13-01T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-00-10T00:00:00Z",
                           "2026-01-00T00:00:00Z",
                           "2026-11-21T24:00:00Z",
                           "2026-11-21T09:60:00Z",
                           "2026-11-21T09:00:60Z",
                           "2026-11-21T09:00:00.Z",
                           "2026-11-21T09:00:00+1:00",
                           "2026-11-21T09:00:00+24:00",
                           "2026-11-21T09:00:00Zx",
                           " 2026-11-21T09:00:00Z",
                           "26-11-21T09:00:00Z",
                           "0001-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:59-00:01",
                           "0000-01-01T00:00:00Z",
                           "2026/11/21T09:00:00Z",
                           "-026-11-21T09:00:00Z"}) {
    CAPTURE(text);
    CHECK_FALSE(Timestamp::parse(text));
  }
}

TEST_CASE("every time comes back from its text") {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<std::int64_t> micros(-62'135'596'800'000'000, 253'402'300'799'999'999);
  for (int i = 0; i < 20'000; ++i) {
    const Timestamp time(Microseconds(micros(random)));
    const auto again = Timestamp::parse(time.to_string());
    REQUIRE(again);
    CHECK(*again == time);
  }
}

TEST_CASE("a manual clock moves when it is told") {
  ManualClock clock(Timestamp(Microseconds(5)));
  CHECK(clock.now().micros() == 5);
  clock.advance(std::chrono::seconds(1));
  CHECK(clock.now().micros() == 1'000'005);
  clock.set(Timestamp());
  CHECK(clock.now() == Timestamp());
  CHECK(Clock::system().now() > Timestamp());
}
