#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <support/browser.hpp>
#include <support/place.hpp>
#include <support/process.hpp>
#include <support/temp_dir.hpp>

/// The program as its operators meet it: a process of its own, killed, starved and given nonsense.
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using mpf::test::Process;

struct Deployment {
  mpf::test::TempDir folder;
  std::optional<mpf::test::DatabasePlace> place;  ///< else in the data folder
  std::map<std::string, std::string> environment;
  int runs = 0;

  Deployment() {
    fs::create_directories(data());
    environment["MPF_PROFILE"] = "dev";
    environment["MPF_APPLICATION__DATA_FOLDER"] = data().string();
    if (mpf::test::on_postgres()) environment["MPF_DATABASE__URL"] = place.emplace().url();
    environment["MPF_HTTP__PORT"] = "0";
    environment["MPF_TASK__LEASE"] = "2s";
    environment["MPF_TASK__HEARTBEAT"] = "500ms";
  }

  fs::path data() const { return folder.path() / "data"; }

  std::unique_ptr<Process> start(std::vector<std::string> arguments, std::vector<std::string> prefix = {}) {
    prefix.emplace_back(PORTAL_BINARY);
    prefix.insert(prefix.end(), arguments.begin(), arguments.end());
    return std::make_unique<Process>(prefix, environment, folder.path() / fmt::format("output-{}", ++runs));
  }

  /// Runs a command to its end.
  std::pair<int, std::string> run(std::vector<std::string> arguments, std::vector<std::string> prefix = {}) {
    const auto process = start(std::move(arguments), std::move(prefix));
    const auto code = process->wait(120s);
    REQUIRE_MESSAGE(code.has_value(), "still running: " << process->output());
    return {*code, process->output()};
  }

  void define_site() {
    std::ofstream(folder.path() / "site.json")
        << R"({"provider":{"slug":"first"},"slug":"acme","name":"Acme","hosts":["acme.localhost"],)"
        << R"("users":[{"email":"staff@acme.test","password":"correct horse battery","role":"staff"}]})";
    const auto [code, output] = run({"define-site", (folder.path() / "site.json").string()});
    REQUIRE_MESSAGE(code == 0, output);
  }

  fs::path write_pages(int count) const {
    const auto pages = folder.path() / "pages";
    for (int i = 0; i < count; ++i) {
      const auto file = pages / fmt::format("part-{}", i % 7) / fmt::format("page-{}.html", i);
      fs::create_directories(file.parent_path());
      std::ofstream(file) << "<title>Page " << i << "</title><img src=picture.png><p>"
                          << std::string(3000, 'x');
      if (i < 7) std::ofstream(file.parent_path() / "picture.png") << "picture";
    }
    return pages;
  }

  fs::path database() const {
    for (const auto& entry : fs::directory_iterator(data())) {
      if (entry.path().extension() == ".sqlite" || entry.path().extension() == ".db") return entry.path();
    }
    FAIL("no database in the data folder");
    return {};
  }

  /// Calls fn(row) for each row of a query.
  template <class Fn>
  void each(const std::string& sql, const Fn& fn) const {
    const std::string url = place ? place->url() : "sqlite:" + database().string();
    mpf::fiber::run([&] { mpf::test::open_database(url)->execute({sql, {}}, fn); });
  }

  std::vector<std::string> query(const std::string& sql) const {
    std::vector<std::string> result;
    each(sql, [&](const mpf::db::Row& row) { result.emplace_back(row.text(0)); });
    return result;
  }

  std::int64_t number(const std::string& sql) const {
    std::int64_t result = -1;
    each(sql, [&](const mpf::db::Row& row) { result = row.integer(0); });
    return result;
  }

  /// What the database itself may find wrong.
  void check_database() const {
    if (mpf::test::on_postgres()) return;  // checks its rows as they are written
    CHECK(query("PRAGMA integrity_check") == std::vector<std::string>{"ok"});
    CHECK(query("PRAGMA foreign_key_check").empty());
  }

  std::set<std::string> stored_files() const {
    std::set<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(data())) {
      if (entry.is_regular_file() && entry.path().string().find("/source-") != std::string::npos) {
        files.insert(entry.path().filename().string());
      }
    }
    return files;
  }
};

}  // namespace

