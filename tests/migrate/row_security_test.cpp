#include <doctest/doctest.h>

#include <mpf/orm/link.hpp>
#include <mpf/orm/model.hpp>
#include <mpf/orm/row_security.hpp>
#include <mpf/orm/scope.hpp>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;

namespace {

constexpr std::string_view role = "mpf_of_migrations";

struct Provider {
  orm::Id id;
  std::string name;
  static constexpr auto model() {
    return orm::model<Provider>("provider", orm::field<&Provider::id>(orm::provider_tenant),
                                orm::field<&Provider::name>(), orm::row_security(role));
  }
};

struct Site {
  orm::Id id;
  orm::Ref<Provider> provider;
  static constexpr auto model() {
    return orm::model<Site>("site", orm::field<&Site::id>(orm::tenant),
                            orm::field<&Site::provider>(orm::provider_tenant), orm::row_security(role));
  }
};

struct Tag {
  orm::Id id;
  std::string word;
  static constexpr auto model() {
    return orm::model<Tag>("tag", orm::field<&Tag::word>(), orm::row_security(role));
  }
};

struct Note {
  orm::Id id;
  orm::Ref<Site> site;
  std::string text;
  orm::Many<Tag> tags;
  static constexpr auto model() {
    return orm::model<Note>("note", orm::field<&Note::site>(orm::tenant), orm::field<&Note::text>(),
                            orm::links<&Note::tags>(), orm::row_security(role));
  }
};

/// The link with a model of its own: the table that the framework kept goes on as this one.
struct Tagging {
  orm::Id id;
  orm::Ref<Site> site;
  orm::Ref<Note> note;
  orm::Ref<Tag> tag;
  std::int64_t weight = 0;
  static constexpr auto model() {
    return orm::model<Tagging>(
        "tagging", orm::renamed_from("note_tags"),
        orm::field<&Tagging::site>(orm::tenant, orm::on_delete(orm::OnDelete::cascade)),
        orm::field<&Tagging::note>(orm::renamed_from("source_id"), orm::on_delete(orm::OnDelete::cascade)),
        orm::field<&Tagging::tag>(orm::renamed_from("target_id"), orm::on_delete(orm::OnDelete::cascade)),
        orm::field<&Tagging::weight>(orm::default_value("1")), orm::unique<&Tagging::note, &Tagging::tag>());
  }
};

std::vector<orm::Table> tables() {
  return {orm::table_of<Provider>(), orm::table_of<Site>(), orm::table_of<Tag>(), orm::table_of<Note>(),
          orm::table_of<orm::Link<&Note::tags>>()};
}

}  // namespace

TEST_CASE("row security of models is made by migrations, holds, is checked, and goes again") {
  test::run([] {
    const test::Modules modules;
    const auto options = test::Postgres::shared().fresh();
    const auto plain = db::open_postgres(options);
    auto models = tables();
    for (auto& table : models) table.row_security.reset();
    const auto migrator = [&] { return Migrator(plain.get(), {modules.models("m", models)}); };
    migrator().make();
    migrator().apply();
    const auto open = test::catalog(*plain);

    models = tables();
    const auto made =
        migrator().make({.name = {}, .dry_run = false, .reason = "the release before works so"});
    REQUIRE(made.size() == 1);
    CHECK(std::ranges::count(made[0].operations, "set row security of note") == 1);
    CHECK(test::contains(made[0].content, "site_of: {table: site, column: id, provider: provider_id}"));
    CHECK(migrator().make().empty());
    migrator().apply();
    CHECK(migrator().check().catalog.empty());
    const auto closed = test::catalog(*plain);
    CHECK(closed != open);

    const auto walled = orm::with_row_security(db::open_postgres(options), {.role = std::string(role)});
    const orm::SystemScope all(*walled, "a test makes tenants");
    const auto provider = all.insert(Provider{.name = "p"});
    const auto one = all.insert(Site{.provider = orm::Ref(provider)});
    const auto two = all.insert(Site{.provider = orm::Ref(provider)});
    const orm::SiteScope acme(*walled, one.id, provider.id);
    const orm::SiteScope globex(*walled, two.id, provider.id);
    acme.insert(Note{.text = "secret"});
    std::int64_t seen = -1;
    acme.db().execute({"SELECT count(*) FROM note", {}, db::Access::read},
                      [&](const db::Row& row) { seen = row.integer(0); });
    CHECK(seen == 1);
    globex.db().execute({"SELECT count(*) FROM note", {}, db::Access::read},
                        [&](const db::Row& row) { seen = row.integer(0); });
    CHECK(seen == 0);

    // Somebody loosens it by hand.
    plain->execute_script(
        "DROP POLICY mpf_read ON note; CREATE POLICY mpf_read ON note FOR SELECT USING (true)");
    const auto report = migrator().check();
    CHECK(report.catalog.size() == 2);
    CHECK(test::contains(report.catalog.at(0), "table note"));
    CHECK(test::contains(report.catalog.at(0), "policy mpf_read"));
    plain->execute_script("DROP POLICY mpf_read ON note");
    migrator().rollback("m", "0002");
    CHECK(test::catalog(*plain) == open);
    migrator().apply();
    CHECK(test::catalog(*plain) == closed);
  });
}

