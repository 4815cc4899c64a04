#include <mpf/orm/row_security.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <mpf/db/query_log.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/leak_check.hpp>

#include "orm/relations.hpp"

using namespace mpf;
using namespace mpf::test;

namespace {

/// Tables behind the wall, with two sites of two providers.
template <class... More>
struct WalledWith {
  std::unique_ptr<db::Database> db;
  Provider first, second;
  Site acme, globex;

  explicit WalledWith(const db::PostgresOptions& options = Postgres::shared().fresh())
      : db(orm::with_row_security(db::open_postgres(options), {.role = "tenant_of_tests"})) {
    for (const orm::Table* table :
         {&orm::table_of<Provider>(), &orm::table_of<Site>(), &orm::table_of<Theme>(), &orm::table_of<User>(),
          &orm::table_of<Article>(), &orm::table_of<Template>(), &orm::table_of<Page>(),
          &orm::table_of<More>()...}) {
      for (const auto& sql : orm::create_table_sql(*table, db->dialect())) db->execute_script(sql);
    }
    for (int again = 0; again < 2; ++again) {
      for (const auto& sql :
           orm::row_security_sql<Provider, Site, Theme, User, Article, Template, Page, More...>(
               {.role = "tenant_of_tests"})) {
        db->execute_script(sql);
      }
    }
    const orm::SystemScope all(*db, "a test makes tenants");
    first = all.insert(Provider{.name = "first"});
    second = all.insert(Provider{.name = "second"});
    acme = all.insert(Site{.provider = orm::Ref(first), .name = "acme"});
    globex = all.insert(Site{.provider = orm::Ref(second), .name = "globex"});
  }
  orm::SiteScope scope(const Site& site) const { return {*db, site.id, site.provider.id}; }
};
using Walled = WalledWith<>;
using WalledBlog =
    WalledWith<Post, Comment, Tag, Reading, orm::Link<&Post::tags>, orm::Link<&Post::related>, orm::Change>;

}  // namespace

TEST_CASE("behind the wall SQL by hand sees and changes no more than its scope") {
  fiber::run([] {
    const Walled world;
    const auto acme = world.scope(world.acme);
    const auto globex = world.scope(world.globex);
    auto ann = acme.insert(User{.email = "ann@acme.test"});
    std::vector<User> many(100);
    for (std::size_t i = 0; i < many.size(); ++i) many[i].email = std::to_string(i);
    globex.insert_many(many);
    CHECK(acme.query<User>().count() == 1);
    CHECK(globex.query<User>().count() == 100);
    ann.name = "Ann";
    acme.update(ann);
    const std::string count = "SELECT count(*) FROM \"user\"";
    CHECK(number_from(acme.db(), count) == 1);
    CHECK(number_from(globex.db(), count) == 100);
    const orm::ProviderScope provider(*world.db, world.first.id);
    CHECK(number_from(provider.db(), count) == 1);
    CHECK(number_from(orm::SystemScope(*world.db, "a test counts").db(), count) == 101);
    CHECK(acme.db().execute({"UPDATE \"user\" SET name = 'x'", {}, db::Access::write}) == 1);
    CHECK(acme.db().execute({"DELETE FROM \"user\" WHERE email = '7'", {}, db::Access::write}) == 0);
    CHECK_THROWS_AS(acme.db().execute({"INSERT INTO \"user\" (site_id, email, name, role) VALUES (" +
                                           world.globex.id.to_string() + ", 'z', '', 'member')",
                                       {},
                                       db::Access::write}),
                    Error);
    // Several scopes in one transaction, and what has none in between.
    acme.transaction([&] {
      CHECK(number_from(acme.db(), count) == 1);
      CHECK(number_from(globex.db(), count) == 100);
      CHECK(number_from(*world.db, count) == 101);
      CHECK(number_from(acme.db(), count) == 1);
    });
  });
}

