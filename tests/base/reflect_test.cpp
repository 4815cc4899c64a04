#include <mpf/base/reflect.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

struct Plain {
  int first = 1;
  std::string second_member = "two";

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&Plain::first>(mpf::name("1st")),
                         mpf::field<&Plain::second_member>(mpf::defaulted));
  }
};

struct Modelled {
  double value = 0;
  static constexpr auto model() { return mpf::describe(mpf::field<&Modelled::value>()); }
};

template <class T>
struct Generic {
  T inner_value{};
  static constexpr auto describe() { return mpf::describe(mpf::field<&Generic::inner_value>()); }
};

}  // namespace

TEST_CASE("members name themselves") {
  static_assert(mpf::member_name<&Plain::second_member> == "second_member");
  static_assert(mpf::member_name<&Generic<std::vector<int>>::inner_value> == "inner_value");
  std::vector<std::string> names;
  mpf::for_each_field<Plain>([&](const auto& field) { names.emplace_back(field.name()); });
  CHECK(names == std::vector<std::string>{"1st", "second_member"});
}

TEST_CASE("descriptions give members and options") {
  static_assert(mpf::Described<Plain>);
  static_assert(mpf::Described<Modelled>);
  static_assert(!mpf::Described<int>);
  Plain plain;
  mpf::for_each_field<Plain>([&](const auto& field) {
    using Field = std::remove_cvref_t<decltype(field)>;
    if constexpr (Field::template has<mpf::Defaulted>) plain.*(Field::pointer) = "set";
  });
  CHECK(plain.second_member == "set");
  CHECK(plain.first == 1);
}
