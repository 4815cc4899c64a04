#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include <mpf/base/file.hpp>

#include "support/postgres.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace mpf::test {

/// An empty database, as a program's settings call it.
inline std::string fresh_postgres() {
  db::PostgresOptions options;
  fiber::run([&] { options = Postgres::shared().fresh(); });
  return "postgres://postgres@127.0.0.1:" + std::to_string(options.port) + "/" + options.database;
}

/// A shell at which the program runs, with a folder of sources and a database.
class MigrateShell {
 public:
  std::string out;     ///< of the last command
  std::string errors;  ///< and what it wrote to standard error

  MigrateShell() {
    std::filesystem::create_directories(folder_ / "bin");
    std::filesystem::create_symlink(MIGRATE_PROGRAM, folder_ / "bin/portal");
    work_in("source");
    database("data");
    environment_["MPF_PROFILE"] = "prod";
    environment_["GIT_AUTHOR_NAME"] = environment_["GIT_COMMITTER_NAME"] = "Tester";
    environment_["GIT_AUTHOR_EMAIL"] = environment_["GIT_COMMITTER_EMAIL"] = "tester@example.test";
    environment_["GIT_CONFIG_GLOBAL"] = environment_["GIT_CONFIG_SYSTEM"] = "/dev/null";
  }

  std::filesystem::path root() const { return folder_.path(); }
  std::filesystem::path source() const { return environment_.at("SHELL_SOURCE"); }
  std::filesystem::path migrations(const std::string& module = "content_item") const {
    return source() / module / "migrations";
  }

  /// Sources in that folder from now on.
  void work_in(const std::string& name) {
    std::filesystem::create_directories(folder_ / name);
    environment_["SHELL_SOURCE"] = (folder_ / name).string();
  }
  void models(const std::string& name) { environment_["SHELL_MODELS"] = name; }
  void extension(bool there) { environment_["SHELL_EXTENSION"] = there ? "1" : ""; }
  /// An SQLite database of that name, or the PostgreSQL of that address.
  void database(const std::string& name) {
    if (name.starts_with("postgres")) {
      environment_["MPF_DATABASE__URL"] = name;
      return;
    }
    std::filesystem::create_directories(folder_ / name);
    environment_.erase("MPF_DATABASE__URL");
    environment_["MPF_APPLICATION__DATA_FOLDER"] = (folder_ / name).string();
  }
  /// That of SQLite.
  std::filesystem::path file() const {
    return std::filesystem::path(environment_.at("MPF_APPLICATION__DATA_FOLDER")) / "portal.db";
  }

  /// Runs SQL in a PostgreSQL database of that address; returns what it gives, as psql prints it.
  static std::string sql(const std::string& address, const std::string& text) {
    std::string result;
    fiber::run([&] { result = Postgres::shared().psql(address.substr(address.rfind('/') + 1), text); });
    while (result.ends_with('\n')) result.pop_back();
    return result;
  }

  /// A migration of content.item by hand, behind the first one.
  void write(const std::string& name, const std::string& operations, const std::string& head = {}) {
    write_file_atomic(migrations() / (name + ".yaml"), "migration:\n  module: content.item\n  name: \"" +
                                                           name +
                                                           "\"\n  depends: [content.item/0001_initial]\n" +
                                                           head + "operations:\n" + operations);
    REQUIRE_MESSAGE(run("portal migrate sum") == 0, errors);
  }

  std::unique_ptr<Process> start(const std::string& command) {
    const auto number = std::to_string(++runs_);
    const auto line = "exec 2>" + (folder_ / ("errors-" + number)).string() +
                      "; PATH=" + (folder_ / "bin").string() + ":$PATH; cd " + source().string() + "; " +
                      command;
    return std::make_unique<Process>(std::vector<std::string>{"sh", "-c", line}, environment_,
                                     folder_ / ("out-" + number));
  }

  /// Exit code of a command line.
  int run(const std::string& command) {
    const auto process = start(command);
    const auto code = process->wait(std::chrono::seconds(120));
    out = process->output();
    std::ostringstream text;
    text << std::ifstream(folder_ / ("errors-" + std::to_string(runs_))).rdbuf();
    errors = text.str();
    REQUIRE_MESSAGE(code, command, ": still running: ", out);
    return *code;
  }

  /// What the models ask for.
  void make_and_apply() {
    REQUIRE_MESSAGE(run("portal migrate make") == 0, errors);
    REQUIRE_MESSAGE(run("portal migrate apply") == 0, errors);
  }

  bool says(const std::string& words) const { return out.find(words) != std::string::npos; }
  bool complains(const std::string& words) const { return errors.find(words) != std::string::npos; }

 private:
  TempDir folder_;
  std::map<std::string, std::string> environment_;
  int runs_ = 0;
};

}  // namespace mpf::test
