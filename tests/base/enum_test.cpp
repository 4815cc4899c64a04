#include <mpf/base/enum.hpp>

#include <cstdint>

#include <doctest/doctest.h>

namespace {

enum class Color { red, green, default_ };
enum class Sparse : std::uint8_t { low = 3, high = 63 };
enum class Signed : std::int8_t { minus = -1, plus = 1 };
enum class Wire { cover = 100, none = 200 };

}  // namespace

template <>
struct mpf::EnumNames<Signed> {
  static constexpr auto names = mpf::enum_names<Signed>({{Signed::minus, "-"}, {Signed::plus, "+"}});
};
template <>
struct mpf::EnumNames<Wire> {
  static constexpr auto names = mpf::enum_names<Wire>({{Wire::cover, "full cover"}, {Wire::none, "no"}});
};

TEST_CASE("enumerators name themselves") {
  static_assert(mpf::enum_name(Color::green) == "green");
  CHECK(mpf::enum_name(Color::default_) == "default");
  CHECK(mpf::enum_name(static_cast<Color>(7)).empty());
  CHECK(mpf::parse_enum<Color>("red") == Color::red);
  CHECK_FALSE(mpf::parse_enum<Color>("Red"));
  CHECK_FALSE(mpf::parse_enum<Color>(""));
  CHECK(mpf::enum_values<Color>().size() == 3);
}

TEST_CASE("enumerators with gaps are found up to 63") {
  CHECK(mpf::enum_values<Sparse>() == std::array{Sparse::low, Sparse::high});
  CHECK(mpf::enum_name(Sparse::high) == "high");
}

TEST_CASE("names can be given") {
  CHECK(mpf::enum_name(Signed::minus) == "-");
  CHECK(mpf::parse_enum<Wire>("full cover") == Wire::cover);
  CHECK(mpf::enum_entries<Wire>().size() == 2);
}
