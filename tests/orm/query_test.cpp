#include <mpf/orm/query.hpp>

#include <doctest/doctest.h>

#include <mpf/fiber/fiber.hpp>

#include "orm/models.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::asc;
using orm::desc;
using orm::f;

TEST_CASE("a row comes back as it was stored, whatever its types") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    Article stored = world.article(world.ann, "Größe \"one\" 'two' 🦊");
    stored.summary = "";
    stored.reads = INT64_MAX;
    stored.rank = -5;
    stored.score = 0.1;
    stored.pinned = true;
    stored.published_at = Timestamp(Microseconds(-1));
    stored.options = Json::parse(R"({"a":[1,null]})");
    stored.digest = {std::byte{0}, std::byte{255}};
    scope.insert(stored);
    const auto read = scope.get<Article>(stored.id);
    CHECK(read.title == stored.title);
    CHECK(read.summary == "");
    CHECK(read.reads == INT64_MAX);
    CHECK(read.rank == -5);
    CHECK(read.score == 0.1);
    CHECK(read.pinned);
    CHECK(read.published_at == stored.published_at);
    CHECK(read.options == stored.options);
    CHECK(read.digest == stored.digest);
    CHECK(read.site.id == world.acme.id);
    CHECK(read.version == 1);
    CHECK(read.created_at == stored.created_at);
    CHECK(!read.editor);
  });
}

namespace {

std::vector<std::string> titles(const std::vector<Article>& rows) {
  std::vector<std::string> list;
  for (const Article& row : rows) list.push_back(row.title);
  return list;
}
using Titles = std::vector<std::string>;

/// Articles a, b, c of acme: ranks 1, 2 and none; reads 10, 20, 30; b is edited by Ann.
struct ThreeArticles : World {
  orm::SiteScope site = scope(acme);
  Article a, b, c;

  explicit ThreeArticles(db::Dialect dialect) : World(dialect) {
    const auto add = [&](std::string title, std::optional<int> rank, std::int64_t reads) {
      Article made = article(ann, std::move(title));
      made.rank = rank;
      made.reads = reads;
      if (made.title == "b") made.editor = orm::Ref<User>(ann.id);
      site.insert(made);
      return made;
    };
    a = add("a", 1, 10);
    b = add("b", 2, 20);
    c = add("c", std::nullopt, 30);
  }

  template <class C>
  Titles where(const C& condition) const {
    return titles(site.query<Article>().where(condition).order_by(asc<&Article::title>).all());
  }
};

}  // namespace

TEST_CASE("conditions are two-valued: what is absent is unequal, and negation takes the rest") {
  on_each_database([](db::Dialect dialect) {
    const ThreeArticles world(dialect);
    const auto rank = f<&Article::rank>;
    CHECK(world.where(rank == 1) == Titles{"a"});
    CHECK(world.where(!(rank == 1)) == Titles{"b", "c"});
    CHECK(world.where(rank != 1) == Titles{"b", "c"});
    CHECK(world.where(rank < 2) == Titles{"a"});
    CHECK(world.where(!(rank < 2)) == Titles{"b", "c"});
    CHECK(world.where(rank.in({1, 7})) == Titles{"a"});
    CHECK(world.where(!rank.in({1, 7})) == Titles{"b", "c"});
    CHECK(world.where(rank.in(std::vector<int>{})) == Titles{});
    CHECK(world.where(!rank.in(std::vector<int>{})) == Titles{"a", "b", "c"});
    CHECK(world.where(rank.is_null()) == Titles{"c"});
    CHECK(world.where(!rank.is_null()) == Titles{"a", "b"});
    CHECK(world.where(rank == std::nullopt) == Titles{"c"});
    CHECK(world.where(rank != std::optional<int>()) == Titles{"a", "b"});
    CHECK(world.where(rank < std::optional<int>()) == Titles{});
    CHECK(world.where(!(rank < std::optional<int>())) == Titles{"a", "b", "c"});
    CHECK(world.where(!(rank == 1 || rank == 2) && !rank.not_null()) == Titles{"c"});
  });
}

TEST_CASE("columns compare with columns and with what is computed from them") {
  on_each_database([](db::Dialect dialect) {
    const ThreeArticles world(dialect);
    CHECK(world.where(f<&Article::reads> == f<&Article::rank> * 10) == Titles{"a", "b"});
    CHECK(world.where(f<&Article::reads> != f<&Article::rank> * 10) == Titles{"c"});
    CHECK(world.where(f<&Article::reads> + 5 > 20) == Titles{"b", "c"});
    CHECK(world.where(f<&Article::editor> == f<&Article::author>) == Titles{"b"});
    CHECK(world.where(f<&Article::editor> != f<&Article::author>) == Titles{"a", "c"});
    CHECK(world.where(f<&Article::rank> == f<&Article::rank>) == Titles{"a", "b", "c"});
  });
}

