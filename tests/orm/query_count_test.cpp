#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include <mpf/db/query_log.hpp>
#include <mpf/orm/batch.hpp>
#include <mpf/orm/row_security.hpp>

#include "orm/relations.hpp"

using namespace mpf;
using namespace mpf::test;

// What the budget of a request counts: statements of the program, each at its place.

namespace {

std::string here(unsigned line) { return std::string(__FILE__) + ":" + std::to_string(line); }

std::vector<std::string> places(const db::QueryLogScope& log) {
  std::vector<std::string> all;
  for (const auto& origin : log->origins()) {
    all.push_back(origin.where + " " + std::to_string(origin.statements));
  }
  std::ranges::sort(all);
  return all;
}

}  // namespace

TEST_CASE("each statement of a batch is counted where it was asked for; a bulk insert is one") {
  on_each_database([](db::Dialect dialect) {
    const Blog blog(dialect);
    const auto scope = blog.scope(blog.acme);
    std::vector<User> users(100);
    for (std::size_t i = 0; i < users.size(); ++i) users[i].email = std::to_string(i);
    {
      const db::QueryLogScope log;
      const unsigned line = __LINE__ + 1;
      scope.insert_many(users);
      // What asks for the ids, and the rows themselves.
      const auto found = places(log);
      REQUIRE(found.size() == 1);
      CHECK(found[0].starts_with(here(line)));
      CHECK(log->statements() >= 2);
      CHECK(log->statements() <= 3);
    }
    db::Statement first{"SELECT 1", {}};
    const unsigned line = __LINE__ + 1;
    db::Statement second{"SELECT 2", {}};
    db::Statement prepares{"SELECT 3", {}};
    prepares.counted = false;
    const db::QueryLogScope log;
    blog.db->execute_batch(std::array{first, second, prepares});
    CHECK(log->statements() == 2);
    CHECK(places(log) == std::vector{here(line - 2) + " 1", here(line) + " 1"});
  });
}

TEST_CASE("what tells the server of a scope is not counted") {
  fiber::run([] {
    const orm::RowSecurityOptions options{.role = "tenant_of_counts"};
    const auto database = orm::with_row_security(db::open_postgres(Postgres::shared().fresh()), options);
    for (const orm::Table* table :
         {&orm::table_of<Provider>(), &orm::table_of<Site>(), &orm::table_of<User>()}) {
      for (const auto& sql : orm::create_table_sql(*table, database->dialect()))
        database->execute_script(sql);
    }
    for (const auto& sql : orm::row_security_sql<Provider, Site, User>(options))
      database->execute_script(sql);
    const orm::SystemScope all(*database, "a test makes tenants");
    const auto provider = all.insert(Provider{.name = "first"});
    const auto site = all.insert(Site{.provider = orm::Ref(provider), .name = "acme"});
    const orm::SiteScope scope(*database, site.id, provider.id);
    const db::QueryLogScope log;
    const unsigned line = __LINE__ + 1;
    scope.insert(User{.email = "ann@acme.test"});
    scope.query<User>().count();
    scope.transaction([&] {
      scope.query<User>().each([](User&) {});
      scope.find<User>(orm::Id(1));
    });
    std::vector<User> users(100);
    for (std::size_t i = 0; i < users.size(); ++i) users[i].email = std::to_string(i);
    scope.insert_many(users);
    CHECK(places(log)[0] == here(line) + " 1");
    CHECK(places(log)[1] == here(line + 1) + " 1");
    CHECK(places(log)[2] == here(line + 3) + " 1");
    CHECK(places(log)[3] == here(line + 4) + " 1");
    CHECK(places(log)[4].starts_with(here(line + 8)));
    CHECK(places(log).size() == 5);
  });
}
