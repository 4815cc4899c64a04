#include <mpf/orm/selection.hpp>

#include <doctest/doctest.h>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/aggregate.hpp>
#include <mpf/orm/related.hpp>
#include <mpf/orm/window.hpp>

#include "orm/library.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace mpf::test::library;
using orm::asc;
using orm::column;
using orm::desc;
using orm::f;

namespace {

using Titles = std::vector<std::string>;

/// Ann wrote a, b, c (sold 10, 20, 30; ranks 1, 2, none), Bob d (sold 40, rank 2). Reviews of a: 5, 3; of
/// d: 1.
struct Shelf : Library {
  Author ann = author("Ann", 1950), bob = author("Bob");
  std::vector<Book> all;

  explicit Shelf(db::Dialect dialect) : Library(dialect) {
    const auto add = [&](const Author& by, std::string title, std::int64_t sold, std::optional<int> rank) {
      Book made = book(by, std::move(title));
      made.sold = sold;
      made.rank = rank;
      made.rating = static_cast<double>(sold) / 4;
      made.price = Decimal<2>::parse(std::to_string(sold) + ".25").value();
      scope.insert(made);
      all.push_back(made);
    };
    add(ann, "a", 10, 1);
    add(ann, "b", 20, 2);
    add(ann, "c", 30, {});
    add(bob, "d", 40, 2);
    for (const auto& [at, stars] : {std::pair(0, 5), {0, 3}, {3, 1}}) {
      scope.insert(
          Review{.book = orm::Ref<Book>(all[static_cast<std::size_t>(at)].id), .text = "r", .stars = stars});
    }
  }
};

template <class Test>
void on_each(const Test& test) {
  fiber::run([&] {
    for (const auto dialect : databases()) {
      CAPTURE(static_cast<int>(dialect));
      const Shelf shelf(dialect);
      test(shelf);
    }
  });
}

struct Summary {
  std::string name;
  std::int64_t books = 0;
  std::optional<double> rating;
  static constexpr auto describe() {
    return mpf::describe(mpf::field<&Summary::name>(), mpf::field<&Summary::books>(),
                         mpf::field<&Summary::rating>());
  }
};

}  // namespace

TEST_CASE("aggregates over all rows") {
  on_each([](const Shelf& shelf) {
    const auto query = shelf.scope.query<Book>();
    const auto [rows, ranks, kinds, sold, rating, least, most, title, price] =
        query.aggregate(orm::count(), orm::count(f<&Book::rank>), count_distinct(f<&Book::rank>),
                        sum(f<&Book::sold>), average(f<&Book::sold>), minimum(f<&Book::rank>),
                        maximum(f<&Book::rating>), maximum(f<&Book::title>), sum(f<&Book::price>));
    CHECK(rows == 4);
    CHECK(ranks == 3);
    CHECK(kinds == 2);
    CHECK(sold == 100);
    CHECK(rating == 25.0);
    CHECK(least == 1);
    CHECK(most == 10.0);
    CHECK(title == "d");
    CHECK(price == Decimal<2>::parse("101.00"));
    const auto none = query.where(f<&Book::sold> > 100)
                          .aggregate(orm::count(), sum(f<&Book::sold>), average(f<&Book::rating>));
    CHECK(none == std::tuple<std::int64_t, std::optional<std::int64_t>, std::optional<double>>(0, {}, {}));
    CHECK(std::get<0>(query.order_by(desc<&Book::sold>).limit(2).aggregate(sum(f<&Book::sold>))) == 70);
    CHECK(std::get<0>(query.aggregate(sum(f<&Book::sold>).filter(f<&Book::rank> == 2))) == 60);
    CHECK(std::get<0>(query.aggregate(average(f<&Book::rank>))) == 5.0 / 3);
    CHECK(std::get<0>(query.aggregate(join_texts(f<&Book::author, &Author::name>, ", "))) ==
          "Ann, Ann, Ann, Bob");
    CHECK(std::get<0>(query.aggregate(sum(f<&Book::sold>) + 1)) == 101);
    CHECK_THROWS_WITH_AS(query.where(sum(f<&Book::sold>) > 1).count(), doctest::Contains("use having()"),
                         Error);
    CHECK_THROWS_WITH_AS(query.aggregate(f<&Book::title>), doctest::Contains("Book::title is neither"),
                         Error);
  });
}

