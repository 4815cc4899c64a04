#include <set>

#include <mpf/orm/query.hpp>

#include "content/item/models.hpp"
#include "portal_fixture.hpp"

using namespace portal::test;
namespace fs = std::filesystem;

namespace {

void write_handbook(const fs::path& folder) {
  write(folder / "index.html",
        "<!doctype html><html><head><title>Handbook &amp; guide</title><link rel=stylesheet "
        "href='css/style.css'></head>"
        "<body><nav><p>Home | Next | Previous | Contents of this book</p></nav>"
        "<p>Everything that a new colleague needs to know in the first week.</p><img src='img/logo.svg'>"
        "<a href='guide/first%20steps.html'>start</a></body></html>");
  write(folder / "css/style.css", "body { background: url(../img/back.png) }");
  write(folder / "img/logo.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>");
  write(folder / "img/back.png", "not really a picture");
  write(folder / "guide/first steps.html",
        "<title>First steps</title><p>Open the door, then the window, and sit down.</p>");
  write(folder / "guide/notes.md",
        "# Field notes\n\nWritten on the train, corrected in the office later on.\n\n![map](map.png)\n");
  write(folder / "guide/map.png", "map");
  write(folder / "guide/poster.png", "poster");
  write(folder / "guide/readme.txt", "A plain line\nand more of the same kind of text below it");
  write(folder / "media/film.mp4", std::string(1000, 'f'));
  write(folder / "media/talk.mp3", "t");
  write(folder / "media/paper.pdf", "%PDF-1.4");
}

std::set<std::string> titles(const json& bootstrap) {
  std::set<std::string> result;
  for (const auto& item : bootstrap.at("items")) result.insert(item.at("title").get<std::string>());
  return result;
}

std::set<std::string> stored_files(const Portal& portal) {
  std::set<std::string> result;
  for (const auto& entry : fs::recursive_directory_iterator(portal.data())) {
    const auto name = entry.path().string();
    if (entry.is_regular_file() && name.find("/source-") != std::string::npos) result.insert(name);
  }
  return result;
}

}  // namespace

TEST_CASE("a folder becomes collections and items") {
  Portal portal;
  write_handbook(portal.folder("handbook"));
  REQUIRE_MESSAGE(portal.import(portal.folder("handbook")) == 0, portal.output);
  auto member = portal.user("member");
  const auto data = bootstrap(member);

  CHECK(titles(data) == std::set<std::string>{"Handbook & guide", "First steps", "Field notes", "Poster",
                                              "A plain line", "Film", "Talk", "Paper"});
  std::map<std::string, json> collections;
  for (const auto& c : data.at("collections")) collections[c.at("name")] = c;
  CHECK(collections.size() == 3);
  CHECK(collections.at("Handbook").at("parent").is_null());
  CHECK(collections.at("Guide").at("parent") == collections.at("Handbook").at("id"));
  CHECK(collections.at("Media").at("items") == 3);
  CHECK(collections.at("Handbook").at("slug") == "handbook");

  const auto index = item_titled(data, "Handbook & guide");
  CHECK(index.at("kind") == "page");
  CHECK(index.at("summary") == "Everything that a new colleague needs to know in the first week.");
  CHECK(index.at("collection") == collections.at("Handbook").at("id"));
  CHECK(index.at("path") == "index.html");
  CHECK(item_titled(data, "Field notes").at("kind") == "markdown");
  CHECK(item_titled(data, "Poster").at("kind") == "image");
  CHECK(item_titled(data, "Film").at("size") == 1000);

  SUBCASE("files lie under the site's folder, under names nobody can guess") {
    const auto files = stored_files(portal);
    CHECK(files.size() == 12);
    for (const auto& file : files) {
      CHECK(file.find("/first/acme/source-") != std::string::npos);
      CHECK(fs::path(file).stem().string().size() == 32);
    }
  }
  SUBCASE("pages show what they use; pictures that no page shows are items") {
    const auto url = open_item(member, "Handbook & guide");
    const auto base = url.substr(0, url.rfind('/') + 1);
    CHECK(member.get(base + "css/style.css").status == 200);
    CHECK(member.get(base + "img/back.png").body == "not really a picture");
    CHECK(member.get(base + "guide/first%20steps.html").status == 200);
  }
}

