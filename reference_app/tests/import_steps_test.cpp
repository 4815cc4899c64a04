#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "deployment.hpp"

using namespace portal::test;
using namespace std::chrono_literals;

namespace {

constexpr auto live_items = "SELECT count(*) FROM content_item WHERE retired_at IS NULL";
constexpr auto retired_files = "SELECT count(*) FROM content_file WHERE retired_at IS NOT NULL";

/// An error that is no constraint's, so that tasks are tried again.
std::string refusal() {
  return mpf::test::on_postgres() ? "RAISE EXCEPTION 'refused'" : "SELECT abs(-9223372036854775807 - 1)";
}

/// Starts an import, and kills it when one of its tasks has failed because of the refusal.
void cut_at_refusal(Deployment& deployment, const fs::path& folder, const std::string& task) {
  auto process = deployment.start({"import", "acme", folder.string()});
  while (deployment.number(fmt::format("SELECT count(*) FROM mpf_task WHERE name = '{}' AND last_error <> ''",
                                       task)) == 0) {
    REQUIRE_MESSAGE(!process->ended(), process->output());
    process->wait(5ms);
  }
  process->kill(SIGKILL);
  deployment.check_database();
}

/// The most memory that the import of a folder has held, in KiB.
long peak_of_import(Deployment& deployment, const fs::path& folder) {
  // AddressSanitizer keeps freed memory back, and so does malloc for each thread, which is not the program's
  // doing.
  auto process = deployment.start(
      {"import", "acme", folder.string()},
      {"/usr/bin/env", "ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=64",
       "MALLOC_ARENA_MAX=1"});
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
  return most;
}

}  // namespace

TEST_CASE("an import killed while it looks at its folder goes on where it was, noting nothing down twice") {
  Deployment deployment;
  deployment.define_site();
  const auto folder = deployment.write_pages(1200);
  std::ofstream(folder / "part-0" / "tool.exe") << "x";
  // The last page that it comes by.
  deployment.watch("BEFORE INSERT ON mpf_task", "CAST(NEW.payload AS text) LIKE '%page-1196.html%'",
                   refusal());
  cut_at_refusal(deployment, folder, "content.import_scan");
  const auto noted = deployment.number("SELECT total FROM content_source");
  CHECK(noted > 0);
  CHECK(noted < 1207);

  deployment.unwatch();
  deployment.work_off();
  CHECK(deployment.number("SELECT total FROM content_source") == 1207);
  CHECK(deployment.number("SELECT count(*) FROM mpf_task WHERE name = 'content.import_files'") == 38);
  CHECK(deployment.number("SELECT left_out FROM content_source") == 1);
  CHECK(deployment.query("SELECT problem FROM content_source").front().empty());
  CHECK(deployment.number(live_items) == 1200);
  CHECK(deployment.number("SELECT count(*) FROM content_item") == 1200);
  CHECK(deployment.number("SELECT count(*) FROM content_collection WHERE retired_at IS NULL") == 8);
  CHECK(deployment.number("SELECT max(position) FROM content_item") == 171);
  CHECK(deployment.stored_files().size() == 1207);
}

TEST_CASE("an import killed while it retires what is gone retires the rest when it goes on") {
  Deployment deployment;
  deployment.define_site();
  const auto folder = deployment.write_pages(1200);
  const auto [code, output] = deployment.run({"import", "acme", folder.string()});
  REQUIRE_MESSAGE(code == 0, output);
  for (const auto* part : {"part-0", "part-1", "part-2"}) fs::remove_all(folder / part);
  constexpr int pages_left = 684;
  constexpr int gone = 1207 - pages_left - 4;

  deployment.watch("BEFORE UPDATE ON content_file",
                   "NEW.path = 'part-2/page-100.html' AND NEW.retired_at IS NOT NULL", refusal());
  cut_at_refusal(deployment, folder, "content.import_finish");
  CHECK(deployment.number(retired_files) > 0);
  CHECK(deployment.number(retired_files) < gone);

  deployment.unwatch();
  deployment.work_off();
  CHECK(deployment.query("SELECT problem FROM content_source").front().empty());
  CHECK(deployment.number(retired_files) == gone);
  CHECK(deployment.number(live_items) == pages_left);
  CHECK(deployment.number("SELECT count(*) FROM content_collection WHERE retired_at IS NOT NULL") == 3);
  CHECK(deployment.number("SELECT max(revision) FROM content_item") == 2);
}

