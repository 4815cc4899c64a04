#include <mpf/orm/relation.hpp>

#include <doctest/doctest.h>

#include <mpf/base/json.hpp>
#include <mpf/db/query_log.hpp>
#include <mpf/fiber/fiber.hpp>

#include "orm/relations.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::asc;
using orm::desc;
using orm::f;

namespace {

std::vector<std::string> texts(const orm::Many<Comment>& comments) {
  std::vector<std::string> found;
  for (const Comment& comment : comments) found.push_back(comment.text);
  return found;
}

std::vector<std::string> names(const orm::Many<Tag>& tags) {
  std::vector<std::string> found;
  for (const Tag& tag : tags) found.push_back(tag.name);
  return found;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a set is read once it was asked for; before, the error names what to add") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    const auto post = scope.insert(blog.post(blog.ann, "a"));
    scope.insert(blog.comment(post, blog.ann, "first"));
    const auto message = [](const Post& row) {
      try {
        return std::to_string(row.comments.size());
      } catch (const Error& error) {
        return std::string(error.what());
      }
    };
    CHECK(message(scope.get<Post>(post.id)).find(".prefetch<&Post::comments>()") != std::string::npos);
    CHECK(message(scope.query<Post>().one()).find(".prefetch<&Post::comments>()") != std::string::npos);
    CHECK(message(Post{}).find("no query") != std::string::npos);
    const auto loaded = scope.query<Post>().prefetch<&Post::comments>();
    CHECK(texts(loaded.one().comments) == Texts{"first"});
    CHECK(texts(loaded.first()->comments) == Texts{"first"});
    CHECK(texts(loaded.all().at(0).comments) == Texts{"first"});
    CHECK(!loaded.one().tags.loaded());
    CHECK(message(loaded.one()) == "1");
  });
}

TEST_CASE("each parent gets its own rows, in the order and number that were asked for") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    std::vector<Post> posts;
    for (int i = 0; i < 40; ++i) posts.push_back(blog.post(blog.ann, "p" + std::to_string(i)));
    scope.insert_many(posts);
    std::vector<Comment> comments;
    for (int rank = 0; rank < 5; ++rank) {
      for (std::size_t i = 0; i < posts.size(); i += 2) {
        comments.push_back(
            blog.comment(posts[i], blog.ann, std::to_string(i) + "/" + std::to_string(rank), rank));
      }
    }
    scope.insert_many(comments);

    const auto all = scope.query<Post>().order_by(asc<&Post::id>).prefetch<&Post::comments>([](auto query) {
      return query.where(f<&Comment::rank> != 2).order_by(desc<&Comment::rank>).offset(1).limit(2);
    });
    const auto check = [&](const Post& post, std::size_t i) {
      const auto n = std::to_string(i);
      CHECK(texts(post.comments) == (i % 2 == 0 ? Texts{n + "/3", n + "/1"} : Texts{}));
    };
    const auto rows = all.all();
    REQUIRE(rows.size() == 40);
    for (std::size_t i = 0; i < rows.size(); ++i) check(rows[i], i);
    std::size_t next = 0;
    all.each([&](Post& row) { check(row, next++); });
    CHECK(next == 40);
    next = 3;
    all.offset(3).limit(5).each([&](Post& row) { check(row, next++); });
    CHECK(next == 8);

    const auto with = scope.query<Post>()
                          .where(f<&Post::slug> == "p0")
                          .prefetch<&Post::comments>([](auto query) {
                            return query.template with<&Comment::author>()
                                .template prefetch<&Comment::post>()
                                .order_by(asc<&Comment::rank>)
                                .limit(1);
                          })
                          .one();
    CHECK(with.comments[0].author->name == "Ann");
    CHECK(with.comments[0].post->slug == "p0");
  });
}

TEST_CASE("each() loads sets for more rows than it holds at once") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    std::vector<Post> posts;
    for (int i = 0; i < 1300; ++i) posts.push_back(blog.post(blog.ann, "p" + std::to_string(i)));
    scope.insert_many(posts);
    std::vector<Comment> comments;
    for (const Post& post : posts) comments.push_back(blog.comment(post, blog.ann, post.slug));
    scope.insert_many(comments);
    std::size_t seen = 0;
    scope.query<Post>().order_by(desc<&Post::slug>).prefetch<&Post::comments>().each([&](Post& row) {
      ++seen;
      CHECK(texts(row.comments) == Texts{row.slug});
    });
    CHECK(seen == 1300);
  });
}