TEST_CASE("importing again changes only what has changed") {
  Portal portal;
  const auto folder = portal.folder("handbook");
  write_handbook(folder);
  REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
  auto staff = portal.user("staff");
  const auto before = bootstrap(staff);
  const auto files_before = stored_files(portal);

  SUBCASE("nothing changed") {
    REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
    CHECK(bootstrap(staff).at("items") == before.at("items"));
    CHECK(stored_files(portal) == files_before);
  }
  SUBCASE("touched, with the same bytes") {
    fs::last_write_time(folder / "index.html", fs::file_time_type::clock::now() + std::chrono::hours(1));
    REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
    CHECK(bootstrap(staff).at("items") == before.at("items"));
    CHECK(stored_files(portal) == files_before);
  }
  SUBCASE("a changed page is one revision further, and only that one") {
    write(folder / "guide/first steps.html",
          "<title>First steps, again</title><p>Open the window first, it is warm outside.</p>");
    REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
    const auto after = bootstrap(staff);
    const auto item = item_titled(after, "First steps, again");
    CHECK(item.at("id") == item_titled(before, "First steps").at("id"));
    CHECK(item.at("revision") == 2);
    for (const auto& other : after.at("items")) {
      if (other.at("id") != item.at("id")) CHECK(other.at("revision") == 1);
    }
    CHECK(stored_files(portal).size() == files_before.size());
    const auto url = open_item(staff, "First steps, again");
    CHECK(staff.get(url).body.find("window first") != std::string::npos);
  }
  SUBCASE("what is gone is retired, and restored when it comes back") {
    fs::rename(folder / "guide", portal.folder("away"));
    REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
    auto data = bootstrap(staff);
    CHECK(item_titled(data, "First steps").is_null());
    CHECK(data.at("collections").size() == 2);
    const auto id = item_titled(before, "First steps").at("id").get<int>();
    const auto retired = staff.get("/api/items/" + std::to_string(id));
    REQUIRE(retired.status == 200);
    CHECK(json::parse(retired.body).at("retired") == true);

    fs::rename(portal.folder("away"), folder / "guide");
    REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
    data = bootstrap(staff);
    CHECK(item_titled(data, "First steps").at("id") == id);
    CHECK(data.at("collections").size() == 3);
  }
  SUBCASE("what people have edited stays") {
    const auto id = std::to_string(item_titled(before, "First steps").at("id").get<int>());
    REQUIRE(staff.patch("/api/items/" + id, R"({"title":"My own title"})").status == 200);
    write(folder / "guide/first steps.html",
          "<title>Other</title><p>A new summary that is long enough to be one.</p>");
    REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
    const auto item = item_titled(bootstrap(staff), "My own title");
    REQUIRE(!item.is_null());
    CHECK(item.at("summary") == "A new summary that is long enough to be one.");
  }
  SUBCASE("a retired item stays retired although its file is there") {
    const auto id = std::to_string(item_titled(before, "First steps").at("id").get<int>());
    REQUIRE(staff.post("/api/items/" + id + "/retire", "").status == 200);
    REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
    CHECK(item_titled(bootstrap(staff), "First steps").is_null());
    REQUIRE(staff.post("/api/items/" + id + "/restore", "").status == 200);
    CHECK(!item_titled(bootstrap(staff), "First steps").is_null());
  }
}

TEST_CASE("links, hidden files and unknown kinds are left out") {
  Portal portal;
  const auto folder = portal.folder("tricky");
  write(portal.folder("secret") / "secret.html", "<title>Secret</title>");
  write(folder / "page.html", "<title>Page</title><img src='../secret/secret.html'><img src='/etc/passwd'>");
  write(folder / ".hidden.html", "<title>Hidden</title>");
  write(folder / ".git/config.txt", "x");
  write(folder / "tool.exe", "x");
  write(folder / "noending", "x");
  fs::create_symlink(portal.folder("secret") / "secret.html", folder / "link.html");
  fs::create_directory_symlink(portal.folder("secret"), folder / "linked");
  write(folder / "new\nline.html", "<title>Line</title>");
  write(folder / "caf\xe9.html", "<title>Latin</title>");
  REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
  auto member = portal.user("member");
  CHECK(titles(bootstrap(member)) == std::set<std::string>{"Page"});
  for (const auto* told :
       {"1 files in", "6 left out", "tool.exe: the portal does not show files of this kind",
        "linked: symbolic links are not followed",
        "new\\x0aline.html: ", "caf\\xe9.html: the name is not UTF-8"}) {
    CHECK_MESSAGE(portal.output.find(told) != std::string::npos, told << " is missing in " << portal.output);
  }
}