TEST_CASE("the wall stands on a replica too, for what is read from there") {
  fiber::run([] {
    Postgres server;
    auto options = server.options();
    const std::uint16_t port = server.add_replica();
    options.replicas = {Secret("postgres://postgres@127.0.0.1:" + std::to_string(port) + "/postgres")};
    options.replica_lag = std::chrono::minutes(5);
    std::unique_ptr<Walled> world;
    fiber::spawn([&] {  // of a request that writes
      world = std::make_unique<Walled>(options);
      world->scope(world->acme).insert(User{.email = "ann@acme.test"});
      std::vector<User> many(100);
      for (std::size_t i = 0; i < many.size(); ++i) many[i].email = std::to_string(i);
      world->scope(world->globex).insert_many(many);
    })
        .get();
    const auto acme = world->scope(world->acme);
    const auto globex = world->scope(world->globex);
    db::Statement count{"SELECT count(*) FROM \"user\" WHERE pg_is_in_recovery()", {}};
    count.replica = true;
    const auto counted = [&](db::Database& db) {
      std::int64_t rows = -1;
      db.execute(count, [&](const db::Row& row) { rows = row.integer(0); });
      return rows;
    };
    {  // until the replica has it all
      const fiber::DeadlineScope limit(std::chrono::seconds(60));
      const auto there = [&] {
        db::Statement asked{"SELECT count(*) FROM pg_class WHERE relname = 'user' AND pg_is_in_recovery()",
                            {}};
        asked.replica = true;
        std::int64_t tables = 0;
        world->db->execute(asked, [&](const db::Row& row) { tables = row.integer(0); });
        return tables == 1 && counted(globex.db()) == 100;
      };
      while (!there()) fiber::checkpoint();
    }
    // What only the primary has tells where the rest comes from.
    server.psql_at(port, "SELECT pg_wal_replay_pause()");
    fiber::spawn([&] { acme.insert(User{.email = "new@acme.test"}); }).get();
    CHECK(acme.query<User>().count() == 2);
    const auto query = acme.query<User>().from_replica();
    CHECK(query.count() == 1);
    CHECK(query.all().size() == 1);
    std::size_t streamed = 0;
    query.each([&](const User&) { ++streamed; });
    CHECK(streamed == 1);
    CHECK(counted(acme.db()) == 1);
    CHECK(counted(globex.db()) == 100);
    CHECK(counted(orm::ProviderScope(*world->db, world->first.id).db()) == 1);
    acme.transaction([&] { CHECK(query.count() == 2); });
    server.psql_at(port, "SELECT pg_wal_replay_resume()");
  });
}

TEST_CASE("the wall holds where the ORM's own conditions are left out") {
  fiber::run([] {
    const Walled world;
    const auto leaks = orm::LeakCheck(world.scope(world.acme), world.scope(world.globex))
                           .without_conditions()
                           .run<Provider, Site, Theme, User, Article, Template, Page>();
    for (const auto& leak : leaks) MESSAGE(leak);
    CHECK(leaks.empty());
  });
}

TEST_CASE("the system's rows are read by all and written by none but the system") {
  fiber::run([] {
    const Walled world;
    orm::SystemScope(*world.db, "a test shares").insert(Template{.name = "shared"});
    const auto acme = world.scope(world.acme);
    CHECK(number_from(acme.db(), "SELECT count(*) FROM template") == 1);
    CHECK(acme.db().execute({"UPDATE template SET name = 'x'", {}, db::Access::write}) == 0);
    CHECK(acme.db().execute({"DELETE FROM template", {}, db::Access::write}) == 0);
  });
}

TEST_CASE("elsewhere the wall is not there") {
  fiber::run([] {
    TempDir folder;
    const auto db = orm::with_row_security(db::open_sqlite({.file = folder / "x.db"}));
    CHECK(db->dialect() == db::Dialect::sqlite);
  });
}

