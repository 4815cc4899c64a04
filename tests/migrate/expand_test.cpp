#include <doctest/doctest.h>

#include <atomic>

#include "migrate/renames.hpp"

using namespace mpf;
using migrate::Migrator;
using test::pass;
using test::Release;
using test::stop;

TEST_CASE("a renamed column is there twice until the border, and holds the same") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      Release release(dialect);
      const auto before = test::catalog(*release.database);
      const auto rows = release.old_rows();
      const auto made = release.migrator().make();
      REQUIRE(made.size() == 2);
      CHECK_FALSE(made[0].border);
      CHECK(made[1].border);
      CHECK(
          test::lines(made[0].operations) ==
          "expand column item.title to headline\nexpand column item.n to amount\nexpand column item.note to "
          "remark\nexpand column item.owner_id to boss_id\ncreate index item_headline_key\ncreate index "
          "mpf_next_item_sorted\n");
      CHECK(test::lines(made[1].operations) ==
            "drop index item_sorted\ndrop index item_title_key\ndrop check item_n_check\ncontract column "
            "item.n "
            "to amount\ncontract column item.note to remark\ncontract column item.owner_id to "
            "boss_id\ncontract column item.title to headline\nrename index mpf_next_item_sorted to "
            "item_sorted\nadd check item_n_check\nalter column item.amount\nalter column item.remark\n");
      for (const auto& each : made) {
        CHECK(each.unsafe.empty());
        CHECK(each.losses.empty());
      }
      CHECK(release.migrator().make().empty());
      CHECK(release.migrator().lint().empty());

      CHECK(release.migrator().apply(stop()).size() == 1);
      CHECK(release.migrator().check().catalog.empty());
      CHECK(release.old_rows() == rows);
      CHECK(release.new_rows() == rows);
      const auto between = test::catalog(*release.database);

      CHECK(release.migrator().apply(pass()).size() == 1);
      CHECK(release.migrator().check().catalog.empty());
      CHECK(test::catalog(*release.database) == test::wanted_catalog(release.after, dialect));
      // The last step gave the older rows what may no longer be null.
      CHECK(release.new_rows() == std::vector<std::string>{"1|a|1|-|1", rows[1]});

      release.run("INSERT INTO item (headline, boss_id) VALUES ('c', 2)");
      release.migrator().rollback("m", "0003");
      CHECK(test::catalog(*release.database) == between);
      CHECK(release.old_rows() == std::vector<std::string>{"1|a|1|-|1", rows[1], "3|c|2|-|2"});
      release.migrator().rollback("m", "0002");
      CHECK(test::catalog(*release.database) == before);
      CHECK(release.old_rows() == std::vector<std::string>{"1|a|1|-|1", rows[1], "3|c|2|-|2"});
      CHECK(release.migrator().apply(pass()).size() == 2);
      CHECK(test::catalog(*release.database) == test::wanted_catalog(release.after, dialect));
    });
  }
}

