#include <mpf/orm/scope.hpp>

#include <doctest/doctest.h>

#include <fmt/core.h>

#include <functional>

#include <mpf/base/manual_clock.hpp>
#include <mpf/fiber/fiber.hpp>

#include "orm/models.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::f;

namespace {

std::int64_t rows_in(const World& world, const std::string& table) {
  return world.number("SELECT count(*) FROM \"" + table + "\"");
}

}  // namespace

TEST_CASE("scopes are of somebody") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    CHECK_THROWS_AS(orm::SiteScope(*world.db, orm::Id(), orm::Id(1)), Error);
    CHECK_THROWS_AS(orm::SiteScope(*world.db, orm::Id(1), orm::Id()), Error);
    CHECK_THROWS_AS(orm::ProviderScope(*world.db, orm::Id()), Error);
    CHECK_THROWS_AS(orm::SystemScope(*world.db, ""), Error);
  });
}

TEST_CASE("insert fills in id, tenant, times and version") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const ManualClock clock(Timestamp(Microseconds(1'000'000)));
    const orm::SiteScope scope(*world.db, world.acme.id, world.first.id, clock);
    Article row = world.article(world.ann, "a");
    scope.insert(row);
    CHECK(row.id);
    CHECK(row.site.id == world.acme.id);
    CHECK(row.created_at == clock.now());
    CHECK(row.changed_at == clock.now());
    CHECK(row.version == 1);
    CHECK(kind_of([&] { scope.insert(row); }) == ErrorKind::internal);
    const auto removed = row.id;
    CHECK(scope.remove<Article>(row.id));
    CHECK(!scope.remove<Article>(row.id));
    row.id = {};
    scope.insert(row);
    CHECK(row.id > removed);  // ids are never given twice
  });
}

TEST_CASE("get and find") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    CHECK(scope.get<User>(world.ann.id).email == "ann@acme.test");
    CHECK(scope.find<User>(world.ann.id)->role == Role::member);
    CHECK(!scope.find<User>(orm::Id(999)));
    CHECK(!scope.find<User>(orm::Id()));
    CHECK(kind_of([&] { scope.get<User>(orm::Id(999)); }) == ErrorKind::not_found);
  });
}

TEST_CASE("update writes all, or only the fields named") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    ManualClock clock(Timestamp(Microseconds(1'000'000)));
    const orm::SiteScope scope(*world.db, world.acme.id, world.first.id, clock);
    auto row = scope.insert(world.article(world.ann, "before"));
    clock.advance(std::chrono::seconds(1));
    row.title = "after";
    row.reads = 7;
    row.created_at = {};
    scope.update<&Article::title>(row);
    CHECK(row.version == 2);
    auto read = scope.get<Article>(row.id);
    CHECK(read.title == "after");
    CHECK(read.reads == 0);
    CHECK(read.version == 2);
    CHECK(read.changed_at == clock.now());
    CHECK(read.created_at < clock.now());
    scope.update(row);
    read = scope.get<Article>(row.id);
    CHECK(read.reads == 7);
    CHECK(read.created_at == Timestamp(Microseconds(1'000'000)));
    Article gone = row;
    gone.id = orm::Id(999);
    CHECK(kind_of([&] { scope.update(gone); }) == ErrorKind::not_found);
    gone.id = {};
    CHECK(kind_of([&] { scope.update(gone); }) == ErrorKind::internal);
  });
}

TEST_CASE("a row version refuses what is based on an older row") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    auto mine = scope.insert(world.article(world.ann, "a"));
    auto yours = mine;
    yours.title = "yours";
    scope.update(yours);
    mine.title = "mine";
    CHECK(kind_of([&] { scope.update(mine); }) == ErrorKind::conflict);
    CHECK(kind_of([&] { scope.update<&Article::title>(mine); }) == ErrorKind::conflict);
    CHECK(scope.get<Article>(mine.id).title == "yours");
    scope.update(yours);
  });
}

