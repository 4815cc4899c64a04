#include <doctest/doctest.h>

#include <mpf/orm/functions.hpp>

#include "orm/relations.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::f;

// References whose new value is computed by the database may lead no further than those that are given.

namespace {

struct Books {
  Blog blog;
  orm::SiteScope acme;
  Template theirs;
  Template own;
  Theme their_theme;
  Page page;
  Article article;
  User cat;

  explicit Books(db::Dialect dialect) : blog(dialect, Keys::without_tenants), acme(blog.scope(blog.acme)) {
    const auto system = blog.system();
    theirs = system.insert(Template{.provider = orm::Ref(blog.second), .name = "theirs"});
    own = system.insert(Template{.provider = orm::Ref(blog.first), .name = "own"});
    their_theme = system.insert(Theme{.provider = orm::Ref(blog.second), .name = "theirs"});
    page = acme.insert(Page{});
    cat = acme.insert(User{.email = "cat@acme.test", .name = "Cat"});
    article = acme.insert(blog.article(blog.ann, "a"));
  }
};

/// That id, in a way that nobody reads from the statement.
template <auto Member>
auto computed(orm::Id id) {
  return orm::case_when(f<Member> > orm::Id(0), id).otherwise(id);
}

}  // namespace

TEST_CASE("a computed reference does not lead to another tenant's row") {
  on_each_database([](db::Dialect dialect) {
    const Books books(dialect);
    const Blog& blog = books.blog;
    const auto check = [&](const auto& scope) {
      const auto pages = scope.template query<Page>();
      const auto articles = scope.template query<Article>();
      const auto look = orm::set<&Page::look>(computed<&Page::id>(books.theirs.id));
      CHECK(refused_field([&] { pages.update(look); }) == "look: reference");
      CHECK(refused_field([&] { pages.update_returning(look); }) == "look: reference");
      CHECK(refused_field([&] { pages.limit(1).update(look); }) == "look: reference");
      CHECK(refused_field([&] {
              articles.update(orm::set<&Article::theme>(computed<&Article::id>(books.their_theme.id)));
            }) == "theme: reference");
      CHECK(refused_field([&] {
              articles.update(orm::set<&Article::editor>(computed<&Article::id>(blog.bob.id)));
            }) == "editor: reference");
      if constexpr (std::is_same_v<std::decay_t<decltype(scope)>, orm::SystemScope>) {
        const auto bob = scope.template query<User>().where(f<&User::name> == "Bob").selection(f<&User::id>);
        CHECK(refused_field([&] { articles.update(orm::set<&Article::editor>(bob.scalar())); }) ==
              "editor: reference");
      }
      // Nothing of a refused update is there.
      CHECK(!blog.system().get<Page>(books.page.id).look);
      CHECK(!blog.system().get<Article>(books.article.id).editor);
      CHECK(blog.system().get<Article>(books.article.id).version == 1);
    };
    check(books.acme);
    check(blog.scope(blog.first));
    check(blog.system());
  });
}

TEST_CASE("a computed reference leads to what a given one may lead to") {
  on_each_database([](db::Dialect dialect) {
    const Books books(dialect);
    const auto& acme = books.acme;
    CHECK(acme.query<Page>().update(orm::set<&Page::look>(computed<&Page::id>(books.own.id))) == 1);
    CHECK(acme.get<Page>(books.page.id).look->id == books.own.id);
    CHECK(acme.query<Article>().update(orm::set<&Article::editor>(f<&Article::author>)) == 1);
    CHECK(acme.get<Article>(books.article.id).editor->id == books.blog.ann.id);
    // The condition holds no more when the reference is looked at.
    const auto by_ann = acme.query<Article>().where(f<&Article::author> == books.blog.ann.id);
    CHECK(by_ann.update(orm::set<&Article::author>(computed<&Article::id>(books.cat.id)),
                        orm::set<&Article::title>("b")) == 1);
    CHECK(acme.get<Article>(books.article.id).author.id == books.cat.id);
    CHECK(by_ann.update(orm::set<&Article::author>(computed<&Article::id>(books.cat.id))) == 0);
    CHECK(acme.query<Article>()
              .update_returning(orm::set<&Article::editor>(f<&Article::author>))
              .at(0)
              .editor->id == books.cat.id);
  });
}
