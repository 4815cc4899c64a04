#include <mpf/web/markdown.hpp>

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using mpf::web::render_markdown;

TEST_CASE("markdown of GitHub's kind") {
  CHECK(render_markdown("# Title\n\nText *here*.") == "<h1>Title</h1>\n<p>Text <em>here</em>.</p>\n");
  CHECK(render_markdown("| a | b |\n|---|---|\n| 1 | 2 |\n").find("<td>2</td>") != std::string::npos);
  CHECK(render_markdown("~~gone~~") == "<p><del>gone</del></p>\n");
  CHECK(render_markdown("see https://a.test/x").find("<a href=\"https://a.test/x\">") != std::string::npos);
  CHECK(render_markdown("- [x] done").find("checkbox") != std::string::npos);
  CHECK(render_markdown("").empty());
}

TEST_CASE("markdown cannot bring scripts along") {
  for (const char* text :
       {"<script>alert(1)</script>", "a <img src=x onerror=alert(1)> b", "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))", "![x](vbscript:a)", "<a href='javascript:alert(1)'>x</a>",
        "[x](data:text/html,<script>alert(1)</script>)"}) {
    const std::string html = render_markdown(text);
    CAPTURE(html);
    CHECK(html.find("<script") == std::string::npos);
    CHECK(html.find("onerror") == std::string::npos);
    CHECK(html.find("href=\"java") == std::string::npos);
    CHECK(html.find("href=\"JaVa") == std::string::npos);
    CHECK(html.find("data:text") == std::string::npos);
    CHECK(html.find("vbscript") == std::string::npos);
  }
}

TEST_CASE("malformed UTF-8 becomes replacement characters") {
  CHECK(render_markdown("a\xff"
                        "b") ==
        "<p>a\xef\xbf\xbd"
        "b</p>\n");
}

TEST_CASE("markdown on several threads") {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < 50; ++round) CHECK(render_markdown("*a* | b") == "<p><em>a</em> | b</p>\n");
    });
  }
  for (auto& thread : threads) thread.join();
}
