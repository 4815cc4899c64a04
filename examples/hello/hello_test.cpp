#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/browser.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

using namespace mpf;
using namespace std::chrono_literals;
using test::Process;

namespace {

class Hello {
 public:
  Process start(std::vector<std::string> arguments, const std::string& name) {
    arguments.insert(arguments.begin(), HELLO_PROGRAM);
    return {arguments,
            {{"MPF_APPLICATION__DATA_FOLDER", folder_.path().string()}, {"MPF_HTTP__PORT", "0"}},
            folder_ / name};
  }

  int run(const std::vector<std::string>& arguments) {
    Process process = start(arguments, "command.txt");
    const auto code = process.wait(60s);
    output = process.output();
    REQUIRE(code);
    return *code;
  }

  std::string output;

 private:
  test::TempDir folder_;
};

std::uint16_t port_in(const std::string& output) {
  const std::string before = "serves on 127.0.0.1:";
  const auto at = output.find(before);
  REQUIRE(at != std::string::npos);
  return static_cast<std::uint16_t>(std::stoi(output.substr(at + before.size())));
}

}  // namespace

TEST_CASE("the example serves two sites, counts words in a task, and ends on SIGTERM") {
  Hello hello;
  CHECK(hello.run({"site", "create", "one", "one.localhost"}) == 0);
  CHECK(hello.run({"site", "create", "two", "two.localhost"}) == 0);
  Process server = hello.start({"serve"}, "server.txt");
  REQUIRE(server.wait_for_output("two.localhost", 60s));
  const auto port = port_in(server.output());

  test::Browser one(port, "one.localhost");
  const auto added = one.post("/notes", R"({"text":"three small words"})");
  CHECK(added.status == 201);
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (one.get("/notes").body.find("\"words\":3") == std::string::npos) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(5ms);
  }
  CHECK(test::Browser(port, "two.localhost").get("/notes").body == "[]");
  CHECK(one.post("/notes", R"({"text":7})").status == 422);
  CHECK(test::Browser(port, "three.localhost").get("/notes").status == 404);

  CHECK(server.kill(SIGTERM) == 0);
}

TEST_CASE("a port in use is told, with what to do") {
  Hello hello;
  Process server = hello.start({"serve"}, "first.txt");
  REQUIRE(server.wait_for_output("serves on", 60s));
  const auto port = std::to_string(port_in(server.output()));
  CHECK(hello.run({"serve", "--set", "http.port=" + port}) == 69);
  CHECK(hello.output.find("error: ") != std::string::npos);
  CHECK(hello.output.find(port) != std::string::npos);
  CHECK(server.kill(SIGINT) == 0);
}

TEST_CASE("mistakes on the command line are told in a line") {
  Hello hello;
  CHECK(hello.run({"--help"}) == 0);
  CHECK(hello.output.find("serve") != std::string::npos);
  CHECK(hello.run({"srve"}) == 64);
  CHECK(hello.output.starts_with("error: "));
  CHECK(hello.run({"routes", "--profile", "nonsense"}) == 78);
  CHECK(hello.output.find("nonsense") != std::string::npos);
}
