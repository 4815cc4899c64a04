#include <mpf/base/decimal.hpp>

#include <random>

#include <doctest/doctest.h>

using namespace mpf;
using Money = Decimal<2>;

TEST_CASE("decimal numbers as text") {
  struct Case {
    const char* text;
    const char* same;
  };
  for (const auto& [text, same] :
       {Case{"0", "0.00"}, Case{"-0", "0.00"}, Case{"1", "1.00"}, Case{"-12.5", "-12.50"},
        Case{"0.05", "0.05"}, Case{"-0.05", "-0.05"}, Case{"9999999999999999.99", "9999999999999999.99"}}) {
    CAPTURE(text);
    const auto number = Money::parse(text);
    REQUIRE(number);
    CHECK(number->to_string() == same);
  }
  for (const char* text : {"", "-", ".5", "5.", "1.005", "1.000", "+1", " 1", "1 ", "01", "1e2", "1,5", "--1",
                           "1.-5", "0x1", "10000000000000000", "99999999999999999999999", "nan"}) {
    CAPTURE(text);
    CHECK_FALSE(Money::parse(text));
  }
  CHECK(Decimal<0>::parse("-7")->to_string() == "-7");
  CHECK_FALSE(Decimal<0>::parse("7.0"));
  CHECK(Decimal<18>::parse("0.000000000000000001")->coefficient() == 1);
  CHECK_FALSE(Decimal<18>::parse("1"));
}

TEST_CASE("decimal numbers compute exactly, or refuse") {
  const Money a = *Money::parse("0.10");
  const Money b = *Money::parse("0.20");
  CHECK(a + b == *Money::parse("0.30"));
  CHECK(a - b == *Money::parse("-0.10"));
  CHECK(-a * 3 == *Money::parse("-0.30"));
  CHECK(a < b);
  CHECK(Money(5).coefficient() == 500);
  CHECK(Money(5).to_double() == doctest::Approx(5.0));
  Money sum;
  for (int i = 0; i < 1000; ++i) sum += a;
  CHECK(sum == Money(100));

  const Money most = Money::of_coefficient(decimal::max_coefficient);
  CHECK_THROWS_AS(most + *Money::parse("0.01"), Error);
  CHECK_THROWS_AS(-most - *Money::parse("0.01"), Error);
  CHECK_THROWS_AS(most * 2, Error);
  CHECK_THROWS_AS(Money(10'000'000'000'000'000), Error);
  CHECK_THROWS_AS(Money::of_coefficient(decimal::max_coefficient + 1), Error);
}

TEST_CASE("rounding is what was asked for") {
  struct Case {
    const char* text;
    const char* half_even;
    const char* half_up;
    const char* down;
  };
  for (const auto& [text, even, up, down] :
       {Case{"2.5", "2", "3", "2"}, Case{"3.5", "4", "4", "3"}, Case{"-2.5", "-2", "-3", "-2"},
        Case{"-3.5", "-4", "-4", "-3"}, Case{"2.4", "2", "2", "2"}, Case{"2.6", "3", "3", "2"},
        Case{"-2.6", "-3", "-3", "-2"}, Case{"0.5", "0", "1", "0"}}) {
    CAPTURE(text);
    const auto number = *Decimal<1>::parse(text);
    CHECK(number.rescaled<0>(Rounding::half_even).to_string() == even);
    CHECK(number.rescaled<0>(Rounding::half_up).to_string() == up);
    CHECK(number.rescaled<0>(Rounding::down).to_string() == down);
    CHECK_THROWS_AS(number.rescaled<0>(), Error);
    CHECK(number.rescaled<5>().rescaled<1>() == number);
  }
  CHECK(Money(100).times(*Decimal<4>::parse("0.1925"), Rounding::half_up) == *Money::parse("19.25"));
  CHECK(Money(1).divided_by(std::int64_t{3}, Rounding::half_even) == *Money::parse("0.33"));
  CHECK(Money(1).divided_by(*Decimal<2>::parse("-0.30"), Rounding::half_even) == *Money::parse("-3.33"));
  CHECK_THROWS_AS(Money(1).divided_by(std::int64_t{3}, Rounding::exact), Error);
  CHECK_THROWS_AS(Money(1).divided_by(std::int64_t{0}, Rounding::down), Error);
}

TEST_CASE("every decimal number comes back from its text and from JSON") {
  std::mt19937_64 random(3);
  std::uniform_int_distribution<std::int64_t> coefficient(-decimal::max_coefficient,
                                                          decimal::max_coefficient);
  std::uniform_int_distribution<int> drop(0, 17);
  for (int i = 0; i < 5000; ++i) {
    std::int64_t value = coefficient(random);
    for (int n = drop(random); n > 0; --n) value /= 10;
    const auto number = Decimal<6>::of_coefficient(value);
    CHECK(Decimal<6>::parse(number.to_string()) == number);
    CHECK(from_json<Decimal<6>>(to_json(number)) == number);
  }
  CHECK(to_json(*Money::parse("1.5")) == "\"1.50\"");
  CHECK(from_json<Money>("1.5") == *Money::parse("1.5"));
  CHECK_THROWS_AS(from_json<Money>("1.005"), ValidationError);
  CHECK_THROWS_AS(from_json<Money>("true"), ValidationError);
}
