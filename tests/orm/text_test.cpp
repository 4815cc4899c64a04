#include <doctest/doctest.h>

#include <mpf/fiber/fiber.hpp>

#include "orm/models.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::f;

namespace {

const std::string awkward[] = {
    "'",
    "\"",
    "'; DROP TABLE article; --",
    "\\",
    "%",
    "_",
    "100%",
    "a_b",
    "a\\_b",
    "*",
    "?",
    "[a]",
    "[",
    "]",
    "[^a]",
    "{}",
    "$1",
    "?1",
    ":x",
    "é",
    "e\u0301",
    "🦊",
    "👩‍👩‍👧",
    "שלום",
    "\u202Eabc",
    "\u00A0",
    "\n\r\t",
    "\x01",
    "\x7f",
    " ",
    "",
    "\uFEFF",
    "\u2028",
    "NULL",
    "0",
    "1e9",
};

template <class Condition>
std::uint64_t found(const orm::SiteScope& scope, const Condition& condition) {
  return scope.query<Article>().where(condition).count();
}

}  // namespace

TEST_CASE("awkward text is stored, found and matched as what it is") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    const auto title = f<&Article::title>;
    for (const std::string& text : awkward) {
      CAPTURE(text);
      auto row = scope.insert(world.article(world.ann, "<" + text + ">"));
      CHECK(scope.get<Article>(row.id).title == row.title);
      CHECK(found(scope, title == "<" + text + ">") == 1);
      CHECK(found(scope, title.in({"<" + text + ">", "x"})) == 1);
      CHECK(found(scope, title.starts_with("<" + text + ">")) == 1);
      CHECK(found(scope, title.ends_with("<" + text + ">")) == 1);
      CHECK(found(scope, title.contains("<" + text + ">")) == 1);
      CHECK(found(scope, title.icontains("<" + text + ">")) == 1);
      CHECK(found(scope, title == "<" + text + ">x") == 0);
      std::string other = row.title;
      other[0] = '>';
      CHECK(found(scope, title.starts_with(other) || title.ends_with(other) || title.contains(other) ||
                             title.icontains(other)) == 0);
      row.title = text + text;
      scope.update(row);
      CHECK(scope.get<Article>(row.id).title == text + text);
      CHECK(scope.remove<Article>(row.id));
    }
  });
}

TEST_CASE("wildcards in text that is looked for are letters like others") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    scope.insert(world.article(world.ann, "Banana"));
    const auto title = f<&Article::title>;
    for (const char* const pattern :
         {"%", "_", "B%", "Ban_na", "*", "?", "B*", "[B]", "Banan[a]", "Ban\\%"}) {
      CAPTURE(pattern);
      CHECK(found(scope, title.contains(pattern)) == 0);
      CHECK(found(scope, title.icontains(pattern)) == 0);
      CHECK(found(scope, title.starts_with(pattern)) == 0);
      CHECK(found(scope, title.ends_with(pattern)) == 0);
    }
    CHECK(found(scope, title.starts_with("Ban")) == 1);
    CHECK(found(scope, title.starts_with("ban")) == 0);
    CHECK(found(scope, title.contains("ana")) == 1);
    CHECK(found(scope, title.contains("ANA")) == 0);
    CHECK(found(scope, title.icontains("bANA")) == 1);
    CHECK(found(scope, title.ends_with("nana")) == 1);
    CHECK(found(scope, title.ends_with("a long text Banana")) == 0);
    CHECK(found(scope, title.contains("") && title.starts_with("") && title.ends_with("") &&
                           title.icontains("")) == 1);
  });
}

TEST_CASE("text that is no UTF-8 or has a NUL is refused clearly, everywhere") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    auto good = scope.insert(world.article(world.ann, "good"));
    using namespace std::string_literals;
    for (const std::string& text : {"\xff"s, "a\xc3"s, "\xed\xa0\x80"s, "\xc0\x80"s, "a\0b"s, "\0"s}) {
      const auto refuse = [&](const auto& body) {
        try {
          body();
          FAIL("it was taken");
        } catch (const Error& error) {
          CHECK(error.kind() == ErrorKind::invalid);
          const std::string message = error.what();
          CHECK((message.find("UTF-8") != std::string::npos || message.find("NUL") != std::string::npos));
        }
      };
      Article row = world.article(world.ann, text);
      refuse([&] { scope.insert(row); });
      std::vector<Article> rows{world.article(world.ann, "fine"), row};
      refuse([&] { scope.insert_many(rows); });
      Article changed = good;
      changed.title = text;
      refuse([&] { scope.update(changed); });
      refuse([&] { scope.update<&Article::title>(changed); });
      refuse([&] { scope.query<Article>().update(orm::set<&Article::title>(text)); });
      refuse([&] { (void)(f<&Article::title> == text); });
      refuse([&] { (void)(f<&Article::title> < text); });
      refuse([&] { (void)f<&Article::title>.contains(text); });
      refuse([&] { (void)f<&Article::title>.in({text}); });
    }
    CHECK(scope.query<Article>().count() == 1);
    try {
      std::vector<Article> rows{world.article(world.ann, "fine"), world.article(world.ann, "\xff")};
      scope.insert_many(rows);
    } catch (const ValidationError& error) {
      CHECK(error.fields() == std::vector<FieldError>{{"[1].title", "encoding", "is no valid UTF-8"}});
    }
  });
}

TEST_CASE("a mebibyte of text is stored and looked for") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    std::string large;
    while (large.size() < (1 << 20)) large += "%_🦊*[x]'";
    auto row = world.article(world.ann, "large");
    row.summary = large;
    scope.insert(row);
    CHECK(scope.get<Article>(row.id).summary == large);
    const auto summary = f<&Article::summary>;
    CHECK(found(scope, summary == large) == 1);
    CHECK(found(scope, summary.contains(large)) == 1);
    CHECK(found(scope, summary.starts_with(large)) == 1);
    CHECK(found(scope, summary.ends_with(large)) == 1);
    CHECK(found(scope, summary.icontains(large)) == 1);
    CHECK(found(scope, summary.icontains(large + "x")) == 0);
    CHECK(found(scope, summary.starts_with(large + "x") || summary.ends_with("x" + large)) == 0);
  });
}

TEST_CASE("length is counted in characters") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    std::string foxes;
    for (int i = 0; i < 200; ++i) foxes += "🦊";
    CHECK(scope.insert(world.article(world.ann, foxes)).id);
    auto too_long = world.article(world.ann, foxes + "x");
    try {
      scope.insert(too_long);
      FAIL("it was taken");
    } catch (const ValidationError& error) {
      CHECK(error.fields() ==
            std::vector<FieldError>{{"title", "max_length", "is longer than 200 characters"}});
    }
    // The database holds the line, too.
    CHECK_THROWS_AS(world.db->execute({"UPDATE article SET title = ?", {foxes + "x"}, db::Access::write}),
                    db::ConstraintError);
  });
}
