#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <mpf/db/postgres.hpp>
#include <mpf/orm/change_log.hpp>
#include <mpf/orm/link.hpp>
#include <mpf/orm/links.hpp>
#include <mpf/tenant/models.hpp>

#include "app/fixture.hpp"
#include "support/postgres.hpp"

/// Applications whose scopes work behind PostgreSQL's row-level security.
namespace mpf::test {
namespace {

constexpr std::string_view role = "mpf_of_applications";

struct Word {
  orm::Id id;
  orm::Ref<tenant::Site> site;
  std::string text;
  static constexpr auto model() {
    return orm::model<Word>("word", orm::field<&Word::site>(orm::tenant), orm::field<&Word::text>(),
                            orm::row_security(role));
  }
};

struct Note {
  orm::Id id;
  orm::Ref<tenant::Site> site;
  std::string text;
  orm::Many<Word> words;
  static constexpr auto model() {
    return orm::model<Note>("note", orm::field<&Note::site>(orm::tenant), orm::field<&Note::text>(),
                            orm::links<&Note::words>(), orm::change_log(), orm::row_security(role));
  }
};

/// Without the wall.
struct Memo {
  orm::Id id;
  orm::Ref<tenant::Site> site;
  static constexpr auto model() { return orm::model<Memo>("memo", orm::field<&Memo::site>(orm::tenant)); }
};

/// Without an entry, but with a log of its changes.
struct Diary {
  orm::Id id;
  orm::Ref<tenant::Site> site;
  std::string text;
  static constexpr auto model() {
    return orm::model<Diary>("diary", orm::field<&Diary::site>(orm::tenant), orm::field<&Diary::text>(),
                             orm::change_log());
  }
};

/// Behind another wall.
struct Other {
  orm::Id id;
  std::string text;
  static constexpr auto model() {
    return orm::model<Other>("other", orm::field<&Other::text>(), orm::row_security("another"));
  }
};

const EmbeddedFiles& no_files() {
  static const EmbeddedFiles files{std::vector<EmbeddedFiles::File>{}};
  return files;
}

std::string number(db::Database& db, const std::string& sql) {
  std::string value;
  db.execute({sql, {}}, [&](const db::Row& row) { value = std::to_string(row.integer(0)); });
  return value;
}

/// An application on a server's database of its own, whose user owns its tables and is no superuser: policies
/// hold for it too. Its migrations are made before it starts.
struct WalledApplication {
  TempDir migrations;
  db::PostgresOptions place = Postgres::shared().fresh();
  TestApplication app;

  explicit WalledApplication(const std::function<void(Setup&)>& models, bool all_models = false)
      : app(one_module([this, models](Setup& s) {
              models(s);
              s.migrations(no_files(), migrations.path());
            }),
            {.name = "testing", .version = "1.2", .row_security = all_models}) {
    fiber::run([&] {
      const auto root = db::open_postgres(place);
      root->execute_script(
          "DO $$ BEGIN CREATE ROLE owner_of_applications LOGIN CREATEROLE; EXCEPTION WHEN duplicate_object "
          "THEN "
          "NULL; END $$; GRANT ALL ON SCHEMA public TO owner_of_applications; GRANT CREATE ON DATABASE " +
          place.database + " TO owner_of_applications;");
    });
    app.options.overrides["database.url"] =
        "postgres://owner_of_applications@127.0.0.1:" + std::to_string(place.port) + "/" + place.database;
    app.options.overrides["application.auto_migrate"] = "true";
  }

