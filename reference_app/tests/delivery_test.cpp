#include <mpf/orm/query.hpp>

#include "content/item/models.hpp"
#include "portal_fixture.hpp"

using namespace portal::test;
namespace fs = std::filesystem;

namespace {

/// Three sources: for everybody, for members, for staff.
struct Library {
  Portal portal;

  Library() {
    add("open", "everyone");
    add("inner", "members");
    add("closed", "staff");
  }

  void add(const std::string& name, const std::string& visibility) {
    const auto folder = portal.folder(name);
    write(folder / "page.html", "<title>" + name +
                                    " page</title><link rel=stylesheet href=look/style.css>"
                                    "<p>Hello from the page.</p><a href=other.html>other</a>");
    write(folder / "other.html", "<title>" + name + " other</title><img src='shared.png'>");
    write(folder / "look/style.css", "p { color: red }");
    write(folder / "shared.png", "shared of " + name);
    write(folder / "film.mp4", "0123456789");
    write(folder / "notes.md",
          "# " + name + " notes\n\n<script>alert(1)</script>\n\n[bad](javascript:alert(1)) **bold**\n");
    write(folder / "code.txt", "if (a < b) { <script> }");
    REQUIRE_MESSAGE(portal.import(folder, "acme", {"--visibility", visibility}) == 0, portal.output);
  }
};

std::string base_of(const std::string& url) {
  return url.substr(0, url.find('/', sizeof "/protected/" - 1) + 1);
}

}  // namespace

TEST_CASE("a grant opens the page and what it shows, to its holder only") {
  Library library;
  auto& portal = library.portal;
  auto member = portal.user("member");
  const auto url = open_item(member, "inner page");
  const auto page = member.get(url);
  REQUIRE(page.status == 200);
  CHECK(page.body.find("Hello from the page") != std::string::npos);
  CHECK(page.header("content-type").starts_with("text/html"));
  CHECK(page.header("x-content-type-options") == "nosniff");
  CHECK(page.header("content-security-policy").find("sandbox") != std::string::npos);
  CHECK(page.header("content-security-policy").find("allow-scripts") == std::string::npos);
  CHECK(page.header("content-security-policy").find("frame-ancestors 'self'") != std::string::npos);
  CHECK(page.header("cache-control").find("private") != std::string::npos);
  CHECK(member.get(base_of(url) + "look/style.css").status == 200);
  CHECK(member.get(base_of(url) + "other.html").status == 200);
  CHECK(member.get(base_of(url) + "shared.png").body == "shared of inner");

  SUBCASE("not to others") {
    auto other = portal.user("other");
    auto staff = portal.user("staff");
    auto visitor = portal.visitor();
    auto elsewhere = portal.user("member", "globex");
    auto sibling = portal.user("member", "beta");
    for (auto* stranger : {&other, &staff, &visitor, &elsewhere, &sibling}) {
      CHECK(stranger->get(url).status == 404);
      CHECK(stranger->get(base_of(url) + "look/style.css").status == 404);
    }
    // The same user in another session is somebody else, as is whoever copies the cookie to another site.
    auto second = portal.user("member");
    CHECK(second.get(url).status == 404);
    Browser copied(portal.port(), "globex.localhost");
    copied.cookies = member.cookies;
    CHECK(copied.get(url).status == 404);
    CHECK(member.get(url).status == 200);
  }
  SUBCASE("not after it has expired") {
    portal.clock().advance(std::chrono::minutes(59));
    CHECK(member.get(url).status == 200);
    portal.clock().advance(std::chrono::minutes(2));
    CHECK(member.get(url).status == 404);
    CHECK(member.get(open_item(member, "inner page")).status == 200);
  }
  SUBCASE("not after signing out") {
    REQUIRE(member.post("/api/account/sign-out", "").status == 204);
    CHECK(member.get(url).status == 404);
  }
  SUBCASE("not when the item is closed meanwhile") {
    auto staff = portal.user("staff");
    const auto id = std::to_string(item_titled(bootstrap(staff), "inner page").at("id").get<int>());
    REQUIRE(staff.patch("/api/items/" + id, R"({"visibility":"staff"})").status == 200);
    CHECK(member.get(url).status == 404);
    REQUIRE(staff.patch("/api/items/" + id, R"({"visibility":"members"})").status == 200);
    CHECK(member.get(url).status == 200);
    REQUIRE(staff.post("/api/items/" + id + "/retire", "").status == 200);
    CHECK(member.get(url).status == 404);
  }
  SUBCASE("refusals look all the same, and are no sign-in page") {
    const auto expected = member.get("/protected/unknown/page.html");
    CHECK(expected.status == 404);
    for (const auto& target : {base_of(url) + "missing.html", std::string("/protected/x/"), base_of(url)}) {
      const auto answer = member.get(target);
      CHECK(answer.status == 404);
      CHECK(answer.body == expected.body);
    }
  }
}