TEST_CASE("migrations see all rows of tables behind the wall") {
  test::run([] {
    const test::Modules modules;
    const auto options = test::Postgres::shared().fresh();
    const auto root = db::open_postgres(options);
    root->execute_script(
        "DO $$ BEGIN CREATE ROLE owner_of_tests LOGIN CREATEROLE; EXCEPTION WHEN duplicate_object THEN NULL; "
        "END $$;"
        "GRANT ALL ON SCHEMA public TO owner_of_tests; GRANT CREATE ON DATABASE " +
        options.database + " TO owner_of_tests;");
    auto own = options;
    own.user = "owner_of_tests";  // no superuser: the policies hold for it too
    const auto database = db::open_postgres(own);
    auto models = tables();
    const auto migrator = [&] { return Migrator(database.get(), {modules.models("m", models)}); };
    migrator().make();
    migrator().apply();
    root->execute_script(
        "INSERT INTO provider (name) VALUES ('p'); INSERT INTO site (provider_id) VALUES (1);"
        "INSERT INTO note (site_id, text) SELECT 1, 't' FROM generate_series(1, 10)");
    CHECK(test::number(*database, "SELECT count(*) FROM note") == 0);
    auto token = test::col("token", orm::ColumnType::uuid);
    token.computed_default = orm::SqlText{"randomblob(16)", "gen_random_uuid()"};
    models[3].columns.push_back(token);
    migrator().make();
    migrator().apply();
    CHECK(test::number(*root, "SELECT count(DISTINCT token) FROM note") == 10);
    CHECK(migrator().check().catalog.empty());
  });
}

TEST_CASE("row security follows renames, and columns that it reads stay") {
  test::run([] {
    const test::Modules modules;
    const auto database = db::open_postgres(test::Postgres::shared().fresh());
    auto models = tables();
    const auto migrator = [&] { return Migrator(database.get(), {modules.models("m", models)}); };
    migrator().make();
    migrator().apply();
    auto& site = models[1];
    site.name = "place";
    site.renamed_from = "site";
    site.columns[1].name = "owner_id";
    site.columns[1].renamed_from = "provider_id";
    site.indexes = {test::index("place", {"owner_id"})};
    site.row_security->provider = "owner_id";
    for (auto& table : models) {
      for (auto& column : table.columns) {
        if (column.references && column.references->table == "site") column.references->table = "place";
      }
      if (!table.row_security || table.row_security->site_table.empty()) continue;
      table.row_security->site_table = "place";
      table.row_security->site_provider = "owner_id";
    }
    migrator().make({.name = {}, .dry_run = false, .reason = "a test"});
    migrator().apply();
    CHECK(migrator().check().catalog.empty());
    modules.write("m", "0003_x",
                  "migration:\n  module: m\n  name: 0003_x\n  depends: "
                  "[m/0002_rename_to_place_and_3_more]\noperations:\n"
                  "  - drop_column:\n      table: place\n      column: owner_id\n      reason: a test\n");
    const auto made = modules.folder("m");
    std::string before;
    for (const auto& entry : std::filesystem::directory_iterator(made)) {
      if (entry.path().filename().string().starts_with("0002")) before = entry.path().stem().string();
    }
    auto text = read_file(made / "0003_x.yaml");
    text.replace(text.find("0002_rename_to_place_and_3_more"), 31, before);
    modules.write("m", "0003_x", text);
    const auto message = test::error_of([&] { migrator().apply(); });
    CHECK(test::contains(message, "cannot drop column place.owner_id"));
    CHECK(test::contains(message, "before"));
  });
}

TEST_CASE("many-to-many: the framework's table of links becomes the application's, links and all") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      const test::Modules modules;
      const test::FreshDatabase database(dialect);
      auto models = tables();
      for (auto& table : models) table.row_security.reset();
      const auto migrator = [&] { return Migrator(&*database, {modules.models("m", models)}); };
      const auto first = migrator().make();
      CHECK(std::ranges::count(first.at(0).operations, "create table note_tags") == 1);
      migrator().apply();
      database->execute_script(
          "INSERT INTO provider (name) VALUES ('p'); INSERT INTO site (provider_id) VALUES (1);"
          "INSERT INTO note (site_id, text) VALUES (1, 'a'), (1, 'b'); INSERT INTO tag (word) VALUES ('x'), "
          "('y');"
          "INSERT INTO note_tags (site_id, source_id, target_id) VALUES (1, 1, 1), (1, 1, 2), (1, 2, 2)");
      const auto before = test::catalog(*database);
      models.back() = orm::table_of<Tagging>();
      const auto made = migrator().make({.name = {}, .dry_run = false, .reason = "a test"});
      CHECK(std::ranges::count(made.at(0).operations, "rename table note_tags to tagging") == 1);
      CHECK(made.at(0).losses.empty());
      CHECK(migrator().make().empty());
      migrator().apply();
      CHECK(migrator().check().catalog.empty());
      CHECK(test::number(*database, "SELECT sum(note_id * 100 + tag_id * 10 + weight) FROM tagging") == 453);
      migrator().rollback("m", "0002");
      CHECK(test::catalog(*database) == before);
      CHECK(test::number(*database, "SELECT count(*) FROM note_tags") == 3);
      // And gone altogether, the rows on both sides stay.
      models.pop_back();
      std::filesystem::remove(modules.folder("m") / (made.at(0).id.name + ".yaml"));
      modules.accept("m");
      CHECK(migrator().make().size() == 1);
      migrator().apply({.borders = migrate::Borders::pass});
      CHECK(test::number(*database, "SELECT count(*) FROM note") == 2);
    });
  }
}
