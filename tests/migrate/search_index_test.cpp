#include <doctest/doctest.h>

#include "migrate/support.hpp"

using namespace mpf;
using migrate::Migrator;

namespace {

orm::Table song(bool searched = true) {
  auto table = test::table("song", {test::id_col(), test::col("title"), test::null_col("text")});
  if (searched) table.indexes = {test::search_index("song", {"title", "text"})};
  return table;
}

std::int64_t found(db::Database& database, const std::string& words) {
  return test::number(database, "SELECT count(*) FROM song_title_text_search_idx('" + words + "')");
}

}  // namespace

TEST_CASE("an index of words on SQLite is filled when it is made, and goes without a trace") {
  test::run([] {
    const test::Modules modules;
    const auto database = modules.open();
    Migrator before(database.get(), {modules.models("a", {song(false)})});
    before.make();
    before.apply();
    database->execute_script("INSERT INTO song (title, text) VALUES ('Red', 'wine'), ('Blue', NULL)");
    Migrator now(database.get(), {modules.models("a", {song()})});
    now.make();
    CHECK(now.make().empty());
    now.apply();
    CHECK(found(*database, "\"red wine\"") == 1);
    CHECK(found(*database, "blue") == 1);
    CHECK(test::wrong_search_tables(*database).empty());
    CHECK(now.check().catalog.empty());

    now.rollback("a");
    CHECK(test::number(*database,
                       "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%search%' OR name LIKE "
                       "'mpf\\_words%' ESCAPE '\\'") == 0);
    now.apply();
    CHECK(found(*database, "blue") == 1);
    // What the table is made anew for keeps index and triggers by hand.
    database->execute_script(
        "CREATE TRIGGER by_hand AFTER INSERT ON song BEGIN UPDATE song SET text = 'hand' WHERE id = new.id; "
        "END");
    auto changed = song();
    changed.columns[2] = test::with_default(test::col("text"), "'absent'");
    Migrator last(database.get(), {modules.models("a", {changed})});
    last.make();
    last.apply();
    CHECK(found(*database, "absent") == 1);
    database->execute_script("INSERT INTO song (title) VALUES ('Green')");
    CHECK(found(*database, "green AND hand") == 1);
    CHECK(test::wrong_search_tables(*database).empty());
    CHECK(last.check().catalog.empty());
    // A table that goes takes all of it along.
    Migrator none(database.get(), {modules.models("a", {})});
    none.make({.name = {}, .dry_run = false, .reason = "a test"});
    none.apply({.borders = migrate::Borders::pass});
    CHECK(test::texts(*database,
                      "SELECT name FROM sqlite_schema WHERE type <> 'index' AND name NOT LIKE "
                      "'mpf\\_migration%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'")
              .empty());
  });
}

TEST_CASE("check tells what of an index of words was changed by hand") {
  struct Case {
    const char* sql;
    const char* told;
  };
  for (const Case& each :
       {Case{"DROP TRIGGER mpf_words_update_song_title_text_search_idx",
             "lacks: search trigger mpf_words_update_"},
        {"DROP TRIGGER mpf_words_insert_song_title_text_search_idx",
         "lacks: search trigger mpf_words_insert_"},
        {"DROP TABLE song_title_text_search_idx", "lacks: search table song_title_text_search_idx"},
        {"DROP VIEW mpf_words_song_title_text_search_idx", "lacks: search view mpf_words_song"},
        {"CREATE TRIGGER mpf_words_x AFTER DELETE ON song BEGIN SELECT 1; END",
         "has besides: search trigger mpf_words_x"}}) {
    CAPTURE(each.sql);
    test::run([&] {
      const test::Modules modules;
      const auto database = modules.open();
      Migrator migrator(database.get(), {modules.models("a", {song()})});
      migrator.make();
      migrator.apply();
      CHECK(migrator.check().catalog.empty());
      database->execute_script(each.sql);
      std::string told;
      for (const auto& line : migrator.check().catalog) told += line + "\n";
      INFO(told);
      CHECK(test::contains(told, std::string("table song ") + each.told));
      if (test::contains(each.told, "besides")) return;
      // The way out that full_text.hpp tells.
      for (const bool searched : {false, true}) {
        Migrator(nullptr, {modules.models("a", {song(searched)})}).make();
      }
      migrator.apply();
      CHECK(migrator.check().catalog.empty());
      CHECK(test::wrong_search_tables(*database).empty());
    });
  }
}
