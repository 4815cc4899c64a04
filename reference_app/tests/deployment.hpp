#pragma once

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <support/place.hpp>
#include <support/process.hpp>
#include <support/temp_dir.hpp>

namespace portal::test {

namespace fs = std::filesystem;
using mpf::test::Process;

/// The program as its operators meet it: a process of its own, killed, starved and given nonsense.
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
    const auto code = process->wait(std::chrono::seconds(120));
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
      write_page(file, fmt::format("Page {}", i));
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

  void change(const std::string& script) const {
    const std::string url = place ? place->url() : "sqlite:" + database().string();
    mpf::fiber::run([&] { mpf::test::open_database(url)->execute_script(script); });
  }

  /// Lets the database itself do something else on a write: "BEFORE INSERT ON table", a condition on NEW.
  void watch(const std::string& event, const std::string& condition, const std::string& action) const {
    change(
        mpf::test::on_postgres()
            ? fmt::format("CREATE FUNCTION watched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {}; RETURN "
                          "NEW; END $$; CREATE TRIGGER watched {} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION "
                          "watched()",
                          action, event, condition)
            : fmt::format("CREATE TRIGGER watched {} WHEN {} BEGIN {}; END", event, condition, action));
  }
  void unwatch() const {
    change(mpf::test::on_postgres() ? "DROP FUNCTION watched() CASCADE" : "DROP TRIGGER watched");
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

  static void write_page(const fs::path& file, const std::string& title) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "<title>" << title << "</title><img src=picture.png><p>" << std::string(3000, 'x');
  }

  /// Starts an import and kills it between its look at the folder and the last of the files.
  void cut_import(const fs::path& folder_to_import) {
    const auto open_parts = [&] {
      return number(
          "SELECT count(*) FROM mpf_task WHERE name = 'content.import_files' AND finished_at IS NULL");
    };
    auto process = start({"import", "acme", folder_to_import.string()});
    while (open_parts() == 0) REQUIRE_MESSAGE(!process->ended(), process->output());
    process->kill(SIGKILL);
    REQUIRE_MESSAGE(open_parts() > 0, "the import was quicker than its end");
  }

  /// Lets tasks run in a process of its own until none is left.
  void work_off() {
    auto worker = start({"worker"});
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (number("SELECT count(*) FROM mpf_task WHERE finished_at IS NULL") > 0) {
      REQUIRE_MESSAGE(!worker->ended(), worker->output());
      REQUIRE_MESSAGE(std::chrono::steady_clock::now() < end, worker->output());
      worker->wait(std::chrono::milliseconds(20));
    }
    CHECK(worker->kill(SIGTERM) == 0);
  }
};

}  // namespace portal::test
