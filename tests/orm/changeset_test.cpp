#include <mpf/orm/changeset.hpp>

#include <doctest/doctest.h>

#include <functional>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/batch.hpp>
#include <mpf/orm/json.hpp>
#include <mpf/orm/related.hpp>

#include "orm/relations.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::asc;
using orm::f;

namespace {

std::vector<std::string> told(const std::vector<FieldError>& errors) {
  std::vector<std::string> all;
  for (const FieldError& error : errors) all.push_back(error.path + ": " + error.code);
  return all;
}

std::vector<std::string> refused(const std::function<void()>& body) {
  try {
    body();
  } catch (const ValidationError& error) {
    return told(error.fields());
  }
  return {"nothing was refused"};
}

using List = std::vector<std::string>;

}  // namespace

TEST_CASE("only listed fields are taken from input, with their types") {
  orm::Changeset<Article> changes;
  changes.cast<&Article::title, &Article::rank, &Article::pinned, &Article::published_at, &Article::author>(
      R"({"title":"A","rank":3,"pinned":true,"published_at":"2026-01-02T03:04:05Z","author":7,"site":99,"reads":5})");
  CHECK(changes.valid());
  CHECK(changes.row().title == "A");
  CHECK(changes.row().rank == 3);
  CHECK(changes.row().pinned);
  CHECK(changes.row().author.id == orm::Id(7));
  CHECK(changes.row().reads == 0);
  CHECK(!changes.row().site.id);
  CHECK(changes.is_new());
  changes.cast<&Article::title, &Article::rank, &Article::pinned>(R"({"title":5,"rank":"x","pinned":null})");
  CHECK(told(changes.errors()) == List{"title: type", "rank: type", "pinned: type"});
  CHECK(changes.row().title == "A");
  CHECK(refused([&] { changes.cast<&Article::title>("[1]"); }) == List{": type"});
  CHECK(refused([&] { changes.cast<&Article::title>("{"); }) == List{": syntax"});
  CHECK(refused([&] { changes.require_valid(); }).size() == 3);
}

TEST_CASE("forms are text") {
  orm::Changeset<Article> changes;
  orm::FormValues form{
      {"title", "12"}, {"rank", " 4 "}, {"pinned", "on"}, {"summary", ""}, {"reads", "many"}};
  changes.row().summary = "old";
  changes.cast<&Article::title, &Article::rank, &Article::pinned, &Article::summary, &Article::reads,
               &Article::score>(form);
  CHECK(told(changes.errors()) == List{"reads: type"});
  CHECK(changes.row().title == "12");
  CHECK(changes.row().rank == 4);
  CHECK(changes.row().pinned);
  CHECK(!changes.row().summary);
  orm::Changeset<User> user;
  user.cast<&User::role, &User::name>(orm::FormValues{{"role", "king"}, {"name", "K"}});
  CHECK(told(user.errors()) == List{"role: enum"});
}

TEST_CASE("validators") {
  orm::Changeset<Article> changes;
  changes.row().title = "ab";
  changes.row().rank = 11;
  changes.row().summary = " ";
  changes.required<&Article::title, &Article::summary, &Article::author, &Article::published_at>()
      .length<&Article::title>(3, 5)
      .number<&Article::rank>(0, 10)
      .number<&Article::score>(0.0, 1.0)
      .one_of<&Article::reads>({1, 2})
      .format<&Article::title>("[a-z]+")
      .check<&Article::published_at>("past",
                                     [](Timestamp) { return std::optional<std::string>("never asked"); })
      .check<&Article::pinned>("pinned", [](bool) { return std::optional<std::string>("must be so"); });
  CHECK(told(changes.errors()) == List{"summary: required", "author: required", "published_at: required",
                                       "title: min_length", "rank: max", "reads: choice", "pinned: pinned"});
  orm::Changeset<Article> other;
  other.row().title = "\xc3\xa4\xc3\xb6\xc3\xbc";
  other.length<&Article::title>(3, 3).format<&Article::title>("[a-z]+").error("", "whole", "is wrong");
  CHECK(told(other.errors()) == List{"title: format", ": whole"});
  CHECK_THROWS_AS(orm::Changeset<Article>().format<&Article::title>("["), Error);
}

