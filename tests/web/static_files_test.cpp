#include <mpf/web/static_files.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include <mpf/fiber/fiber.hpp>

#include "support/temp_dir.hpp"

using namespace mpf;

namespace {

http::Request get(const std::string& path) {
  http::Request request;
  request.path = path;
  return request;
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("names with content hashes") {
  CHECK(web::has_content_hash("assets/index-Bq3_x81k.js"));
  CHECK(web::has_content_hash("index-D4f9-aQz.css"));
  CHECK(web::has_content_hash("a-12345678.css.map"));
  CHECK_FALSE(web::has_content_hash("index.html"));
  CHECK_FALSE(web::has_content_hash("my-document.html"));  // a word, no hash
  CHECK_FALSE(web::has_content_hash("a-1234567.css"));
  CHECK_FALSE(web::has_content_hash("-12345678.css"));
  CHECK_FALSE(web::has_content_hash(""));
}

TEST_CASE("embedded files") {
  const std::string script(5'000, 'x');
  const EmbeddedFiles files({{"app-Bq3_x81k.js", script}, {"index.html", "<p>hi"}, {"sub/a.png", "png"}});
  http::Router router;
  router.add(http::Method::get, "/s/{path*}", web::static_files(files, {.index = "index.html"}));
  router.add(http::Method::get, "/sub/{path*}", web::static_files(files, {.prefix = "sub"}));

  auto request = get("/s/app-Bq3_x81k.js");
  auto response = router.dispatch(request);
  CHECK(response.status == 200);
  CHECK(response.headers.find("Content-Type") == "text/javascript; charset=utf-8");
  CHECK(response.headers.find("Cache-Control") == "public, max-age=31536000, immutable");
  CHECK(response.headers.find("Vary") == "Accept-Encoding");
  CHECK_FALSE(response.headers.find("Content-Encoding"));
  CHECK(*response.shared_body == script);
  const std::string plain_tag(response.headers.find("ETag").value());

  for (const char* accepted : {"gzip", "br;q=1.0, gzip;q=0.8", "*", "deflate , GZIP"}) {
    CAPTURE(accepted);
    request = get("/s/app-Bq3_x81k.js");
    request.headers.set("Accept-Encoding", accepted);
    response = router.dispatch(request);
    CHECK(response.headers.find("Content-Encoding") == "gzip");
    CHECK(response.shared_body->size() < 200);
    CHECK(response.shared_body->substr(0, 2) == "\x1f\x8b");
    CHECK(response.headers.find("ETag") != plain_tag);
  }
  for (const char* refused : {"br", "gzip;q=0", "gzip; q=0.0", "identity"}) {
    CAPTURE(refused);
    request = get("/s/app-Bq3_x81k.js");
    request.headers.set("Accept-Encoding", refused);
    CHECK_FALSE(router.dispatch(request).headers.find("Content-Encoding"));
  }

  request = get("/s/");
  response = router.dispatch(request);
  CHECK(*response.shared_body == "<p>hi");
  CHECK(response.headers.find("Cache-Control") == "no-cache");
  for (const char* path : {"/s/none", "/s/sub", "/sub/", "/sub/index.html", "/s//index.html"}) {
    CAPTURE(path);
    request = get(path);
    CHECK(router.dispatch(request).status == 404);
  }
  request = get("/sub/a.png");
  CHECK(*router.dispatch(request).shared_body == "png");
}

TEST_CASE("a folder, and nothing outside of it") {
  test::TempDir temp;
  const auto folder = temp.path() / "public";
  write(folder / "index.html", "home");
  write(folder / "a" / "b.txt", "b");
  write(folder / ".hidden", "no");
  write(folder / ".git" / "config", "no");
  write(temp.path() / "secret.txt", "no");
  write(temp.path() / "public-2" / "x.txt", "no");
  std::filesystem::create_symlink("../secret.txt", folder / "out.txt");
  std::filesystem::create_symlink("..", folder / "up");
  std::filesystem::create_symlink("../public-2", folder / "twin");
  std::filesystem::create_symlink("a/b.txt", folder / "in.txt");

  http::Router router;
  router.add(http::Method::get, "/f/{path*}", web::static_files(folder, {.index = "index.html"}));
  fiber::run(
      [&] {
        const auto answer = [&](const std::string& path) {
          auto request = get("/f/" + path);
          return router.dispatch(request);
        };
        CHECK(answer("").file->path == std::filesystem::canonical(folder / "index.html"));
        CHECK(answer("a/b.txt").headers.find("Content-Type") == "text/plain; charset=utf-8");
        CHECK(answer("in.txt").status == 200);
        for (const char* path :
             {"out.txt", "up/secret.txt", "twin/x.txt", ".hidden", ".git/config", "a", "a/", "none",
              "../secret.txt", "a/../../secret.txt", "/etc/passwd", "a//b.txt", "./index.html"}) {
          CAPTURE(path);
          CHECK(answer(path).status == 404);
        }
      },
      {.loops = 1});
  CHECK_THROWS_AS(web::static_files(temp.path() / "missing"), Error);
}
