#include <mpf/base/range.hpp>

#include <random>

#include <doctest/doctest.h>

using namespace mpf;
using Numbers = Range<std::int64_t>;
using Times = Range<Timestamp>;

TEST_CASE("ranges as text") {
  struct Case {
    const char* text;
    const char* same;
  };
  for (const auto& [text, same] :
       {Case{"[1,5)", "[1,5)"}, Case{"[1,5]", "[1,6)"}, Case{"(1,5]", "[2,6)"}, Case{"(,5)", "(,5)"},
        Case{"[1,)", "[1,)"}, Case{"[1,]", "[1,)"}, Case{"(,)", "(,)"}, Case{"empty", "empty"},
        Case{"[3,3]", "[3,4)"}, Case{"[3,3)", "empty"}, Case{"(3,4)", "empty"}}) {
    CAPTURE(text);
    const auto range = Numbers::parse(text);
    REQUIRE(range);
    CHECK(range->to_string() == same);
  }
  for (const char* text : {"", "[1,5", "1,5)", "[5,1)", "[a,5)", "[1;5)", ",", "[1,2,3)", "[ 1,2)", "Empty",
                           "[1,9223372036854775807]", "(9223372036854775807,)"}) {
    CAPTURE(text);
    CHECK_FALSE(Numbers::parse(text));
  }
  CHECK(Range<Date>::parse("[2026-11-21,2026-11-30]")->to_string() == "[2026-11-21,2026-12-01)");
  CHECK(Times::parse("(2026-11-21T00:00:00Z,2026-11-22T00:00:00Z]")->to_string() ==
        "(2026-11-21T00:00:00Z,2026-11-22T00:00:00Z]");
}

TEST_CASE("ranges of random bounds mean what testing each value says") {
  std::mt19937 random(11);
  const auto below = [&](unsigned limit) { return static_cast<std::int64_t>(random() % limit); };
  const auto make = [&] {
    std::optional<std::int64_t> lower, upper;
    if (below(4) != 0) lower = below(8);
    if (below(4) != 0) upper = lower.value_or(0) + below(5);
    return std::pair(std::pair(lower, upper), std::pair(below(2) == 0, below(2) == 0));
  };
  const auto in = [](const auto& made, std::int64_t value) {
    const auto& [bounds, inclusive] = made;
    const auto& [lower, upper] = bounds;
    return (!lower || value > *lower || (value == *lower && inclusive.first)) &&
           (!upper || value < *upper || (value == *upper && inclusive.second));
  };
  for (int round = 0; round < 3000; ++round) {
    const auto a = make();
    const auto b = make();
    const Numbers x(a.first.first, a.first.second, a.second.first, a.second.second);
    const Numbers y(b.first.first, b.first.second, b.second.first, b.second.second);
    const auto time = [](const std::optional<std::int64_t>& value) {
      return value ? std::optional(Timestamp(Microseconds(*value))) : std::nullopt;
    };
    const Times t(time(a.first.first), time(a.first.second), a.second.first, a.second.second);
    bool overlap = false;
    bool within = true;
    for (std::int64_t value = -3; value < 20; ++value) {
      REQUIRE(x.contains(value) == in(a, value));
      REQUIRE(t.contains(Timestamp(Microseconds(value))) == in(a, value));
      REQUIRE(x.intersection(y).contains(value) == (in(a, value) && in(b, value)));
      overlap = overlap || (in(a, value) && in(b, value));
      within = within && (!in(b, value) || in(a, value));
    }
    REQUIRE(x.overlaps(y) == overlap);
    REQUIRE(x.contains(y) == within);
    REQUIRE(Numbers::parse(x.to_string()) == x);
    REQUIRE(from_json<Numbers>(to_json(x)) == x);
    REQUIRE(Times::parse(t.to_string()) == t);
    REQUIRE(from_json<Times>(to_json(t)) == t);
  }
}

TEST_CASE("ranges in JSON") {
  CHECK(to_json(Numbers::closed(1, 5)) == R"x({"lower":1,"upper":6,"bounds":"[)"})x");
  CHECK(to_json(Numbers()) == R"({"empty":true})");
  CHECK(from_json<Numbers>(R"({"lower":1,"upper":null})") == Numbers::from(1));
  CHECK(from_json<Numbers>(R"({"upper":3,"bounds":"(]"})") == Numbers::before(4));
  for (const char* bad :
       {"[]", "3", R"({"lower":5,"upper":1})", R"({"lower":"a"})", R"({"bounds":"x"})", R"({"from":1})"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(from_json<Numbers>(bad), ValidationError);
  }
}
