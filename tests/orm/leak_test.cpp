#include <mpf/orm/inherit.hpp>
#include <mpf/orm/leak_check.hpp>

#include <doctest/doctest.h>

#include <algorithm>

#include <mpf/fiber/fiber.hpp>

#include "orm/relations.hpp"

using namespace mpf;
using namespace mpf::test;

namespace {

template <class Check>
std::vector<std::string> run(Check check) {
  return check.template run<Provider, Site, Theme, User, Article, Post, Comment, Tag, Reading,
                            orm::Link<&Post::tags>, orm::Link<&Post::related>, Template, Page, Country>();
}

}  // namespace

TEST_CASE("no tenant gets at another's rows, whatever the model") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto leaks = run(orm::LeakCheck(blog.scope(blog.acme), blog.scope(blog.globex)));
    for (const auto& leak : leaks) MESSAGE(leak);
    CHECK(leaks.empty());
    const auto siblings =
        orm::find_leaks<User, Article, Post, Comment, Tag>(blog.scope(blog.acme), blog.scope(blog.annex));
    for (const auto& leak : siblings) MESSAGE(leak);
    CHECK(siblings.empty());
    CHECK(blog.system().query<Post>().count() == 0);
  });
}

TEST_CASE("without the database's keys, the conditions keep tenants apart alone") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect, Keys::without_tenants);
    const auto leaks = run(orm::LeakCheck(blog.scope(blog.acme), blog.scope(blog.globex)));
    for (const auto& leak : leaks) MESSAGE(leak);
    CHECK(leaks.empty());
  });
}

namespace {

using List = std::vector<std::string>;

/// What each model's rows are shown by, changed by and referred to by.
const List reads{"all() shows it",
                 "all() with a condition shows it",
                 "a condition with || shows it",
                 "each() shows it",
                 "first() shows it",
                 "first_per() shows it",
                 "page() shows it",
                 "count() counts it",
                 "exists() finds it",
                 "find() shows it",
                 "a batch finds it",
                 "update_or_create() locks it",
                 "for_update() shows it",
                 "select() shows it",
                 "aggregate() counts it",
                 "group_by() counts it",
                 "union_with() shows it",
                 "intersect() shows it",
                 "except() shows it",
                 "in() of a query finds it",
                 "exists() of a query finds it",
                 "scalar() of a query shows it"};
const List writes{"update() changes it",
                  "update_many() changes it",
                  "update() of a query changes it",
                  "update() of a query with a limit changes it",
                  "update_returning() shows it",
                  "remove() deletes it",
                  "remove() of a query deletes it",
                  "remove_returning() shows it"};
const List references{"a row may refer to it by author",
                      "many rows may refer to it by author",
                      "an update may lead to it by author",
                      "update_many() may lead to it by author",
                      "an update of a query may lead to it by author",
                      "a computed value may lead to it by author",
                      "with() of author loads it",
                      "a value over author shows it"};

List found_without(const Blog& blog, orm::detail::LeftOut which) {
  return run(orm::LeakCheck(blog.scope(blog.acme), blog.scope(blog.globex)).without_conditions(which));
}

void check_found(const List& leaks, const std::string& model, const List& what, bool expected) {
  for (const std::string& each : what) {
    const std::string leak = model + ": " + each;
    CHECK_MESSAGE((std::ranges::find(leaks, leak) != leaks.end()) == expected, leak);
  }
}

}  // namespace

TEST_CASE("the search for leaks finds them where the conditions are left out") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect, Keys::without_tenants);
    const auto leaks = found_without(blog, orm::detail::LeftOut::everything);
    for (const std::string model : {"Site", "Theme", "User", "Article", "Post", "Comment", "Tag", "Page"}) {
      check_found(leaks, model, reads, true);
    }
    check_found(leaks, "Comment", writes, true);
    check_found(leaks, "Reading", writes, true);
    check_found(leaks, "Page", writes, true);
    check_found(leaks, "Theme", {"update() changes it", "update() of a query changes it"}, true);
    check_found(leaks, "Article", references, true);
    check_found(leaks, "Comment", references, true);
    check_found(leaks, "Page", {"a computed value may lead to it by look", "with() of look loads it"}, true);
    check_found(leaks, "Post", {"retire() retires it", "restore() restores it"}, true);
    check_found(leaks, "Post", {"related() by author finds it", "related() by author counts it"}, true);
    check_found(leaks, "Reading", {"upsert() takes it over", "get_or_create() shows it"}, true);
    check_found(leaks, "Post",
                {"prefetch() of comments shows it", "prefetch() of tags shows it",
                 "a link may lead to it by tags", "links of tags are shown", "links of tags can be removed"},
                true);
    check_found(leaks, "Tag", {"prefetch() of posts shows it"}, true);
  });
}

