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

TEST_CASE("the search for leaks finds them where the conditions are left out") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect, Keys::without_tenants);
    const auto leaks =
        run(orm::LeakCheck(blog.scope(blog.acme), blog.scope(blog.globex)).without_conditions());
    const auto found = [&](const std::string& leak) { return std::ranges::find(leaks, leak) != leaks.end(); };
    for (const std::string model : {"Site", "Theme", "User", "Article", "Post", "Comment", "Tag", "Page"}) {
      CHECK(found(model + ": all() shows it"));
      CHECK(found(model + ": each() shows it"));
      CHECK(found(model + ": count() counts it"));
      CHECK(found(model + ": exists() finds it"));
      CHECK(found(model + ": select() shows it"));
      CHECK(found(model + ": find() shows it"));
    }
    CHECK(found("Comment: remove() deletes it"));
    CHECK(found("Post: retire() retires it"));
    CHECK(found("Article: a row may refer to it by author"));
    CHECK(found("Article: an update may lead to it by author"));
    CHECK(found("Reading: upsert() takes it over"));
    CHECK(found("Reading: get_or_create() shows it"));
    CHECK(found("Post: prefetch() of comments shows it"));
    CHECK(found("Post: prefetch() of tags shows it"));
    CHECK(found("Tag: prefetch() of posts shows it"));
    CHECK(found("Post: a link may lead to it by tags"));
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
