#include <doctest/doctest.h>

#include <stdexcept>

#include <mpf/orm/changeset.hpp>

#include "orm/library.hpp"
#include "orm/relations.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::f;

// What becomes of objects whose writes are rolled back.

namespace {

const db::TransactionOptions again{.isolation = db::Isolation::serializable, .retries = 3};

/// Fails the first times in the way that makes a transaction run again.
struct Failing {
  int failures = 1;
  int runs = 0;
  void operator()() {
    ++runs;
    if (failures-- > 0) throw db::SerializationError("the test wants it to run again");
  }
};

struct Undone : std::runtime_error {
  Undone() : std::runtime_error("undone") {}
};

/// Runs body in a transaction that is rolled back.
void undo(const orm::SiteScope& scope, const std::function<void()>& body) {
  CHECK_THROWS_AS(scope.transaction([&] {
    body();
    throw Undone();
  }),
                  Undone);
}

}  // namespace

TEST_CASE("a tracked row is written by the run that commits") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    orm::Tracked post(scope.insert(blog.post(blog.ann, "a")));
    post->title = "new";
    Failing fail{.failures = 2};
    scope.transaction(
        [&] {
          CHECK(scope.update(post));
          CHECK(!scope.update(post));
          fail();
        },
        again);
    CHECK(fail.runs == 3);
    const Post stored = scope.get<Post>(post->id);
    CHECK(stored.title == "new");
    CHECK(stored.version == 2);
    CHECK(post->version == 2);
    CHECK(post.changes().empty());
  });
}

TEST_CASE("a tracked row can be written again after a rollback") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    orm::Tracked post(scope.insert(blog.post(blog.ann, "a")));
    post->likes = 1;
    // Twice in one transaction, the object moving between them.
    undo(scope, [&] {
      scope.update(post);
      orm::Tracked moved = std::move(post);
      moved->likes = 2;
      scope.update(moved);
      CHECK(moved->version == 3);
      post = std::move(moved);
    });
    CHECK(post->version == 1);
    CHECK(post->likes == 2);
    CHECK(post.before().likes == 0);
    CHECK(scope.update(post));
    CHECK(scope.get<Post>(post->id).likes == 2);
    // What a committed transaction wrote stays written, and a later one is undone alone.
    scope.transaction([&] {
      post->likes = 3;
      scope.update(post);
    });
    undo(scope, [&] {
      post->likes = 4;
      scope.update(post);
    });
    CHECK(post.before().likes == 3);
    CHECK(post.changes() == std::vector<std::string_view>{"likes"});
    scope.update(post);
    CHECK(scope.get<Post>(post->id).likes == 4);
    // An object that is gone by the end is left alone.
    undo(scope, [&] {
      orm::Tracked inside(scope.get<Post>(post->id));
      inside->likes = 5;
      scope.update(inside);
    });
    CHECK(scope.get<Post>(post->id).likes == 4);
  });
}

TEST_CASE("a savepoint takes back what was written in it, and no more") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    orm::Tracked post(scope.insert(blog.post(blog.ann, "a")));
    scope.transaction([&] {
      post->title = "outer";
      scope.update(post);
      undo(scope, [&] {
        post->likes = 7;
        scope.update(post);
      });
      CHECK(post->version == 2);
      CHECK(post.changes() == std::vector<std::string_view>{"likes"});
      CHECK(scope.update(post));
    });
    CHECK(scope.get<Post>(post->id).likes == 7);
    CHECK(scope.get<Post>(post->id).title == "outer");
    // A savepoint that went well is undone with what is around it.
    undo(scope, [&] {
      scope.transaction([&] {
        post->likes = 8;
        scope.update(post);
      });
    });
    CHECK(post.before().likes == 7);
    CHECK(scope.update(post));
    CHECK(scope.get<Post>(post->id).likes == 8);
  });
}

TEST_CASE("a copy of a tracked row is on its own") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    orm::Tracked post(scope.insert(blog.post(blog.ann, "a")));
    const orm::Tracked<Post> before = post;
    post->likes = 1;
    scope.update(post);
    CHECK(before->likes == 0);
    CHECK(before.before().version == 1);
    orm::Tracked other = before;
    other = post;
    CHECK(other.changes().empty());
    other->likes = 2;
    CHECK(post->likes == 1);
  });
}

TEST_CASE("a changeset is applied by the run that commits") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    orm::Changeset<Post> added;
    added.row() = blog.post(blog.ann, "added");
    orm::Changeset<Post> changed(scope.insert(blog.post(blog.ann, "stored")));
    changed.row().title = "changed";
    Failing fail;
    scope.transaction(
        [&] {
          CHECK(orm::apply(scope, added));
          CHECK(orm::apply(scope, changed));
          added.row().likes += 1;
          orm::apply(scope, added);  // what was just inserted
          fail();
        },
        again);
    CHECK(scope.query<Post>().count() == 2);
    CHECK(scope.get<Post>(changed.row().id).title == "changed");
    CHECK(scope.query<Post>().where(f<&Post::slug> == "added").one().id == added.row().id);
    CHECK(!added.is_new());
    CHECK(added.changes().empty());
    // Rolled back for good: new again.
    orm::Changeset<Post> other;
    other.row() = blog.post(blog.ann, "other");
    undo(scope, [&] { orm::apply(scope, other); });
    CHECK(other.is_new());
    CHECK(!other.row().id);
    CHECK(orm::apply(scope, other));
    CHECK(scope.get<Post>(other.row().id).slug == "other");
  });
}