TEST_CASE("each sort of conditions is missed by itself") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect, Keys::without_tenants);
    using orm::detail::LeftOut;
    struct Case {
      LeftOut left_out;
      bool reads, writes, references;
    };
    for (const Case& each :
         {Case{LeftOut::reads, true, false, false}, Case{LeftOut::writes, false, true, false},
          Case{LeftOut::references, false, false, true}}) {
      CAPTURE(static_cast<int>(each.left_out));
      const List leaks = found_without(blog, each.left_out);
      check_found(leaks, "Comment", reads, each.reads);
      check_found(leaks, "Comment", writes, each.writes);
      check_found(leaks, "Comment", references, each.references);
      check_found(leaks, "Page", {"with() of look loads it"}, each.references);
    }
  });
}

namespace {

/// What is extended has a reference.
struct Piece {
  orm::Id id;
  orm::Ref<Site> site;
  std::string kind;
  std::optional<orm::Ref<User>> author;
  std::string title;
  static constexpr auto model() {
    return orm::model<Piece>("piece", orm::field<&Piece::site>(orm::tenant),
                             orm::field<&Piece::kind>(orm::row_kind), orm::field<&Piece::author>(),
                             orm::field<&Piece::title>());
  }
};
struct Tune : Piece {
  std::int64_t seconds = 0;
  static constexpr auto model() {
    return orm::model<Tune>("tune", orm::extends<Piece>("tune"), orm::field<&Tune::seconds>());
  }
};

}  // namespace

TEST_CASE("references of what a model extends are walked from their targets as well") {
  on_each_database([](db::Dialect dialect) {
    const WorldWith<Piece, Tune> world(dialect, Keys::without_tenants);
    const auto found = [&](orm::LeakCheck check) { return check.run<Site, User, Tune>(); };
    const orm::LeakCheck check(world.scope(world.acme), world.scope(world.globex));
    CHECK(found(check).empty());
    const List leaks = found(orm::LeakCheck(check).without_conditions());
    check_found(leaks, "Tune", {"related() by author finds it", "related() by author counts it"}, true);
  });
}

TEST_CASE("registered models are walked without a list of types, in any order") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect, Keys::without_tenants);
    const std::vector registered{orm::AnyModel::of<Comment>(), orm::AnyModel::of<Post>(),
                                 orm::AnyModel::of<Country>(), orm::AnyModel::of<Reading>(),
                                 orm::AnyModel::of<User>(),    orm::AnyModel::of<Site>()};
    orm::LeakCheck check(blog.scope(blog.acme), blog.scope(blog.globex));
    CHECK(check.run<Post>(registered).empty());
    // A country is nobody's: no scope of a site takes it.
    CHECK(check.walked() == std::set<std::string>{"comment", "post", "reading", "user", "site"});
    const auto leaks = check.without_conditions().run<Post>(registered);
    for (const std::string leak : {"Reading: all() shows it", "Reading: an update may lead to it by post",
                                   "User: find() shows it", "Post: prefetch() of comments shows it"}) {
      CHECK_MESSAGE(std::ranges::find(leaks, leak) != leaks.end(), leak);
    }
    // Neighbours share what their provider has, and nothing else.
    CHECK(orm::find_leaks<Post>(blog.scope(blog.acme), blog.scope(blog.annex), registered).empty());
  });
}

TEST_CASE("what cannot be walked is told") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto run = [&](const std::vector<orm::AnyModel>& registered) {
      static_cast<void>(orm::find_leaks(blog.scope(blog.acme), blog.scope(blog.globex), registered));
    };
    CHECK_THROWS_WITH_AS(run({orm::AnyModel::of<Article>()}),
                         "find_leaks(): name the models that Article refers to as well", std::logic_error);
    CHECK_THROWS_WITH_AS(run({orm::AnyModel::of<User>(), orm::AnyModel::of<Post>()}),
                         "find_leaks(): Post has sets, which can only be walked by its type: "
                         "find_leaks<Post>(mine, theirs, models)",
                         std::logic_error);
  });
}
