#include <mpf/telemetry/log.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <mpf/fiber/fiber.hpp>
#include <mpf/telemetry/logger.hpp>

using namespace mpf;
using Fields = std::vector<log::Field>;

TEST_CASE("lines go to the logger in use, from its level on") {
  auto memory = std::make_shared<telemetry::MemoryLogger>(log::Level::info);
  const auto scope = telemetry::use(memory);
  log::debug("not {}", "this");
  log::info("imported {} pages", 7);
  log::error("{{}}");
  const auto lines = memory->lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].message == "imported 7 pages");
  CHECK(lines[0].level == log::Level::info);
  CHECK(lines[1].message == "{}");
  CHECK(memory->contains("7 pages"));
  CHECK_FALSE(memory->contains("8 pages"));
  CHECK_FALSE(log::enabled(log::Level::debug));
  CHECK_FALSE(log::enabled(log::Level::off));
}

TEST_CASE("the logger before comes back, and the default is never null") {
  CHECK(telemetry::current_logger() != nullptr);
  const auto before = telemetry::current_logger();
  auto outer = std::make_shared<telemetry::MemoryLogger>();
  const auto outer_scope = telemetry::use(outer);
  {
    auto inner = std::make_shared<telemetry::MemoryLogger>();
    const auto inner_scope = telemetry::use(inner);
    log::info("inside");
    CHECK(inner->lines().size() == 1);
  }
  log::info("outside");
  REQUIRE(outer->lines().size() == 1);
  CHECK(outer->lines()[0].message == "outside");
  CHECK(before != telemetry::current_logger());
}

TEST_CASE("field scopes nest, and the innermost of a name counts") {
  auto memory = std::make_shared<telemetry::MemoryLogger>();
  const auto scope = telemetry::use(memory);
  const log::FieldScope request("request", "r1");
  {
    const log::FieldScope site("site", Id(3));
    const log::FieldScope attempt("attempt", 2);
    const log::FieldScope other("request", "r2");
    log::info("deep");
  }
  log::info("shallow");
  const auto lines = memory->lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].fields == Fields{{"site", "3"}, {"attempt", "2"}, {"request", "r2"}});
  CHECK(lines[1].fields == Fields{{"request", "r1"}});
}

namespace {
struct Unprintable {};
}  // namespace

template <>
struct fmt::formatter<Unprintable> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }
  auto format(const Unprintable&, format_context& context) const {
    throw std::runtime_error("no text for it");
    return context.out();
  }
};

TEST_CASE("a value that cannot be formatted is told, not thrown") {
  auto memory = std::make_shared<telemetry::MemoryLogger>();
  const auto scope = telemetry::use(memory);
  log::info("value {}", Unprintable{});
  CHECK(memory->contains("no text for it"));
  CHECK(memory->contains("value {}"));
}

TEST_CASE("fibers inherit logger and fields, and keep theirs apart") {
  auto memory = std::make_shared<telemetry::MemoryLogger>();
  fiber::run(
      [&] {
        const auto scope = telemetry::use(memory);
        const log::FieldScope request("request", "r1");
        auto child = fiber::spawn([] {
          const log::FieldScope task("task", 9);
          fiber::yield();
          log::info("child");
        });
        fiber::yield();
        log::info("parent");
        child.get();
      },
      {.loops = 1});
  for (const auto& line : memory->lines()) {
    if (line.message == "child") {
      CHECK(line.fields == Fields{{"request", "r1"}, {"task", "9"}});
    } else {
      CHECK(line.message == "parent");
      CHECK(line.fields == Fields{{"request", "r1"}});
    }
  }
  CHECK(memory->lines().size() == 2);
}