TEST_CASE("insert_many is all or nothing, and gives ids in order") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    std::vector<Article> rows;
    for (int i = 0; i < 1234; ++i) rows.push_back(world.article(world.ann, std::to_string(i)));
    scope.insert_many(rows);
    for (const std::size_t i : {0, 249, 250, 1233}) {
      CHECK(scope.get<Article>(rows[i].id).title == std::to_string(i));
    }
    CHECK(scope.query<Article>().count() == 1234);
    std::vector<User> users{{.email = "x@acme.test"}, {.email = "y@acme.test"}, {.email = "x@acme.test"}};
    try {
      scope.insert_many(users);
      FAIL("it was stored");
    } catch (const db::ConstraintError& error) {
      CHECK(error.type() == db::ConstraintError::Type::unique);
      CHECK(error.columns() == std::vector<std::string>{"user.site_id", "user.email"});
    }
    CHECK(scope.query<User>().count() == 1);
    std::vector<User> none;
    scope.insert_many(none);
  });
}

TEST_CASE("what the database refuses is told, with the columns") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    CHECK(kind_of([&] { scope.insert(User{.email = "ann@acme.test"}); }) == ErrorKind::conflict);
    CHECK(world.scope(world.globex).insert(User{.email = "ann@acme.test"}).id);  // unique in its site only
    scope.insert(world.article(world.ann, "a"));
    CHECK(kind_of([&] { scope.remove<User>(world.ann.id); }) == ErrorKind::conflict);
    CHECK(refused_field([&] { scope.insert(Article{.title = "without author"}); }) == "author: required");
    CHECK(refused_field([&] { scope.insert(User{.email = "z", .role = Role{9}}); }) == "role: choice");
    auto odd = world.article(world.ann, "a");
    odd.score = std::numeric_limits<double>::quiet_NaN();
    CHECK(refused_field([&] { scope.insert(odd); }) == "score: number");
  });
}

TEST_CASE("rows never refer to another tenant's, by whatever write") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    const auto system = world.system();
    const auto provider = world.scope(world.first);
    const User carl = world.scope(world.annex).insert(User{.email = "carl@annex.test"});
    const Theme own = system.insert(Theme{.provider = orm::Ref(world.first), .name = "own"});
    const Theme foreign = system.insert(Theme{.provider = orm::Ref(world.second), .name = "foreign"});
    auto good = scope.insert(world.article(world.ann, "good"));
    const auto before = rows_in(world, "article");

    for (const User& other : {world.bob, carl}) {
      auto row = world.article(other, "bad");
      CHECK(refused_field([&] { scope.insert(row); }) == "author: reference");
      row = world.article(world.ann, "bad");
      row.editor = orm::Ref<User>(other.id);
      CHECK(refused_field([&] { scope.insert(row); }) == "editor: reference");
      std::vector<Article> rows{world.article(world.ann, "fine"), row};
      CHECK(refused_field([&] { scope.insert_many(rows); }) == "[1].editor: reference");
      auto changed = good;
      changed.author.id = other.id;
      CHECK(refused_field([&] { scope.update(changed); }) == "author: reference");
      CHECK(refused_field([&] { scope.update<&Article::author>(changed); }) == "author: reference");
      const auto all = scope.query<Article>();
      CHECK(refused_field([&] { all.update(orm::set<&Article::author>(other.id)); }) == "author: reference");

      // Nor where the scope sees both tenants.
      row = world.article(other, "bad");
      row.site = orm::Ref<Site>(world.acme.id);
      CHECK(refused_field([&] { system.insert(row); }) == "author: reference");
      rows = {row};
      CHECK(refused_field([&] { system.insert_many(rows); }) == "[0].author: reference");
      CHECK(refused_field([&] { system.update(changed); }) == "author: reference");
      CHECK(refused_field([&] { system.query<Article>().update(orm::set<&Article::editor>(other.id)); }) ==
            "editor: reference");
      row.id = {};
      CHECK(refused_field([&] { provider.insert(row); }) == "author: reference");
      CHECK(refused_field([&] { provider.update(changed); }) == "author: reference");
      CHECK(refused_field([&] { provider.query<Article>().update(orm::set<&Article::author>(other.id)); }) ==
            "author: reference");
    }
    auto themed = good;
    themed.theme = orm::Ref<Theme>(foreign.id);
    CHECK(refused_field([&] { scope.update(themed); }) == "theme: reference");
    CHECK(refused_field([&] { system.update(themed); }) == "theme: reference");
    CHECK(refused_field([&] { provider.update(themed); }) == "theme: reference");
    CHECK(refused_field([&] { system.query<Article>().update(orm::set<&Article::theme>(foreign.id)); }) ==
          "theme: reference");
    themed.theme = orm::Ref<Theme>(own.id);
    scope.update(themed);
    system.update(themed);
    provider.update(themed);
    CHECK(rows_in(world, "article") == before);
    CHECK(scope.get<Article>(good.id).author.id == world.ann.id);
  });
}

