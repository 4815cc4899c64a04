#include <mpf/config/value.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace mpf;
using namespace std::chrono_literals;
using config::Value;

namespace {

Value scalar(std::string text) {
  Value value;
  value.text = std::move(text);
  return value;
}

template <class T>
std::optional<T> read(const std::string& text) {
  T into{};
  return config::detail::read_any(scalar(text), into) ? std::nullopt : std::optional(into);
}

}  // namespace

TEST_CASE("numbers") {
  CHECK(read<int>("12") == 12);
  CHECK(read<int>(" -12 ") == -12);
  CHECK(read<int>("+3") == 3);
  for (const char* bad : {"", "x", "1.5", "1 2", "0x10", "--1", "1e3", "99999999999"})
    CHECK_FALSE(read<int>(bad));
  CHECK(read<std::uint8_t>("255") == 255);
  CHECK_FALSE(read<std::uint8_t>("256"));
  CHECK_FALSE(read<std::uint8_t>("-1"));
  CHECK(read<std::int64_t>("-9223372036854775808") == INT64_MIN);
  CHECK(read<double>("1.5e3") == 1500.0);
  for (const char* bad : {"", "nan", "inf", "1e999", "1,5"}) CHECK_FALSE(read<double>(bad));
}

TEST_CASE("truth") {
  for (const char* yes : {"true", "True", "yes", "on", "1"}) CHECK(read<bool>(yes) == true);
  for (const char* no : {"false", "no", "OFF", "0"}) CHECK(read<bool>(no) == false);
  for (const char* bad : {"", "2", "maybe", "y"}) CHECK_FALSE(read<bool>(bad));
}

TEST_CASE("times") {
  using Ns = std::chrono::nanoseconds;
  CHECK(read<Ns>("250ms") == Ns(250ms));
  CHECK(read<Ns>("1h30m") == Ns(90min));
  CHECK(read<Ns>("1h 30m 5s") == Ns(90min + 5s));
  CHECK(read<Ns>("1.5s") == Ns(1500ms));
  CHECK(read<Ns>("2d") == Ns(48h));
  CHECK(read<Ns>("5us") == Ns(5us));
  CHECK(read<Ns>("0") == Ns(0));
  for (const char* bad : {"", "30", "s", "5 apples", "-5s", "1h30", "1e3s", "1..5s", "400000d", "5sm"}) {
    CAPTURE(bad);
    CHECK_FALSE(read<Ns>(bad));
  }
  for (const auto time : {Ns(0), Ns(1ms), Ns(90s), Ns(25h + 1us), Ns(61min)}) {
    CHECK(read<Ns>(config::detail::print_duration(time)) == time);
  }
}

TEST_CASE("lists and maps of things name the item that is wrong") {
  Value list;
  list.kind = Value::Kind::list;
  list.items = {scalar("1"), scalar("x")};
  std::vector<int> numbers{9};
  CHECK(config::detail::read_any(list, numbers) == "item 2: expected a whole number, got \"x\"");
  CHECK(numbers == std::vector<int>{9});
  Value map;
  map.kind = Value::Kind::map;
  map.items = {scalar("5s")};
  map.items[0].key = "a";
  std::map<std::string, std::chrono::seconds> times;
  CHECK_FALSE(config::detail::read_any(map, times));
  CHECK(times.at("a") == 5s);
  map.items[0].text = "?";
  CHECK(config::detail::read_any(map, times)->starts_with("a: expected a time"));
  CHECK(config::detail::read_any(map, numbers) == "expected a list, got a map");
}
