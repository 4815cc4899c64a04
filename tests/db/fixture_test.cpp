#include <signal.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <mpf/fiber/fiber.hpp>

#include "db/child.hpp"
#include "db/database.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

namespace {

/// The process and all that come from it, as ctest collects them when a test's time is over.
void collect(pid_t process, std::vector<pid_t>& all) {
  all.push_back(process);
  std::error_code ignored;
  const std::string tasks = "/proc/" + std::to_string(process) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks, ignored)) {
    std::ifstream children(task.path() / "children");
    for (pid_t child = 0; children >> child;) collect(child, all);
  }
}

bool runs(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/stat");
  std::string text((std::istreambuf_iterator<char>(status)), {});
  const auto at = text.rfind(") ");
  return at != std::string::npos && text[at + 2] != 'Z';
}

}  // namespace

TEST_CASE("have a PostgreSQL with a replica until killed" * doctest::skip()) {
  fiber::run(
      [] {
        Postgres server;
        const std::string replica = "replica_" + std::to_string(server.add_replica());
        tell(server.folder().string() + "\n" + replica + "\n");
        for (;;) ::pause();
      },
      {.on_stall = [](const fiber::Stall&) {}});
}

TEST_CASE("a test's servers end, and their folder goes, however the test is killed") {
  const Child child("have a PostgreSQL with a replica until killed");
  const std::filesystem::path folder = child.line();
  REQUIRE(!folder.empty());
  std::vector<pid_t> servers;
  for (const std::string& data : {std::string("data"), child.line()}) {
    pid_t server = 0;
    std::ifstream(folder / data / "postmaster.pid") >> server;
    REQUIRE(runs(server));
    servers.push_back(server);
  }
  std::vector<pid_t> family;
  collect(child.pid(), family);
  ::kill(-child.pid(), SIGKILL);
  for (const pid_t each : family) ::kill(each, SIGKILL);
  const auto until = std::chrono::steady_clock::now() + 60s;
  const auto all_gone = [&] {
    return !std::filesystem::exists(folder) && !runs(servers[0]) && !runs(servers[1]);
  };
  while (!all_gone() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(5ms);
  CHECK(all_gone());
}