TEST_CASE("conditions lead over references, absent ones too") {
  on_each_database([](db::Dialect dialect) {
    const ThreeArticles world(dialect);
    const auto author = f<&Article::author, &User::email>;
    const auto editor = f<&Article::editor, &User::email>;
    CHECK(world.where(author == "ann@acme.test") == Titles{"a", "b", "c"});
    CHECK(world.where(author.ends_with("@globex.test")) == Titles{});
    CHECK(world.where(editor == "ann@acme.test") == Titles{"b"});
    CHECK(world.where(editor != "ann@acme.test") == Titles{"a", "c"});
    CHECK(world.where(!editor.contains("ann")) == Titles{"a", "c"});
    CHECK(world.where(f<&Article::author> == world.ann.id) == Titles{"a", "b", "c"});
    CHECK(world.where(f<&Article::editor, &User::id>.is_null()) == Titles{"a", "c"});
    CHECK(world.where(f<&Article::author, &User::site, &Site::name> == "acme") == Titles{"a", "b", "c"});
    // The id of a referred row is here already.
    const auto sql = world.site.query<Article>().where(f<&Article::author, &User::id> == world.ann.id).sql();
    CHECK(sql.find("JOIN") == std::string::npos);
  });
}

TEST_CASE("with<> loads references, and reading others says what to add") {
  on_each_database([](db::Dialect dialect) {
    const ThreeArticles world(dialect);
    const auto plain = world.site.query<Article>().where(f<&Article::title> == "b").one();
    CHECK(!plain.author.loaded());
    CHECK_THROWS_WITH_AS((void)plain.author->name,
                         doctest::Contains("add .with<&Article::author>() to the query"), Error);
    CHECK_THROWS_WITH_AS((void)plain.editor.value()->name, doctest::Contains(".with<&Article::editor>()"),
                         Error);
    CHECK_THROWS_WITH_AS((void)orm::Ref<User>(orm::Id(5))->name, doctest::Contains("has only the id"), Error);

    const auto query =
        world.site.query<Article>().with<&Article::author, &User::site>().with<&Article::editor>().order_by(
            asc<&Article::title>);
    const auto rows = query.all();
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].author->email == "ann@acme.test");
    CHECK(rows[0].author->site->name == "acme");
    CHECK_THROWS_AS((void)rows[0].author->site->provider->name, Error);
    CHECK(!rows[0].editor);
    CHECK(rows[1].editor.value()->name == "Ann");
    auto changed = rows[1];
    changed.author.id = world.bob.id;
    CHECK(!changed.author.loaded());
  });
}

TEST_CASE("order, limit and offset; ids decide between equals") {
  on_each_database([](db::Dialect dialect) {
    const ThreeArticles world(dialect);
    const auto all = world.site.query<Article>();
    CHECK(titles(all.order_by(desc<&Article::title>).all()) == Titles{"c", "b", "a"});
    CHECK(titles(all.order_by(asc<&Article::rank>).all()) == Titles{"c", "a", "b"});
    CHECK(titles(all.order_by(desc<&Article::rank>).all()) == Titles{"b", "a", "c"});
    CHECK(titles(all.order_by(asc<&Article::author, &User::name>, desc<&Article::reads>).all()) ==
          Titles{"c", "b", "a"});
    CHECK(titles(all.order_by(asc<&Article::title>).limit(1).offset(1).all()) == Titles{"b"});
    CHECK(titles(all.order_by(asc<&Article::title>).offset(2).all()) == Titles{"c"});
    CHECK(titles(all.order_by(desc<&Article::pinned>).limit(2).all()) == Titles{"c", "b"});
    CHECK(all.limit(0).all().empty());
    CHECK(all.limit(SIZE_MAX).all().size() == 3);
    CHECK(all.first()->title == "a");
    CHECK(all.count() == 3);
    CHECK(all.limit(2).count() == 2);
    CHECK(all.offset(2).limit(5).count() == 1);
    CHECK(all.exists());
    CHECK(!all.offset(3).exists());
    CHECK(!all.where(f<&Article::reads> > 100).exists());
    CHECK(!all.where(f<&Article::reads> > 100).first());
    CHECK(all.where(f<&Article::title> == "b").one().id == world.b.id);
    CHECK_THROWS_WITH_AS(all.one(), "several rows of article fit a query for one", Error);
    CHECK_THROWS_WITH_AS(all.where(f<&Article::reads> > 100).one(), "no row of article fits the query",
                         Error);
  });
}

