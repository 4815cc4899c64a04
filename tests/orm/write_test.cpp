#include <mpf/orm/scope.hpp>

#include <doctest/doctest.h>

#include <functional>

#include <mpf/base/manual_clock.hpp>
#include <mpf/fiber/fiber.hpp>

#include "orm/relations.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::asc;
using orm::f;

TEST_CASE("many rows at once are as rows one by one") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    const auto before = scope.insert(blog.article(blog.ann, "before"));
    std::vector<Article> rows;
    for (int i = 0; i < 700; ++i) {
      Article row = blog.article(blog.ann, "t" + std::to_string(i));
      if (i % 2 == 0) row.summary = "s" + std::to_string(i);
      if (i % 3 == 0) row.rank = i;
      row.score = i / 4.0;
      row.pinned = i % 5 == 0;
      row.options = Json::parse(R"({"n":1})");
      row.digest = {std::byte{1}, static_cast<std::byte>(i % 256)};
      if (i % 7 == 0) row.published_at = Timestamp(Microseconds(i));
      rows.push_back(std::move(row));
    }
    scope.insert_many(rows);
    const auto stored =
        scope.query<Article>().where(f<&Article::id> != before.id).order_by(asc<&Article::id>).all();
    REQUIRE(stored.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CHECK(rows[i].id > before.id);
      CHECK(orm::changes_since(rows[i], stored[i]).empty());
      CHECK(stored[i].created_at == rows[i].created_at);
      CHECK(stored[i].version == 1);
    }
    CHECK(scope.insert(blog.article(blog.ann, "after")).id > rows.back().id);
  });
}

TEST_CASE("many rows have the ids that they are stored under, also where others take some in between") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    const auto insert_some = [&](const std::string& who) {
      std::vector<Article> rows;
      for (int i = 0; i < 300; ++i) rows.push_back(blog.article(blog.ann, who + std::to_string(i)));
      scope.insert_many(rows);
      std::vector<Article> stored =
          scope.query<Article>().where(f<&Article::title>.starts_with(who)).order_by(asc<&Article::id>).all();
      REQUIRE(stored.size() == rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        CHECK(stored[i].id == rows[i].id);
        CHECK(stored[i].title == rows[i].title);
      }
      return rows.front().id;
    };
    CHECK(insert_some("x") == orm::Id(1));
    CHECK(insert_some("y") == orm::Id(301));
    std::vector<fiber::Fiber<>> others;
    for (const char* const who : {"a", "b", "c", "d"}) {
      others.push_back(fiber::spawn([&, who] { insert_some(who); }));
    }
    for (auto& each : others) each.get();
    if (dialect != db::Dialect::postgres) return;
    blog.db->execute_script("ALTER SEQUENCE article_id_seq INCREMENT BY 3");
    insert_some("e");
    scope.transaction([&] { insert_some("f"); });
  });
}

TEST_CASE("many rows: what is wrong is told by row, and nothing is stored") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    const auto make = [&] {
      std::vector<Article> rows;
      for (int i = 0; i < 100; ++i) rows.push_back(blog.article(blog.ann, "t"));
      return rows;
    };
    auto rows = make();
    rows[70].title = std::string(201, 'x');
    CHECK(refused_field([&] { scope.insert_many(rows); }) == "[70].title: max_length");
    rows = make();
    rows[71].title = "\xff";
    CHECK(refused_field([&] { scope.insert_many(rows); }) == "[71].title: encoding");
    rows = make();
    rows[72].score = std::numeric_limits<double>::quiet_NaN();
    CHECK(refused_field([&] { scope.insert_many(rows); }) == "[72].score: number");
    rows = make();
    rows[73].author = {};
    CHECK(refused_field([&] { scope.insert_many(rows); }) == "[73].author: required");
    rows = make();
    rows[74].author = orm::Ref<User>(blog.bob.id);
    CHECK(refused_field([&] { scope.insert_many(rows); }) == "[74].author: reference");
    CHECK(!rows[0].id);
    rows = make();
    rows[75].site = orm::Ref<Site>(blog.globex.id);
    CHECK(kind_of([&] { scope.insert_many(rows); }) == ErrorKind::denied);
    std::vector<User> users(100);
    for (std::size_t i = 0; i < users.size(); ++i) users[i].email = std::to_string(i % 90) + "@x.test";
    CHECK(kind_of([&] { scope.insert_many(users); }) == ErrorKind::conflict);
    CHECK(!users[0].id);
    users[5].role = Role{9};
    CHECK(refused_field([&] { scope.insert_many(users); }) == "[5].role: choice");
    CHECK(scope.query<Article>().count() == 0);
    CHECK(scope.query<User>().count() == 1);
  });
}

