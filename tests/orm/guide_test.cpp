#include <doctest/doctest.h>

#include <mpf/db/query_log.hpp>
#include <mpf/orm/batch.hpp>
#include <mpf/orm/changeset.hpp>
#include <mpf/orm/json.hpp>
#include <mpf/orm/related.hpp>

#include "orm/relations.hpp"

// The code of docs/data.md is cut from here, between the marks.

using namespace mpf;
using namespace mpf::test;
using orm::asc;
using orm::desc;
using orm::f;

namespace {

// [struct]
struct PostCard {
  std::string title;
  std::string author;
  std::int64_t comments = 0;
  static constexpr auto describe() {
    return mpf::describe(field<&PostCard::title>(), field<&PostCard::author>(), field<&PostCard::comments>());
  }
};
// [/struct]

/// Ann's three posts; the first has two comments.
std::vector<Post> write_posts(const Blog& blog, const orm::SiteScope& scope) {
  std::vector<Post> posts;
  for (const char* slug : {"first", "second", "third"}) {
    posts.push_back(scope.insert(blog.post(blog.ann, slug)));
  }
  scope.insert(blog.comment(posts[0], blog.ann, "well said", 1));
  scope.insert(blog.comment(posts[0], blog.ann, "or is it?", 2));
  return posts;
}

}  // namespace

TEST_CASE("guide: queries") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    write_posts(blog, scope);
    const std::string text = "%";
    const std::int64_t liked = -1;
    // [query]
    const auto popular = scope.query<Post>()
                             .where(f<&Post::likes> > liked && f<&Post::author, &User::name> == "Ann")
                             .where(!f<&Post::title>.contains(text))
                             .order_by(desc<&Post::likes>, asc<&Post::title>);
    const std::vector<Post> posts = popular.limit(10).all();
    const std::uint64_t all_of_them = popular.count();
    // [/query]
    CHECK(posts.size() == 3);
    CHECK(all_of_them == 3);
    CHECK(posts[0].title == "first");
    CHECK_THROWS_WITH_AS(static_cast<void>(posts[0].author->name), doctest::Contains("with<"), Error);

    // [relations]
    const auto loaded =
        scope.query<Post>()
            .with<&Post::author>()                          // joined
            .prefetch<&Post::comments>([](auto comments) {  // one more statement
              return comments.order_by(desc<&Comment::rank>).template with<&Comment::author>();
            })
            .order_by(asc<&Post::slug>)
            .all();
    for (const Post& post : loaded) {
      for (const Comment& comment : post.comments) CHECK(comment.author->name == post.author->name);
    }
    // [/relations]
    CHECK(loaded[0].comments.size() == 2);
    CHECK(loaded[0].comments[0].text == "or is it?");

    // [into]
    const auto cards = scope.query<Post>()
                           .order_by(asc<&Post::slug>)
                           .select_into<PostCard>(f<&Post::title>, f<&Post::author, &User::name>,
                                                  orm::related<&Comment::post>().count());
    // [/into]
    REQUIRE(cards.size() == 3);
    CHECK(cards[0].comments == 2);
    CHECK(cards[0].author == "Ann");

    // [lists]
    const auto of_post = orm::related<&Comment::post>();
    const auto talks = scope.query<Post>()
                           .order_by(asc<&Post::slug>)
                           .annotate(of_post.value(collect(f<&Comment::text>, desc<&Comment::rank>)));
    const std::vector<std::string>& said = std::get<1>(talks[0]);
    // [/lists]
    CHECK(said == std::vector<std::string>{"or is it?", "well said"});

    // [page]
    auto page = scope.query<Post>().order_by(asc<&Post::slug>).page({.size = 2});
    while (!page.next.empty()) {
      page =
          scope.query<Post>().order_by(asc<&Post::slug>).page({.size = 2, .after = std::string(page.next)});
    }
    // [/page]
    CHECK(page.rows.size() == 1);

    std::string sent;
    // [stream]
    orm::write_json(scope.query<Post>().order_by(asc<&Post::id>),
                    [&](std::string_view part) { sent += part; });
    // [/stream]
    CHECK(sent.starts_with("[{"));
    sent.clear();
    // [cards]
    orm::write_json<PostCard>(scope.query<Post>()
                                  .order_by(asc<&Post::slug>)
                                  .selection(f<&Post::title>, f<&Post::author, &User::name>,
                                             orm::related<&Comment::post>().count()),
                              [&](std::string_view part) { sent += part; });
    // [/cards]
    CHECK(sent == to_json(cards));

    // [batch]
    orm::Batch batch(scope);
    const auto ann = batch.find<User>(blog.ann.id);
    const auto newest = batch.all(scope.query<Post>().order_by(desc<&Post::id>).limit(2));
    batch.run();  // one journey to the database
    CHECK((*ann)->name == "Ann");
    CHECK(newest->size() == 2);
    // [/batch]

    // [budget]
    const db::QueryLogScope queries(2);
    scope.query<Post>().with<&Post::author>().prefetch<&Post::comments>().all();
    CHECK(!queries->over_budget());
    // [/budget]
  });
}

TEST_CASE("guide: writes") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    Post post = write_posts(blog, scope)[0];
    // [write]
    post.title = "On order";
    scope.update<&Post::title>(post);  // only this field; Error(conflict) if somebody else was faster

    scope.query<Post>()
        .where(f<&Post::author> == blog.ann.id)
        .update(orm::set<&Post::likes>(f<&Post::likes> + 1));  // in the database, without reading

    auto [tag, created] = scope.get_or_create<&Tag::name>(Tag{.name = "essays"});
    // [/write]
    CHECK(created);
    CHECK(tag.name == "essays");
    CHECK(scope.get<Post>(post.id).likes == 1);
    CHECK(scope.get<Post>(post.id).title == "On order");

    bool told = false;
    // [transaction]
    scope.transaction([&](db::Transaction& transaction) {
      scope.insert(blog.comment(post, blog.ann, "first!"));
      transaction.on_commit([&] { told = true; });  // never for what was rolled back
    });
    // [/transaction]
    Tag serial{.name = "serial"};
    int named = 0;
    // [keep]
    scope.transaction(orm::keep(serial, named),
                      [&] {
                        scope.insert(serial);
                        ++named;
                      },
                      {.isolation = db::Isolation::serializable, .retries = 5});
    // [/keep]
    CHECK(serial.id);
    CHECK(named == 1);
    CHECK(told);

    const std::string body = R"({"title":" ","likes":1000000})";
    std::vector<std::string> problems;
    // [changeset]
    orm::Changeset<Post> changes(scope.get<Post>(post.id));
    changes
        .cast<&Post::title, &Post::slug>(body)  // "likes" isn't on the list
        .required<&Post::title>()
        .length<&Post::slug>(1, 40);
    try {
      orm::apply(scope, changes);  // writes what changed
    } catch (const ValidationError& error) {
      for (const FieldError& field : error.fields()) problems.push_back(field.path + ": " + field.code);
    }
    // [/changeset]
    CHECK(problems == std::vector<std::string>{"title: required"});
    CHECK(scope.get<Post>(post.id).likes == 1);
  });
}