TEST_CASE("each relation costs one statement, however many rows there are, told as the query's own") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    std::vector<Post> posts;
    for (int i = 0; i < 600; ++i) posts.push_back(blog.post(blog.ann, "p" + std::to_string(i)));
    scope.insert_many(posts);
    std::vector<Comment> comments;
    for (const Post& post : posts) {
      for (int rank = 0; rank < 3; ++rank) comments.push_back(blog.comment(post, blog.ann, "c", rank));
    }
    scope.insert_many(comments);
    std::vector<Tag> tags{{.name = "red"}, {.name = "green"}};
    scope.insert_many(tags);
    for (const std::size_t i : {0, 1, 2}) orm::links_of<&Post::tags>(scope, posts[i]).add(tags[0].id);
    const auto query =
        scope.query<Post>()
            .order_by(asc<&Post::id>)
            .prefetch<&Post::comments>(
                [](auto children) { return children.limit(2).template prefetch<&Comment::author>(); })
            .prefetch<&Post::tags>([](auto children) { return children.template prefetch<&Tag::posts>(); })
            .prefetch<&Post::author>();
    const auto statements = [](const auto& work) {
      const db::QueryLogScope log;
      work();
      for (const auto& origin : log->origins()) {
        CHECK(origin.where.find("relation_test.cpp") != std::string::npos);
      }
      return log->statements();
    };
    CHECK(statements([&] { CHECK(query.all().size() == 600); }) == 6);
    CHECK(statements([&] { query.limit(1).all(); }) == 6);
    CHECK(statements([&] { query.first(); }) == 6);
    CHECK(statements([&] { query.where(f<&Post::slug> == "none").all(); }) == 1);
    // The ids, then portions of 500 rows; only the first of them has tags.
    CHECK(statements([&] { query.each([](const Post&) {}); }) == 1 + 6 + 5);
  });
}

TEST_CASE("pages come with their sets") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    for (const char* const slug : {"a", "b", "c"}) {
      const auto post = scope.insert(blog.post(blog.ann, slug));
      scope.insert(blog.comment(post, blog.ann, slug));
    }
    const auto query = scope.query<Post>().order_by(asc<&Post::slug>).prefetch<&Post::comments>();
    const auto first = query.page({.size = 2});
    REQUIRE(first.rows.size() == 2);
    CHECK(texts(first.rows[1].comments) == Texts{"b"});
    const auto second = query.page({.size = 2, .after = first.next});
    REQUIRE(second.rows.size() == 1);
    CHECK(texts(second.rows[0].comments) == Texts{"c"});
    const auto back = query.page({.size = 2, .before = second.previous});
    REQUIRE(back.rows.size() == 2);
    CHECK(texts(back.rows[0].comments) == Texts{"a"});
  });
}

TEST_CASE("links are added, read from both sides, replaced and cleared") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    const auto first = scope.insert(blog.post(blog.ann, "first"));
    const auto second = scope.insert(blog.post(blog.ann, "second"));
    std::vector<Tag> tags{{.name = "red"}, {.name = "green"}, {.name = "blue"}};
    scope.insert_many(tags);
    const auto links = orm::links_of<&Post::tags>(scope, first);
    const std::vector<orm::Id> two{tags[0].id, tags[1].id};
    CHECK(links.add(two) == 2);
    CHECK(links.add(two) == 0);
    CHECK(orm::links_of<&Tag::posts>(scope, tags[1]).add(second.id) == 1);
    const auto tagged = [&](const Post& post) {
      return names(scope.query<Post>()
                       .where(f<&Post::id> == post.id)
                       .prefetch<&Post::tags>([](auto query) { return query.order_by(desc<&Tag::name>); })
                       .one()
                       .tags);
    };
    CHECK(tagged(first) == Texts{"red", "green"});
    CHECK(tagged(second) == Texts{"green"});
    const auto by_tag = scope.query<Tag>()
                            .order_by(asc<&Tag::name>)
                            .prefetch<&Tag::posts>([](auto query) {
                              return query.order_by(asc<&Post::slug>).template prefetch<&Post::tags>();
                            })
                            .all();
    CHECK(by_tag[0].posts.empty());
    CHECK(by_tag[1].posts.size() == 2);
    CHECK(by_tag[1].posts[0].tags.size() == 2);
    CHECK(by_tag[2].posts.size() == 1);
    links.set(std::vector{tags[1].id, tags[2].id});
    CHECK(tagged(first) == Texts{"green", "blue"});
    CHECK(links.remove(tags[1].id) == 1);
    CHECK(tagged(first) == Texts{"blue"});
    CHECK(links.clear() == 1);
    CHECK(tagged(first).empty());
    CHECK(tagged(second) == Texts{"green"});
    // A limit counts for each row by itself.
    links.add(two);
    for (const Post& post :
         scope.query<Post>()
             .prefetch<&Post::tags>([](auto query) { return query.order_by(asc<&Tag::name>).limit(1); })
             .all()) {
      CHECK(names(post.tags) == Texts{"green"});
    }
  });
}