TEST_CASE("the same folder in two sites is two contents") {
  Portal portal;
  write_handbook(portal.folder("handbook"));
  REQUIRE(portal.import(portal.folder("handbook"), "acme") == 0);
  REQUIRE(portal.import(portal.folder("handbook"), "globex", {"--visibility", "staff"}) == 0);
  auto acme = portal.user("staff", "acme");
  auto globex = portal.user("staff", "globex");
  const auto a = item_titled(bootstrap(acme), "First steps");
  const auto b = item_titled(bootstrap(globex), "First steps");
  CHECK(a.at("id") != b.at("id"));
  CHECK(acme.get("/api/items/" + std::to_string(b.at("id").get<int>())).status == 404);
  CHECK(acme.patch("/api/items/" + std::to_string(b.at("id").get<int>()), R"({"title":"mine"})").status ==
        404);
  CHECK(acme.post("/api/items/" + std::to_string(b.at("id").get<int>()) + "/access", "").status == 404);
}

TEST_CASE("folders that cannot be imported are refused with the reason") {
  Portal portal;
  write(portal.folder("file.html"), "<title>x</title>");
  struct Case {
    std::string folder;
    std::string words;
  };
  for (const auto& [folder, words] :
       {Case{"missing", "there is no folder"}, Case{"file.html", "is no folder"}}) {
    CAPTURE(folder);
    CHECK(portal.import(portal.folder(folder)) != 0);
    CHECK_MESSAGE(portal.output.find(words) != std::string::npos, portal.output);
  }
  CHECK(portal.import(portal.folder("missing"), "nowhere") != 0);
  CHECK_MESSAGE(portal.output.find("acme") != std::string::npos, portal.output);
}

TEST_CASE("a folder that has lost most of its files retires nothing unless it is told to") {
  Portal portal;
  const auto folder = portal.folder("handbook");
  write_handbook(folder);
  REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
  auto staff = portal.user("staff");
  const auto before = titles(bootstrap(staff));
  fs::rename(folder, portal.folder("away"));
  fs::create_directories(folder);  // a mount point

  CHECK(portal.import(folder) == 69);
  CHECK_MESSAGE(portal.output.find("12 of the 12 files") != std::string::npos, portal.output);
  CHECK_MESSAGE(portal.output.find("--retire-most") != std::string::npos, portal.output);
  CHECK(titles(bootstrap(staff)) == before);

  SUBCASE("back again") {
    fs::remove(folder);
    fs::rename(portal.folder("away"), folder);
    CHECK_MESSAGE(portal.import(folder) == 0, portal.output);
    CHECK(titles(bootstrap(staff)) == before);
  }
  SUBCASE("meant") {
    CHECK_MESSAGE(portal.import(folder, "acme", {"--retire-most"}) == 0, portal.output);
    CHECK(titles(bootstrap(staff)).empty());
    // What is said once holds for one import.
    write(folder / "one.html", "<title>One</title>");
    REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
    fs::remove(folder / "one.html");
    CHECK(portal.import(folder) != 0);
  }
}

TEST_CASE("a folder with nothing to show is refused and leaves nothing behind") {
  Portal portal;
  const auto folder = portal.folder("docs");
  fs::create_directories(folder / "deep" / "deeper");
  const auto rows = [&] {
    return portal.application().run([](const mpf::Services& services) {
      const auto scope = services.system_scope("a test");
      return scope.query<portal::content::Collection>().count() +
             scope.query<portal::content::Source>().count() + scope.query<portal::content::Folder>().count();
    });
  };
  const auto refused = [&](const char* words) {
    CHECK(portal.import(folder) == 66);
    CHECK_MESSAGE(portal.output.find("holds nothing that can be shown") != std::string::npos, portal.output);
    CHECK_MESSAGE(portal.output.find(words) != std::string::npos, portal.output);
    CHECK(rows() == 0);
  };
  refused("neither HTML");
  write(folder / "deep" / "style.css", "p { color: red }");
  refused("neither HTML");
  write(folder / "deep" / "tool.exe", "x");
  refused("deep/tool.exe");

  write(folder / "deep" / "deeper" / "page.html", "<title>Page</title>");
  REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
  auto staff = portal.user("staff");
  CHECK(titles(bootstrap(staff)) == std::set<std::string>{"Page"});
  // What was there once is brought up to date, whatever is left of it.
  fs::remove_all(folder / "deep");
  CHECK(portal.import(folder) == 69);
  CHECK_MESSAGE(portal.import(folder, "acme", {"--retire-most"}) == 0, portal.output);
  CHECK(titles(bootstrap(staff)).empty());
}
