#include <map>

#include "portal_fixture.hpp"

using namespace portal::test;

namespace {

void fill(Portal& portal) {
  const auto folder = portal.folder("docs");
  write(folder / "one.html", "<title>One</title><p>The first of the pages in this small library.</p>");
  write(folder / "two.html", "<title>Two</title>");
  REQUIRE_MESSAGE(portal.import(folder) == 0, portal.output);
  write(portal.folder("secret") / "plan.html", "<title>Secret plan</title>");
  REQUIRE_MESSAGE(portal.import(portal.folder("secret"), "acme", {"--visibility", "staff"}) == 0,
                  portal.output);
}

}  // namespace

TEST_CASE("the bootstrap shows what the viewer may see") {
  Portal portal;
  fill(portal);
  auto visitor = portal.visitor();
  const auto seen = bootstrap(visitor);
  CHECK(seen.at("site").at("name") == "acme Portal");
  CHECK(seen.at("site").at("look").at("primary").get<std::string>().starts_with("#"));
  CHECK(seen.at("user").is_null());
  CHECK(seen.at("items").size() == 2);
  for (const auto& item : seen.at("items")) {
    CHECK(item.at("locked") == true);
    CHECK(item.at("path").is_null());
  }
  CHECK(seen.dump().find("Secret") == std::string::npos);

  auto member = portal.user("member");
  const auto inside = bootstrap(member);
  CHECK(inside.at("user").at("email") == "member@acme.test");
  CHECK(inside.at("user").at("role") == "member");
  CHECK(inside.at("items").size() == 2);
  CHECK(item_titled(inside, "One").at("locked") == false);
  CHECK(inside.dump().find("Secret") == std::string::npos);
  CHECK(inside.dump().find("password") == std::string::npos);

  auto staff = portal.user("staff");
  CHECK(bootstrap(staff).at("items").size() == 3);

  auto other = portal.user("member", "globex");
  CHECK(bootstrap(other).at("items").empty());
  CHECK(bootstrap(other).at("site").at("name") == "globex Portal");
}

TEST_CASE("a bootstrap that is as it was is not sent again") {
  Portal portal;
  fill(portal);
  const std::string path = "/api/portal/bootstrap";
  auto member = portal.user("member");
  const auto first = member.get(path);
  CHECK(first.header("cache-control") == "private, no-cache");
  const auto tag = first.header("etag");
  REQUIRE(!tag.empty());
  member.extra_headers["If-None-Match"] = tag;
  const auto again = member.get(path);
  CHECK(again.status == 304);
  CHECK(again.body.empty());

  // The tag of one viewer says nothing to another, nor after a change.
  auto other = portal.user("other");
  other.extra_headers["If-None-Match"] = tag;
  CHECK(other.get(path).status == 200);
  auto staff = portal.user("staff");
  const auto id = item_titled(bootstrap(staff), "One").at("id").get<int>();
  REQUIRE(staff.patch("/api/items/" + std::to_string(id), R"({"title":"Two"})").status == 200);
  const auto changed = member.get(path);
  CHECK(changed.status == 200);
  CHECK(!item_titled(json::parse(changed.body), "Two").is_null());
}

TEST_CASE("a bootstrap from the cache asks the database for none of the content") {
  Portal portal(Settings{{"http.log_requests", "true"}});
  fill(portal);
  auto member = portal.user("member");
  const auto statements = [&](const std::string& path) {
    REQUIRE(member.get(path).status == 200);
    const auto lines = portal.logger->lines();
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
      const auto head = "GET " + path + " 200 ";
      if (!line->message.starts_with(head)) continue;
      return std::stoi(line->message.substr(line->message.find(" ms, ") + 5));
    }
    FAIL("no line of " << path);
    return -1;
  };
  statements("/api/account/me");
  const int anybody = statements("/api/account/me");  // site, session and user
  CHECK(statements("/api/portal/bootstrap") > anybody);
  CHECK(statements("/api/portal/bootstrap") == anybody);
  auto staff = portal.user("staff");
  const auto id = item_titled(bootstrap(staff), "One").at("id").get<int>();
  REQUIRE(staff.patch("/api/items/" + std::to_string(id), R"({"title":"Uno"})").status == 200);
  CHECK(statements("/api/portal/bootstrap") > anybody);
  CHECK(statements("/api/portal/bootstrap") == anybody);
}

TEST_CASE("a changed title shows in the very next bootstrap") {
  Portal portal;
  fill(portal);
  auto staff = portal.user("staff");
  auto member = portal.user("member");
  const auto id = item_titled(bootstrap(member), "One").at("id").get<int>();
  for (int i = 0; i < 20; ++i) {
    const auto title = "Title " + std::to_string(i);
    const auto answer = staff.patch("/api/items/" + std::to_string(id), json{{"title", title}}.dump());
    REQUIRE(answer.status == 200);
    CHECK(json::parse(answer.body).at("title") == title);
    CHECK(!item_titled(bootstrap(member), title).is_null());
  }
}

