#include <doctest/doctest.h>

#include "content/import/page_facts.hpp"

using namespace portal::content;

TEST_CASE("references lead to files of the same folder or to nothing") {
  struct Case {
    const char* page;
    const char* reference;
    const char* path;
  };
  for (const auto& [page, reference, path] : {
           Case{"a.html", "b.png", "b.png"},
           Case{"x/a.html", "b.png", "x/b.png"},
           Case{"x/a.html", "../b.png", "b.png"},
           Case{"x/y/a.html", "./../z/b%20c.png?v=1#top", "x/z/b c.png"},
           Case{"x/a.html", "../../b.png", ""},
           Case{"a.html", "../etc/passwd", ""},
           Case{"a.html", "/b.png", ""},
           Case{"a.html", "//host/b.png", ""},
           Case{"a.html", "https://host/b.png", ""},
           Case{"a.html", "data:image/png;base64,xx", ""},
           Case{"a.html", "javascript:alert(1)", ""},
           Case{"a.html", "#part", ""},
           Case{"a.html", "", ""},
           Case{"a.html", "%zz.png", ""},
       }) {
    CAPTURE(page);
    CAPTURE(reference);
    CHECK(resolve_reference(page, reference) == path);
  }
}

TEST_CASE("facts of pages, well formed or not") {
  const auto facts = html_facts(
      "<html><head><title> A  title\n here</title><meta name=Description content='About this page'>"
      "<link rel='stylesheet' href='s.css'><link rel=canonical href='c.html'><style>@import 'i.css'; "
      "a{background:url( \"u.png\" )}</style>"
      "<body><script src=x.js></script><img src=a.png srcset='b.png 1x, c.png 2x'><video "
      "poster=p.jpg><source src=v.mp4></video>"
      "<p>First",
      "index.html");
  CHECK(facts.title == "A title here");
  CHECK(facts.summary == "About this page");
  CHECK(facts.uses == std::vector<std::string>{"s.css", "u.png", "i.css", "x.js", "a.png", "b.png", "c.png",
                                               "p.jpg", "v.mp4"});

  CHECK(html_facts("", "a.html").title.empty());
  CHECK(html_facts("<h1>Only a heading</h1>", "a.html").title == "Only a heading");
  CHECK(html_facts(std::string(10000, '<'), "a.html").uses.empty());
  CHECK(html_facts("<title>caf\xe9</title>", "a.html").title == "café");
  const auto many = html_facts("<p>" + std::string(5000, 'w') + "</p>", "a.html");
  CHECK(many.summary.size() < 320);
}

TEST_CASE("facts of Markdown and text") {
  const auto facts =
      markdown_facts("# The *title*\n\nA paragraph of a certain length.\n\n![x](img/x.png)", "docs/a.md");
  CHECK(facts.title == "The title");
  CHECK(facts.summary == "A paragraph of a certain length.");
  CHECK(facts.uses == std::vector<std::string>{"docs/img/x.png"});
  const auto text = text_facts("Line one\n\n  line two  ");
  CHECK(text.title == "Line one");
  CHECK(text.summary == "line two");
  CHECK(text_facts(std::string("\xff\xfe\x00", 3)).title.empty());
  CHECK(title_of_name("docs/getting-started_2.html") == "Getting started 2");
  CHECK(title_of_name("03-operation") == "Operation");
  CHECK(title_of_name("2024-report.pdf") == "2024 report");
  CHECK(title_of_name("42") == "42");
}
