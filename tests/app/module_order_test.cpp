#include "app/module_order.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <mpf/base/error.hpp>

#include "app/fixture.hpp"

using namespace mpf;
using test::has;

namespace {

struct Named {
  std::string name;
  std::vector<std::string_view> needs = {};
};

Modules list(const std::vector<Named>& names) {
  Modules modules;
  for (const auto& [name, needs] : names) modules.push_back(std::make_unique<test::TestModule>(name, needs));
  return modules;
}

std::string order(const std::vector<Named>& names) {
  const Modules modules = list(names);
  std::string result;
  for (const Module* module : app::in_order(modules)) result += std::string(module->name()) + " ";
  return result;
}

std::string problems(const std::vector<Named>& names) {
  try {
    return order(names);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::configuration);
    return e.what();
  }
}

}  // namespace

TEST_CASE("modules are set up after those they need, otherwise as listed") {
  CHECK(order({{"a"}, {"b"}, {"c"}}) == "a b c ");
  CHECK(order({{"a", {"c"}}, {"b"}, {"c", {"b"}}}) == "b c a ");
  CHECK(order({{"d", {"b", "c"}}, {"b", {"a"}}, {"c", {"a"}}, {"a"}}) == "a b c d ");
  CHECK(order({}).empty());
}

TEST_CASE("everything that is wrong with the modules is told together") {
  const std::string all =
      problems({{"a", {"ghost"}}, {"b"}, {"b"}, {"Bad Name"}, {"x", {"y"}}, {"y", {"x"}}});
  CHECK(has(all, "'a' needs 'ghost', which is not among the modules"));
  CHECK(has(all, "'b' is there twice"));
  CHECK(has(all, "'Bad Name' is no module name"));
  CHECK(has(all, "'x' needs 'y' needs 'x'"));
}

TEST_CASE("a module that needs itself is a circle") { CHECK(has(problems({{"a", {"a"}}}), "'a' needs 'a'")); }

TEST_CASE("the service group is what stands before the dot") {
  CHECK(app::service_group("content.item") == "content");
  CHECK(app::service_group("content.item.more") == "content");
  CHECK(app::service_group("hello") == "hello");
}
