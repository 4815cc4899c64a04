#include <mpf/orm/row_security.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/leak_check.hpp>

#include "orm/relations.hpp"

using namespace mpf;
using namespace mpf::test;

namespace {

/// Tables behind the wall, with two sites of two providers.
struct Walled {
  std::unique_ptr<db::Database> db;
  Provider first, second;
  Site acme, globex;

  explicit Walled(const db::PostgresOptions& options = Postgres::shared().fresh())
      : db(orm::with_row_security(db::open_postgres(options), {.role = "tenant_of_tests"})) {
    for (const orm::Table* table :
         {&orm::table_of<Provider>(), &orm::table_of<Site>(), &orm::table_of<Theme>(), &orm::table_of<User>(),
          &orm::table_of<Article>(), &orm::table_of<Template>(), &orm::table_of<Page>()}) {
      for (const auto& sql : orm::create_table_sql(*table, db->dialect())) db->execute_script(sql);
    }
    for (int again = 0; again < 2; ++again) {
      for (const auto& sql : orm::row_security_sql<Provider, Site, Theme, User, Article, Template, Page>(
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
