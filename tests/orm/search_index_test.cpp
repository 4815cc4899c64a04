#include <sqlite3.h>

#include <filesystem>

#include <fmt/core.h>

#include <mpf/db/sqlite.hpp>
#include <mpf/orm/inherit.hpp>

#include "db/child.hpp"
#include "orm/leaflets.hpp"

namespace mpf::test {
namespace {

using orm::f;

const std::string index_name = "leaflet_title_body_search_idx";

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// Likes a leaflet, or none.
struct Fan {
  orm::Id id;
  std::string name;
  std::optional<orm::Ref<Leaflet>> likes;
  static constexpr auto model() {
    return orm::model<Fan>("fan", orm::field<&Fan::name>(), orm::field<&Fan::likes>());
  }
};

struct Work {
  orm::Id id;
  std::string kind;
  std::string title;
  static constexpr auto model() {
    return orm::model<Work>("work", orm::field<&Work::kind>(orm::row_kind), orm::field<&Work::title>(),
                            orm::search_index<&Work::title>());
  }
};
struct Song : Work {
  std::string text;
  static constexpr auto model() {
    return orm::model<Song>("song", orm::extends<Work>("song"), orm::field<&Song::text>(),
                            orm::search_index<&Song::text>());
  }
};

}  // namespace

TEST_CASE("search() goes by the index that the model declares") {
  on_each_database([](db::Dialect dialect) {
    const Leaflets all(dialect);
    std::vector<Leaflet> leaflets;
    for (int i = 0; i < 3000; ++i) {
      leaflets.push_back({.slug = std::to_string(i),
                          .title = fmt::format("Leaflet{} about wine", i),
                          .body = "Nothing, much."});
    }
    leaflets[7].body = "Ein roter Wein, ÄPFEL und Birnen";
    leaflets[8].body.reset();
    all.scope.insert_many(leaflets);
    CHECK(all.by_index("äpfel") == Ids{leaflets[7].id.value});
    CHECK(all.by_index("leaflet8") == Ids{leaflets[8].id.value});
    CHECK(all.found("\"roter wein\"") == 1);
    CHECK(all.found("\"wine ein\"") == 1);  // from one text to the next
    CHECK(all.found("wine -nothing") == 2);
    CHECK(all.found("-nothing") == 2);
    CHECK(all.found("leaflet29*") == 111);
    CHECK(all.found("\"about w\"* äpfel or -nothing") == 2);

    all.scope.transaction([&] {
      // Only where there is another way.
      if (dialect == db::Dialect::postgres) all.db->execute_script("SET LOCAL enable_seqscan = off");
      for (const char* const words : {"äpfel", "leaflet29*", "wine -nothing"}) {
        const auto plan = all.query(words).explain();
        INFO(plan);
        CHECK(contains(plan, dialect == db::Dialect::sqlite ? "SCAN " + index_name + " VIRTUAL TABLE INDEX"
                                                            : index_name));
      }
      // Other texts, or in another order, are another index's.
      const auto& query = all.scope.query<Leaflet>();
      CHECK_FALSE(contains(query.where(orm::search("äpfel", f<&Leaflet::body>)).explain(), index_name));
      const auto turned = orm::search("äpfel", f<&Leaflet::body>, f<&Leaflet::title>);
      CHECK_FALSE(contains(query.where(turned).explain(), index_name));
    });
    // What is written later is found as well.
    leaflets[9].body = "Quitten";
    all.scope.update(leaflets[9]);
    CHECK(all.found("quitten") == 1);
    CHECK(all.index_is_right());
  });
}

TEST_CASE("whoever writes the rows, the index follows") {
  on_each_database([](db::Dialect dialect) {
    const Leaflets all(dialect);
    Leaflet wine = all.add("wine", "Red wine");
    all.add("beer", "Beer", "cold");
    wine.title = "White wine";
    wine.id = {};
    all.scope.upsert<&Leaflet::slug>(wine);
    CHECK(all.found("red") == 0);
    CHECK(all.by_index("white") == Ids{wine.id.value});

    CHECK(all.scope.query<Leaflet>()
              .where(orm::search("cold", f<&Leaflet::title>, f<&Leaflet::body>))
              .update(orm::set<&Leaflet::body>("warm")) == 1);
    CHECK(all.found("cold") == 0);
    CHECK(all.found("warm") == 1);
    CHECK(all.scope.query<Leaflet>()
              .where(orm::search("warm", f<&Leaflet::title>, f<&Leaflet::body>))
              .update(orm::set<&Leaflet::body>(std::nullopt)) == 1);
    CHECK(all.found("warm") == 0);

    CHECK(all.scope.retire<Leaflet>(wine.id));
    CHECK(all.found("white") == 1);
    const auto in_use = all.scope.query<Leaflet>();
    CHECK(in_use.where(orm::search("white", f<&Leaflet::title>, f<&Leaflet::body>)).count() == 0);
    CHECK(all.index_is_right());

    // What is undone is undone in the index.
    CHECK_THROWS_AS(all.scope.transaction([&] {
      all.add("rum", "Rum");
      CHECK(all.found("rum") == 1);
      try {
        all.scope.transaction([&] {
          all.add("gin", "Gin");
          CHECK(all.found("gin or rum") == 2);
          all.add("gin", "Gin again");
        });
      } catch (const Error&) {
        CHECK(all.found("gin or rum") == 1);
      }
      throw Error(ErrorKind::conflict, "no");
    }),
                    Error);
    CHECK(all.found("gin or rum") == 0);
    CHECK_THROWS_AS(all.add("nul", std::string("a\0b", 3)), Error);

    CHECK(all.query("beer").remove() == 1);
    CHECK(all.found("beer") == 0);
    CHECK(all.index_is_right());

    if (dialect == db::Dialect::postgres) return;
    all.db->execute_script("INSERT OR REPLACE INTO leaflet (slug, title) VALUES ('wine', 'Port')");
    CHECK(all.found("white") == 0);
    CHECK(all.found("port") == 1);
    all.db->execute_script("UPDATE leaflet SET id = 77, body = 'by hand'");
    CHECK(all.by_index("\"port by hand\"") == Ids{77});
    CHECK(all.index_is_right());
    CHECK_THROWS_AS(all.db->execute_script("UPDATE OR FAIL leaflet SET title = 'Sherry', retired_at = 'x'"),
                    Error);
    CHECK(all.found("port") == 1);
    // Triggers by hand change the row further, before or after ours are called.
    all.db->execute_script(
        "CREATE TRIGGER inserted AFTER INSERT ON leaflet WHEN new.body IS NULL BEGIN UPDATE leaflet SET body "
        "= "
        "'empty' WHERE id = new.id; END; "
        "CREATE TRIGGER changed AFTER UPDATE OF title ON leaflet BEGIN UPDATE leaflet SET body = 'of ' || "
        "new.title WHERE id = new.id; DELETE FROM leaflet WHERE title = 'never'; END");
    all.db->execute_script("INSERT INTO leaflet (slug, title) VALUES ('madeira', 'Madeira')");
    CHECK(all.found("madeira empty") == 1);
    CHECK(all.index_is_right());
    all.db->execute_script("UPDATE leaflet SET title = 'Sherry' WHERE slug = 'madeira'");
    CHECK(all.found("\"sherry of sherry\"") == 1);
    CHECK(all.found("madeira or empty") == 0);
    CHECK(all.index_is_right());
    all.db->execute_script("INSERT INTO leaflet (slug, title) VALUES ('y', 'x')");
    all.db->execute_script("UPDATE leaflet SET title = 'never' WHERE slug = 'y'");
    CHECK(all.found("x or never") == 0);
    CHECK(all.index_is_right());
    all.db->execute_script("DELETE FROM leaflet; VACUUM");
    CHECK(all.found("-x") == 0);
    CHECK(all.index_is_right());
  });
}

TEST_CASE("a search in the row referred to goes by its index, and a row that is not there has no words") {
  on_each_database([](db::Dialect dialect) {
    const Leaflets all(dialect);
    for (const auto& sql : tables_sql({&orm::table_of<Fan>()}, dialect)) all.db->execute_script(sql);
    const Leaflet wine = all.add("wine", "Red wine", "dry");
    const Leaflet beer = all.add("beer", "Beer");
    const auto like = [&](std::string name, const Leaflet* leaflet) {
      Fan fan{.name = std::move(name)};
      if (leaflet) fan.likes = orm::Ref<Leaflet>(leaflet->id);
      all.scope.insert(fan);
    };
    like("Ann", &wine);
    like("Ben", &beer);
    like("Cid", nullptr);
    using Names = std::vector<std::string>;
    const auto names = [&](const orm::Condition<Fan>& condition) {
      return all.scope.query<Fan>().where(condition).order_by(orm::asc<&Fan::id>).pluck<&Fan::name>();
    };
    const auto indexed = [](std::string_view words) {
      return orm::search(words, f<&Fan::likes, &Leaflet::title>, f<&Fan::likes, &Leaflet::body>);
    };
    const auto scanned = [](std::string_view words) {  // the other way round nobody has declared
      return orm::search(words, f<&Fan::likes, &Leaflet::body>, f<&Fan::likes, &Leaflet::title>);
    };
    CHECK(names(indexed("wine")) == Names{"Ann"});
    CHECK(names(!indexed("wine")) == Names{"Ben", "Cid"});
    CHECK(names(indexed("-wine")) == Names{"Ben", "Cid"});
    CHECK(names(!indexed("-wine")) == Names{"Ann"});
    for (const char* const words : {"wine", "-wine", "beer or -dry", "red -dry", "-beer -red"}) {
      CAPTURE(words);
      CHECK(names(indexed(words)) == names(scanned(words)));
      CHECK(names(!indexed(words)) == names(!scanned(words)));
    }
    if (dialect == db::Dialect::postgres) return;
    CHECK(contains(all.scope.query<Fan>().where(indexed("wine")).explain(), index_name));
    CHECK_FALSE(contains(all.scope.query<Fan>().where(scanned("wine")).explain(), index_name));
    // Where values are computed, too.
    const auto is_red =
        orm::case_when(orm::search("red", f<&Leaflet::title>, f<&Leaflet::body>), 1).otherwise(0);
    CHECK(all.scope.query<Leaflet>().order_by(orm::asc<&Leaflet::id>).selection(is_red).all() ==
          std::vector<std::int64_t>{1, 0});
  });
}

TEST_CASE("a model that extends another searches by the index of either") {
  on_each_database([](db::Dialect dialect) {
    const FreshDatabase db(dialect);
    for (const auto& sql : tables_sql({&orm::table_of<Work>(), &orm::table_of<Song>()}, dialect)) {
      db->execute_script(sql);
    }
    const orm::SystemScope scope(*db, "a test looks at everything");
    Song song;
    song.title = "Red wine";
    song.text = "of summer";
    scope.insert(song);
    Work work{.title = "Blue wine"};
    scope.insert(work);
    const auto songs = scope.query<Song>();
    const auto by_text = songs.where(orm::search("summer", f<&Song::text>));
    const auto by_title = songs.where(orm::search("wine", f<&Song::title>));
    const auto by_both = songs.where(orm::search("\"wine of\"", f<&Song::title>, f<&Song::text>));
    for (const auto* const query : {&by_text, &by_title, &by_both}) CHECK(query->one().id == song.id);
    CHECK(scope.query<Work>().where(orm::search("wine", f<&Work::title>)).count() == 2);
    if (dialect == db::Dialect::postgres) return;
    CHECK(contains(by_text.explain(), "song_text_search_idx"));
    CHECK(contains(by_title.explain(), "work_title_search_idx"));
    CHECK_FALSE(contains(by_both.explain(), "search_idx"));
    song.text = "of winter";
    song.title = "Gone";
    scope.update(song);
    CHECK(by_text.count() == 0);
    CHECK(by_title.count() == 0);
    CHECK(scope.remove<Song>(song.id));
    CHECK(number_from(*db, "SELECT count(*) FROM song_text_search_idx('winter')") == 0);
    CHECK(number_from(*db, "SELECT count(*) FROM work_title_search_idx('wine')") == 1);
  });
}

TEST_CASE("a copy of the database has the index; programs without the tokenizer are told so") {
  fiber::run([] {
    const Leaflets all(db::Dialect::sqlite);
    all.add("wine", "Red wine");
    all.db->execute_script("CREATE TABLE other (x TEXT) STRICT");
    const TempDir folder;
    const auto file = folder / "copy.db";
    all.db->backup(file);
    {
      sqlite3* handle = nullptr;
      REQUIRE(sqlite3_open(file.c_str(), &handle) == SQLITE_OK);
      const auto run = [&](const char* sql) { return sqlite3_exec(handle, sql, nullptr, nullptr, nullptr); };
      CHECK(run("SELECT * FROM leaflet; INSERT INTO other VALUES ('x'); PRAGMA integrity_check") ==
            SQLITE_OK);
      CHECK(run("INSERT INTO leaflet (slug, title) VALUES ('a', 'Port')") == SQLITE_ERROR);
      CHECK(contains(sqlite3_errmsg(handle), "no such tokenizer: mpf_words"));
      // The way out that the header tells.
      CHECK(run(fmt::format("DROP TRIGGER mpf_words_insert_{0}; DROP TRIGGER mpf_words_update_{0}; DROP "
                            "TRIGGER mpf_words_delete_{0}; VACUUM",
                            index_name)
                    .c_str()) == SQLITE_OK);
      CHECK(run("INSERT INTO leaflet (slug, title) VALUES ('a', 'Port')") == SQLITE_OK);
      sqlite3_close(handle);
    }
    const auto copy = db::open_sqlite({.file = file});
    const orm::SystemScope scope(*copy, "a test looks at everything");
    const auto found = [&](std::string_view words) {
      return scope.query<Leaflet>().where(orm::search(words, f<&Leaflet::title>, f<&Leaflet::body>)).count();
    };
    CHECK(found("wine") == 1);
    CHECK(found("port") == 0);
    CHECK_FALSE(Leaflets::index_is_right(*copy));
    copy->execute_script(fmt::format(
        "DELETE FROM {0}; INSERT INTO {0} (rowid, document) SELECT id, document FROM mpf_words_{0}",
        index_name));
    CHECK(found("port") == 1);
    CHECK(Leaflets::index_is_right(*copy));

    // Rules that this program does not know are not taken for its own.
    CHECK_THROWS_AS(copy->execute_script("CREATE VIRTUAL TABLE v USING fts5(x, tokenize = 'mpf_words 2')"),
                    Error);
    CHECK_THROWS_AS(copy->execute_script("CREATE VIRTUAL TABLE v USING fts5(x, tokenize = 'mpf_words')"),
                    Error);
  });
}

TEST_CASE("write leaflets until killed" * doctest::skip()) {
  fiber::run([] {
    const auto db = db::open_sqlite({.file = std::getenv("MPF_TEST_DATABASE")});
    const orm::SystemScope scope(*db, "a test looks at everything");
    for (int i = 0;; ++i) {
      scope.transaction([&] {
        Leaflet made{.slug = std::to_string(i), .title = fmt::format("leaflet{}", i)};
        scope.insert(made);
        made.body = fmt::format("changed{} wine", i);
        scope.update(made);
        if (i % 3 == 0) scope.remove<Leaflet>(made.id);
      });
      sign();
    }
  });
}

TEST_CASE("a process killed while writing leaves rows and index in agreement") {
  for (int round = 0; round < 5; ++round) {
    CAPTURE(round);
    const TempDir folder;
    const auto file = folder / "leaflets.db";
    fiber::run([&] {
      const auto db = db::open_sqlite({.file = file});
      for (const auto& sql : tables_sql({&orm::table_of<Leaflet>()}, db::Dialect::sqlite)) {
        db->execute_script(sql);
      }
    });
    Child writer("write leaflets until killed", file);
    for (int committed = 0; committed < 20 + 17 * round; ++committed) REQUIRE(writer.wait());
    writer.kill();
    fiber::run([&] {
      const auto db = db::open_sqlite({.file = file});
      CHECK(Leaflets::index_is_right(*db));
      const auto rows = number_from(*db, "SELECT count(*) FROM leaflet");
      CHECK(rows > 10);
      CHECK(number_from(*db, "SELECT count(*) FROM " + index_name + "('wine')") == rows);
    });
  }
}

}  // namespace mpf::test
