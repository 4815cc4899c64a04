#include <mpf/orm/expression.hpp>

#include <doctest/doctest.h>

#include <map>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/full_text.hpp>
#include <mpf/orm/functions.hpp>
#include <mpf/orm/related.hpp>

#include "orm/library.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace mpf::test::library;
using orm::asc;
using orm::f;

namespace {

using Titles = std::vector<std::string>;

/// Runs the test on each database.
template <class Test>
void on_each(const Test& test) {
  fiber::run([&] {
    for (const auto dialect : databases()) {
      CAPTURE(static_cast<int>(dialect));
      const Library library(dialect);
      test(library);
    }
  });
}

template <class C>
Titles where(const Library& library, const C& condition) {
  const auto query = library.books().where(condition);
  CAPTURE(query.sql());
  return query.template pluck<&Book::title>();
}

/// What an expression is of the only book.
template <class E>
auto of_book(const Library& library, const E& expression) {
  return library.books().selection(expression).first().value();
}

}  // namespace

TEST_CASE("texts are matched exactly, by any case, and by patterns") {
  on_each([](const Library& library) {
    const Author a = library.author("A");
    for (const char* title : {"Größe", "GRÖSSE 100%", "größe_x", "a\\b", ""}) {
      library.scope.insert(library.book(a, title));
    }
    const auto title = f<&Book::title>;
    CHECK(where(library, title.icontains("GRÖ")) == Titles{"Größe", "GRÖSSE 100%", "größe_x"});
    CHECK(where(library, title.istarts_with("größe")) == Titles{"Größe", "größe_x"});
    CHECK(where(library, title.iends_with("SSE 100%")) == Titles{"GRÖSSE 100%"});
    CHECK(where(library, title.iexact("GRÖßE")) == Titles{"Größe"});
    CHECK(where(library, title.contains("%")) == Titles{"GRÖSSE 100%"});
    CHECK(where(library, title.starts_with("größe_")) == Titles{"größe_x"});
    CHECK(where(library, title.ends_with("\\b")) == Titles{"a\\b"});
    CHECK(where(library, title.like("Gr__e")) == Titles{"Größe"});
    CHECK(where(library, title.like("gr%")) == Titles{"größe_x"});
    CHECK(where(library, title.ilike("gr%")) == Titles{"Größe", "GRÖSSE 100%", "größe_x"});
    CHECK(where(library, title.like("%\\%")) == Titles{"GRÖSSE 100%"});
    CHECK(where(library, title.like("a\\\\b")) == Titles{"a\\b"});
    CHECK(where(library, title.like("%\\_%")) == Titles{"größe_x"});
    CHECK(where(library, title.like("")) == Titles{""});
    CHECK(where(library, title.like("%r%\\__")) == Titles{"größe_x"});
    CHECK(where(library, !title.like("%")) == Titles{});
    CHECK(where(library, !title.ilike("g%") && title != "") == Titles{"a\\b"});
    CHECK(where(library, f<&Book::summary>.ilike("%")) == Titles{});
    CHECK(where(library, !f<&Book::summary>.ilike("%")).size() == 5);
    CHECK_THROWS_AS(title.like("x\\"), Error);
    CHECK_THROWS_AS(title.like(std::string(20'000, 'x')), Error);
    CHECK(where(library, lower(title) == "größe") == Titles{"Größe"});
    CHECK(where(library, length(title).in({5, 0})) == Titles{"Größe", ""});
    CHECK(where(library, title.between("G", "a")) == Titles{"Größe", "GRÖSSE 100%"});
  });
}

TEST_CASE("functions of texts") {
  on_each([](const Library& library) {
    Book book = library.book(library.author("Ann"), "  Straße x  ");
    book.summary = "aXbXc";
    library.scope.insert(book);
    const auto title = f<&Book::title>;
    const auto summary = f<&Book::summary>;
    CHECK(of_book(library, upper(title)) == "  STRASSE X  ");
    CHECK(of_book(library, lower(concat(title, "ΑΣ"))) == "  straße x  ας");
    CHECK(of_book(library, trim(title)) == "Straße x");
    CHECK(of_book(library, trim_start(title)) == "Straße x  ");
    CHECK(of_book(library, trim_end(title)) == "  Straße x");
    CHECK(of_book(library, trim(summary, "ac")) == "XbX");
    CHECK(of_book(library, length(title)) == 12);
    CHECK(of_book(library, substring(title, 2, 5)) == "Straß");
    CHECK(of_book(library, substring(title, 7)) == "e x  ");
    CHECK(of_book(library, substring(title, 100, 5)) == "");
    CHECK(of_book(library, replace(summary, "X", "--")) == "a--b--c");
    CHECK(of_book(library, replace(summary, "", "-")) == "aXbXc");
    CHECK(of_book(library, concat(summary, "/", f<&Book::author, &Author::name>)) == "aXbXc/Ann");
    CHECK(of_book(library, concat(summary, null_if(summary, "aXbXc"))) == std::nullopt);
  });
}

TEST_CASE("numbers are the same on every database") {
  on_each([](const Library& library) {
    Book book = library.book(library.author("Ann"), "x");
    book.sold = -7;
    book.rank = 2;
    book.rating = -2.5;
    library.scope.insert(book);
    const auto sold = f<&Book::sold>;
    const auto rank = f<&Book::rank>;
    const auto rating = f<&Book::rating>;
    CHECK(of_book(library, sold / 2) == -3);
    CHECK(of_book(library, sold % 2) == -1);
    CHECK(of_book(library, sold / rank) == -3);
    CHECK(of_book(library, sold / (rank - 2)) == std::nullopt);
    CHECK(of_book(library, sold % (rank - 2)) == std::nullopt);
    CHECK(of_book(library, rating / (rank - 2)) == std::nullopt);
    CHECK(of_book(library, sold / 2.0) == -3.5);
    CHECK(of_book(library, 10 - sold) == 17);
    CHECK(of_book(library, 2 * rating) == -5.0);
    CHECK(of_book(library, rank * 2'000'000'000) == 4'000'000'000);
    CHECK(of_book(library, rank * rank * 2'000'000'000) == 8'000'000'000);
    CHECK_THROWS_AS(sold / 0, Error);
    CHECK_THROWS_AS(of_book(library, sold * INT64_MAX), Error);
    CHECK(of_book(library, absolute(sold)) == 7);
    CHECK(of_book(library, absolute(rating)) == 2.5);
    CHECK(of_book(library, orm::round(rating)) == -3);
    CHECK(of_book(library, orm::round(rating * 1.25, 1)) == -3.1);
    CHECK(of_book(library, orm::round(rating / 10)) == 0);
    CHECK(of_book(library, round_down(rating)) == -3);
    CHECK(of_book(library, round_up(rating)) == -2);
    CHECK(of_book(library, greatest(sold, rank, -100)) == 2);
    CHECK(of_book(library, least(sold, rank)) == -7);
    CHECK(of_book(library, greatest(null_if(rank, 2), sold)) == -7);
    CHECK(of_book(library, greatest(null_if(rank, 2), null_if(sold, -7))) == std::nullopt);
    CHECK(of_book(library, greatest(f<&Book::title>, "Z", "a")) == "x");
    const auto none = null_if(rank, 2);  // many of them are no longer text than that
    CHECK(of_book(library, greatest(none, none, none, none, none, none, none, none, none, none, none, none,
                                    none, none, none, none, none, none, none, none, none, none, sold)) == -7);
    CHECK(of_book(library, coalesce(f<&Book::summary>, f<&Book::title>)) == "x");
    CHECK(of_book(library, coalesce(null_if(rank, 2), 5)) == 5);
    CHECK(of_book(library, orm::cast<double>(sold)) == -7.0);
    CHECK(of_book(library, orm::cast<std::int64_t>(rating)) == -2);
    CHECK_THROWS_AS(of_book(library, orm::cast<std::int64_t>(rating * 1e30)), Error);
    CHECK(of_book(library, orm::cast<std::string>(sold)) == "-7");
    CHECK(of_book(library, orm::cast<std::string>(f<&Book::kind>)) == "novel");
    CHECK(of_book(library, orm::cast<std::int64_t>(f<&Book::in_print>)) == 0);
    for (const auto& [text, number] :
         std::vector<std::pair<std::string, std::optional<std::int64_t>>>{{"42", 42},
                                                                          {"-7", -7},
                                                                          {"+7", 7},
                                                                          {"", {}},
                                                                          {"4 2", {}},
                                                                          {"1.5", {}},
                                                                          {"1234567890123456789", {}}}) {
      CAPTURE(text);
      CHECK(of_book(library, orm::cast<std::int64_t>(substring(concat(f<&Book::title>, text), 1))) == number);
    }
    CHECK(of_book(library, orm::cast<double>(substring(concat(f<&Book::title>, "-1.5e2"), 1))) == -150.0);
    CHECK(of_book(library, orm::cast<double>(f<&Book::title>)) == std::nullopt);
  });
}

TEST_CASE("times and dates have parts, beginnings and distances") {
  on_each([](const Library& library) {
    Book book = library.book(library.author("Ann"), "x");
    book.published_at = Timestamp::parse("2026-11-21T13:45:10.75Z");
    book.received = Date::parse("2026-11-22");
    library.scope.insert(book);
    const auto time = f<&Book::published_at>;
    const auto day = f<&Book::received>;
    const auto part = [&](orm::DatePart which) { return of_book(library, date_part(which, time)).value(); };
    CHECK(part(orm::DatePart::year) == 2026);
    CHECK(part(orm::DatePart::quarter) == 4);
    CHECK(part(orm::DatePart::month) == 11);
    CHECK(part(orm::DatePart::day) == 21);
    CHECK(part(orm::DatePart::weekday) == 6);
    CHECK(part(orm::DatePart::hour) == 13);
    CHECK(part(orm::DatePart::minute) == 45);
    CHECK(part(orm::DatePart::second) == 10);
    CHECK(of_book(library, date_part(orm::DatePart::weekday, day)) == 7);
    CHECK(of_book(library, date_part(orm::DatePart::year, day)) == 2026);
    const auto start = [&](orm::DateUnit unit) {
      return of_book(library, orm::truncate(unit, time)).value().to_string();
    };
    CHECK(start(orm::DateUnit::year) == "2026-01-01T00:00:00Z");
    CHECK(start(orm::DateUnit::quarter) == "2026-10-01T00:00:00Z");
    CHECK(start(orm::DateUnit::month) == "2026-11-01T00:00:00Z");
    CHECK(start(orm::DateUnit::week) == "2026-11-16T00:00:00Z");
    CHECK(start(orm::DateUnit::day) == "2026-11-21T00:00:00Z");
    CHECK(start(orm::DateUnit::hour) == "2026-11-21T13:00:00Z");
    CHECK(start(orm::DateUnit::minute) == "2026-11-21T13:45:00Z");
    CHECK(start(orm::DateUnit::second) == "2026-11-21T13:45:10Z");
    CHECK(of_book(library, orm::truncate(orm::DateUnit::week, day)) == Date::parse("2026-11-16"));
    CHECK(where(library, time < orm::now() + Microseconds(0)).size() +
              where(library, time > orm::now()).size() ==
          1);
    CHECK(of_book(library, time - Timestamp(Microseconds(book.published_at->micros() - 5))) ==
          Microseconds(5));
    CHECK(of_book(library, time + Microseconds(5)) ==
          Timestamp(Microseconds(book.published_at->micros() + 5)));
    CHECK(where(library, date_part(orm::DatePart::month, time) == 11) == Titles{"x"});
  });
}

TEST_CASE("values by cases, and conditions as values") {
  on_each([](const Library& library) {
    const Author ann = library.author("Ann");
    for (const int rank : {1, 2, 3, 4}) {
      Book book = library.book(ann, std::to_string(rank));
      if (rank < 4) book.rank = rank;
      library.scope.insert(book);
    }
    const auto rank = f<&Book::rank>;
    const auto name = case_when(rank > 2, "high").when(rank == 1, "low");
    CHECK(library.books().selection(name.otherwise("none")).all() == Titles{"low", "none", "high", "none"});
    using Absent = std::vector<std::optional<std::string>>;
    CHECK(library.books().selection(name).all() == Absent{"low", {}, "high", {}});
    CHECK(library.books().selection(rank > 1).all() == std::vector<bool>{false, true, true, false});
    CHECK(library.books().selection(!(rank > 1)).all() == std::vector<bool>{true, false, false, true});
    CHECK(where(library, name.otherwise("none") == "none") == Titles{"2", "4"});
    CHECK(library.scope.query<Book>()
              .order_by(name.desc().nulls_last(), asc<&Book::id>)
              .pluck<&Book::title>() == Titles{"1", "3", "2", "4"});
    CHECK(library.books()
              .where(rank.not_null())
              .update(orm::set<&Book::sold>(case_when(rank > 2, 10).otherwise(rank * 2))) == 3);
    CHECK(library.books().pluck<&Book::sold>() == std::vector<std::int64_t>{2, 4, 10, 0});
    CHECK_THROWS_AS(library.books().update(orm::set<&Book::sold>(rank)), db::ConstraintError);
  });
}

TEST_CASE("JSON is asked for by keys and indexes, and gives only what is of the type") {
  on_each([](const Library& library) {
    const Author ann = library.author("Ann");
    const auto add = [&](std::string title, std::string_view json) {
      Book book = library.book(ann, std::move(title));
      book.options = Json::parse(json);
      library.scope.insert(book);
    };
    add("a",
        R"({"theme":{"color":"re\"d","size":7,"wide":true},"tags":["x","y"],"a.b":1,"0":"zero","n":null})");
    add("b", R"({"theme":{"color":5,"size":7.5,"wide":"true"},"tags":[],"a":{"b":2}})");
    add("c", R"({"theme":{"color":null,"size":1e2},"tags":"x"})");
    add("d", "[1,2]");
    const auto options = f<&Book::options>;
    const auto color = options.json("theme", "color");
    CHECK(where(library, color.as<std::string>() == "re\"d") == Titles{"a"});
    CHECK(where(library, color.exists()) == Titles{"a", "b", "c"});
    CHECK(where(library, !color.exists()) == Titles{"d"});
    CHECK(where(library, color.as<std::int64_t>() == 5) == Titles{"b"});
    CHECK(where(library, color.as<std::string>().is_null()) == Titles{"b", "c", "d"});
    const auto size = options.json("theme", "size");
    CHECK(where(library, size.as<std::int64_t>() > 1) == Titles{"a", "c"});
    CHECK(where(library, !(size.as<std::int64_t>() > 1)) == Titles{"b", "d"});
    CHECK(where(library, size.as<double>() > 7) == Titles{"b", "c"});
    CHECK(where(library, options.json("theme", "wide").as<bool>() == true) == Titles{"a"});
    CHECK(where(library, options.json("tags", 1).as<std::string>() == "y") == Titles{"a"});
    CHECK(where(library, options.json("tags").length() == 0) == Titles{"b"});
    CHECK(where(library, options.json(1).as<std::int64_t>() == 2) == Titles{"d"});
    CHECK(where(library, options.json("a.b").exists()) == Titles{"a"});
    CHECK(where(library, options.json("a", "b").exists()) == Titles{"b"});
    CHECK(where(library, options.json("0").exists()) == Titles{"a"});
    CHECK(where(library, options.json("n").exists()) == Titles{"a"});
    CHECK(where(library, options.json("'; --\"$").exists()) == Titles{});
    CHECK(library.books().selection(size.as<double>()).all() ==
          std::vector<std::optional<double>>{7, 7.5, 100, std::nullopt});
    CHECK_THROWS_AS(options.json("\xff").exists(), Error);
  });
}

TEST_CASE("JSON contains what PostgreSQL says it does") {
  struct Case {
    const char* held;
    const char* wanted;
    bool holds;
  };
  constexpr Case cases[] = {
      {R"({"a":1,"b":[1,2]})", R"({"a":1})", true},
      {R"({"a":1,"b":[1,2]})", R"({"a":1.0})", true},
      {R"({"a":100})", R"({"a":1e2})", true},
      {R"({"a":-0.50})", R"({"a":-5e-1})", true},
      {R"({"a":0})", R"({"a":-0.0})", true},
      {R"({"a":9007199254740993})", R"({"a":9007199254740992})", false},
      {R"({"a":1})", R"({"a":"1"})", false},
      {R"({"a":1})", R"({})", true},
      {R"({"a":1})", R"([])", false},
      {R"({"a":{"b":{"c":[1,2,3]},"d":4}})", R"({"a":{"b":{"c":[3,1]}}})", true},
      {R"({"a":{"b":1}})", R"({"b":1})", false},
      {R"({"a":[1]})", R"({"a":1})", false},
      {R"({"a":null})", R"({"a":null})", true},
      {R"({"a":null})", R"({"a":false})", false},
      {R"({"a":true})", R"({"a":true})", true},
      {R"([1,2,3])", R"([3,1,1])", true},
      {R"([1,2])", R"([3])", false},
      {R"([1,2])", R"(2)", true},
      {R"([[1]])", R"(1)", false},
      {R"([[1,2],[3]])", R"([[2]])", true},
      {R"([[1,2],[3]])", R"([[2,3]])", false},
      {R"([{"a":1,"b":2},{"a":3}])", R"([{"b":2}])", true},
      {R"([{"a":1}])", R"({"a":1})", false},
      {R"("x")", R"("x")", true},
      {R"("x")", R"(["x"])", false},
      {R"(["é\u0041\"","y"])", R"(["éA\""])", true},
      {R"(null)", R"(null)", true},
  };
  on_each([&](const Library& library) {
    const Author ann = library.author("Ann");
    for (const Case& each : cases) {
      CAPTURE(each.held);
      CAPTURE(each.wanted);
      Book book = library.book(ann, "x");
      book.options = Json::parse(each.held);
      const auto wanted = Json::parse(each.wanted);
      library.scope.insert(book);
      const auto one = library.books().where(f<&Book::id> == book.id);
      CHECK(one.where(f<&Book::options>.json().contains(wanted)).exists() == each.holds);
      CHECK(one.where(!f<&Book::options>.json().contains(wanted)).exists() != each.holds);
    }
    Book book = library.book(ann, "deep");
    book.options = Json::parse(R"({"theme":{"tags":["a","b"],"size":7}})");
    library.scope.insert(book);
    const auto theme = f<&Book::options>.json("theme");
    const auto tags = f<&Book::options>.json("theme", "tags");
    CHECK(where(library, theme.contains(std::map<std::string, int>{{"size", 7}})) == Titles{"deep"});
    CHECK(where(library, tags.contains("b")) == Titles{"deep"});
    CHECK(where(library, tags.contains(Titles{"b", "a"})) == Titles{"deep"});
    CHECK(where(library, f<&Book::options>.json("theme", "tags", 1).contains("b")) == Titles{"deep"});
    CHECK(where(library, tags.contains("c")) == Titles{});
    // Where nothing is, nothing is contained.
    CHECK(where(library, !theme.contains(Json::parse("{}"))).size() == std::size(cases));
  });
}

TEST_CASE("arrays: elements, common ones, size") {
  on_each([](const Library& library) {
    const Author ann = library.author("Ann");
    const auto add = [&](std::string title, std::vector<std::string> tags,
                         std::optional<std::vector<std::int64_t>> pages) {
      Book book = library.book(ann, std::move(title));
      book.tags = std::move(tags);
      book.pages = std::move(pages);
      library.scope.insert(book);
    };
    add("a", {"red", "b\"lue"}, std::vector<std::int64_t>{1, 2, 3});
    add("b", {}, std::vector<std::int64_t>{});
    add("c", {"red"}, {});
    const auto tags = f<&Book::tags>;
    const auto pages = f<&Book::pages>;
    CHECK(where(library, tags.has("red")) == Titles{"a", "c"});
    CHECK(where(library, !tags.has("red")) == Titles{"b"});
    CHECK(where(library, tags.has("b\"lue")) == Titles{"a"});
    CHECK(where(library, tags.has_all(Titles{"red", "b\"lue"})) == Titles{"a"});
    CHECK(where(library, tags.has_all(Titles{})) == Titles{"a", "b", "c"});
    CHECK(where(library, tags.overlaps(Titles{"x", "red"})) == Titles{"a", "c"});
    CHECK(where(library, tags.overlaps(Titles{})) == Titles{});
    CHECK(where(library, pages.has(3)) == Titles{"a"});
    CHECK(where(library, !pages.has(3)) == Titles{"b", "c"});
    CHECK(where(library, pages.has_all(std::vector<int>{})) == Titles{"a", "b"});
    CHECK(where(library, tags.size() == 2) == Titles{"a"});
    CHECK(where(library, pages.size() != 3) == Titles{"b", "c"});
  });
}

TEST_CASE("a search by words finds the same on every database") {
  on_each([](const Library& library) {
    const Author ann = library.author("Ann");
    const auto add = [&](std::string title, std::optional<std::string> summary) {
      Book book = library.book(ann, std::move(title));
      book.summary = std::move(summary);
      library.scope.insert(book);
    };
    add("Red wine", "a wine, a glass");
    add("white-wine", std::nullopt);
    add("Beer & l'Été", "red-hot WINE cellar 42");
    add("", "");
    const auto found = [&](std::string_view query) {
      return where(library, search(query, f<&Book::title>, f<&Book::summary>));
    };
    CHECK(found("wine") == Titles{"Red wine", "white-wine", "Beer & l'Été"});
    CHECK(found("RED wine") == Titles{"Red wine", "Beer & l'Été"});
    CHECK(found("\"red wine\"") == Titles{"Red wine"});
    CHECK(found("white-wine") == Titles{"white-wine"});
    CHECK(found("win") == Titles{});
    CHECK(found("win*") == Titles{"Red wine", "white-wine", "Beer & l'Été"});
    CHECK(found("\"a gl\"*") == Titles{"Red wine"});
    CHECK(found("été") == Titles{"Beer & l'Été"});
    CHECK(found("wine -red") == Titles{"white-wine"});
    CHECK(found("-wine") == Titles{""});
    CHECK(found("-\"red wine\"") == Titles{"white-wine", "Beer & l'Été", ""});
    CHECK(found("white or beer 42") == Titles{"Beer & l'Été"});
    CHECK(found("'\" & | !:* \\") == Titles{});
    CHECK(found("") == Titles{});
    CHECK(where(library, !search("wine", f<&Book::title>)) == Titles{"Beer & l'Été", ""});
    const auto rank = orm::search_rank("red wine", f<&Book::title>, f<&Book::summary>);
    CHECK(library.books().selection(rank).all() == std::vector<double>{3.0 / 16, 1.0 / 12, 2.0 / 18, 0});
    CHECK(library.scope.query<Book>().order_by(rank.desc(), asc<&Book::id>).pluck<&Book::title>() ==
          Titles{"Red wine", "Beer & l'Été", "white-wine", ""});
    CHECK_THROWS_AS(search("\xff", f<&Book::title>), Error);
  });
}