TEST_CASE("expired grants are removed without anybody opening anything") {
  Library library;
  auto& portal = library.portal;
  auto member = portal.user("member");
  open_item(member, "inner page");
  portal.clock().advance(std::chrono::minutes(40));
  const auto url = open_item(member, "inner other");
  portal.clock().advance(std::chrono::minutes(21));
  const auto grants = [&] {
    return portal.application().run([](const mpf::Services& services) {
      return services.system_scope("a test").query<portal::content::Grant>().count();
    });
  };
  CHECK(grants() == 2);
  portal.application().stop();
  portal.application().start(portal.options());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (grants() == 2 && std::chrono::steady_clock::now() < end) {
  }
  CHECK(grants() == 1);
  Browser again(portal.port(), "acme.localhost");
  again.cookies = member.cookies;
  CHECK(again.get(url).status == 200);
}

TEST_CASE("paths lead to nothing but files of the item's source") {
  Library library;
  auto member = library.portal.user("member");
  const auto base = base_of(open_item(member, "inner page"));
  for (const char* path : {"../page.html",
                           "look/../page.html",
                           "look/../../open/page.html",
                           "..%2fpage.html",
                           "%2e%2e/page.html",
                           "%2e%2e%2fpage.html",
                           "..%252fpage.html",
                           "%252e%252e/page.html",
                           "/etc/passwd",
                           "%2fetc%2fpasswd",
                           "//etc/passwd",
                           "look//style.css",
                           "./page.html",
                           "page.html/",
                           "page.html%00",
                           "page.html%00.png",
                           "..\\page.html",
                           "look%5cstyle.css",
                           "....//page.html",
                           "PAGE.HTML",
                           "look",
                           "look/",
                           "",
                           "%c0%ae%c0%ae/page.html",
                           "page.html;x",
                           "~root",
                           "C:/windows",
                           "page.html%20"}) {
    CAPTURE(path);
    const auto answer = member.get(base + path);
    // Some are refused as malformed before anything is looked up.
    CHECK((answer.status == 404 || answer.status == 400));
    CHECK(answer.body.find("Hello from the page") == std::string::npos);
    CHECK(answer.body.find("color: red") == std::string::npos);
  }
}

TEST_CASE("a grant does not reach what its holder may not see") {
  Library library;
  auto& portal = library.portal;
  auto staff = portal.user("staff");
  const auto id = [&](const std::string& title) {
    return std::to_string(item_titled(bootstrap(staff), title).at("id").get<int>());
  };
  SUBCASE("pages of the same source with another visibility, and their pictures") {
    REQUIRE(staff.patch("/api/items/" + id("inner other"), R"({"visibility":"staff"})").status == 200);
    auto member = portal.user("member");
    const auto base = base_of(open_item(member, "inner page"));
    CHECK(member.get(base + "other.html").status == 404);
    CHECK(member.get(base + "shared.png").status == 404);
    CHECK(member.get(base + "look/style.css").status == 200);
    const auto staff_base = base_of(open_item(staff, "inner page"));
    CHECK(staff.get(staff_base + "other.html").status == 200);
    CHECK(staff.get(staff_base + "shared.png").status == 200);
  }
  SUBCASE("visitors: open items only") {
    auto visitor = portal.visitor();
    CHECK(visitor.get(open_item(visitor, "open page")).status == 200);
    CHECK(visitor.post("/api/items/" + id("inner page") + "/access", "").status == 401);
    CHECK(visitor.post("/api/items/" + id("closed page") + "/access", "").status == 404);
    auto another = portal.visitor();
    CHECK(another.get(open_item(visitor, "open page")).status == 404);
  }
  SUBCASE("members: nothing for staff") {
    auto member = portal.user("member");
    CHECK(member.post("/api/items/" + id("closed page") + "/access", "").status == 404);
    CHECK(member.get("/api/items/" + id("closed page")).status == 404);
  }
}