TEST_CASE("what a person closes while an import finishes stays closed, with all that it shows") {
  Deployment deployment;
  deployment.define_site();
  const auto folder = deployment.write_pages(700);
  std::ofstream(folder / "part-6" / "page-699.html") << "<title>Page 699</title><img src=own.png>";
  std::ofstream(folder / "part-6" / "own.png") << "picture";
  // As soon as the first files are opened, somebody closes a page that comes later.
  deployment.watch("AFTER UPDATE OF visibility ON content_file",
                   "NEW.path = 'part-0/page-0.html' AND NEW.visibility = 'members'",
                   "UPDATE content_item SET visibility = 'staff' WHERE title = 'Page 699'; "
                   "UPDATE content_source SET edits = edits + 1");
  const auto [code, output] = deployment.run({"import", "acme", folder.string()});
  REQUIRE_MESSAGE(code == 0, output);
  const auto visibility = [&](const std::string& path) {
    return deployment.query("SELECT visibility FROM content_file WHERE path = '" + path + "'").front();
  };
  CHECK(visibility("part-6/page-699.html") == "staff");
  CHECK(visibility("part-6/own.png") == "staff");
  CHECK(visibility("part-6/page-692.html") == "members");
  CHECK(visibility("part-6/picture.png") == "members");
}

/// In KiB. ThreadSanitizer remembers who used each address, so that memory which is given back and taken
/// again counts several times.
#if defined(__SANITIZE_THREAD__)
constexpr long room_for_many = 144'000;
#else
constexpr long room_for_many = 24'000;
#endif

TEST_CASE("memory stays flat however large the files of an import are") {
  Deployment deployment;
  deployment.define_site();
  const auto make = [&](const char* name, int files) {
    const auto folder = deployment.folder.path() / name;
    fs::create_directories(folder);
    for (int i = 0; i < files; ++i) {
      std::ofstream(folder / fmt::format("film-{}.mp4", i))
          << std::string(1'000'000, static_cast<char>('a' + i % 26));
    }
    return folder;
  };
  const long small = peak_of_import(deployment, make("small", 5));
  const long large = peak_of_import(deployment, make("large", 150));
  CAPTURE(small);
  CAPTURE(large);
  CHECK(large < small + 40'000);  // KiB; the files are 145 MB larger
}

TEST_CASE("memory stays flat however many files an import has") {
  Deployment deployment;
  deployment.define_site();
  const auto make = [&](const char* name, int files) {
    const auto folder = deployment.folder.path() / name;
    for (int i = 0; i < files; ++i) {
      const auto part = folder / fmt::format("part-{}", i / 1000);
      if (i % 1000 == 0) fs::create_directories(part);
      std::ofstream(part / fmt::format("page-{}.html", i))
          << "<title>Page " << i << "</title><img src=a.png>";
    }
    return folder;
  };
  // Enough for the database's caches to be full.
  const long small = peak_of_import(deployment, make("few", 2000));
  const auto many = make("many", 12'000);
  const long large = peak_of_import(deployment, many);
  const long again = peak_of_import(deployment, many);
  CAPTURE(small);
  CAPTURE(large);
  CAPTURE(again);
  CHECK(large < small + room_for_many);  // for 10,000 more
  CHECK(again < small + room_for_many);
  CHECK(deployment.number(live_items) == 14'000);
}
