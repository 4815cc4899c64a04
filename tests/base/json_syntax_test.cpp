#include <mpf/base/json.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <mpf/base/json_value.hpp>

using namespace mpf;
using namespace std::string_view_literals;

namespace {

bool accepted(std::string_view text) {
  try {
    Json::parse(text);
    return true;
  } catch (const ValidationError&) {
    return false;
  }
}

std::string complaint(std::string_view text) {
  try {
    Json::parse(text);
    return {};
  } catch (const ValidationError& error) {
    CHECK(error.fields().size() == 1);
    CHECK(error.fields()[0].code == "syntax");
    CHECK(error.fields()[0].path.empty());
    return error.fields()[0].message;
  }
}

}  // namespace

TEST_CASE("texts that are JSON") {
  for (const std::string_view text : {
           "null"sv,
           "true"sv,
           "false"sv,
           "0"sv,
           "-0"sv,
           "-1"sv,
           "123"sv,
           "1.5"sv,
           "-0.5e-10"sv,
           "1E+2"sv,
           "1e5"sv,
           "0e0"sv,
           "123456789012345678901234567890"sv,
           "1e400"sv,
           "-1e-400"sv,
           "\"\""sv,
           "[]"sv,
           "{}"sv,
           " [ ] "sv,
           "\t\n\r{ }\n"sv,
           "[1,2,3]"sv,
           "[[],[[]],{}]"sv,
           R"({"":0})"sv,
           R"({"a":{"b":[{}]}})"sv,
           R"("\"\\\/\b\f\n\r\t")"sv,
           R"("\u0000")"sv,
           R"("\u00e9\u20AC\ud83d\ude00")"sv,
           R"("\uD834\uDD1E")"sv,
           "\"é€😀\""sv,
           "\"\x7f\""sv,
           "\"\xF4\x8F\xBF\xBF\""sv,
           R"({"a":1,"A":2,"a ":3})"sv,
           R"("\uFFFF\uFFFE")"sv,
           R"(["a",null,true,1.0])"sv,
           "\"\xE2\x80\xA8\""sv,
       }) {
    CAPTURE(text);
    CHECK(accepted(text));
  }
}

TEST_CASE("texts that are not") {
  for (const std::string_view text : {
           // structure
           ""sv,
           " "sv,
           "["sv,
           "]"sv,
           "{"sv,
           "}"sv,
           "[1"sv,
           "[1,"sv,
           "[1,]"sv,
           "[,1]"sv,
           "[,]"sv,
           "[1,,2]"sv,
           "[1 2]"sv,
           "[1:2]"sv,
           "[1}"sv,
           "{\"a\"}"sv,
           "{\"a\":}"sv,
           "{\"a\":1,}"sv,
           "{,}"sv,
           "{\"a\" 1}"sv,
           "{\"a\",1}"sv,
           "{a:1}"sv,
           "{1:1}"sv,
           "{'a':1}"sv,
           "{\"a\":1 \"b\":2}"sv,
           "{\"a\":1]"sv,
           "{null:1}"sv,
           "[1]x"sv,
           "1 2"sv,
           "[]]"sv,
           "{}}"sv,
           "{\"a\":1}#"sv,
           "[1]//"sv,
           "/**/1"sv,
           "\"a\":1"sv,
           "*"sv,
           "{\"a\":1,\"a\":2}"sv,
           "{\"a\":1,\"\\u0061\":2}"sv,
           "[{\"x\":{\"b\":1,\"b\":1}}]"sv,
           // words
           "nul"sv,
           "nulll"sv,
           "True"sv,
           "tru"sv,
           "NaN"sv,
           "Infinity"sv,
           "-Infinity"sv,
           "undefined"sv,
           "nan"sv,
           "[nul]"sv,
           "[tru"sv,
           "falsey"sv,
           // numbers
           "+1"sv,
           "01"sv,
           "-01"sv,
           "00"sv,
           "1."sv,
           ".5"sv,
           "-.5"sv,
           "1e"sv,
           "1e+"sv,
           "1.e1"sv,
           "0x1"sv,
           "1_000"sv,
           "-"sv,
           "--1"sv,
           "1a"sv,
           "1e1.5"sv,
           "- 1"sv,
           "0.3e"sv,
           "2.e3"sv,
           "1,5"sv,
           "\xEF\xBC\x91"sv,
           "1.5.2"sv,
           // strings
           "\""sv,
           "\"a"sv,
           "'a'"sv,
           "\"\\\""sv,
           R"("\x41")"sv,
           R"("\a")"sv,
           R"("\u12")"sv,
           R"("\u12g4")"sv,
           R"("\U0041")"sv,
           "\"\\\\\\\""sv,
           R"("\ud800")"sv,
           R"("\ud800x")"sv,
           R"("\ud800\n")"sv,
           R"("\ud800\ud800")"sv,
           R"("\udc00")"sv,
           R"("\udc00\ud800")"sv,
           R"("\ud83d\u0041")"sv,
           "\"a\nb\""sv,
           "\"a\tb\""sv,
           "\"\x00\""sv,
           "\"\x1f\""sv,
           "\"\\"sv,
           "\"\\u"sv,
           "\"\\ud83d\\"sv,
           "\"\\ud83d\\u"sv,
           // bytes
           "\xEF\xBB\xBF[]"sv,
           "\"\x80\""sv,
           "\"\xC3\""sv,
           "\"\xC0\xAF\""sv,
           "\"\xE0\x80\xAF\""sv,
           "\"\xED\xA0\x80\""sv,
           "\"\xF4\x90\x80\x80\""sv,
           "\"\xF8\x88\x80\x80\x80\""sv,
           "\"\xFF\""sv,
           "\"\xE2\x82\""sv,
           "\xE9"sv,
           "[\"\xC3\x28\"]"sv,
           "\x00"sv,
           "[1]\x00"sv,
           "\xC2\xA0[]"sv,
           "\f[]"sv,
           "[\v1]"sv,
           "[\xE2\x81\xA0]"sv,
           "{\"\xFF\":1}"sv,
       }) {
    CAPTURE(text);
    CHECK_FALSE(accepted(text));
  }
}