TEST_CASE("links and the log of changes stand behind the wall, and work there") {
  fiber::run([] {
    const WalledBlog world;
    const auto acme = world.scope(world.acme);
    const auto globex = world.scope(world.globex);
    const orm::ProviderScope first(*world.db, world.first.id);
    const orm::ProviderScope second(*world.db, world.second.id);
    const orm::SystemScope all(*world.db, "a test looks");
    const auto ann = acme.insert(User{.email = "ann@acme.test"});
    Post post;
    post.author = orm::Ref(ann);
    post.slug = post.title = "first";
    acme.insert(post);
    const auto tag = acme.insert(Tag{.name = "essays"});
    CHECK(orm::links_of<&Post::tags>(acme, post).add(tag.id) == 1);
    const auto read = acme.query<Post>().prefetch<&Post::tags>().prefetch<&Post::readers>().one();
    REQUIRE(read.tags.size() == 1);
    CHECK(read.tags[0].name == "essays");
    CHECK(acme.query<Tag>().prefetch<&Tag::posts>().one().posts.size() == 1);
    post.title = "second";
    acme.update<&Post::title>(post);
    first.query<Post>().update(orm::set<&Post::likes>(3));

    CHECK(orm::changes_of<Post>(acme, post.id).size() == 3);
    CHECK(orm::changes_of<Post>(first, post.id).size() == 3);
    CHECK(orm::changes_of<Post>(all, post.id).size() == 3);
    CHECK(orm::changes_of<Post>(globex, post.id).empty());
    CHECK(orm::changes_of<Post>(second, post.id).empty());
    struct Look {
      const char* table;
      std::int64_t mine;
    };
    for (const Look& look : {Look{"orm_change", 3}, Look{"post_tags", 1}, Look{"post", 1}}) {
      CAPTURE(look.table);
      const std::string count = std::string("SELECT count(*) FROM ") + look.table;
      CHECK(number_from(acme.db(), count) == look.mine);
      CHECK(number_from(first.db(), count) == look.mine);
      CHECK(number_from(all.db(), count) == look.mine);
      CHECK(number_from(globex.db(), count) == 0);
      CHECK(number_from(second.db(), count) == 0);
    }
    const std::string forged =
        "INSERT INTO orm_change (at, actor, action, \"table\", row, field, site) VALUES (now(), '', 'x', "
        "'post', "
        "1, '', " +
        world.acme.id.to_string() + ")";
    CHECK_THROWS_AS(globex.db().execute({forged, {}, db::Access::write}), Error);
    CHECK(orm::links_of<&Post::tags>(acme, post).remove(tag.id) == 1);
    CHECK(acme.remove<Post>(post.id));
    CHECK(orm::changes_of<Post>(acme, post.id).back().action == "delete");

    // Of a provider's own rows.
    const auto look = first.insert(Theme{.name = "dark"});
    CHECK(acme.find<Theme>(look.id).has_value());
    const auto leaks = orm::LeakCheck(acme, globex)
                           .without_conditions()
                           .run<Provider, Site, User, Post, Comment, Tag, Reading, orm::Link<&Post::tags>>();
    for (const auto& leak : leaks) MESSAGE(leak);
    CHECK(leaks.empty());
  });
}

TEST_CASE("behind the wall a statement counts as one, of who asked for it") {
  fiber::run([] {
    const Walled world;
    const auto acme = world.scope(world.acme);
    acme.insert(User{.email = "ann@acme.test"});
    const auto origins = [&](const std::function<void()>& work) {
      const db::QueryLogScope log;
      work();
      std::string told;
      for (const auto& each : log->origins()) {
        CHECK_MESSAGE(each.where.find("row_security_test.cpp") != std::string::npos, each.where);
        told += std::to_string(each.statements) + " ";
      }
      return told;
    };
    CHECK(origins([&] { acme.query<User>().count(); }) == "1 ");
    CHECK(origins([&] {
            acme.transaction([&] {
              acme.query<User>().all();
              world.db->execute({"SELECT 1", {}, db::Access::read}, {});
            });
          }).empty() == false);
    // Not within CHECK(), where all lines count as one.
    const auto two = [&] {
      acme.query<User>().count();
      acme.query<User>().exists();
    };
    CHECK(origins(two) == "1 1 ");
  });
}

TEST_CASE("scopes are let into tables once, and who may not do that is told what is to be run") {
  fiber::run([] {
    const auto options = Postgres::shared().fresh();
    const auto root = db::open_postgres(options);
    const std::vector<orm::Table> tables{orm::table_of<Country>(), orm::table_of<Provider>()};
    for (const auto& sql : orm::create_table_sql(tables[0], db::Dialect::postgres)) root->execute_script(sql);
    root->execute_script(
        "DO $$ BEGIN CREATE ROLE stranger_of_tests LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END "
        "$$;");
    auto own = options;
    own.user = "stranger_of_tests";
    const auto stranger = db::open_postgres(own);
    const orm::RowSecurityOptions role{.role = "role_of_" + options.database};
    try {
      orm::let_scopes_in(*stranger, tables, role);
      FAIL("it has no right to");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::configuration);
      const std::string message = error.what();
      CHECK(message.find("CREATE ROLE \"" + role.role + "\"") != std::string::npos);
      CHECK(message.find("GRANT SELECT, INSERT, UPDATE, DELETE ON \"country\" TO \"" + role.role + "\";") !=
            std::string::npos);
      CHECK(message.find("\"provider\"") == std::string::npos);  // is not there
    }
    orm::let_scopes_in(*root, tables, role);
    root->execute_script("GRANT \"" + role.role + "\" TO stranger_of_tests");
    orm::let_scopes_in(*stranger, tables, role);  // nothing is left to do
    const auto walled = orm::with_row_security(db::open_postgres(own), role);
    const orm::SystemScope scope(*walled, "a test writes");
    scope.insert(Country{.code = "AT"});
    CHECK(scope.query<Country>().count() == 1);
    root->execute_script("DROP OWNED BY \"" + role.role + "\"; DROP ROLE \"" + role.role + "\"");
  });
}