TEST_CASE("groups, by fields and by what is computed, and which to take") {
  on_each([](const Shelf& shelf) {
    const auto query = shelf.scope.query<Book>();
    const auto name = f<&Book::author, &Author::name>;
    const auto grouped = query.group_by(name).selection(name, orm::count(), average(f<&Book::rating>));
    const auto rows = grouped.order_by(column<0>).into<Summary>();
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].name == "Ann");
    CHECK(rows[0].books == 3);
    CHECK(rows[0].rating == 5.0);
    CHECK(grouped.order_by(orm::count().desc()).limit(1).all().size() == 1);
    CHECK(grouped.count() == 2);
    CHECK(query.group_by(name).having(orm::count() > 1 && sum(f<&Book::sold>) < 1000).select(name).size() ==
          1);
    const auto big = case_when(f<&Book::sold> > 15, "big").otherwise("small");
    const auto sizes = query.group_by(big).selection(big, sum(f<&Book::sold>)).order_by(big.asc()).tuples();
    CHECK(sizes ==
          std::vector<std::tuple<std::string, std::optional<std::int64_t>>>{{"big", 90}, {"small", 10}});
    const auto by_rank = query.group_by<&Book::rank>().selection(f<&Book::rank> * 2, orm::count());
    CHECK(by_rank.order_by(f<&Book::rank>.desc().nulls_first()).tuples() ==
          std::vector<std::tuple<std::optional<std::int64_t>, std::int64_t>>{
              {std::nullopt, 1}, {4, 2}, {2, 1}});
    CHECK_THROWS_WITH_AS(query.group_by(name).select(f<&Book::title>),
                         doctest::Contains("Book::title is neither"), Error);
  });
}

TEST_CASE("lists and exact averages of groups, of related rows, and of what a filter leaves") {
  on_each([](const Shelf& shelf) {
    const auto query = shelf.scope.query<Book>();
    const auto name = f<&Book::author, &Author::name>;
    const auto groups = query.group_by(name)
                            .selection(name, collect(f<&Book::title>, desc<&Book::sold>),
                                       collect(f<&Book::rank>), orm::average<3>(f<&Book::price>),
                                       join_texts(f<&Book::title>, "+", f<&Book::sold>.desc()))
                            .order_by(column<0>)
                            .tuples();
    REQUIRE(groups.size() == 2);
    CHECK(std::get<1>(groups[0]) == Titles{"c", "b", "a"});
    CHECK(std::get<2>(groups[0]) == std::vector<int>{1, 2});
    CHECK(std::get<3>(groups[0]) == Decimal<3>::parse("20.250"));
    CHECK(std::get<4>(groups[0]) == "c+b+a");
    CHECK(std::get<1>(groups[1]) == Titles{"d"});
    const auto [some, none, by_author] =
        query.aggregate(collect(f<&Book::title>).filter(f<&Book::sold> > 15),
                        collect(f<&Book::sold>).filter(f<&Book::sold> > 99),
                        collect(f<&Book::author>, asc<&Book::author, &Author::name>, asc<&Book::id>));
    CHECK(some == Titles{"b", "c", "d"});
    CHECK(none.empty());
    CHECK(by_author == std::vector<orm::Id>{shelf.ann.id, shelf.ann.id, shelf.ann.id, shelf.bob.id});
    const auto reviews = orm::related<&Review::book>();
    const auto rows = shelf.books().annotate(reviews.value(collect(f<&Review::stars>)));
    CHECK(std::get<1>(rows[0]) == std::vector<int>{3, 5});
    CHECK(std::get<1>(rows[1]).empty());
    // Told apart by a digit more than the prices have.
    const auto exact = orm::average<3>(f<&Book::price>);
    CHECK(query.group_by(name).having(exact > *Decimal<3>::parse("20.249")).select(name).size() == 2);
    CHECK(query.group_by(name).having(exact > *Decimal<3>::parse("20.250")).select(name).size() == 1);
  });
}

