#include <doctest/doctest.h>

#include <sstream>
#include <vector>

#include <mpf/base/file.hpp>
#include <mpf/base/text.hpp>

#include "app/migrate_shell.hpp"

using namespace mpf;
using test::MigrateShell;

namespace {

/// A command of the page and what it prints there; or a comment that says what to do beside.
struct Part {
  int line = 0;
  std::string command;
  std::string directions;
  std::string output;
};

std::vector<Part> parts_of(const std::string& page) {
  constexpr std::string_view prompt = "    $ ";
  constexpr std::string_view indent = "    ";
  constexpr std::string_view comment = "<!-- ";
  std::vector<Part> parts;
  std::istringstream stream(page);
  int number = 0;
  bool output = false;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line.starts_with(prompt)) {
      parts.push_back({number, line.substr(prompt.size()), {}, {}});
      output = true;
    } else if (output && line.starts_with(indent)) {
      parts.back().output += line.substr(indent.size()) + "\n";
    } else {
      output = false;
      if (line.starts_with(comment)) {
        parts.push_back({number, {}, line.substr(comment.size(), line.find(" -->") - comment.size()), {}});
      }
    }
  }
  return parts;
}

/// The page's commands at a shell, with a folder for each of the people and for production.
class Reader {
 public:
  void follow(const std::string& directions) {
    for (auto each : split(directions, ';')) {
      const std::string one(trim(each));
      std::istringstream words(one);
      std::string verb;
      words >> verb;
      if (verb == "in") {
        std::string folder;
        std::string models;
        words >> folder >> models >> models;
        folder.pop_back();  // the comma
        shell_.work_in(folder);
        shell_.models(models);
      } else if (verb == "copy") {
        std::string from;
        std::string to;
        words >> from >> to >> to;
        std::filesystem::remove_all(shell_.root() / to);
        std::filesystem::copy(shell_.root() / from, shell_.root() / to,
                              std::filesystem::copy_options::recursive);
      } else if (verb == "postgres") {
        shell_.database(production_);
      } else if (verb == "sqlite") {
        shell_.database("data");
      } else if (verb == "extension") {
        std::string state;
        words >> state;
        shell_.extension(state == "on");
      } else {
        CHECK_MESSAGE(shell_.run(one) == 0, one, ": ", shell_.out, shell_.errors);
      }
    }
  }

  /// With "…" for the folder.
  std::string run(const std::string& command) {
    shell_.run(command);
    auto text = shell_.out + shell_.errors;
    const auto folder = shell_.source().string();
    for (auto at = text.find(folder); at != std::string::npos; at = text.find(folder)) {
      text.replace(at, folder.size(), "…");
    }
    return text;
  }

 private:
  MigrateShell shell_;
  const std::string production_ = test::fresh_postgres();
};

}  // namespace

TEST_CASE("the page about migrations: each command prints what the page says") {
  const auto parts = parts_of(read_file(MIGRATIONS_PAGE));
  Reader reader;
  int commands = 0;
  for (const auto& part : parts) {
    CAPTURE(part.line);
    if (!part.directions.empty()) {
      reader.follow(part.directions);
      continue;
    }
    CAPTURE(part.command);
    CHECK(reader.run(part.command) == part.output);
    ++commands;
  }
  CHECK(commands >= 20);
}
