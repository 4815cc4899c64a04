#include <mpf/base/json_value.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <mpf/base/json_dom.hpp>

using namespace mpf;

namespace {

struct Row {
  Json options;
  int n = 0;
  static constexpr auto describe() { return mpf::describe(field<&Row::options>(), field<&Row::n>()); }
};

}  // namespace

TEST_CASE("any JSON is kept compact") {
  CHECK(Json().is_null());
  CHECK(Json().text() == "null");
  CHECK(Json::parse(" { \"a\" : [ 1 , 2.50 , \"\\u0041\\n\" ] } ").text() == R"({"a":[1,2.50,"A\n"]})");
  CHECK(Json::parse("[1e400]").text() == "[1e400]");
  CHECK(Json::parse("[1, 2]") == Json::parse("[1,2]"));
  CHECK_FALSE(Json::parse("[1]") == Json::parse("[2]"));
  CHECK_THROWS_AS(Json::parse("[1"), ValidationError);
}

TEST_CASE("values go in and out") {
  const Json json = Json::of(std::vector<int>{1, 2});
  CHECK(json.text() == "[1,2]");
  CHECK(json.as<std::vector<int>>() == std::vector<int>{1, 2});
  CHECK_THROWS_AS(json.as<std::string>(), ValidationError);
}

TEST_CASE("as a member of a struct") {
  const auto row = from_json<Row>(R"({"options": {"deep": [true, null]}, "n": 1})");
  CHECK(row.options.text() == R"({"deep":[true,null]})");
  CHECK(row.n == 1);
  CHECK(to_json(row) == R"({"options":{"deep":[true,null]},"n":1})");
}

TEST_CASE("to a tree and back") {
  const Json json = Json::parse(R"({"a":[1,2.5,"x",null,true]})");
  auto dom = to_dom(json);
  CHECK(dom["a"][2] == "x");
  dom["b"] = 5;
  CHECK(from_dom(dom).text() == R"({"a":[1,2.5,"x",null,true],"b":5})");
}