TEST_CASE("whatever strangers send, a pattern takes neither the stack nor the loop") {
  fiber::run([] {
    struct Case {
      std::string text;
      std::string pattern;
      std::string told;
    };
    const std::string most(10'000, 'a');
    for (const Case& each : std::vector<Case>{
             {most, "[a-z]+", ""},
             {most, "(a|b)*", ""},
             {most + "a", "[a-z]+", "title: max_length"},
             {std::string(1'000'000, 'a'), "[a-z]+", "title: max_length"},
             {most.substr(1) + "!", "[a-z]+", "title: format"},
             {std::string(2'000, 'a') + "!", "(a+)+", "title: format"},
             {std::string(2'000, 'a') + "!", "(a|aa)+", "title: format"},
             {std::string(200, 'a'), "a{0,200}", ""},
             {"x1", "[a-z]+[0-9]", ""},
         }) {
      CAPTURE(each.pattern);
      CAPTURE(each.text.size());
      orm::Changeset<Article> changes;
      changes.row().title = each.text;
      changes.format<&Article::title>(each.pattern);
      CHECK(told(changes.errors()) == (each.told.empty() ? List{} : List{each.told}));
    }
  });
}

TEST_CASE("changes are applied; what the database refuses is told by field") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    orm::Changeset<User> changes;
    changes.cast<&User::email, &User::name>(R"({"email":"cy@acme.test","name":"Cy"})");
    CHECK(orm::apply(scope, changes));
    CHECK(changes.row().id);
    CHECK(!changes.is_new());
    CHECK(!orm::apply(scope, changes));
    changes.cast<&User::name>(R"({"name":"Cyd"})");
    CHECK(changes.changes() == std::vector<std::string_view>{"name"});
    CHECK(orm::apply(scope, changes));
    CHECK(scope.get<User>(changes.row().id).name == "Cyd");

    orm::Changeset<User> taken;
    taken.cast<&User::email>(R"({"email":"ann@acme.test"})");
    scope.transaction([&] {
      CHECK(refused([&] { orm::apply(scope, taken); }) == List{"email: unique"});
      CHECK(scope.query<User>().count() == 2);  // the transaction goes on
    });
    changes.cast<&User::email>(R"({"email":"ann@acme.test"})");
    CHECK(refused([&] { orm::apply(scope, changes); }) == List{"email: unique"});
    orm::Changeset<Article> article;
    article.row().title = "x";
    article.cast<&Article::author>(R"({"author":12345})");
    CHECK(refused([&] { orm::apply(scope, article); }) == List{"author: reference"});
  });
}

TEST_CASE("many changes: all or none, told by number") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    const auto make = [&] {
      std::vector<orm::Changeset<User>> list;
      list.emplace_back(scope.get<User>(blog.ann.id));
      list.back().cast<&User::name>(R"({"name":"Anne"})");
      for (int i = 1; i < 200; ++i) {
        list.emplace_back().set<&User::email>(std::to_string(i) + "@acme.test");
      }
      return list;
    };
    auto list = make();
    list[150].row().email = "7@acme.test";
    CHECK(refused([&] { orm::apply(scope, list); }) == List{"[150].email: unique"});
    CHECK(scope.query<User>().count() == 1);
    CHECK(scope.get<User>(blog.ann.id).name == "Ann");
    CHECK(list[3].is_new());
    CHECK(!list[3].row().id);
    list = make();
    list[5].row().email = std::string(300, 'x');
    CHECK(refused([&] { orm::apply(scope, list); }) == List{"[5].email: max_length"});
    list[5].error("email", "own", "is wrong").error("", "whole", "is wrong");
    CHECK(refused([&] { orm::apply(scope, list); }) == List{"[5].email: own", "[5]: whole"});
    list = make();
    orm::apply(scope, list);
    CHECK(scope.query<User>().count() == 200);
    CHECK(scope.get<User>(blog.ann.id).name == "Anne");
    CHECK(scope.get<User>(list[9].row().id).email == "9@acme.test");
  });
}

namespace {

struct Offer {
  orm::Id id;
  std::int64_t price = 0;
  std::int64_t from_day = 0;
  std::int64_t to_day = 0;

  static constexpr auto model() {
    return orm::model<Offer>("offer", orm::field<&Offer::price>(), orm::field<&Offer::from_day>(),
                             orm::field<&Offer::to_day>(), orm::check("price", orm::col<&Offer::price> >= 0),
                             orm::check("term", orm::col<&Offer::from_day> < orm::col<&Offer::to_day>));
  }
};

}  // namespace

TEST_CASE("a rule of the model that the database keeps is told by the field it is about") {
  on_each_database([](db::Dialect dialect) {
    const FreshDatabase db(dialect);
    for (const auto& sql : orm::create_table_sql(orm::table_of<Offer>(), dialect)) db->execute_script(sql);
    const orm::SystemScope scope(*db, "a test looks at everything");
    const auto apply = [&](std::string_view json) {
      return refused([&] {
        orm::Changeset<Offer> changes;
        changes.cast<&Offer::price, &Offer::from_day, &Offer::to_day>(json);
        orm::apply(scope, changes);
      });
    };
    CHECK(apply(R"({"price":-1,"from_day":1,"to_day":2})") == List{"price: check"});
    CHECK(apply(R"({"price":1,"from_day":2,"to_day":2})") == List{"from_day: check"});
    CHECK(apply(R"({"price":1,"from_day":1,"to_day":2})") == List{"nothing was refused"});
  });
}

