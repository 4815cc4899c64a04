#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/batch.hpp>
#include <mpf/orm/ddl.hpp>
#include <mpf/orm/scope.hpp>

#include "support/postgres.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;
using orm::f;

namespace {

struct Shelf {
  orm::Id id;
  std::string name;
  static constexpr auto model() {
    return orm::model<Shelf>("replica_shelf", orm::field<&Shelf::name>(orm::max_length(50)));
  }
};

struct Volume {
  orm::Id id;
  orm::Ref<Shelf> shelf;
  std::string title;
  static constexpr auto model() {
    return orm::model<Volume>("replica_volume", orm::field<&Volume::shelf>(),
                              orm::field<&Volume::title>(orm::max_length(50)));
  }
};

}  // namespace

TEST_CASE(
    "from_replica() reads from a replica with all that belongs to the query, and the rest from the primary") {
  fiber::run([] {
    Postgres server;
    db::PostgresOptions options = server.options();
    const std::uint16_t port = server.add_replica();
    options.replicas = {Secret("postgres://postgres@127.0.0.1:" + std::to_string(port) + "/postgres")};
    options.replica_lag = 60s;
    const auto db = db::open_postgres(options);
    fiber::spawn([&] {
      for (const orm::Table& table : {orm::table_of<Shelf>(), orm::table_of<Volume>()}) {
        for (const auto& sql : orm::create_table_sql(table, db->dialect())) db->execute_script(sql);
      }
      const orm::SystemScope scope(*db, "a test");
      const auto shelf = scope.insert(Shelf{.name = "here"});
      scope.insert(Volume{.shelf = orm::Ref(shelf), .title = "one"});
    }).get();
    const orm::SystemScope scope(*db, "a test");
    const auto query = scope.query<Volume>().with<&Volume::shelf>().from_replica();
    {
      const fiber::DeadlineScope limit(60s);
      const auto used = [&] {
        bool answer = false;
        db::Statement asked{"SELECT pg_is_in_recovery() AND to_regclass('replica_volume') IS NOT NULL"};
        asked.replica = true;
        db->execute(asked, [&](const db::Row& row) { answer = row.boolean(0); });
        return answer && query.count() == 1;
      };
      while (!used()) fiber::checkpoint();
    }
    // What only the replica would show: its replaying is held, then the primary goes on.
    db::PostgresOptions there = options;
    there.port = port;
    there.replicas.clear();
    const auto replica = db::open_postgres(there);
    replica->execute({"SELECT pg_wal_replay_pause()"});
    fiber::spawn([&] {
      const auto shelf = scope.insert(Shelf{.name = "new"});
      scope.insert(Volume{.shelf = orm::Ref(shelf), .title = "two"});
    }).get();
    CHECK(scope.query<Volume>().count() == 2);
    CHECK(query.count() == 1);
    CHECK(query.all().size() == 1);
    CHECK(query.all().front().shelf->name == "here");
    CHECK(query.first()->title == "one");
    CHECK(!query.where(f<&Volume::title> == "two").exists());
    CHECK(query.ids().size() == 1);
    CHECK(query.selection(f<&Volume::title>).all().size() == 1);
    CHECK(query.page({.size = 5}).rows.size() == 1);
    std::size_t seen = 0;
    query.each([&](const Volume&) { ++seen; });
    CHECK(seen == 1);
    orm::Batch batch(scope);
    const auto awaited = batch.all(query);
    batch.run();
    CHECK(awaited->size() == 1);
    scope.transaction([&] { CHECK(query.count() == 2); });
    fiber::spawn([&] {
      const auto shelf = scope.insert(Shelf{.name = "third"});
      CHECK(scope.query<Shelf>().from_replica().count() == 3);
    }).get();
    replica->execute({"SELECT pg_wal_replay_resume()"});
  });
}
