#include <mpf/base/json.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <mpf/base/id.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/base/timestamp.hpp>

using namespace mpf;

namespace {

enum class Shade { light, dark };

struct Leaf {
  std::string text;
  double number = 0;
  float small = 0;
  std::int64_t whole = 0;
  std::uint64_t positive = 0;
  std::int16_t narrow = 0;
  bool flag = false;
  Shade shade = Shade::light;
  Id id;
  Timestamp at;

  static constexpr auto describe() {
    return mpf::describe(field<&Leaf::text>(), field<&Leaf::number>(), field<&Leaf::small>(),
                         field<&Leaf::whole>(), field<&Leaf::positive>(), field<&Leaf::narrow>(),
                         field<&Leaf::flag>(), field<&Leaf::shade>(), field<&Leaf::id>(), field<&Leaf::at>());
  }
  bool operator==(const Leaf&) const = default;
};

struct Branch {
  std::vector<Leaf> leaves;
  std::map<std::string, std::vector<std::string>> words;
  std::optional<Leaf> first;
  std::optional<std::int64_t> count;
  std::vector<Branch> branches;

  static constexpr auto describe() {
    return mpf::describe(field<&Branch::leaves>(), field<&Branch::words>(), field<&Branch::first>(),
                         field<&Branch::count>(), field<&Branch::branches>());
  }
  bool operator==(const Branch&) const = default;
};

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::string text() {
    static constexpr const char* pieces[] = {"a",  "\"",   "\\", "\n",          "é",   "€",
                                             "😀", "\x01", "/",  "plain words", "\x7f"};
    std::string text;
    for (std::size_t n = below(6); n > 0; --n) text += pieces[below(std::size(pieces))];
    if (below(20) == 0) text += '\0';
    return text;
  }

  template <class T>
  T any_finite() {
    using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
    for (;;) {
      const T value = std::bit_cast<T>(static_cast<Bits>(random_()));
      if (std::isfinite(value)) return value;
    }
  }

  Leaf leaf() {
    Leaf leaf;
    leaf.text = text();
    leaf.number = any_finite<double>();
    leaf.small = any_finite<float>();
    leaf.whole = static_cast<std::int64_t>(random_());
    leaf.positive = random_();
    leaf.narrow = static_cast<std::int16_t>(random_());
    leaf.flag = below(2) == 0;
    leaf.shade = below(2) == 0 ? Shade::light : Shade::dark;
    leaf.id = Id(static_cast<std::int64_t>(random_() >> 11));
    leaf.at = Timestamp(Microseconds(static_cast<std::int64_t>(random_() >> 12)));
    return leaf;
  }

  Branch branch(int depth) {
    Branch branch;
    for (std::size_t n = below(4); n > 0; --n) branch.leaves.push_back(leaf());
    for (std::size_t n = below(25); n > 0; --n) branch.words[text()].push_back(text());
    if (below(2) == 0) branch.first = leaf();
    if (below(2) == 0) branch.count = static_cast<std::int64_t>(random_());
    for (std::size_t n = depth > 0 ? below(4) : 0; n > 0; --n)
      branch.branches.push_back(this->branch(depth - 1));
    return branch;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("random structs come back from their text, and another parser agrees that it is JSON") {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    CAPTURE(seed);
    const Branch branch = Maker(seed).branch(3);
    const std::string text = to_json(branch);
    CHECK(from_json<Branch>(text) == branch);
    CHECK(nlohmann::json::accept(text));
    CHECK(Json::parse(text).text() == text);
  }
}

TEST_CASE("random damage never crashes, and is accepted only where another parser accepts it") {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    Maker maker(seed);
    std::string text = to_json(maker.leaf());
    for (std::size_t n = 1 + maker.below(3); n > 0; --n) {
      const std::size_t at = maker.below(text.size());
      switch (maker.below(3)) {
        case 0:
          text[at] = static_cast<char>(maker.below(256));
          break;
        case 1:
          text.erase(at, 1 + maker.below(4));
          break;
        default:
          text.insert(at, 1, "{}[],:\"\\0-.e"[maker.below(12)]);
          break;
      }
    }
    bool accepted = true;
    try {
      Json::parse(text);
    } catch (const ValidationError& error) {
      accepted = error.fields()[0].code == "duplicate";  // which the other parser allows
    }
    CAPTURE(text);
    try {
      const bool other_is_object = nlohmann::json::parse(text).is_object();
      CHECK(other_is_object);
      CHECK(accepted);
    } catch (const nlohmann::json::out_of_range&) {  // 1e999 is JSON, but that parser keeps doubles only
    } catch (const nlohmann::json::parse_error&) {
      CHECK_FALSE(accepted);
    }
    try {
      from_json<Leaf>(text);
    } catch (const ValidationError&) {
    }
  }
}
