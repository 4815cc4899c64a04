#include <doctest/doctest.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <support/browser.hpp>

#include "deployment.hpp"

using namespace portal::test;
using namespace std::chrono_literals;

TEST_CASE("mistakes of operators are answered in one clear line") {
  Deployment deployment;
  SUBCASE("a setting that nobody knows") {
    fs::create_directories(deployment.folder.path() / "profiles");
    std::ofstream(deployment.folder.path() / "profiles" / "mine.yaml")
        << "http:\n  prot: 80\n  port: eighty\n";
    deployment.environment.erase("MPF_HTTP__PORT");  // it would stand over the file's
    const auto [code, output] = deployment.run(
        {"--profiles", (deployment.folder.path() / "profiles").string(), "--profile", "mine", "settings"});
    CHECK(code == 78);
    CHECK_MESSAGE(output.find("prot") != std::string::npos, output);
    CHECK_MESSAGE(output.find("mine.yaml:2") != std::string::npos, output);
    CHECK_MESSAGE(output.find("mine.yaml:3") != std::string::npos, output);
  }
  SUBCASE("a profile that does not exist") {
    const auto [code, output] = deployment.run({"--profile", "porduction", "settings"});
    CHECK(code == 78);
    CHECK_MESSAGE(output.find("porduction") != std::string::npos, output);
    CHECK_MESSAGE(output.find("prod") != std::string::npos, output);
  }
  SUBCASE("a database file that is none") {
    if (mpf::test::on_postgres()) return;
    deployment.define_site();
    const auto file = deployment.database();
    std::ofstream(file, std::ios::trunc) << std::string(8192, 'x');
    fs::remove(file.string() + "-wal");
    fs::remove(file.string() + "-shm");
    const auto [code, output] = deployment.run({"serve"});
    CHECK(code != 0);
    CHECK_MESSAGE(output.find(file.filename().string()) != std::string::npos, output);
    CHECK(fs::file_size(file) == 8192);
  }
  SUBCASE("a database file that is damaged in the middle") {
    if (mpf::test::on_postgres()) return;
    deployment.define_site();
    const auto file = deployment.database();
    {
      std::fstream damage(file, std::ios::in | std::ios::out | std::ios::binary);
      for (std::size_t page = 2; page * 4096 < fs::file_size(file); ++page) {
        damage.seekp(static_cast<std::streamoff>(page * 4096));
        damage << std::string(4096, '\xa5');
      }
    }
    fs::remove(file.string() + "-wal");
    fs::remove(file.string() + "-shm");
    const auto [code, output] = deployment.run({"site", "list"});
    CHECK(code != 0);
    CHECK_MESSAGE(output.find("damaged") != std::string::npos, output);
  }
  SUBCASE("a port in use") {
    deployment.define_site();
    auto first = deployment.start({"serve"});
    REQUIRE_MESSAGE(first->wait_for_output("http://", 60s), first->output());
    const auto text = first->output();
    const auto colon = text.find("localhost:") + 10;
    const auto port = text.substr(colon, text.find_first_not_of("0123456789", colon) - colon);
    deployment.environment["MPF_HTTP__PORT"] = port;
    const auto [code, output] = deployment.run({"serve"});
    CHECK(code != 0);
    CHECK_MESSAGE(output.find(port) != std::string::npos, output);
    CHECK_MESSAGE(output.find("uses this port") != std::string::npos, output);
    mpf::test::Browser browser(static_cast<std::uint16_t>(std::stoi(port)), "acme.localhost");
    CHECK(browser.get("/health/ready").status == 200);
    CHECK(browser.get("/api/portal/bootstrap").status == 200);
    // SIGTERM ends it well.
    CHECK(first->kill(SIGTERM) == 0);
  }
  SUBCASE("commands and options that do not exist") {
    struct Case {
      std::vector<std::string> arguments;
      int code;
      const char* words;
    };
    for (const auto& [arguments, code, words] :
         {Case{{"sevre"}, 64, "no command 'sevre', did you mean 'serve'?"},
          Case{{"zzz"}, 64, "`portal` has no command 'zzz' (see `portal --help`)"},
          Case{{"site", "lst"}, 64, "`portal site` has no command 'lst', did you mean 'list'?"},
          Case{{"site"}, 64, "site"}, Case{{}, 64, "--help"}, Case{{"import", "acme"}, 64, "folder"},
          Case{{"import", "acme", "/tmp", "--visibility", "nobody"}, 64, "nobody"},
          Case{{"--profiles", "/no/folder", "settings"}, 78, "no folder of profiles '/no/folder'"}}) {
      CAPTURE(words);
      const auto [ended, output] = deployment.run(arguments);
      CHECK(ended == code);
      CHECK_MESSAGE(output.find(words) != std::string::npos, output);
    }
    CHECK(deployment.run({"--profiles", "/no/folder", "--help"}).first == 0);
  }
}