TEST_CASE("an import killed at any moment is completed by the next, nothing twice, nothing lost") {
  Deployment deployment;
  deployment.define_site();
  constexpr int pages = 700;
  const auto folder = deployment.write_pages(pages).string();
  std::mt19937 random(20261121);
  int killed = 0;
  for (int round = 0; round < 6; ++round) {
    auto process = deployment.start({"import", "acme", folder});
    const auto delay = std::chrono::milliseconds(std::uniform_int_distribution<int>(20, 500)(random));
    if (!process->wait(delay)) {
      process->kill(SIGKILL);
      ++killed;
    }
    deployment.check_database();
  }
  CHECK(killed > 0);
  const auto [code, output] = deployment.run({"import", "acme", folder});
  REQUIRE_MESSAGE(code == 0, output);

  const auto count = [&](const std::string& sql) { return deployment.number(sql); };
  CHECK(count("SELECT count(*) FROM content_item WHERE retired_at IS NULL") == pages);
  CHECK(count("SELECT count(*) FROM content_item") == pages);
  CHECK(count("SELECT count(DISTINCT title) FROM content_item") == pages);
  CHECK(count("SELECT count(*) FROM content_file WHERE retired_at IS NULL") == pages + 7);
  CHECK(count("SELECT count(*) FROM content_collection") == 8);
  CHECK(count("SELECT count(*) FROM content_source") == 1);
  CHECK(count("SELECT max(revision) FROM content_item") == 1);

  std::set<std::string> mentioned;
  for (const auto& stored : deployment.query("SELECT stored FROM content_file")) {
    mentioned.insert(fs::path(stored).filename().string());
  }
  CHECK(mentioned.size() == pages + 7);
  CHECK(deployment.stored_files() == mentioned);
}

TEST_CASE("a full disk ends an import with the reason, and the next one goes on") {
  if (mpf::test::on_postgres()) return;  // what fills up here is the folder with the database in it
  Deployment deployment;
  deployment.define_site();
  // Twelve megabytes for pages that need more.
  const auto pages = deployment.folder.path() / "pages";
  fs::create_directories(pages);
  for (int i = 0; i < 200; ++i) {
    std::ofstream(pages / fmt::format("page-{}.html", i))
        << "<title>Page " << i << "</title>" << std::string(100'000, 'x');
  }
  const auto roomy = deployment.folder.path() / "roomy";
  fs::copy(deployment.data(), roomy, fs::copy_options::recursive);
  std::vector<std::string> starved{
      "unshare",
      ::geteuid() == 0 ? "-m" : "-Urm",
      "sh",
      "-c",
      "mount -t tmpfs -o size=12m none \"$0\" && cp -r \"$1/.\" \"$0\" && shift 1 && "
      "\"$@\"; code=$?; rm -rf \"$0\"/*/tmp* ; cp -r \"$0/.\" \"" +
          (deployment.folder.path() / "after").string() + "\"; exit $code",
      deployment.data().string(),
      roomy.string()};
  const auto [code, output] = deployment.run({"import", "acme", pages.string()}, starved);
  CHECK(code != 0);
  CHECK(code < 126);
  CHECK_MESSAGE(output.find("error:") != std::string::npos, output);
  CHECK_MESSAGE(output.find("full") != std::string::npos, output);

  // With room again, what was there is whole and the same command completes it.
  fs::remove_all(deployment.data());
  fs::copy(deployment.folder.path() / "after", deployment.data(), fs::copy_options::recursive);
  deployment.check_database();
  const auto [again, text] = deployment.run({"import", "acme", pages.string()});
  CHECK_MESSAGE(again == 0, text);
  CHECK(deployment.number("SELECT count(*) FROM content_item WHERE retired_at IS NULL") == 200);
  CHECK(deployment.stored_files().size() == 200);
}

TEST_CASE("memory stays flat however much is imported") {
  Deployment deployment;
  deployment.define_site();
  const auto peak = [&](const fs::path& folder) {
    // AddressSanitizer keeps freed memory back, which is not the program's doing.
    auto process = deployment.start(
        {"import", "acme", folder.string()},
        {"/usr/bin/env", "ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=64"});
    long most = 0;
    while (!process->ended()) {
      std::ifstream status(fmt::format("/proc/{}/status", process->pid()));
      // Until it runs the portal, the new process is a copy of this one, with this one's memory.
      std::string line;
      if (!std::getline(status, line) || line != "Name:\tportal") continue;
      while (std::getline(status, line)) {
        if (line.starts_with("VmHWM:")) most = std::max(most, std::atol(line.c_str() + 6));
      }
      process->wait(5ms);
    }
    CHECK_MESSAGE(process->wait(1s) == 0, process->output());
    CHECK(most > 0);
    return most;
  };
  const auto make = [&](const char* name, int files) {
    const auto folder = deployment.folder.path() / name;
    fs::create_directories(folder);
    for (int i = 0; i < files; ++i) {
      std::ofstream(folder / fmt::format("film-{}.mp4", i))
          << std::string(1'000'000, static_cast<char>('a' + i % 26));
    }
    return folder;
  };
  const long small = peak(make("small", 5));
  const long large = peak(make("large", 150));
  CAPTURE(small);
  CAPTURE(large);
  CHECK(large < small + 40'000);  // KiB; the files are 145 MB larger
}

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
    CHECK(deployment.run({"sevre"}).first != 0);
    CHECK(deployment.run({"import", "acme"}).first != 0);
    CHECK(deployment.run({"import", "acme", "/tmp", "--visibility", "nobody"}).first != 0);
  }
}
