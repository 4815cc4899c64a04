#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "http/date.hpp"
#include "http/fixture.hpp"
#include "support/temp_dir.hpp"

using mpf::http::Method;
using mpf::http::Request;
using mpf::http::Response;
using mpf::test::RawClient;
using mpf::test::TestServer;

namespace {

std::string ask(const std::string& fields, const std::string& path = "/f",
                const std::string& method = "GET") {
  return method + " " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("files: conditions and ranges") {
  const mpf::test::TempDir temp;
  std::string content;
  for (int i = 0; content.size() < 1'000'000; ++i) content += std::to_string(i) + ",";
  content.resize(1'000'000);
  std::ofstream(temp / "f.bin") << content;
  std::ofstream(temp / "empty") << "";
  TestServer server;
  server.router().add(Method::get, "/f",
                      [&](Request&) { return Response::send_file(temp / "f.bin", "video/mp4"); });
  server.router().add(Method::get, "/empty",
                      [&](Request&) { return Response::send_file(temp / "empty", "a/b"); });
  server.router().add(Method::get, "/none",
                      [&](Request&) { return Response::send_file(temp / "none", "a/b"); });
  server.router().add(Method::get, "/folder",
                      [&](Request&) { return Response::send_file(temp.path(), "a/b"); });
  server.router().add(Method::get, "/tagged", [&](Request&) {
    auto response = Response::send_file(temp / "f.bin", "a/b");
    response.file->etag = "\"mine\"";
    return response;
  });
  RawClient client(server.start());
  const auto get = [&](const std::string& fields, const std::string& path = "/f") {
    client.send(ask(fields, path));
    return client.response().value();
  };

  const auto whole = get("");
  CHECK(whole.status == 200);
  CHECK((whole.body == content));
  CHECK(whole.header("content-type") == "video/mp4");
  CHECK(whole.header("accept-ranges") == "bytes");
  const std::string etag = whole.header("etag");
  const std::string modified = whole.header("last-modified");
  CHECK(etag.size() > 4);

  client.send(ask("", "/f", "HEAD"));
  CHECK(client.response(true)->header("content-length") == "1000000");

  struct Case {
    std::string fields;
    int status;
    std::size_t offset, length;
  };
  const std::vector<Case> cases{
      {"Range: bytes=0-0\r\n", 206, 0, 1},
      {"Range: bytes=10-19\r\n", 206, 10, 10},
      {"Range: bytes=999990-\r\n", 206, 999'990, 10},
      {"Range: bytes=999990-5000000\r\n", 206, 999'990, 10},
      {"Range: bytes=-5\r\n", 206, 999'995, 5},
      {"Range: bytes=-5000000\r\n", 206, 0, 1'000'000},
      {"Range: bytes=100-300000\r\n", 206, 100, 299'901},
      {"Range: bytes=0-4,10-14\r\n", 206, 0, 15},
      {"Range: bytes=5-6,1000000-\r\n", 206, 5, 2},
      {"Range: bytes=1000000-\r\n", 416, 0, 0},
      {"Range: bytes=-0\r\n", 416, 0, 0},
      {"Range: bytes=5-4\r\n", 200, 0, 1'000'000},
      {"Range: bytes=a-b\r\n", 200, 0, 1'000'000},
      {"Range: bytes=-\r\n", 200, 0, 1'000'000},
      {"Range: bytes=18446744073709551616-\r\n", 200, 0, 1'000'000},
      {"Range: lines=1-2\r\n", 200, 0, 1'000'000},
      {"Range: bytes=0-9\r\nIf-Range: " + etag + "\r\n", 206, 0, 10},
      {"Range: bytes=0-9\r\nIf-Range: \"other\"\r\n", 200, 0, 1'000'000},
      {"Range: bytes=0-9\r\nIf-Range: " + modified + "\r\n", 206, 0, 10},
      {"Range: bytes=0-9\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200, 0, 1'000'000},
      {"If-None-Match: " + etag + "\r\n", 304, 0, 0},
      {"If-None-Match: \"a\", W/" + etag + "\r\n", 304, 0, 0},
      {"If-None-Match: *\r\n", 304, 0, 0},
      {"If-None-Match: \"a\"\r\n", 200, 0, 1'000'000},
      {"If-None-Match: \"a\"\r\nIf-Modified-Since: " + modified + "\r\n", 200, 0, 1'000'000},
      {"If-Modified-Since: " + modified + "\r\n", 304, 0, 0},
      {"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200, 0, 1'000'000},
      {"If-Modified-Since: yesterday\r\n", 200, 0, 1'000'000},
      {"If-Match: \"a\"\r\n", 412, 0, 0},
      {"If-Match: " + etag + "\r\n", 200, 0, 1'000'000},
      {"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 412, 0, 0},
  };
  for (const auto& [fields, status, offset, length] : cases) {
    CAPTURE(fields);
    const auto response = get(fields);
    CHECK(response.status == status);
    if (status == 200 || status == 206) CHECK((response.body == content.substr(offset, length)));
    if (status == 206) {
      CHECK(response.header("content-range") ==
            "bytes " + std::to_string(offset) + "-" + std::to_string(offset + length - 1) + "/1000000");
    }
    if (status == 416) CHECK(response.header("content-range") == "bytes */1000000");
    if (status == 304) CHECK(response.header("etag") == etag);
  }

  CHECK(get("", "/empty").body.empty());
  CHECK(get("Range: bytes=0-\r\n", "/empty").status == 416);
  CHECK(get("", "/none").status == 404);
  CHECK(get("", "/folder").status == 404);
  CHECK(get("If-None-Match: \"mine\"\r\n", "/tagged").status == 304);
}

TEST_CASE("an entity tag of a plain answer is compared too") {
  TestServer server;
  server.router().add(Method::get, "/", [](Request&) { return Response::text("x").header("ETag", "\"1\""); });
  const auto port = server.start();
  CHECK(mpf::test::fetch(port, ask("If-None-Match: \"1\"\r\n", "/")).status == 304);
  CHECK(mpf::test::fetch(port, ask("If-None-Match: \"2\"\r\n", "/")).status == 200);
}

TEST_CASE("a file that shrinks while it is sent ends the connection") {
  const mpf::test::TempDir temp;
  std::ofstream(temp / "f") << std::string(8'000'000, 'x');
  TestServer server({}, 1);
  server.router().add(Method::get, "/f", [&](Request&) { return Response::send_file(temp / "f", "a/b"); });
  RawClient client(server.start(), 4096);
  client.send(ask(""));
  REQUIRE(client.receive());
  std::filesystem::resize_file(temp / "f", 10);
  CHECK_FALSE(client.response());
}

TEST_CASE("dates of HTTP") {
  using mpf::http::format_date;
  using mpf::http::parse_date;
  CHECK(format_date(784'111'777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(parse_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784'111'777);
  for (const std::time_t time : {0L, 951'782'400L, 4'102'444'799L})
    CHECK(parse_date(format_date(time)) == time);
  for (const char* text : {"", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
                           "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET"}) {
    CHECK_FALSE(parse_date(text));
  }
}