  void make_migrations() {
    const auto made = app.command({"migrate", "make"});
    REQUIRE_MESSAGE(made.code == 0, made.errors);
  }
};

}  // namespace

TEST_CASE("postgres: an application whose models have row_security() works behind the wall") {
  WalledApplication walled([](Setup& s) {
    s.model<Word>();
    s.model<Note>();
    s.model<orm::Link<&Note::words>>();
    s.model<orm::Change>();
    s.get("/add", [](Context& ctx) {
      const auto scope = ctx.scope();
      const auto note = scope.insert(Note{.text = "secret"});
      const auto word = scope.insert(Word{.text = "word"});
      orm::links_of<&Note::words>(scope, note).add(word.id);
      return http::Response::text(
          std::to_string(scope.query<Note>().prefetch<&Note::words>().all().back().words.size()) + " " +
          std::to_string(orm::changes_of<Note>(scope, note.id).size()));
    });
    // By the ORM, by hand in the scope, and by who has none.
    s.get("/count", [](Context& ctx) {
      const auto scope = ctx.scope();
      std::string told = std::to_string(scope.query<Note>().count());
      for (const char* table : {"note", "word", "note_words", "orm_change"}) {
        told += " " + number(scope.db(), std::string("SELECT count(*) FROM ") + table);
      }
      return http::Response::text(told + " " + number(ctx.db(), "SELECT count(*) FROM note"));
    });
    s.get("/system", [](Context& ctx) {
      const orm::SystemScope all(ctx.db(), "a test counts");
      return http::Response::text(std::to_string(all.query<Note>().count()) + " " +
                                  number(all.db(), "SELECT count(*) FROM orm_change"));
    });
    s.get("/steal", [](Context& ctx) {
      return http::Response::text(
          std::to_string(ctx.scope().db().execute({"UPDATE note SET text = 'mine'", {}, db::Access::write})));
    });
  });
  auto& app = walled.app;
  walled.make_migrations();
  app.start_with_sites();
  CHECK(app.browser("acme.test").get("/add").body == "1 1");
  CHECK(app.browser("acme.test").get("/add").body == "1 1");
  CHECK(app.browser("globex.test").get("/add").body == "1 1");
  CHECK(app.browser("acme.test").get("/count").body == "2 2 2 2 2 0");
  CHECK(app.browser("globex.test").get("/count").body == "1 1 1 1 1 0");
  CHECK(app.browser("globex.test").get("/steal").body == "1");
  CHECK(app.browser("globex.test").get("/system").body == "3 3");
  const auto check = app.command({"migrate", "check"});
  CHECK_MESSAGE(check.code == 0, check.out, check.errors);
  const auto again = app.command({"migrate", "make"});
  CHECK_MESSAGE(again.out.find("note") == std::string::npos, again.out);
  app.stop();
  app.start();
  CHECK(app.browser("acme.test").get("/count").body == "2 2 2 2 2 0");
}

TEST_CASE("postgres: database.row_security makes scopes a role of their own before any model asks for it") {
  for (const bool on : {false, true}) {
    CAPTURE(on);
    WalledApplication walled([](Setup& s) {
      s.model<Memo>();
      s.get("/who", [](Context& ctx) {
        ctx.scope().insert(Memo{});
        std::string who;
        ctx.scope().db().execute(
            {"SELECT current_user || ' ' || coalesce(current_setting('mpf.scope', true), '')", {}},
            [&](const db::Row& row) { who = row.text(0); });
        return http::Response::text(who + " " + std::to_string(ctx.scope().query<Memo>().count()));
      });
    });
    auto& app = walled.app;
    app.options.overrides["database.row_security"] = on ? "true" : "false";
    walled.make_migrations();
    app.start_with_sites();
    CHECK(app.browser().get("/who").body == (on ? "mpf_tenant site 1" : "owner_of_applications  1"));
  }
}

TEST_CASE("postgres: ApplicationOptions::row_security keeps the log of changes apart too") {
  WalledApplication walled(
      [](Setup& s) {
        s.model<Diary>();
        s.model<orm::Change>();
        s.get("/add", [](Context& ctx) {
          const auto scope = ctx.scope();
          scope.insert(Diary{.text = "secret"});
          return http::Response::text(number(scope.db(), "SELECT count(*) FROM diary") + " " +
                                      number(scope.db(), "SELECT count(*) FROM orm_change"));
        });
        s.get("/system", [](Context& ctx) {
          const orm::SystemScope all(ctx.db(), "a test counts");
          return http::Response::text(number(all.db(), "SELECT count(*) FROM orm_change"));
        });
      },
      true);
  auto& app = walled.app;
  walled.make_migrations();
  app.start_with_sites();
  CHECK(app.browser("acme.test").get("/add").body == "1 1");
  CHECK(app.browser("globex.test").get("/add").body == "1 1");
  CHECK(app.browser("acme.test").get("/system").body == "2");
}

TEST_CASE("an application's models name one role") {
  WalledApplication walled([](Setup& s) {
    s.model<Word>();
    s.model<Other>();
  });
  try {
    walled.app.start();
    FAIL("it started");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::configuration);
    const std::string message = error.what();
    CHECK(message.find("word") != std::string::npos);
    CHECK(message.find("other") != std::string::npos);
    CHECK(message.find("mpf_of_applications and another") != std::string::npos);
  }
}

}  // namespace mpf::test