TEST_CASE("upsert stores a row or updates the one of the same key") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    auto row = blog.post(blog.ann, "a");
    scope.upsert<&Post::slug>(row);
    CHECK(row.id);
    auto again = blog.post(blog.ann, "a");
    again.title = "changed";
    scope.upsert<&Post::site, &Post::slug>(again);
    CHECK(again.id == row.id);
    CHECK(again.version == 2);
    CHECK(again.created_at == row.created_at);
    CHECK(scope.get<Post>(row.id).title == "changed");
    auto foreign = blog.post(blog.bob, "a");
    CHECK(refused_field([&] { scope.upsert<&Post::slug>(foreign); }) == "[0].author: reference");
    foreign = blog.post(blog.bob, "a");
    blog.scope(blog.globex).upsert<&Post::slug>(foreign);
    CHECK(foreign.id != row.id);
    CHECK(kind_of([&] { scope.upsert<&Post::title>(row); }) == ErrorKind::internal);

    std::vector<User> users{{.email = "ann@acme.test", .name = "Ann B."},
                            {.email = "new@acme.test", .name = "New"}};
    scope.upsert_many<&User::email>(users);
    CHECK(users[0].id == blog.ann.id);
    CHECK(users[1].id);
    CHECK(scope.get<User>(users[0].id).name == "Ann B.");
    CHECK(scope.get<User>(users[1].id).name == "New");
    for (User& user : users) user.id = {};
    users[1].email = users[0].email;
    CHECK(refused_field([&] { scope.upsert_many<&User::email>(users); }) == "[1].email: unique");
  });
}

TEST_CASE("upsert never changes another tenant's row") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto theirs = blog.scope(blog.second);
    auto site = theirs.insert(Site{.name = "x"});
    static_cast<void>(site);
    blog.db->execute_script("CREATE UNIQUE INDEX theme_name ON theme (name)");
    // The unique set is a global one: the row of the other provider is in the way.
    auto provider = blog.system().insert(Provider{.name = "third"});
    Provider again{.name = "third"};
    CHECK(kind_of([&] { blog.scope(blog.first).upsert<&Provider::name>(again); }) == ErrorKind::denied);
    CHECK(blog.system().get<Provider>(provider.id).name == "third");
  });
}

TEST_CASE("get_or_create makes one row however many ask at once") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    const auto [ann, made] =
        scope.get_or_create<&User::email>(User{.email = "ann@acme.test", .name = "Other"});
    CHECK(!made);
    CHECK(ann.id == blog.ann.id);
    CHECK(ann.name == "Ann");
    int created = 0;
    std::vector<orm::Id> ids;
    std::vector<fiber::Fiber<void>> fibers;
    for (int i = 0; i < 20; ++i) {
      fibers.push_back(fiber::spawn([&] {
        const auto [user, mine] = scope.get_or_create<&User::email>(User{.email = "z@acme.test"});
        created += mine ? 1 : 0;
        ids.push_back(user.id);
      }));
    }
    for (auto& each : fibers) each.get();
    CHECK(created == 1);
    REQUIRE(ids.size() == 20);
    for (const orm::Id id : ids) CHECK(id == ids[0]);
    const auto rename = [&](std::string name) {
      return scope.update_or_create<&User::email>(User{.email = "y@acme.test", .name = "first"},
                                                  [&](User& user) { user.name = name; });
    };
    CHECK(rename("second").second);
    CHECK(!rename("third").second);
    CHECK(scope.query<User>().where(f<&User::email> == "y@acme.test").one().name == "third");
  });
}

TEST_CASE("update writes what changed") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    const auto stored = scope.insert(blog.post(blog.ann, "a"));
    orm::Tracked post(scope.get<Post>(stored.id));
    CHECK(!scope.update(post));
    blog.db->execute({"UPDATE post SET likes = 7", {}, db::Access::write});
    post->title = "new";
    CHECK(post.changes() == std::vector<std::string_view>{"title"});
    CHECK(scope.update(post));
    CHECK(!scope.update(post));
    const auto now = scope.get<Post>(stored.id);
    CHECK(now.title == "new");
    CHECK(now.likes == 7);
    CHECK(now.version == 2);
    auto changed = now;
    changed.likes = 8;
    CHECK(scope.update(changed, now));
    CHECK(orm::changes_since(now, changed) == std::vector<std::string_view>{"likes"});
    post->slug = "b";
    CHECK(kind_of([&] { scope.update(post); }) == ErrorKind::conflict);
    post.reset();
    CHECK(post->slug == "a");
  });
}

