#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "app/migrate_shell.hpp"

using namespace mpf;
using test::MigrateShell;

namespace {

/// How many migrations an `apply` that printed this has run.
int applied(const std::string& output) {
  const auto end = output.rfind(" migration");
  if (end == std::string::npos) return 0;
  const auto line = output.rfind('\n', end) + 1;
  return std::stoi(output.substr(line, end - line));
}

}  // namespace

TEST_CASE("two processes that apply at once, 50 times, on SQLite: both end well, each migration ran once") {
  MigrateShell shell;
  REQUIRE(shell.run("portal migrate make") == 0);
  shell.models("both");
  REQUIRE(shell.run("portal migrate make") == 0);
  REQUIRE(shell.run("portal migrate apply") == 0);
  const int all = applied(shell.out);
  CHECK(all > 2);
  for (int round = 0; round < 50; ++round) {
    CAPTURE(round);
    shell.database("data" + std::to_string(round));
    auto one = shell.start("portal migrate apply");
    auto two = shell.start("portal migrate apply");
    CHECK(one->wait(std::chrono::seconds(60)) == 0);
    CHECK(two->wait(std::chrono::seconds(60)) == 0);
    CHECK(applied(one->output()) + applied(two->output()) == all);
    if (round % 10 == 0) CHECK(shell.run("portal migrate check") == 0);
  }
}