TEST_CASE("a batch finds what its parts would find") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    const auto post = scope.insert(blog.post(blog.ann, "a"));
    scope.insert(blog.post(blog.ann, "b"));
    scope.insert(blog.comment(post, blog.ann, "first"));
    orm::Batch batch(scope);
    const auto ann = batch.find<User>(blog.ann.id);
    const auto bob = batch.find<User>(blog.bob.id);
    const auto posts = batch.all(
        scope.query<Post>().with<&Post::author>().order_by(asc<&Post::slug>).prefetch<&Post::comments>());
    const auto last = batch.first(scope.query<Post>().order_by(orm::desc<&Post::slug>));
    CHECK(batch.size() == 4);
    CHECK(!ann.ready());
    CHECK_THROWS_AS(*ann, Error);
    batch.run();
    CHECK((*ann)->name == "Ann");
    CHECK(!*bob);
    REQUIRE(posts->size() == 2);
    CHECK((*posts)[0].author->name == "Ann");
    CHECK((*posts)[0].comments[0].text == "first");
    CHECK((*last)->slug == "b");
    batch.run();
  });
}

namespace {

/// What a list shows of a post.
struct Line {
  orm::Id id;
  std::string title;
  std::optional<std::string> parent;
  std::optional<std::int64_t> likes;  // wider than what is selected
  Timestamp created_at;
  std::vector<std::string> tags;
  static constexpr auto describe() {
    return mpf::describe(field<&Line::id>(), field<&Line::title>(name("name")), field<&Line::parent>(),
                         field<&Line::likes>(), field<&Line::created_at>(), field<&Line::tags>());
  }
};

}  // namespace

TEST_CASE("a selection is written as JSON, as the structs that it could be read into") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    std::string text;
    const auto send = [&](std::string_view part) { text += part; };
    const auto lines =
        scope.query<Post>()
            .order_by(asc<&Post::id>)
            .selection(f<&Post::id>, f<&Post::title>, f<&Post::parent, &Post::title>, f<&Post::likes>,
                       f<&Post::created_at>,
                       orm::related<&Comment::post>().value(collect(f<&Comment::text>, asc<&Comment::id>)));
    orm::write_json<Line>(lines, send);
    CHECK(text == "[]");
    Post first = blog.post(blog.ann, "first");
    first.title = "\"quoted\"\n\\ é";
    scope.insert(first);
    for (int i = 0; i < 100; ++i) {
      Post post = blog.post(blog.ann, "p" + std::to_string(i));
      if (i % 2 == 0) post.parent = orm::Ref<Post>(first.id);
      scope.insert(post);
    }
    scope.insert(blog.comment(first, blog.ann, "one"));
    scope.insert(blog.comment(first, blog.ann, "two"));
    text.clear();
    std::size_t parts = 0;
    orm::write_json<Line>(
        lines,
        [&](std::string_view part) {
          ++parts;
          CHECK(part.size() < 2000);
          text += part;
        },
        1000);
    CHECK(parts > 5);
    CHECK(text == to_json(lines.into<Line>()));
    CHECK(text.starts_with(R"([{"id":)"));
    std::string whole;
    JsonWriter writer(whole);
    orm::write_json<Line>(lines, writer);
    CHECK(whole == text);
  });
}

TEST_CASE("a query is written as JSON in portions") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto system = world.system();
    std::string text;
    const auto send = [&](std::string_view part) { text += part; };
    orm::write_json(system.query<Country>(), send);
    CHECK(text == "[]");
    std::vector<Country> rows(676);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].code = {static_cast<char>('A' + i / 26), static_cast<char>('A' + i % 26)};
    }
    system.insert_many(rows);
    text.clear();
    std::size_t parts = 0;
    orm::write_json(
        system.query<Country>().order_by(asc<&Country::id>),
        [&](std::string_view part) {
          ++parts;
          CHECK(part.size() < 2000);
          text += part;
        },
        1000);
    CHECK(parts > 10);
    CHECK(text == to_json(rows));
    std::string whole;
    JsonWriter writer(whole);
    orm::write_json(system.query<Country>().order_by(asc<&Country::id>), writer);
    CHECK(whole == text);
  });
}