TEST_CASE("rows stay with their tenant") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto acme = world.scope(world.acme);
    const auto globex = world.scope(world.globex);
    const auto system = world.system();
    auto row = acme.insert(world.article(world.ann, "a"));
    CHECK(kind_of([&] { globex.update(row); }) == ErrorKind::denied);
    auto moved = row;
    moved.site = orm::Ref<Site>(world.globex.id);
    CHECK(kind_of([&] { acme.update(moved); }) == ErrorKind::denied);
    CHECK(kind_of([&] { globex.update(moved); }) == ErrorKind::not_found);
    CHECK(kind_of([&] { system.update<&Article::title>(moved); }) == ErrorKind::conflict);
    CHECK(kind_of([&] { world.scope(world.second).update(row); }) == ErrorKind::not_found);
    moved.id = {};
    CHECK(kind_of([&] { acme.insert(moved); }) == ErrorKind::denied);
    std::vector<Article> rows{moved};
    CHECK(kind_of([&] { acme.insert_many(rows); }) == ErrorKind::denied);
    CHECK(kind_of([&] { world.scope(world.first).insert(moved); }) == ErrorKind::invalid);
    CHECK(refused_field([&] { system.insert(world.article(world.ann, "whose?")); }) == "site: required");
    CHECK(kind_of([&] { acme.insert(Site{.name = "new"}); }) == ErrorKind::denied);
    CHECK(kind_of([&] { world.scope(world.first).insert(Provider{.name = "new"}); }) == ErrorKind::denied);
    CHECK(world.scope(world.first).insert(Site{.name = "new"}).provider.id == world.first.id);
  });
}

