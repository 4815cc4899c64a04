#include <mpf/base/json.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <doctest/doctest.h>

#include <mpf/base/id.hpp>
#include <mpf/base/timestamp.hpp>

using namespace mpf;

namespace {

enum class Kind { page, image, default_ };

struct Item {
  std::string title;
  int position = 0;
  Kind kind = Kind::page;
  std::optional<std::string> summary;

  static constexpr auto describe() {
    return mpf::describe(field<&Item::title>(), field<&Item::position>(defaulted),
                         field<&Item::kind>(defaulted), field<&Item::summary>());
  }
  bool operator==(const Item&) const = default;
};

struct Menu {
  Id id;
  std::vector<Item> items;
  std::map<std::string, Item> by_name;

  static constexpr auto describe() {
    return mpf::describe(field<&Menu::id>(), field<&Menu::items>(),
                         field<&Menu::by_name>(name("by-name"), defaulted));
  }
};

struct Tree {
  std::string name;
  std::vector<Tree> children;
  static constexpr auto describe() {
    return mpf::describe(field<&Tree::name>(), field<&Tree::children>(defaulted));
  }
};

template <class T>
std::vector<FieldError> errors_of(std::string_view text, const JsonLimits& limits = {}) {
  try {
    from_json<T>(text, limits);
  } catch (const ValidationError& error) {
    return error.fields();
  }
  return {};
}

template <class T>
FieldError error_of(std::string_view text) {
  const auto errors = errors_of<T>(text);
  REQUIRE(errors.size() == 1);
  return errors[0];
}

/// A type of someone else's, taught to read and write.
struct Point {
  int x = 0;
  int y = 0;
};

}  // namespace

template <>
struct mpf::JsonCodec<Point> {
  static void write(JsonWriter& writer, const Point& point) {
    writer.begin_array();
    writer.value(point.x);
    writer.value(point.y);
    writer.end_array();
  }
  static bool read(JsonReader& reader, Point& point) {
    std::array<int, 2> both{};
    if (!detail::json_read(reader, both)) return false;
    point = {both[0], both[1]};
    return true;
  }
};

