#include <mpf/web/html.hpp>

#include <doctest/doctest.h>

using mpf::web::html_text;
using mpf::web::html_title;

TEST_CASE("title of a page") {
  CHECK(html_title("<html><head><title> A \n&amp;  B </title></head><body><h1>C</h1>") == "A & B");
  CHECK(html_title("<TITLE>Stra&szlig;e &#x1F600;</TITLE>") ==
        "Stra\xc3\x9f"
        "e \xf0\x9f\x98\x80");
  CHECK(html_title("<title>first</title><title>second</title>") == "first");
  CHECK(html_title("<head><title></title></head><h1>Only <em>a</em> heading</h1>") == "Only a heading");
  CHECK(html_title("<p>nothing</p>") == std::nullopt);
  CHECK(html_title("") == std::nullopt);
  CHECK(html_title("<title>not closed") == "not closed");
  CHECK(html_title("<title>caf\xe9 \x80</title>") == "caf\xc3\xa9 \xe2\x82\xac");
}

TEST_CASE("text of a page") {
  CHECK(html_text("<title>T</title><p>one</p><p>two<br>three</p>", 100) == "one two three");
  CHECK(html_text("<p>a<b>b</b>c &lt;d&gt;&nbsp; e</p>", 100) == "abc <d> e");
  CHECK(html_text("<body><script>var a = '<p>x</p>';</script><style>p{}</style><nav>menu</nav><p>seen</p>",
                  100) == "seen");
  CHECK(html_text("<p>hello wide world</p>", 12) == "hello wide");
  CHECK(html_text("<p>\xc3\xa4\xc3\xb6\xc3\xbc</p>", 2) == "\xc3\xa4\xc3\xb6");
  CHECK(html_text("<!-- hidden --><div>shown", 100) == "shown");
  CHECK(html_text("", 10).empty());
  CHECK(html_text("<p>x</p>", 0).empty());
}

TEST_CASE("a large page is read only as far as needed, a deep one does no harm") {
  std::string page = "<p>start</p>";
  for (int i = 0; i < 20'000; ++i) page += "<p>more and more</p>";
  CHECK(html_text(page, 10) == "start more");
  std::string deep;
  for (int i = 0; i < 50'000; ++i) deep += "<div>";
  CHECK(html_text(deep + "bottom", 10).size() <= 10);
}