TEST_CASE("no operation of one tenant shows or changes a row of another") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto acme = world.scope(world.acme);
    const auto system = world.system();
    const Theme theme = system.insert(Theme{.provider = orm::Ref(world.second), .name = "foreign"});
    auto theirs = world.article(world.bob, "theirs");
    theirs.theme = orm::Ref<Theme>(theme.id);
    world.scope(world.globex).insert(theirs);
    const auto own = acme.insert(world.article(world.ann, "own"));

    const auto check_blind = [&](const auto& scope, std::uint64_t visible) {
      const auto all = scope.template query<Article>();
      CHECK(all.count() == visible);
      CHECK(all.all().size() == visible);
      CHECK(all.offset(visible).all().empty());
      CHECK(all.where(f<&Article::title> == "theirs").all().empty());
      CHECK(all.where(f<&Article::id> == theirs.id || f<&Article::reads> >= 0).count() == visible);
      CHECK(all.where(!(f<&Article::title> == "own") || f<&Article::title> == "theirs").count() == 0);
      CHECK(all.where(f<&Article::author, &User::name> == "Bob").count() == 0);
      CHECK(!all.where(f<&Article::id> == theirs.id).exists());
      CHECK(!all.where(f<&Article::id> == theirs.id).first());
      CHECK(all.where(f<&Article::id> == theirs.id).template select<&Article::title>().empty());
      all.each([&](Article& row) { CHECK(row.site.id == world.acme.id); });
      CHECK(!scope.template find<Article>(theirs.id));
      CHECK(!scope.template find<User>(world.bob.id));
      CHECK(!scope.template find<Site>(world.globex.id));
      CHECK(!scope.template find<Theme>(theme.id));
      CHECK(!scope.template find<Provider>(world.second.id));
      CHECK(scope.template query<Theme>().count() == 0);
      CHECK(scope.template query<Provider>().count() == 1);
      CHECK(all.where(f<&Article::id> == theirs.id).update(orm::set<&Article::title>("x")) == 0);
      CHECK(all.where(f<&Article::title> == "theirs" || f<&Article::author, &User::name> == "Bob")
                .update(orm::set<&Article::title>("x")) == 0);
      CHECK(all.where(f<&Article::id> == theirs.id).remove() == 0);
      CHECK(!scope.template remove<Article>(theirs.id));
      CHECK(!scope.template remove<User>(world.bob.id));
      CHECK(!scope.template remove<Site>(world.globex.id));
    };
    check_blind(acme, 1);
    check_blind(world.scope(world.first), 1);
    CHECK(!acme.find<Site>(world.annex.id));
    CHECK(acme.query<Site>().count() == 1);
    CHECK(world.scope(world.first).query<Site>().count() == 2);
    CHECK(world.scope(world.annex).query<Article>().count() == 0);
    CHECK(system.query<Article>().count() == 2);

    // Rows that got there around the ORM: references across tenants load nothing.
    world.write_around_keys(
        fmt::format("UPDATE article SET editor_id = {}, parent_id = {}, theme_id = {} WHERE id = {}",
                    world.bob.id.value, theirs.id.value, theme.id.value, own.id.value));
    const auto check_unloaded = [&](const auto& scope) {
      const auto row = scope.template query<Article>()
                           .template with<&Article::editor>()
                           .template with<&Article::parent, &Article::author>()
                           .template with<&Article::theme>()
                           .where(f<&Article::id> == own.id)
                           .one();
      CHECK(row.title == "own");
      CHECK(!row.editor->loaded());
      CHECK(!row.parent->loaded());
      CHECK(!row.theme->loaded());
      CHECK(scope.template query<Article>().where(f<&Article::editor, &User::name> == "Bob").count() == 0);
      CHECK(scope.template query<Article>().where(f<&Article::parent, &Article::title> == "theirs").count() ==
            0);
      const auto names = scope.template query<Article>()
                             .where(f<&Article::id> == own.id)
                             .select(f<&Article::editor, &User::name>);
      CHECK(std::get<0>(names.at(0)) == std::nullopt);
    };
    check_unloaded(acme);
    check_unloaded(world.scope(world.first));
    check_unloaded(system);
    CHECK(world.scope(world.globex).get<Article>(theirs.id).title == "theirs");
    CHECK(rows_in(world, "user") == 2);
  });
}

TEST_CASE("models without tenant are for the system") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto system = world.system();
    const auto row = system.insert(Country{.code = "DE"});
    CHECK(system.get<Country>(row.id).code == "DE");
    CHECK(kind_of([&] { system.insert(Country{.code = "DE"}); }) == ErrorKind::conflict);
  });
}

TEST_CASE("a scope's transaction holds what was written through any scope of the fiber") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    CHECK_THROWS_AS(scope.transaction([&] {
      scope.insert(world.article(world.ann, "a"));
      CHECK(world.system().query<Article>().count() == 1);
      throw std::runtime_error("undo");
    }),
                    std::runtime_error);
    CHECK(scope.query<Article>().count() == 0);
    CHECK(scope.transaction([&](db::Transaction& tx) { return tx.depth(); }) == 1);
  });
}