TEST_CASE("only the owner of the process may read what it makes") {
  Deployment deployment;
  const auto data = deployment.folder.path() / "made" / "data";
  deployment.environment["MPF_APPLICATION__DATA_FOLDER"] = data.string();
  auto server = deployment.start({"serve"});
  REQUIRE_MESSAGE(server->wait_for_output("no site has a host yet", 60s), server->output());
  std::set<std::string> seen;
  const auto check = [&](const fs::path& path) {
    CAPTURE(path);
    seen.insert(path.filename().string());
    CHECK((fs::status(path).permissions() & (fs::perms::group_all | fs::perms::others_all)) ==
          fs::perms::none);
  };
  check(data);
  for (const auto& entry : fs::directory_iterator(data)) check(entry.path());
  CHECK(seen.contains("files"));
  if (!mpf::test::on_postgres()) {
    for (const auto* name : {"portal.db", "portal.db-wal", "portal.db-shm"}) CHECK(seen.contains(name));
  }
  CHECK(server->kill(SIGTERM) == 0);
}

TEST_CASE("what another process imports or changes shows in the very next answer of a server") {
  Deployment deployment;
  deployment.define_site();
  auto server = deployment.start({"serve"});
  REQUIRE_MESSAGE(server->wait_for_output("http://", 60s), server->output());
  const auto text = server->output();
  const auto colon = text.find("localhost:") + 10;
  mpf::test::Browser browser(static_cast<std::uint16_t>(std::stoi(text.substr(colon))), "acme.localhost");
  const auto shows = [&](std::string_view title) {
    const auto answer = browser.get("/api/portal/bootstrap");
    CHECK(answer.status == 200);
    return answer.body.find(fmt::format("\"title\":\"{}\"", title)) != std::string::npos;
  };
  const auto import = [&](const std::string& title) {
    const auto folder = deployment.folder.path() / "docs";
    Deployment::write_page(folder / "page.html", title);
    const auto [code, output] =
        deployment.run({"import", "acme", folder.string(), "--visibility", "everyone"});
    REQUIRE_MESSAGE(code == 0, output);
  };
  CHECK(!shows("One"));
  import("One");
  CHECK(shows("One"));
  import("Another");
  CHECK(shows("Another"));
  CHECK(!shows("One"));
  CHECK(server->kill(SIGTERM) == 0);
}

TEST_CASE("a server whose disk is full says that it is not ready, until there is room again") {
  Deployment deployment;
  deployment.define_site();
  const auto order = deployment.folder.path() / "order";
  REQUIRE(::mkfifo(order.c_str(), 0600) == 0);
  // Its files lie on a small disk of its own, which is filled and emptied when the test says so. The shell
  // keeps the pipe open for both ways: else it would take the end of one order for the next one.
  deployment.environment["MPF_STORAGE__FOLDER"] = (deployment.folder.path() / "disk" / "files").string();
  fs::create_directories(deployment.folder.path() / "disk");
  auto server = deployment.start(
      {"serve"},
      {"unshare", ::geteuid() == 0 ? "-m" : "-Urm", "sh", "-c",
       "disk=$1; exec 3<>\"$2\"; shift 2; mount -t tmpfs -o size=2m none \"$disk\" || exit 1; \"$@\" 3<&- & "
       "server=$!; "
       "read -r fill <&3; head -c 4m /dev/zero >\"$disk/fill\" 2>/dev/null; echo the disk is full; "
       "read -r empty <&3; rm \"$disk/fill\"; echo the disk has room; "
       "read -r end <&3; kill $server; wait $server",
       "sh", (deployment.folder.path() / "disk").string(), order.string()});
  REQUIRE_MESSAGE(server->wait_for_output("http://", 60s), server->output());
  const auto text = server->output();
  const auto colon = text.find("localhost:") + 10;
  mpf::test::Browser probe(static_cast<std::uint16_t>(std::stoi(text.substr(colon))), "acme.localhost");
  const auto say = [&] { std::ofstream(order) << "go\n"; };
  CHECK(probe.get("/health/ready").status == 200);
  say();
  REQUIRE_MESSAGE(server->wait_for_output("the disk is full", 60s), server->output());
  const auto full = probe.get("/health/ready");
  CHECK(full.status == 503);
  CHECK_MESSAGE(full.body.find(R"("storage":"failed")") != std::string::npos, full.body);
  CHECK(probe.get("/health/live").status == 200);
  say();
  REQUIRE_MESSAGE(server->wait_for_output("the disk has room", 60s), server->output());
  CHECK(probe.get("/health/ready").status == 200);
  say();
  CHECK(server->wait(60s) == 0);
}