TEST_CASE("update_many gives each row its values, all or none") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    std::vector<Post> posts;
    for (int i = 0; i < 600; ++i) posts.push_back(blog.post(blog.ann, std::to_string(i)));
    scope.insert_many(posts);
    for (std::size_t i = 0; i < posts.size(); ++i) {
      posts[i].title = "new " + std::to_string(i);
      posts[i].likes = static_cast<std::int64_t>(i);
      if (i % 2 == 1) posts[i].parent = orm::Ref<Post>(posts[0].id);
    }
    scope.update_many(posts);
    CHECK(posts[599].version == 2);
    for (const std::size_t i : {0, 1, 299, 599}) {
      const auto row = scope.get<Post>(posts[i].id);
      CHECK(row.title == "new " + std::to_string(i));
      CHECK(row.likes == static_cast<std::int64_t>(i));
      CHECK(row.parent.has_value() == (i % 2 == 1));
      CHECK(row.version == 2);
      CHECK(row.created_at == posts[i].created_at);
    }
    for (Post& post : posts) {
      post.likes = -1;
      post.title = "unwritten";
    }
    scope.update_many<&Post::likes>(posts);
    CHECK(scope.get<Post>(posts[3].id).likes == -1);
    CHECK(scope.get<Post>(posts[3].id).title == "new 3");
    posts[300].version = 1;
    CHECK(kind_of([&] { scope.update_many(posts); }) == ErrorKind::conflict);
    CHECK(scope.get<Post>(posts[3].id).title == "new 3");
    posts[300].version = 3;
    posts[301].author = orm::Ref<User>(blog.bob.id);
    CHECK(refused_field([&] { scope.update_many(posts); }) == "[301].author: reference");
    posts[301].author = orm::Ref<User>(blog.ann.id);
    CHECK(kind_of([&] { blog.scope(blog.globex).update_many(posts); }) == ErrorKind::denied);
    CHECK(kind_of([&] { blog.scope(blog.second).update_many(posts); }) == ErrorKind::not_found);
    std::vector<Country> countries{{.code = "DE"}, {.code = "FR"}};
    blog.system().insert_many(countries);
    std::swap(countries[0].code, countries[1].code);
    countries[0].code = "XX";
    blog.system().update_many(countries);
    CHECK(blog.system().get<Country>(countries[0].id).code == "XX");
  });
}

TEST_CASE("retired rows are out of sight until they are asked for") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const ManualClock clock(Timestamp(Microseconds(1'000'000)));
    const orm::SiteScope scope(*blog.db, blog.acme.id, blog.first.id, clock);
    const auto first = scope.insert(blog.post(blog.ann, "first"));
    auto answer = blog.post(blog.ann, "answer");
    answer.parent = orm::Ref<Post>(first.id);
    scope.insert(answer);
    CHECK(!blog.scope(blog.globex).retire<Post>(first.id));
    CHECK(scope.retire<Post>(first.id));
    CHECK(!scope.retire<Post>(first.id));
    CHECK(!scope.find<Post>(first.id));
    CHECK(scope.query<Post>().count() == 1);
    CHECK(scope.query<Post>().with_retired().count() == 2);
    CHECK(scope.query<Post>().with_retired().where(f<&Post::id> == first.id).one().retired_at == clock.now());
    CHECK(scope.query<Post>().update(orm::set<&Post::likes>(1)) == 1);
    // What refers to it still shows it.
    CHECK(scope.query<Post>().with<&Post::parent>().one().parent->operator*().slug == "first");
    CHECK(scope.query<Post>().prefetch<&Post::parent>().one().parent->operator*().slug == "first");
    CHECK(!scope.get_or_create<&Post::slug>(blog.post(blog.ann, "first")).second);
    CHECK(scope.restore<Post>(first.id));
    CHECK(scope.get<Post>(first.id).version == 3);
    CHECK(
        scope.query<Post>().prefetch<&Post::answers>().where(f<&Post::id> == first.id).one().answers.size() ==
        1);
    scope.retire<Post>(answer.id);
    CHECK(
        scope.query<Post>().prefetch<&Post::answers>().where(f<&Post::id> == first.id).one().answers.empty());
  });
}