TEST_CASE("changes by another instance on the same data show at once too") {
  Portal portal;
  fill(portal);
  auto member = portal.user("member");
  REQUIRE(!item_titled(bootstrap(member), "One").is_null());
  write(portal.folder("docs") / "one.html", "<title>Uno</title>");
  REQUIRE_MESSAGE(portal.import(portal.folder("docs")) == 0, portal.output);
  CHECK(!item_titled(bootstrap(member), "Uno").is_null());
}

TEST_CASE("items are changed by staff of the site, with clear answers to bad input") {
  Portal portal;
  fill(portal);
  auto staff = portal.user("staff");
  auto member = portal.user("member");
  auto visitor = portal.visitor();
  const auto path = "/api/items/" + std::to_string(item_titled(bootstrap(staff), "One").at("id").get<int>());
  CHECK(member.patch(path, R"({"title":"x"})").status == 403);
  CHECK(visitor.patch(path, R"({"title":"x"})").status == 401);

  struct Case {
    std::string body;
    int status;
    std::string words;
  };
  for (const auto& [body, status, words] : {
           Case{"{", 400, "line 1"},
           Case{"{}", 422, "what to change"},
           Case{R"({"revision":1})", 422, "what to change"},
           Case{R"({"titel":"x"})", 422, "titel"},
           Case{R"({"title":"x","colour":"red"})", 422, "colour"},
           Case{R"({"title":null})", 422, "title"},
           Case{R"({"summary":null})", 422, "summary"},
           Case{R"({"title":"a\u0007b"})", 422, "control"},
           Case{R"({"title":"a\nb"})", 422, "control"},
           Case{R"({"title":"a\u202eb"})", 422, "control"},
           Case{R"({"title":5})", 422, "title"},
           Case{R"({"title":""})", 422, "title"},
           Case{R"({"title":")" + std::string(301, 'x') + R"("})", 422, "300"},
           Case{R"({"visibility":"nobody"})", 422, "everyone"},
           Case{R"([])", 422, "object"},
           Case{R"({"title":"y","revision":77})", 409, "changed"},
       }) {
    CAPTURE(body);
    const auto answer = staff.patch(path, body);
    CHECK(answer.status == status);
    CHECK(answer.header("content-type").starts_with("application/problem+json"));
    CHECK_MESSAGE(answer.body.find(words) != std::string::npos, answer.body);
  }
  CHECK(staff.send("PATCH", path, R"({"title":"x"})", "text/plain").status == 400);
  CHECK(staff.patch("/api/items/99999", R"({"title":"x"})").status == 404);
  CHECK(staff.patch("/api/items/abc", R"({"title":"x"})").status == 404);
  const auto item = item_titled(bootstrap(staff), "One");
  REQUIRE(!item.is_null());
  CHECK(item.at("revision") == 1);

  // A change to what is there already is none; lines and other writing systems are no control characters.
  CHECK(json::parse(staff.patch(path, R"({"visibility":"members"})").body).at("revision") == 1);
  const auto changed = staff.patch(path, R"({"title":" Eins é 一 ","summary":"a\nb","revision":1})");
  REQUIRE_MESSAGE(changed.status == 200, changed.body);
  CHECK(json::parse(changed.body).at("title") == "Eins é 一");
  CHECK(json::parse(changed.body).at("revision") == 2);
  CHECK(json::parse(staff.patch(path, R"({"title":"Eins é 一"})").body).at("revision") == 2);
}

TEST_CASE("unsafe requests need the CSRF token, and come from the site itself") {
  Portal portal;
  fill(portal);
  auto staff = portal.user("staff");
  const auto path = "/api/items/" + std::to_string(item_titled(bootstrap(staff), "One").at("id").get<int>());
  const auto token = staff.csrf;
  staff.csrf.clear();
  CHECK(staff.patch(path, R"({"title":"forged"})").status == 403);
  staff.csrf = portal.user("staff").csrf;
  CHECK(staff.patch(path, R"({"title":"forged"})").status == 403);
  staff.csrf = token;
  staff.extra_headers["Origin"] = "http://evil.test";
  CHECK(staff.patch(path, R"({"title":"forged"})").status == 403);
  staff.extra_headers.clear();
  CHECK(staff.patch(path, R"({"title":"honest"})").status == 200);
}