TEST_CASE("a query is a value: extending it leaves it as it was") {
  on_each_database([](db::Dialect dialect) {
    const ThreeArticles world(dialect);
    const auto all = world.site.query<Article>();
    const auto some = all.where(f<&Article::reads> > 10);
    const auto one = some.where(f<&Article::reads> > 20);
    CHECK(all.count() == 3);
    CHECK(some.count() == 2);
    CHECK(one.count() == 1);
    CHECK(some.where(f<&Article::title> == "b").count() == 1);
  });
}

TEST_CASE("projections take only the fields asked for, over references too") {
  on_each_database([](db::Dialect dialect) {
    const ThreeArticles world(dialect);
    const auto query = world.site.query<Article>().order_by(asc<&Article::title>);
    const auto pairs = query.select<&Article::title, &Article::rank>();
    REQUIRE(pairs.size() == 3);
    CHECK(pairs[1] == std::tuple<std::string, std::optional<int>>("b", 2));
    CHECK(std::get<1>(pairs[2]) == std::nullopt);
    const auto names = query.select(f<&Article::author, &User::name>, f<&Article::editor, &User::name>);
    CHECK(names[0] == std::tuple<std::string, std::optional<std::string>>("Ann", std::nullopt));
    CHECK(names[1] == std::tuple<std::string, std::optional<std::string>>("Ann", "Ann"));
  });
}

TEST_CASE("each() streams, with what was asked to be loaded") {
  on_each_database([](db::Dialect dialect) {
    const ThreeArticles world(dialect);
    std::string seen;
    world.site.query<Article>()
        .with<&Article::editor>()
        .order_by(desc<&Article::title>)
        .each([&](Article& row) {
          seen += std::move(row.title);
          if (row.editor) seen += "(" + row.editor.value()->name + ")";
        });
    CHECK(seen == "cb(Ann)a");
    CHECK_THROWS_AS(world.site.query<Article>().each([](Article&) { throw std::runtime_error("enough"); }),
                    std::runtime_error);
  });
}

TEST_CASE("updates and deletes by query") {
  on_each_database([](db::Dialect dialect) {
    const ThreeArticles world(dialect);
    const auto all = world.site.query<Article>();
    CHECK(all.where(f<&Article::title> == "a")
              .update(orm::set<&Article::reads>(f<&Article::reads> + 5), orm::set<&Article::summary>("new"),
                      orm::set<&Article::rank>(std::nullopt)) == 1);
    const auto a = world.site.get<Article>(world.a.id);
    CHECK(a.reads == 15);
    CHECK(a.summary == "new");
    CHECK(!a.rank);
    CHECK(a.version == 2);
    CHECK(a.changed_at >= world.a.changed_at);
    CHECK(all.where(f<&Article::author, &User::name> == "Ann").update(orm::set<&Article::pinned>(true)) == 3);
    CHECK(all.order_by(desc<&Article::reads>).limit(1).update(orm::set<&Article::reads>(0)) == 1);
    CHECK(world.site.get<Article>(world.c.id).reads == 0);
    CHECK(all.where(f<&Article::editor, &User::name> == "Ann").remove() == 1);
    CHECK(titles(all.order_by(asc<&Article::title>).all()) == Titles{"a", "c"});
    CHECK_THROWS_AS(all.update(orm::set<&Article::title>(std::string(201, 'x'))), ValidationError);
    CHECK(all.remove() == 2);
    CHECK(all.remove() == 0);
  });
}

TEST_CASE("long lists and many conditions") {
  on_each_database([](db::Dialect dialect) {
    const ThreeArticles world(dialect);
    std::vector<std::int64_t> numbers(100'000);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i) + 15;
    CHECK(world.where(f<&Article::reads>.in(numbers)) == Titles{"b", "c"});
    CHECK(world.where(!f<&Article::reads>.in(numbers)) == Titles{"a"});
    std::vector<std::string> words(1000, "none \"of' them");
    words.push_back("b");
    CHECK(world.where(f<&Article::title>.in(words)) == Titles{"b"});
    auto any = f<&Article::reads> == 10 || f<&Article::reads> == 10;
    for (int i = 100; i < 3000; ++i) any = any || f<&Article::reads> == i;
    CHECK(world.where(any) == Titles{"a"});
    CHECK(world.where(!any) == Titles{"b", "c"});
  });
}