TEST_CASE("values beside rows, also of the rows that refer to them") {
  on_each([](const Shelf& shelf) {
    const auto reviews = orm::related<&Review::book>();
    const auto rows = shelf.books().annotate(f<&Book::sold> * 2, reviews.count(),
                                             reviews.value(maximum(f<&Review::stars>)));
    REQUIRE(rows.size() == 4);
    CHECK(std::get<0>(rows[0]).title == "a");
    CHECK(std::get<1>(rows[0]) == 20);
    CHECK(std::get<2>(rows[0]) == 2);
    CHECK(std::get<3>(rows[0]) == 5);
    CHECK(std::get<2>(rows[1]) == 0);
    CHECK(std::get<3>(rows[1]) == std::nullopt);
    const auto good = orm::exists<&Review::book>(f<&Review::stars> > 2);
    CHECK(shelf.books().where(good).pluck<&Book::title>() == Titles{"a"});
    CHECK(shelf.books().where(!good).pluck<&Book::title>() == Titles{"b", "c", "d"});
    CHECK(shelf.books().where(orm::exists<&Review::book>() && f<&Book::sold> > 15).pluck<&Book::title>() ==
          Titles{"d"});
    CHECK(shelf.scope.query<Author>().where(orm::exists<&Book::author>(good)).pluck<&Author::name>() ==
          Titles{"Ann"});
    CHECK(shelf.scope.query<Book>()
              .order_by(reviews.count().desc(), desc<&Book::title>)
              .pluck<&Book::title>() == Titles{"a", "d", "c", "b"});
    CHECK(shelf.books().where(f<&Book::title> == "a").update(orm::set<&Book::sold>(reviews.count() * 100)) ==
          1);
    CHECK(shelf.books().first()->sold == 200);
  });
}

TEST_CASE("queries in queries") {
  on_each([](const Shelf& shelf) {
    const auto authors = shelf.scope.query<Author>();
    const auto reviewed =
        shelf.scope.query<Review>().where(f<&Review::stars> > 2).selection(f<&Review::book>);
    CHECK(shelf.books().where(f<&Book::id>.in(reviewed)).pluck<&Book::title>() == Titles{"a"});
    CHECK(shelf.books().where(!f<&Book::id>.in(reviewed)).pluck<&Book::title>() == Titles{"b", "c", "d"});
    const auto ranks = shelf.scope.query<Book>().selection(f<&Book::rank>);  // one is absent
    CHECK(shelf.books().where(!f<&Book::rank>.in(ranks)).pluck<&Book::title>() == Titles{"c"});
    CHECK(shelf.books().where(!f<&Book::sold>.in(ranks)).count() == 4);
    const auto top =
        shelf.scope.query<Book>().order_by(desc<&Book::sold>).limit(1).selection(f<&Book::author>);
    CHECK(authors.where(f<&Author::id>.in(top)).pluck<&Author::name>() == Titles{"Bob"});
    const auto best = shelf.scope.query<Book>()
                          .where(f<&Book::author> == orm::outer<&Author::id>())
                          .order_by(desc<&Book::sold>)
                          .limit(1);
    CHECK(authors.order_by(asc<&Author::id>).selection(best.selection(f<&Book::title>).scalar()).all() ==
          std::vector<std::optional<std::string>>{"c", "d"});
    CHECK(authors.where(orm::exists(best.where(f<&Book::rank>.is_null()))).pluck<&Author::name>() ==
          Titles{"Ann"});
    const auto average_sold =
        shelf.scope.query<Book>().group_by().selection(average(f<&Book::sold>)).scalar();
    CHECK(shelf.books().where(f<&Book::rating> * 4 > average_sold).pluck<&Book::title>() == Titles{"c", "d"});
  });
}