TEST_CASE("what either release writes the other one reads") {
  struct Case {
    const char* what;
    const char* sql;
    const char* rows;  ///< of the third row, alike for both
  };
  const std::string insert = "INSERT INTO item (headline, amount, remark, boss_id) VALUES ('c', 3, 'y', 2); ";
  const std::vector<Case> cases{
      {"the old one inserts all", "INSERT INTO item (title, n, note, owner_id) VALUES ('c', 3, 'y', 2)",
       "3|c|3|y|2"},
      {"the old one leaves defaults out", "INSERT INTO item (title) VALUES ('c')", "3|c|1|NULL|NULL"},
      {"the new one inserts all",
       "INSERT INTO item (headline, amount, remark, boss_id) VALUES ('c', 3, 'y', 2)", "3|c|3|y|2"},
      {"the new one inserts what the old one has as default",
       "INSERT INTO item (headline, amount) VALUES ('c', 1)", "3|c|1|NULL|NULL"},
      {"the new one writes null", "INSERT INTO item (headline, amount, boss_id) VALUES ('c', 0, NULL)",
       "3|c|0|NULL|NULL"},
      {"the old one updates", "UPDATE item SET title = 'd', n = 4, note = 'z', owner_id = 1 WHERE id = 3",
       "3|d|4|z|1"},
      {"the new one updates",
       "UPDATE item SET headline = 'd', amount = 4, remark = 'z', boss_id = 1 WHERE id = 3", "3|d|4|z|1"},
      {"the old one writes null", "UPDATE item SET note = NULL, owner_id = NULL WHERE id = 3",
       "3|c|3|NULL|NULL"},
      {"the new one writes null over it", "UPDATE item SET remark = NULL, boss_id = NULL WHERE id = 3",
       "3|c|3|NULL|NULL"},
      {"the old one counts", "UPDATE item SET n = n + 1 WHERE id = 3", "3|c|4|y|2"},
      {"the new one counts", "UPDATE item SET amount = amount + 1 WHERE id = 3", "3|c|4|y|2"},
      {"the old one upserts",
       "INSERT INTO item (title, n) VALUES ('c', 9) ON CONFLICT (title) DO UPDATE SET n = EXCLUDED.n",
       "3|c|9|y|2"},
      {"the new one upserts",
       "INSERT INTO item (headline, amount) VALUES ('c', 9) ON CONFLICT (headline) DO UPDATE SET amount = "
       "EXCLUDED.amount",
       "3|c|9|y|2"},
      {"what they refer to goes", "DELETE FROM owner WHERE id = 2", "3|c|3|y|NULL"},
  };
  test::run([&] {
    Release release(db::Dialect::postgres);
    release.migrator().make();
    release.migrator().apply();
    for (const auto& each : cases) {
      CAPTURE(each.what);
      release.run("DELETE FROM item; INSERT INTO owner (id) VALUES (2) ON CONFLICT DO NOTHING");
      release.run("ALTER TABLE item ALTER COLUMN id RESTART WITH 3");
      const std::string sql = each.sql;
      if (!sql.starts_with("INSERT") || test::contains(sql, "CONFLICT")) release.run(insert);
      release.run(sql);
      CHECK(release.old_rows() == std::vector<std::string>{each.rows});
      CHECK(release.new_rows() == std::vector<std::string>{each.rows});
    }
    // The rules of both hold for both.
    ErrorKind kind{};
    for (const auto* bad :
         {"UPDATE item SET amount = -1", "UPDATE item SET n = -1",
          "UPDATE item SET headline = repeat('x', 51)", "UPDATE item SET title = NULL",
          "INSERT INTO item (headline) VALUES ('c')", "INSERT INTO item (title) VALUES ('c')"}) {
      CAPTURE(bad);
      CHECK_FALSE(test::error_of([&] { release.run(bad); }, &kind).empty());
    }
    // What only the new type holds waits for the old release to be gone.
    CHECK(test::contains(test::error_of([&] { release.run("UPDATE item SET amount = 5000000000"); }),
                         "out of range"));
    CHECK(release.migrator().apply(pass()).size() == 1);
    release.run("UPDATE item SET amount = 5000000000");
    CHECK(test::number(*release.database,
                       "SELECT count(*) FROM pg_proc WHERE proname LIKE 'mpf\\_same\\_%'") == 0);
  });
}

TEST_CASE("both releases write all the while, and nothing is lost") {
  test::run([] {
    Release release(db::Dialect::postgres);
    constexpr int rows = 12'000;
    constexpr int each = 20;
    release.run("INSERT INTO item (title, n) SELECT 'r' || g, g FROM generate_series(1, " +
                std::to_string(rows) + ") g");
    release.migrator().make();
    std::atomic<bool> old_runs{true};
    std::atomic<bool> new_runs{true};
    int old_writes = 0;
    int new_writes = 0;
    // Each release counts its own rows up, by the name that it knows, and adds new ones.
    const auto writer = [&](const std::atomic<bool>& runs, int& writes, const char* title, const char* count,
                            const char* prefix, int rest) {
      return fiber::spawn([&, title, count, prefix, rest] {
        while (runs) {
          ++writes;
          for (int i = 0; i < each; ++i) {
            const auto name = "r" + std::to_string(1 + (writes * 977 + i * 591) % (rows / 2) * 2 + rest);
            release.database->execute(
                {std::string("UPDATE item SET ") + count + " = " + count + " + 1 WHERE " + title + " = $1",
                 {name},
                 db::Access::write});
          }
          release.database->execute(
              {std::string("INSERT INTO item (") + title + ", " + count + ") VALUES ($1, 7)",
               {prefix + std::to_string(writes)},
               db::Access::write});
        }
      });
    };
    auto old_release = writer(old_runs, old_writes, "title", "n", "o", 0);
    while (old_writes < 3) fiber::yield();
    CHECK(release.migrator().apply().size() == 1);
    auto new_release = writer(new_runs, new_writes, "headline", "amount", "n", 1);
    const int then = old_writes;
    while (new_writes < 5 || old_writes < then + 5) fiber::yield();
    old_runs = false;
    old_release.get();
    const int so_far = new_writes;
    CHECK(release.migrator().apply(pass()).size() == 1);
    while (new_writes < so_far + 3) fiber::yield();
    new_runs = false;
    new_release.get();
    const auto count = [&](const std::string& sql) { return test::number(*release.database, sql); };
    CHECK(count("SELECT count(*) FROM item WHERE headline LIKE 'o%' AND amount = 7") == old_writes);
    CHECK(count("SELECT count(*) FROM item WHERE headline LIKE 'n%' AND amount = 7") == new_writes);
    CHECK(
        count(
            "SELECT sum(amount - substr(headline, 2)::bigint)::bigint FROM item WHERE headline LIKE 'r%'") ==
        static_cast<std::int64_t>(old_writes + new_writes) * each);
    CHECK(release.migrator().check().catalog.empty());
  });
}