TEST_CASE("accounts: signing up, in and out") {
  Portal portal;
  auto visitor = portal.visitor();
  const auto up =
      visitor.post("/api/account/sign-up",
                   R"({"name":"New","email":" New@Example.test ","password":"a long enough password"})");
  REQUIRE_MESSAGE(up.status == 201, up.body);
  const auto cookie_before = visitor.cookies;
  visitor.csrf = json::parse(up.body).at("csrf");
  CHECK(bootstrap(visitor).at("user").at("email") == "new@example.test");
  bool http_only = false;
  for (const auto& [name, value] : up.headers) {
    if (name == "set-cookie" && value.find("HttpOnly") != std::string::npos &&
        value.find("SameSite=Lax") != std::string::npos) {
      http_only = true;
    }
  }
  CHECK(http_only);
  REQUIRE(visitor.post("/api/account/sign-out", "").status == 204);
  CHECK(bootstrap(visitor).at("user").is_null());

  // The old cookie is worthless after signing out.
  Browser thief(portal.port(), "acme.localhost");
  thief.cookies = cookie_before;
  CHECK(bootstrap(thief).at("user").is_null());

  auto again = portal.visitor();
  CHECK(again
            .post("/api/account/sign-up",
                  R"({"name":"N","email":"new@example.test","password":"a long enough password"})")
            .body.find("taken") != std::string::npos);
  const auto weak =
      again.post("/api/account/sign-up", R"({"name":"N","email":"nonsense","password":"short"})");
  CHECK(weak.status == 422);
  CHECK(json::parse(weak.body).at("errors").size() == 2);
  CHECK(again.post("/api/account/sign-in", R"({"email":"new@example.test","password":"wrong wrong wrong"})")
            .status == 401);
  CHECK(
      again.post("/api/account/sign-in", R"({"email":"nobody@example.test","password":"wrong wrong wrong"})")
          .status == 401);

  // The same person on another site is somebody else.
  auto globex = portal.visitor("globex");
  CHECK(
      globex
          .post("/api/account/sign-in", R"({"email":"new@example.test","password":"a long enough password"})")
          .status == 401);
}

TEST_CASE("what strangers send is limited") {
  Portal portal;
  auto visitor = portal.visitor();
  const auto sign_in = [&](const std::string& body) { return visitor.post("/api/account/sign-in", body); };
  CHECK(sign_in(R"({"email":")" + std::string(2'000'000, 'a') + R"(","password":"x"})").status == 413);
  CHECK(sign_in(std::string(100'000, '[')).status == 400);
  CHECK(sign_in(R"({"email":["a"],"password":7})").status == 422);
  CHECK(sign_in(R"({"email":"a","password":")" + std::string(100'000, 'p') + R"("})").status != 500);
  CHECK(visitor.get("/" + std::string(9000, 'a')).status == 414);
  visitor.extra_headers["X-Large"] = std::string(20'000, 'h');
  CHECK(visitor.get("/").status == 431);
  visitor.extra_headers.clear();
  CHECK(visitor.get("/").status == 200);
  for (int i = 0; i < 5; ++i) sign_in(R"({"email":"member@acme.test","password":"wrong wrong wrong"})");
  CHECK(sign_in(R"({"email":"member@acme.test","password":"correct horse battery"})").status == 429);
}

TEST_CASE("strangers who sign up are limited by their address, those who sign in are not concerned") {
  Portal portal(Settings{{"auth.address_sign_ups", "3"}});
  auto visitor = portal.visitor();
  const auto sign_up = [&](const std::string& email) {
    return visitor
        .post("/api/account/sign-up",
              json{{"name", "N"}, {"email", email}, {"password", "a long enough password"}}.dump())
        .status;
  };
  CHECK(sign_up("one@example.test") == 201);
  visitor = portal.visitor();
  CHECK(sign_up("member@acme.test") == 422);
  CHECK(sign_up("two@example.test") == 201);
  visitor = portal.visitor();
  CHECK(sign_up("three@example.test") == 429);
  CHECK(sign_up("member@acme.test") == 429);
  portal.user("member");
  portal.clock().advance(std::chrono::minutes(16));
  visitor = portal.visitor();
  CHECK(sign_up("three@example.test") == 201);
}

TEST_CASE("unknown hosts and paths") {
  Portal portal;
  Browser nowhere(portal.port(), "nowhere.localhost");
  CHECK(nowhere.get("/").status == 404);
  CHECK(nowhere.get("/api/portal/bootstrap").status == 404);
  CHECK(nowhere.get("/health/live").status == 200);
  CHECK(nowhere.get("/health/ready").status == 200);
  auto visitor = portal.visitor();
  CHECK(visitor.get("/api/none").status == 404);
  CHECK(visitor.post("/api/portal/bootstrap", "").status == 405);
  auto person = visitor;
  person.extra_headers["Accept"] = "text/html,*/*;q=0.8";
  const auto nothing = person.get("/nope");
  CHECK(nothing.status == 404);
  CHECK(nothing.header("content-type").starts_with("text/html"));
  CHECK(nothing.body.find("acme Portal") != std::string::npos);
  CHECK(nothing.body.find(bootstrap(visitor).at("site").at("look").at("primary").get<std::string>()) !=
        std::string::npos);
  CHECK(visitor.get("/nope").header("content-type").starts_with("application/problem+json"));
  for (const char* path : {"/", "/c/docs", "/i/5", "/search?q=x", "/sign-in", "/sign-up"}) {
    const auto page = visitor.get(path);
    CHECK(page.status == 200);
    CHECK(page.header("content-security-policy").find("script-src 'self'") != std::string::npos);
    CHECK(page.header("content-security-policy").find("unsafe") == std::string::npos);
    CHECK(page.header("x-content-type-options") == "nosniff");
  }
}