TEST_CASE("distinct values, first rows of groups, and sets of rows") {
  on_each([](const Shelf& shelf) {
    const auto query = shelf.scope.query<Book>();
    using Ranks = std::vector<std::optional<int>>;
    CHECK(query.selection(f<&Book::rank>).distinct().order_by(column<0>).all() == Ranks{{}, 1, 2});
    CHECK(query.selection(f<&Book::rank>).distinct().order_by(desc<&Book::rank>).limit(1).all() == Ranks{2});
    CHECK(query.selection(f<&Book::rank>).distinct().count() == 3);
    CHECK_THROWS_AS(query.selection(f<&Book::rank>).distinct().order_by(asc<&Book::title>).all(), Error);
    CHECK(query.order_by(desc<&Book::sold>).distinct_on<&Book::author>().pluck<&Book::title>() ==
          Titles{"d", "c"});
    CHECK(query.order_by(asc<&Book::sold>).first_per(2, f<&Book::author>).pluck<&Book::title>() ==
          Titles{"a", "b", "d"});
    const auto some = query.where(f<&Book::sold> < 25);
    const auto others = query.where(f<&Book::rank> == 2);
    const auto titles = [](const orm::Query<Book>& rows) {
      return rows.order_by(asc<&Book::title>).pluck<&Book::title>();
    };
    CHECK(titles(some.union_with(others)) == Titles{"a", "b", "d"});
    CHECK(titles(some.intersect(others)) == Titles{"b"});
    CHECK(titles(some.except(others)) == Titles{"a"});
    CHECK(titles(some.order_by(desc<&Book::sold>)
                     .limit(1)
                     .union_with(others.order_by(desc<&Book::sold>).limit(1))) == Titles{"b", "d"});
    const auto left = some.selection(f<&Book::title>);
    const auto right = others.selection(f<&Book::title>);
    CHECK(left.union_all(right).order_by(column<0>.desc()).all() == Titles{"d", "b", "b", "a"});
    CHECK(left.union_with(right).order_by(column<0>).limit(2).offset(1).all() == Titles{"b", "d"});
    CHECK(left.union_all(right).count() == 4);
    CHECK(
        left.union_with(shelf.scope.query<Author>().selection(f<&Author::name>)).order_by(column<0>).all() ==
        Titles{"Ann", "Bob", "a", "b"});
  });
}

TEST_CASE("windows over rows") {
  on_each([](const Shelf& shelf) {
    const auto query = shelf.books();
    const auto by_author = orm::window().partition_by(f<&Book::author>).order_by(desc<&Book::sold>);
    using Numbers = std::vector<std::int64_t>;
    CHECK(query.selection(orm::row_number().over(by_author)).all() == Numbers{3, 2, 1, 1});
    const auto by_rank = orm::window().order_by(asc<&Book::rank>);
    CHECK(query.selection(orm::rank().over(by_rank)).all() == Numbers{2, 3, 1, 3});
    CHECK(query.selection(orm::dense_rank().over(by_rank)).all() == Numbers{2, 3, 1, 3});
    CHECK(query.selection(orm::tile(2).over(orm::window().order_by(asc<&Book::sold>))).all() ==
          Numbers{1, 1, 2, 2});
    const auto all = orm::window().order_by(asc<&Book::sold>);
    using Texts = std::vector<std::optional<std::string>>;
    CHECK(query.selection(orm::lag(f<&Book::title>).over(all)).all() == Texts{{}, "a", "b", "c"});
    CHECK(query.selection(orm::lead(f<&Book::title>, 2).over(all)).all() == Texts{"c", "d", {}, {}});
    CHECK(query.selection(orm::first_value(f<&Book::title>).over(all)).all() == Texts{"a", "a", "a", "a"});
    CHECK(
        query.selection(orm::last_value(f<&Book::title>).over(all.rows(std::nullopt, std::nullopt))).all() ==
        Texts{"d", "d", "d", "d"});
    using Sums = std::vector<std::optional<std::int64_t>>;
    CHECK(query.selection(sum(f<&Book::sold>).over(all)).all() == Sums{10, 30, 60, 100});
    CHECK(query.selection(sum(f<&Book::sold>).over(all.rows(-1, 0))).all() == Sums{10, 30, 50, 70});
    CHECK(query.selection(sum(f<&Book::sold>).filter(f<&Book::rank> == 2).over(orm::window())).all() ==
          Sums{60, 60, 60, 60});
    CHECK(query.selection(average(f<&Book::sold>).over(orm::window().partition_by(f<&Book::author>))).all() ==
          std::vector<std::optional<double>>{20, 20, 20, 40});
  });
}