TEST_CASE("values become text") {
  CHECK(to_json(true) == "true");
  CHECK(to_json(-5) == "-5");
  CHECK(to_json(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(to_json(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(to_json(std::int8_t{65}) == "65");
  CHECK(to_json(0.1) == "0.1");
  CHECK(to_json(0.1F) == "0.1");
  CHECK(to_json(1e300) == "1e+300");
  CHECK(to_json(std::nan("")) == "null");
  CHECK(to_json(std::numeric_limits<double>::infinity()) == "null");
  CHECK(to_json("text") == "\"text\"");
  CHECK(to_json(std::optional<int>()) == "null");
  CHECK(to_json(std::vector<bool>{true, false}) == "[true,false]");
  CHECK(to_json(std::map<std::string, int>{{"b", 2}, {"a\"", 1}}) == R"({"a\"":1,"b":2})");
  CHECK(to_json(std::array<int, 2>{1, 2}) == "[1,2]");
  const std::vector<int> numbers{1, 2, 3};
  CHECK(to_json(std::span(numbers)) == "[1,2,3]");
  CHECK(to_json(Kind::default_) == "\"default\"");
  CHECK(to_json(Id(7)) == "7");
  CHECK(to_json(Timestamp()) == "\"1970-01-01T00:00:00Z\"");
  CHECK(to_json(Point{1, 2}) == "[1,2]");
  CHECK(to_json(std::vector<std::string>()) == "[]");
}

TEST_CASE("structs become text in the order of their description") {
  Menu menu{Id(3), {{"One", 1, Kind::image, "S"}}, {{"x", {"Two"}}}};
  CHECK(to_json(menu) == R"({"id":3,"items":[{"title":"One","position":1,"kind":"image","summary":"S"}],)"
                         R"("by-name":{"x":{"title":"Two","position":0,"kind":"page","summary":null}}})");
  std::string out = "before";
  write_json(out, std::vector<Item>(2));
  CHECK(out.starts_with("before[{\"title\":\"\""));
}

TEST_CASE("strings are escaped where JSON wants it, and always valid") {
  CHECK(to_json("a\"\\\n\r\t\b\f\x01\x1f/é😀\x7f") == "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f/é😀\x7f\"");
  CHECK(to_json(std::string("\0", 1)) == "\"\\u0000\"");
  CHECK(to_json("bad \xFF\xC3(") == "\"bad \xEF\xBF\xBD\xEF\xBF\xBD(\"");
  CHECK(to_json("long text before a quote, more than eight bytes: \"") ==
        "\"long text before a quote, more than eight bytes: \\\"\"");
}

TEST_CASE("a writer used by hand") {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("a").value(1);
  json.key("b").begin_array();
  json.null();
  json.value("x");
  json.begin_object();
  json.end_object();
  json.end_array();
  json.key("c").raw("[1]");
  json.end_object();
  CHECK(out == R"({"a":1,"b":[null,"x",{}],"c":[1]})");
}

TEST_CASE("text becomes values") {
  CHECK(from_json<int>(" 12 ") == 12);
  CHECK(from_json<int>("1e2") == 100);
  CHECK(from_json<int>("1.0") == 1);
  CHECK(from_json<unsigned>("-0") == 0);
  CHECK(from_json<double>("2") == 2.0);
  CHECK(from_json<double>("1e-400") == 0.0);
  CHECK(from_json<double>("0." + std::string(400, '0') + "1") == 0.0);
  CHECK(from_json<double>("0.1") == 0.1);
  CHECK(from_json<bool>("true"));
  CHECK(from_json<std::string>(R"("é\u00e9\ud83d\ude00\/")") == "éé😀/");
  CHECK(from_json<std::optional<int>>("null") == std::nullopt);
  CHECK(from_json<std::vector<bool>>("[true,false]") == std::vector<bool>{true, false});
  CHECK(from_json<std::unordered_map<std::string, int>>(R"({"a\n":1})").at("a\n") == 1);
  CHECK(from_json<Kind>("\"default\"") == Kind::default_);
  CHECK(from_json<Point>("[3,4]").y == 4);
  CHECK(from_json<Id>("9") == Id(9));
  CHECK(from_json<Timestamp>("\"1970-01-01T00:00:01+00:00\"").micros() == 1'000'000);
}

TEST_CASE("members come in any order, with what is unknown between them") {
  const auto item = from_json<Item>(R"({"x":[{"y":1}],"summary":null,"kind":"image","z":"\"","title":"T"})");
  CHECK(item == Item{"T", 0, Kind::image, std::nullopt});
  CHECK(from_json<Item>(R"({"t\u0069tle":"escaped key"})").title == "escaped key");
}

TEST_CASE("all that does not fit is told at once, with paths") {
  const auto errors = errors_of<Menu>(R"({
    "id": -1,
    "items": [{"title": "ok"}, {"title": 5, "kind": "book"}, {"position": "x", "summary": 1}, []],
    "by-name": {"first": {"title": null}, "second": 3}
  })");
  CHECK(errors == std::vector<FieldError>{
                      {"id", "range", "must be between 0 and 9007199254740991"},
                      {"items[1].title", "type", "expected a string, got a number"},
                      {"items[1].kind", "enum", "expected one of: page, image, default; got \"book\""},
                      {"items[2].position", "type", "expected a whole number, got a string"},
                      {"items[2].summary", "type", "expected a string, got a number"},
                      {"items[2].title", "required", "is required"},
                      {"items[3]", "type", "expected an object, got an array"},
                      {"by-name.first.title", "type", "expected a string, got null"},
                      {"by-name.second", "type", "expected an object, got a number"},
                  });
  CHECK(error_of<std::vector<Item>>(R"([{"title":""},{"title":""},{"title":""},{"title":7}])") ==
        FieldError{"[3].title", "type", "expected a string, got a number"});
}

TEST_CASE("each wrong value has its message") {
  CHECK(error_of<std::int8_t>("128") == FieldError{"", "range", "must be between -128 and 127"});
  CHECK(error_of<std::uint8_t>("-1") == FieldError{"", "range", "must be between 0 and 255"});
  CHECK(error_of<std::uint64_t>("18446744073709551616").code == "range");
  CHECK(error_of<std::int64_t>("9223372036854775808").code == "range");
  CHECK(error_of<int>("1.5") == FieldError{"", "type", "expected a whole number, got 1.5"});
  CHECK(error_of<int>("1e99").code == "type");
  CHECK(error_of<double>("1e400") == FieldError{"", "range", "the number is too large"});
  CHECK(error_of<double>("1" + std::string(400, '0')).code == "range");
  CHECK(error_of<double>("1e99999999999999999999").code == "range");
  CHECK(error_of<float>("1e39").code == "range");
  CHECK(error_of<bool>("0") == FieldError{"", "type", "expected true or false, got a number"});
  CHECK(error_of<std::string>("true") == FieldError{"", "type", "expected a string, got true or false"});
  CHECK(error_of<std::vector<int>>("{}") == FieldError{"", "type", "expected an array, got an object"});
  CHECK(error_of<std::array<int, 2>>("[1]") == FieldError{"", "length", "expected 2 items, got 1"});
  CHECK(error_of<std::array<int, 2>>("[1,2,3]").code == "length");
  CHECK(error_of<Timestamp>("\"yesterday\"").code == "format");
  CHECK(error_of<Timestamp>("5") == FieldError{"", "type", "expected a time, got a number"});
  CHECK(error_of<Item>(R"({"title":"a","title":"b"})") ==
        FieldError{"title", "duplicate", "the key is there twice"});
}

TEST_CASE("members that are required") {
  CHECK(errors_of<Menu>("{}") ==
        std::vector<FieldError>{{"id", "required", "is required"}, {"items", "required", "is required"}});
  CHECK(from_json<Item>(R"({"title":"x"})") == Item{"x"});
}

TEST_CASE("unknown members are errors where that is wanted") {
  const auto errors =
      errors_of<std::vector<Item>>(R"([{"title":"x","titel":1,"q":2}])", {.unknown_fields_error = true});
  CHECK(errors == std::vector<FieldError>{{"[0].titel", "unknown", "unknown field, did you mean \"title\"?"},
                                          {"[0].q", "unknown", "unknown field"}});
}

TEST_CASE("errors are collected up to a limit") {
  std::string text = "[";
  for (int i = 0; i < 100; ++i) text += "\"x\",";
  text += "1]";
  CHECK(errors_of<std::vector<int>>(text).size() == 20);
  CHECK(errors_of<std::vector<int>>(text, {.errors = 3}).size() == 3);
}

TEST_CASE("reading into a value keeps what is not mentioned") {
  Menu menu{Id(3), {{"One", 1, Kind::image, "S"}}, {}};
  read_json(R"({"id":4})", menu);
  CHECK(menu.id == Id(4));
  CHECK(menu.items.size() == 1);
  read_json(R"({"items":[{"title":"Two"}]})", menu);
  CHECK(menu.items == std::vector<Item>{{"Two"}});

  SUBCASE("but new items of a sequence must be whole") {
    CHECK_THROWS_AS(read_json(R"({"items":[{"position":1}]})", menu), ValidationError);
  }
  SUBCASE("an optional is cleared by null") {
    Item item{"x", 0, Kind::page, "summary"};
    read_json(R"({"summary":null})", item);
    CHECK_FALSE(item.summary);
  }
}

TEST_CASE("types that contain themselves") {
  const auto tree = from_json<Tree>(R"({"name":"a","children":[{"name":"b","children":[{"name":"c"}]}]})");
  CHECK(tree.children.at(0).children.at(0).name == "c");
  CHECK(error_of<Tree>(R"({"name":"a","children":[{"name":"b","children":[{"name":1}]}]})").path ==
        "children[0].children[0].name");
}
