#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include <mpf/base/file.hpp>

#include "app/fixture.hpp"

using namespace mpf;
using test::has;
using test::TestApplication;

namespace {

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("tables are exported by the name of the table or of the model, and imported again") {
  TestApplication app;
  REQUIRE(app.command({"site", "create", "acme", "acme.test", "www.acme.test"}).code == 0);
  const std::string file = (app.folder() / "hosts.csv").string();
  const auto exported = app.command({"data", "export", "SiteHost", file});
  CHECK(exported.errors == "");
  CHECK(exported.out ==
        "export tenant_site_host: 0/2\nexport tenant_site_host: 2/2\nexport tenant_site_host: 2 rows written "
        "to " +
            file + "\n");
  const std::string text = read_file(file);
  CHECK(text.starts_with("id,"));
  CHECK(lines(text) == 3);
  CHECK(has(text, "www.acme.test"));
  CHECK_FALSE(std::filesystem::exists(file + ".part"));
  // The same on standard output, with nothing else in it.
  CHECK(app.command({"data", "export", "tenant_site_host", "-"}).out == text);

  const auto again = app.command({"data", "import", "SiteHost", file});
  CHECK(again.code == exit_code(ErrorKind::conflict));
  CHECK(has(again.errors, "error: " + file + ":2: "));
  CHECK(has(again.errors, "must be unique"));
  REQUIRE(app.command({"site", "host", "remove", "www.acme.test"}).code == 0);
  REQUIRE(app.command({"site", "host", "remove", "acme.test"}).code == 0);
  const auto imported = app.command({"data", "import", "SiteHost", file});
  CHECK(imported.errors == "");
  CHECK(has(imported.out, "import tenant_site_host: 2 rows read\n"));
  CHECK(app.command({"data", "export", "SiteHost", "-"}).out == text);
  // Ids go on behind those of the file.
  REQUIRE(app.command({"site", "host", "add", "acme", "old.acme.test"}).code == 0);
  CHECK(has(app.command({"data", "export", "SiteHost", "-"}).out, "\n3,"));
}

TEST_CASE("standard input is imported, and told of by line") {
  TestApplication app;
  REQUIRE(app.command({"site", "create", "acme"}).code == 0);
  const std::string providers = app.command({"data", "export", "Provider", "-"}).out;
  const auto taken = app.command({"data", "import", "Provider", "-"}, providers);
  CHECK(taken.code == exit_code(ErrorKind::conflict));
  CHECK(has(taken.errors, "standard input:2: "));
  const std::string head = providers.substr(0, providers.find('\n') + 1);
  const auto malformed = app.command({"data", "import", "Provider", "-"}, head + "\"");
  CHECK(malformed.code == exit_code(ErrorKind::invalid));
  CHECK(has(malformed.errors, "standard input:2: the quote that opens here is not closed"));
  CHECK(has(app.command({"data", "import", "Provider", "-"}).errors, "the file is empty"));
  CHECK(app.command({"data", "import", "Provider", "-"}, head).code == 0);
  CHECK(app.command({"data", "export", "Provider", "-"}).out == providers);
}

TEST_CASE("what is no table, no file and no place for one is told") {
  TestApplication app;
  const auto unknown = app.command({"data", "export", "SiteHots", "-"});
  CHECK(unknown.code == exit_code(ErrorKind::not_found));
  CHECK(has(unknown.errors, "there is no model and no table SiteHots (did you mean SiteHost?)"));
  CHECK(unknown.out.empty());
  const auto missing = app.command({"data", "import", "Site", (app.folder() / "none.csv").string()});
  CHECK(missing.code == exit_code(ErrorKind::not_found));
  CHECK(has(missing.errors, "none.csv"));
  const auto nowhere = app.command({"data", "export", "Site", (app.folder() / "none/site.csv").string()});
  CHECK(nowhere.code == exit_code(ErrorKind::not_found));
  const auto folder = app.command({"data", "import", "Site", app.folder().path().string()});
  CHECK(folder.code == exit_code(ErrorKind::unavailable));
  CHECK(has(folder.errors, "cannot be read"));
  const auto tables = app.command({"data", "tables"}).out;
  CHECK(has(tables, "tenant_site_host"));
  CHECK(has(tables, "SiteHost"));
  CHECK(has(tables, "mpf_cache_epoch"));
}
