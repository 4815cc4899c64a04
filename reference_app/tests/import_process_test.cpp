#include <doctest/doctest.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "deployment.hpp"

using namespace portal::test;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// Runs a command without the right to read everything that root has.
std::vector<std::string> without_privilege() {
  if (::geteuid() != 0) return {};
  return {"setpriv", "--bounding-set=-dac_override,-dac_read_search"};
}

void touch_all(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) fs::last_write_time(entry, fs::file_time_type::clock::now() + 1h);
  }
}

constexpr auto live_items = "SELECT count(*) FROM content_item WHERE retired_at IS NULL";

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

TEST_CASE("a folder that goes away during an import fails it, and nothing is retired") {
  struct Case {
    const char* name;
    bool mount_point;  // an empty folder stays in its place, as after an unmount
    const char* words;
  };
  for (const auto& [name, mount_point, words] :
       {Case{"gone", false, "cannot be read"}, Case{"replaced", true, "is another one"}}) {
    CAPTURE(name);
    Deployment deployment;
    deployment.define_site();
    constexpr int pages = 700;
    const auto folder = deployment.write_pages(pages);
    const auto [first, output] = deployment.run({"import", "acme", folder.string()});
    REQUIRE_MESSAGE(first == 0, output);
    touch_all(folder);
    deployment.cut_import(folder);
    const auto away = deployment.folder.path() / "away";
    fs::rename(folder, away);
    if (mount_point) fs::create_directories(folder);

    deployment.work_off();
    CHECK(deployment.number(live_items) == pages);
    CHECK(deployment.number("SELECT count(*) FROM content_file WHERE retired_at IS NOT NULL") == 0);
    const auto problem = deployment.query("SELECT problem FROM content_source").front();
    CHECK_MESSAGE(has(problem, words), problem);
    CHECK_MESSAGE(has(problem, folder.string()), problem);

    const auto [refused, reason] = deployment.run({"import", "acme", folder.string()});
    CHECK(refused != 0);
    CHECK_MESSAGE(has(reason, mount_point ? "--retire-most" : "there is no folder"), reason);
    CHECK(deployment.number(live_items) == pages);

    fs::remove_all(folder);
    fs::rename(away, folder);
    const auto [again, text] = deployment.run({"import", "acme", folder.string()});
    CHECK_MESSAGE(again == 0, text);
    CHECK(deployment.query("SELECT problem FROM content_source").front().empty());
    CHECK(deployment.number(live_items) == pages);
  }
}

TEST_CASE(
    "an import that was killed is completed by a worker; started again it sees what has changed since") {
  Deployment deployment;
  deployment.define_site();
  constexpr int pages = 700;
  const auto folder = deployment.write_pages(pages);
  deployment.cut_import(folder);
  SUBCASE("by a worker alone") {
    deployment.work_off();
    CHECK(deployment.number(live_items) == pages);
    CHECK(deployment.query("SELECT problem FROM content_source").front().empty());
  }
  SUBCASE("a page that came since is imported, one that went is not") {
    deployment.write_page(folder / "part-0" / "late.html", "Late");
    fs::remove(folder / "part-1" / "page-1.html");
    const auto [code, output] = deployment.run({"import", "acme", folder.string()});
    CHECK_MESSAGE(code == 0, output);
    CHECK(deployment.number(live_items) == pages);
    CHECK(deployment.number("SELECT count(*) FROM content_item WHERE title = 'Late'") == 1);
    CHECK(deployment.number(
              "SELECT count(*) FROM content_item WHERE title = 'Page 1' AND retired_at IS NULL") == 0);
  }
}

TEST_CASE("what may not be read is told; the rest is imported, and what was imported of it before stays") {
  Deployment deployment;
  deployment.define_site();
  const auto folder = deployment.write_pages(40);
  const auto page = folder / "part-3" / "page-3.html";
  const auto import = [&] {
    return deployment.run({"import", "acme", folder.string()}, without_privilege());
  };

  const auto film = folder / "part-3" / "film.mp4";
  std::ofstream(film) << "film";
  fs::permissions(page, fs::perms::none);
  fs::permissions(film, fs::perms::none);
  const auto [code, output] = import();
  CHECK(code == 69);
  CHECK_MESSAGE(has(output, "part-3/page-3.html: no permission to read it"), output);
  CHECK_MESSAGE(has(output, "part-3/film.mp4: no permission to read it"), output);
  CHECK_MESSAGE(has(output, "imported 46 of 48 files"), output);
  CHECK(deployment.number(live_items) == 39);

  fs::permissions(page, fs::perms::owner_all);
  fs::permissions(film, fs::perms::owner_all);
  const auto [mended, text] = import();
  CHECK_MESSAGE(mended == 0, text);
  CHECK(deployment.number(live_items) == 41);

  // Changed, and closed again; what is really gone is retired all the same.
  fs::last_write_time(page, fs::file_time_type::clock::now() + 1h);
  fs::permissions(page, fs::perms::none);
  fs::permissions(folder / "part-5", fs::perms::none);
  fs::remove(folder / "part-6" / "page-6.html");
  const auto [closed, reasons] = import();
  fs::permissions(folder / "part-5", fs::perms::owner_all);
  CHECK(closed == 69);
  CHECK_MESSAGE(has(reasons, "part-3/page-3.html"), reasons);
  CHECK_MESSAGE(has(reasons, "part-5: no permission to read the folder"), reasons);
  CHECK(deployment.number(live_items) == 40);
  CHECK(deployment.number(
            "SELECT count(*) FROM content_item WHERE title = 'Page 3' AND retired_at IS NULL") == 1);
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
      "\"$@\"; code=$?; cp -r \"$0/.\" \"" +
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