TEST_CASE("many changesets are applied by the run that commits") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    std::vector<orm::Changeset<Post>> list;
    list.emplace_back(scope.insert(blog.post(blog.ann, "stored"))).row().title = "changed";
    for (int i = 0; i < 100; ++i) list.emplace_back().row() = blog.post(blog.ann, std::to_string(i));
    Failing fail;
    scope.transaction(
        [&] {
          orm::apply(scope, list);
          fail();
        },
        again);
    CHECK(scope.query<Post>().count() == 101);
    CHECK(scope.get<Post>(list[0].row().id).title == "changed");
    CHECK(scope.get<Post>(list[50].row().id).slug == "49");
    // Refused as a whole, in a transaction that goes on: nothing of it counts as written.
    list[0].row().title = "again";
    list.emplace_back().row() = blog.post(blog.ann, "7");
    scope.transaction([&] { CHECK_THROWS_AS(orm::apply(scope, list), ValidationError); });
    CHECK(list[0].changes() == std::vector<std::string_view>{"title"});
    CHECK(list[0].row().version == 2);
    list.pop_back();
    orm::apply(scope, list);
    CHECK(scope.get<Post>(list[0].row().id).title == "again");
  });
}

TEST_CASE("objects that a transaction keeps are as before when it runs again or fails") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    Post stored = scope.insert(blog.post(blog.ann, "stored"));
    Post added = blog.post(blog.ann, "added");
    std::vector<Post> few{blog.post(blog.ann, "x"), blog.post(blog.ann, "y")};
    std::vector<Post> many;
    for (int i = 0; i < 100; ++i) many.push_back(blog.post(blog.ann, std::to_string(i)));
    Post upserted = blog.post(blog.ann, "stored 2");
    orm::Tracked tracked(scope.insert(blog.post(blog.ann, "tracked")));
    Failing fail{.failures = 2};
    const auto write_all = [&](db::Transaction&) {
      scope.insert(added);
      scope.insert_many(few);
      scope.insert_many(many);
      stored.likes += 1;
      scope.update(stored);
      few[0].likes += 1;
      scope.update_many(few);
      scope.upsert<&Post::slug>(upserted);
      tracked->likes += 1;
      scope.update(tracked);
      fail();
      return many.size();
    };
    const auto kept = orm::keep(stored, added, few, many, upserted, tracked);
    CHECK(scope.transaction(kept, write_all, again) == 100);
    CHECK(fail.runs == 3);
    CHECK(scope.query<Post>().count() == 106);
    CHECK(scope.get<Post>(stored.id).likes == 1);
    CHECK(scope.get<Post>(few[0].id).likes == 1);
    CHECK(scope.get<Post>(tracked->id).likes == 1);
    CHECK(scope.get<Post>(many[99].id).slug == "99");
    CHECK(stored.version == 2);

    Post other = blog.post(blog.ann, "other");
    CHECK_THROWS_AS(scope.transaction(orm::keep(other, stored),
                                      [&] {
                                        scope.insert(other);
                                        stored.title = "never";
                                        scope.update(stored);
                                        throw Undone();
                                      }),
                    Undone);
    CHECK(!other.id);
    CHECK(stored.version == 2);
    CHECK(stored.title == "stored");
    scope.insert(other);
    scope.update(stored);
  });
}

TEST_CASE("a plain row of a transaction that was rolled back is refused, not lost") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    Post stored = scope.insert(blog.post(blog.ann, "stored"));
    Post added = blog.post(blog.ann, "added");
    undo(scope, [&] {
      scope.insert(added);
      scope.update(stored);
    });
    CHECK(kind_of([&] { scope.insert(added); }) == ErrorKind::internal);
    CHECK(kind_of([&] { scope.update(stored); }) == ErrorKind::conflict);
  });
}

TEST_CASE("writes of several rows that fail leave ids and versions as they were") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    blog.db->execute_script(
        dialect == db::Dialect::sqlite
            ? "CREATE TRIGGER refuse BEFORE INSERT ON post WHEN new.slug = 'refused' BEGIN "
              "SELECT RAISE(ABORT, 'refused'); END"
            : "ALTER TABLE post ADD CHECK (slug <> 'refused')");
    // More than one statement takes: the first has been run when the last is refused.
    std::vector<Post> posts;
    for (int i = 0; i < 600; ++i) posts.push_back(blog.post(blog.ann, std::to_string(i)));
    posts.back().slug = "refused";
    CHECK_THROWS_AS(scope.upsert_many<&Post::slug>(posts), db::ConstraintError);
    CHECK(!posts.front().id);
    posts.back().slug = "taken";
    scope.upsert_many<&Post::slug>(posts);
    CHECK(scope.query<Post>().count() == 600);
  });
}
