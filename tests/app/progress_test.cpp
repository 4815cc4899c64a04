#include <mpf/app/progress.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

using mpf::Progress;

TEST_CASE("without a terminal there is a line at each tenth of the way") {
  std::ostringstream out;
  {
    Progress progress(out, false, "importing");
    for (int i = 1; i <= 1000; ++i) progress.update(i, 1000, "page");
    progress.finish("1000 files in 2.0 s");
  }
  const std::string text = out.str();
  CHECK(text.starts_with("importing: 0\nimporting: 100/1000\n"));
  CHECK(text.ends_with("importing: 1000/1000\nimporting: 1000 files in 2.0 s\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 12);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("on a terminal the bar is redrawn in its line") {
  std::ostringstream out;
  {
    Progress progress(out, true, "importing", 4);
    progress.update(4, 4, "last");
  }
  const std::string text = out.str();
  CHECK(text.find("4/4 last") != std::string::npos);
  CHECK(text.ends_with("\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("a progress that was moved away says nothing more") {
  std::ostringstream out;
  Progress first(out, false, "a");
  {
    Progress second = std::move(first);
    second.finish("done");
  }
  CHECK(out.str() == "a: 0\na: done\n");
}