TEST_CASE("pages by the values of their rows, forward and back") {
  on_each([](const Shelf& shelf) {
    const auto titles = [](const orm::Page<Book>& page) {
      Titles list;
      for (const Book& book : page.rows) list.push_back(book.title);
      return list;
    };
    const auto query = shelf.scope.query<Book>().order_by(f<&Book::rank>.desc().nulls_first(),
                                                          asc<&Book::author, &Author::name>);
    const auto whole = query.pluck<&Book::title>();
    CHECK(whole == Titles{"c", "b", "d", "a"});
    const auto first = query.page({.size = 2});
    CHECK(titles(first) == Titles{"c", "b"});
    CHECK(first.previous.empty());
    const auto second = query.page({.size = 2, .after = first.next});
    CHECK(titles(second) == Titles{"d", "a"});
    CHECK(second.next.empty());
    const auto back = query.page({.size = 1, .before = second.previous});
    CHECK(titles(back) == Titles{"b"});
    CHECK(titles(query.page({.size = 9, .before = back.previous})) == Titles{"c"});
    CHECK(titles(query.page({.size = 9, .after = back.next})) == Titles{"d", "a"});
    for (std::size_t i = 0; i < first.next.size(); ++i) {
      std::string broken = first.next;
      broken[i] = broken[i] == 'A' ? 'B' : 'A';
      CHECK_THROWS_AS(query.page({.size = 2, .after = broken}), Error);
    }
    for (const char* const wrong : {"x", "AAAAAAAAAAAA", "'; DROP TABLE book"}) {
      CHECK_THROWS_AS(query.page({.size = 2, .after = wrong}), Error);
    }
    CHECK_THROWS_AS(shelf.books().page({.size = 2, .after = first.next}), Error);
    CHECK_THROWS_AS(query.limit(5).page({.size = 2}), Error);
  });
}

TEST_CASE("locks, last, one or none, explain, and what writes return") {
  on_each([](const Shelf& shelf) {
    const auto query = shelf.books();
    CHECK_THROWS_WITH_AS(query.for_update().all(), doctest::Contains("none is open"), Error);
    shelf.scope.transaction([&] {
      CHECK(query.for_update(orm::LockWait::skip_locked).all().size() == 4);
      CHECK(query.for_share(orm::LockWait::fail).first()->title == "a");
    });
    CHECK(query.last()->title == "d");
    CHECK(!query.where(f<&Book::sold> > 100).one_or_none());
    CHECK(query.where(f<&Book::sold> == 10).one_or_none()->title == "a");
    CHECK_THROWS_AS(query.one_or_none(), Error);
    CHECK(query.ids().size() == 4);
    CHECK(!query.explain().empty());
    CHECK(!query.selection(f<&Book::title>).explain().empty());
    const auto changed =
        query.where(f<&Book::rank> == 2).update_returning(orm::set<&Book::sold>(f<&Book::sold> + 1));
    REQUIRE(changed.size() == 2);
    CHECK(changed[0].sold + changed[1].sold == 62);
    CHECK(query.where(f<&Book::title> == "b").remove_returning().at(0).title == "b");
    CHECK(query.count() == 3);
    std::string seen;
    query.selection(f<&Book::title>).each([&](const std::string& title) { seen += title; });
    CHECK(seen == "acd");
  });
}