TEST_CASE("every cut of a text is refused, and skipped values are checked as well") {
  constexpr std::string_view text = R"({"a":[1,-2.5e3,"x\u00e9\n",true,null,{"b":{}}],"c":"é"})";
  REQUIRE(accepted(text));
  struct Nothing {
    static constexpr auto describe() { return mpf::describe(); }
  };
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::string cut(text.substr(0, size));  // at the end of an allocation, for the sanitizer
    CAPTURE(cut);
    CHECK_FALSE(accepted(cut));
    CHECK_THROWS_AS(from_json<Nothing>(cut), ValidationError);
  }
  CHECK_NOTHROW(from_json<Nothing>(text));
}

TEST_CASE("a syntax error says where") {
  CHECK(complaint("[1,\n 2,\n x]") == "line 3, column 2: expected a value");
  CHECK(complaint("") == "line 1, column 1: the text ends too early, expected a value");
  CHECK(complaint("[1, 2") == "line 1, column 6: the text ends too early, expected ',' or ']'");
  CHECK(complaint("{\"a\": 01}") == "line 1, column 8: numbers have no leading zeros");
  CHECK(complaint("[1] []") == "line 1, column 5: unexpected text after the value");
  CHECK(complaint("[\"a\tb\"]") == "line 1, column 4: a control character must be written as an escape");
}

TEST_CASE("depth is limited") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(accepted(nested(64)));
  CHECK(complaint(nested(65)) == "line 1, column 65: nested deeper than 64 levels");
  CHECK_THROWS_AS(Json::parse(nested(3), {.depth = 2}), ValidationError);
  CHECK_THROWS_AS(Json::parse(std::string(1'000'000, '['), {.depth = 1'000'000}), ValidationError);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK_FALSE(accepted(objects));
}

TEST_CASE("large objects are read in reasonable time, repeated keys found") {
  std::string text = "{";
  for (int i = 0; i < 50'000; ++i) text += "\"key" + std::to_string(i) + "\":1,";
  CHECK(accepted(text + "\"last\":1}"));
  try {
    Json::parse(text + "\"key777\":1}");
    FAIL("accepted");
  } catch (const ValidationError& error) {
    CHECK(error.fields() == std::vector<FieldError>{{"key777", "duplicate", "the key is there twice"}});
  }
}