TEST_CASE("media are sent in ranges") {
  Library library;
  auto member = library.portal.user("member");
  const auto data = bootstrap(member);
  std::string url;
  for (const auto& item : data.at("items")) {
    if (item.at("kind") == "video" && item.at("visibility") == "members") {
      url = json::parse(
                member.post("/api/items/" + std::to_string(item.at("id").get<int>()) + "/access", "").body)
                .at("url");
    }
  }
  REQUIRE(!url.empty());
  member.extra_headers["Range"] = "bytes=2-5";
  const auto part = member.get(url);
  CHECK(part.status == 206);
  CHECK(part.body == "2345");
  CHECK(part.header("content-range") == "bytes 2-5/10");
  member.extra_headers["Range"] = "bytes=20-";
  CHECK(member.get(url).status == 416);
  member.extra_headers.clear();
  const auto whole = member.get(url);
  CHECK(whole.body == "0123456789");
  CHECK(whole.header("content-type") == "video/mp4");
  member.extra_headers["If-None-Match"] = whole.header("etag");
  CHECK(member.get(url).status == 304);
}

TEST_CASE("Markdown and text become pages without scripts") {
  Library library;
  auto member = library.portal.user("member");
  const auto notes = member.get(open_item(member, "inner notes"));
  CHECK(notes.status == 200);
  CHECK(notes.body.find("<strong>bold</strong>") != std::string::npos);
  CHECK(notes.body.find("<script>") == std::string::npos);
  CHECK(notes.body.find("javascript:") == std::string::npos);
  const auto text = member.get(base_of(open_item(member, "inner page")) + "code.txt");
  CHECK(text.body.find("if (a &lt; b) { &lt;script&gt; }") != std::string::npos);
}

TEST_CASE("texts of any size open; a mark of the byte order is no part of them") {
  Portal portal;
  const auto folder = portal.folder("texts");
  write(folder / "small.txt", "\xef\xbb\xbfSmall text\nthat begins with a mark");
  write(folder / "marked.md", "\xef\xbb\xbf# Marked title\n\nAnd what it says, in a few words.\n");
  write(folder / "marked.html", "\xef\xbb\xbf<title>Marked page</title><p>x</p>");
  const std::string large(17 * 1024 * 1024, 'x');
  write(folder / "large.txt", "<b>" + large);
  write(folder / "huge.md", "# Huge\n" + large);
  REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
  auto member = portal.user("member");
  const auto small = member.get(open_item(member, "Small text"));
  CHECK(small.status == 200);
  CHECK(small.body.find("\xef\xbb\xbf") == std::string::npos);
  CHECK(member.get(open_item(member, "Marked title")).body.find("<h1>Marked title</h1>") !=
        std::string::npos);
  CHECK(member.get(open_item(member, "Marked page")).status == 200);
  for (const auto* title : {"Large", "Huge"}) {
    CAPTURE(title);
    const auto answer = member.get(open_item(member, title));
    CHECK(answer.status == 200);
    CHECK(answer.header("content-type").starts_with("text/plain"));
    CHECK(answer.header("content-security-policy").find("sandbox") != std::string::npos);
    CHECK(answer.body.size() > large.size());
  }
}

TEST_CASE("grants are not logged") {
  Portal portal(Settings{{"http.log_requests", "true"}});
  write(portal.folder("docs") / "one.html", "<title>One</title>");
  REQUIRE_MESSAGE(portal.import(portal.folder("docs")) == 0, portal.output);
  auto member = portal.user("member");
  const auto url = open_item(member, "One");
  CHECK(member.get(url).status == 200);
  CHECK(member.get(base_of(url) + "none.html").status == 404);
  const auto token = url.substr(11, url.find('/', 11) - 11);
  REQUIRE(token.size() > 20);
  CHECK(portal.logger->contains("GET /protected/{grant}/one.html 200"));
  CHECK_FALSE(portal.logger->contains(token));
}