TEST_CASE("rows of a provider or of the system") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto system = blog.system();
    const auto shared = system.insert(Template{.name = "shared"});
    const auto own = blog.scope(blog.first).insert(Template{.name = "own"});
    CHECK(own.provider->id == blog.first.id);
    const auto theirs = blog.scope(blog.second).insert(Template{.name = "theirs"});
    const auto check = [&](const auto& scope) {
      CHECK(scope.template query<Template>().count() == 2);
      CHECK(scope.template get<Template>(shared.id).name == "shared");
      CHECK(!scope.template find<Template>(theirs.id));
      // The system's are to be seen and not to be changed.
      auto changed = shared;
      changed.name = "x";
      CHECK(kind_of([&] { scope.update(changed); }) == ErrorKind::not_found);
      CHECK(!scope.template remove<Template>(shared.id));
      CHECK(scope.template query<Template>().update(orm::set<&Template::name>("own")) == 1);
      CHECK(scope.template query<Template>().where(f<&Template::id> == shared.id).remove() == 0);
    };
    check(blog.scope(blog.acme));
    check(blog.scope(blog.first));
    CHECK(system.get<Template>(shared.id).name == "shared");
    CHECK(system.query<Template>().count() == 3);
    const auto page = [](const Template& look) { return Page{.look = orm::Ref<Template>(look.id)}; };
    const auto acme = blog.scope(blog.acme);
    CHECK(acme.insert(page(shared)).id);
    CHECK(acme.insert(page(own)).id);
    CHECK(refused_field([&] { acme.insert(page(theirs)); }) == "look: reference");
    auto row = page(theirs);
    row.site = orm::Ref<Site>(blog.acme.id);
    CHECK(refused_field([&] { system.insert(row); }) == "look: reference");
    row.look = orm::Ref<Template>(shared.id);
    system.insert(row);
    CHECK(row.id);
    CHECK(acme.query<Page>().with<&Page::look>().first()->look->operator*().name == "shared");
  });
}

TEST_CASE("the change log tells who changed what") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    Post row;
    {
      const orm::Actor actor("ann");
      row = scope.insert(blog.post(blog.ann, "a"));
      CHECK(orm::Actor::current() == "ann");
      row.title = "b";
      row.likes = 2;
      scope.update(row);
    }
    CHECK(orm::Actor::current().empty());
    CHECK(scope.query<Post>()
              .where(f<&Post::slug> == "a")
              .update(orm::set<&Post::likes>(f<&Post::likes> + 1)) == 1);
    scope.upsert<&Post::slug>([&]() -> Post& {
      static Post again;
      again = blog.post(blog.ann, "a");
      return again;
    }());
    scope.retire<Post>(row.id);
    scope.remove<Post>(row.id);
    std::vector<std::string> log;
    for (const orm::Change& change : orm::changes_of<Post>(scope, row.id)) {
      const bool whole = change.field.empty();
      log.push_back(change.actor + " " + change.action + " " + change.field + " " +
                    (whole ? "" : change.before.value_or("-") + " " + change.after.value_or("-")));
      CHECK(change.site == blog.acme.id.value);
    }
    REQUIRE(log.size() == 8);
    CHECK(log[0] == "ann insert  ");
    CHECK(log[1] == "ann update title \"a\" \"b\"");
    CHECK(log[2] == "ann update likes 0 2");
    CHECK(log[3] == " update likes 2 3");
    CHECK(log[4] == " update title \"b\" \"a\"");
    CHECK(log[5] == " update likes 3 0");
    CHECK(log[6].starts_with(" update retired_at null \""));
    CHECK(log[7] == " delete  ");
    CHECK(orm::changes_of<Post>(blog.scope(blog.globex), row.id).empty());
    CHECK(orm::changes_of<Post>(blog.scope(blog.first), row.id).size() == 8);
    CHECK(orm::changes_of<Post>(blog.system(), row.id).size() == 8);
    // In the transaction of the change.
    CHECK_THROWS(scope.transaction([&] {
      scope.insert(blog.post(blog.ann, "undone"));
      throw std::runtime_error("undo");
    }));
    std::vector<Post> many{blog.post(blog.ann, "x"), blog.post(blog.ann, "y")};
    scope.insert_many(many);
    many[1].likes = 5;
    scope.update_many(many);
    CHECK(orm::changes_of<Post>(scope, many[0].id).size() == 1);
    CHECK(orm::changes_of<Post>(scope, many[1].id).size() == 2);
    CHECK(scope.query<Post>().remove() == 2);
    CHECK(orm::changes_of<Post>(scope, many[1].id).size() == 3);
    CHECK(blog.system().query<orm::Change>().count() == 8 + 5);
  });
}