TEST_CASE("check sees a trigger that is off, and the border does not drop what differs") {
  test::run([] {
    Release release(db::Dialect::postgres);
    release.migrator().make();
    release.migrator().apply();
    release.run("ALTER TABLE item DISABLE TRIGGER USER; UPDATE item SET title = 'lost' WHERE id = 1");
    const auto found = release.migrator().check().catalog;
    REQUIRE(found.size() == 8);  // four that lack, four that are there besides
    CHECK(test::contains(found[0], "trigger mpf_same_"));
    ErrorKind kind{};
    const auto message = test::error_of([&] { release.migrator().apply(pass()); }, &kind);
    CHECK(kind == ErrorKind::conflict);
    CHECK(test::contains(message, "1 rows have another value in item.title than in item.headline"));
    release.run("UPDATE item SET headline = title; ALTER TABLE item ENABLE TRIGGER USER");
    CHECK(release.migrator().apply(pass()).size() == 1);
    CHECK(test::texts(*release.database, "SELECT headline FROM item ORDER BY id").at(0) == "lost");
  });
}

TEST_CASE("rollback is refused before anything is changed while the old type cannot hold a value") {
  test::run([] {
    Release release(db::Dialect::postgres);
    release.migrator().make();
    release.migrator().apply(pass());
    const auto catalog = test::catalog(*release.database);
    release.run("UPDATE item SET amount = 5000000000 WHERE id = 2");
    CHECK(test::contains(test::error_of([&] { release.migrator().rollback("m", "0003"); }), "out of range"));
    release.run("UPDATE item SET amount = 5 WHERE id = 2");
    release.migrator().rollback("m", "0003");
    release.migrator().apply(pass());
    CHECK(test::catalog(*release.database) == catalog);
  });
}

TEST_CASE("squashed, the steps of a rename lead to the same tables") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      Release release(dialect);
      release.migrator().make();
      release.migrator().apply(pass());
      const auto catalog = test::catalog(*release.database);
      const auto squashed = release.migrator().squash("m", "0002", "0003", {.past_border = true});
      CHECK(release.migrator().apply().empty());
      CHECK(test::catalog(*release.database) == catalog);
      release.migrator().rollback("m", squashed.id.name);
      CHECK(release.old_rows() == std::vector<std::string>{"1|a|1|-|1", "2|b|2|x|NULL"});
      CHECK(release.migrator().apply(pass()).size() == 1);
      CHECK(test::catalog(*release.database) == catalog);
      release.migrator().squash("m", "0001", squashed.id.name, {.past_border = true});
      const test::FreshDatabase fresh(dialect);
      Migrator(&*fresh, {release.modules.models("m", release.after)}).apply();
      CHECK(test::catalog(*fresh) == catalog);
    });
  }
}

TEST_CASE("squashed up to the border, the columns are still there twice before it") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      Release release(dialect);
      release.migrator().make();
      release.migrator().apply(pass());
      const auto catalog = test::catalog(*release.database);
      release.migrator().squash("m", "0001", "0002");
      CHECK(release.migrator().make().empty());
      CHECK(release.migrator().apply().empty());
      const test::FreshDatabase fresh(dialect);
      Migrator(&*fresh, {release.modules.models("m", release.after)}).apply();
      CHECK(test::catalog(*fresh) == catalog);
    });
  }
}