TEST_CASE("links between rows of one model, and by a model of the application") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    const auto first = scope.insert(blog.post(blog.ann, "first"));
    auto second = blog.post(blog.ann, "second");
    second.parent = orm::Ref<Post>(first.id);
    scope.insert(second);
    orm::links_of<&Post::related>(scope, first).add(second.id);
    Reading reading;
    reading.post = orm::Ref<Post>(second.id);
    reading.reader = orm::Ref<User>(blog.ann.id);
    reading.stars = 3;
    scope.insert(reading);
    CHECK(orm::links_of<&Post::readers>(scope, second).add(blog.ann.id) == 0);
    CHECK(orm::links_of<&Post::readers>(scope, first).add(blog.ann.id) == 1);
    const auto rows =
        scope.query<Post>()
            .order_by(asc<&Post::slug>)
            .prefetch<&Post::related>()
            .prefetch<&Post::answers>([](auto query) { return query.template prefetch<&Post::readers>(); })
            .prefetch<&Post::author>()
            .prefetch<&Post::parent>()
            .all();
    CHECK(rows[0].related[0].slug == "second");
    CHECK(rows[1].related.empty());
    CHECK(rows[0].answers[0].slug == "second");
    CHECK(rows[0].answers[0].readers[0].name == "Ann");
    CHECK(rows[1].answers.empty());
    CHECK(rows[1].parent->operator*().slug == "first");
    CHECK(rows[0].author->name == "Ann");
    CHECK(&*rows[0].author == &*rows[1].author);  // one object for all that refer to it
  });
}

TEST_CASE("sets and links stay within the tenant") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto acme = blog.scope(blog.acme);
    const auto globex = blog.scope(blog.globex);
    const auto own = acme.insert(blog.post(blog.ann, "own"));
    const auto theirs = globex.insert(blog.post(blog.bob, "theirs"));
    const auto tag = acme.insert(Tag{.name = "own"});
    const auto other = globex.insert(Tag{.name = "other"});
    CHECK_THROWS_AS(orm::links_of<&Post::tags>(acme, own).add(other.id), ValidationError);
    CHECK_THROWS_AS(orm::links_of<&Post::tags>(blog.system(), own).add(other.id), ValidationError);
    CHECK_THROWS_AS(orm::links_of<&Post::tags>(acme, theirs).add(tag.id), Error);
    CHECK(orm::links_of<&Post::tags>(blog.system(), own).add(tag.id) == 1);
    CHECK(orm::links_of<&Post::tags>(globex, own).clear() == 0);
    // What got there around the ORM is not shown, whoever asks.
    blog.write_around_keys("UPDATE post_tags SET target_id = " + std::to_string(other.id.value));
    globex.insert(blog.comment(theirs, blog.bob, "moved"));
    blog.write_around_keys("UPDATE comment SET post_id = " + std::to_string(own.id.value));
    const auto check = [&](const auto& scope) {
      const auto row = scope.template query<Post>()
                           .where(f<&Post::id> == own.id)
                           .template prefetch<&Post::tags>()
                           .template prefetch<&Post::comments>()
                           .one();
      CHECK(row.tags.empty());
      CHECK(row.comments.empty());
    };
    check(acme);
    check(blog.scope(blog.first));
    check(blog.system());
  });
}

TEST_CASE("loaded sets are arrays in JSON") {
  struct View {
    orm::Many<Country> countries;
    static constexpr auto describe() { return mpf::describe(mpf::field<&View::countries>()); }
  };
  View view;
  CHECK_THROWS_AS(to_json(view), Error);
  view.countries.load(std::make_shared<std::vector<Country>>(std::vector{Country{orm::Id(1), "DE"}}));
  CHECK(to_json(view) == R"({"countries":[{"id":1,"code":"DE"}]})");
}
