#include "migrate/support.hpp"
#include "support/postgres.hpp"

#include <doctest/doctest.h>

#include "migrate/graph.hpp"

using namespace mpf;
using migrate::MakeOptions;
using migrate::Migrator;
using orm::ColumnType;

namespace {

orm::Table user() { return test::table("user_account", {test::id_col(), test::col("email")}); }
orm::Table item() {
  auto title = test::col("title");
  title.max_length = 200;
  return test::table("content_item", {test::id_col(), test::ref_col("author_id", "user_account"), title},
                     {test::index("content_item", {"author_id"})});
}

}  // namespace

TEST_CASE("make writes readable files in dependency order, deterministically, and then nothing") {
  const test::Modules modules;
  const std::vector<migrate::ModuleModels> models{modules.models("content.item", {item()}),
                                                  modules.models("user.account", {user()})};
  const auto dry = Migrator(nullptr, models).make({.name = {}, .dry_run = true});
  CHECK_FALSE(std::filesystem::exists(modules.folder("content.item")));
  const auto made = Migrator(nullptr, models).make();
  REQUIRE(made.size() == 2);
  CHECK(made[0].content == dry[0].content);
  CHECK(made[0].id == migrate::MigrationId{"user.account", "0001_initial"});
  CHECK(made[1].file == modules.folder("content.item") / "0001_initial.yaml");
  CHECK(made[1].operations == std::vector<std::string>{"create table content_item"});
  CHECK(read_file(made[1].file) ==
        "migration:\n"
        "  module: content.item\n"
        "  name: \"0001_initial\"\n"
        "  depends:\n"
        "    - user.account/0001_initial\n"
        "operations:\n"
        "  - create_table:\n"
        "      table: content_item\n"
        "      columns:\n"
        "        - {name: id, type: id, primary_key: true}\n"
        "        - {name: author_id, type: id, references: user_account, on_delete: restrict}\n"
        "        - {name: title, type: text, max_length: 200}\n"
        "      indexes:\n"
        "        - {name: content_item_author_id_idx, columns: [author_id]}\n");
  CHECK(Migrator(nullptr, models).make().empty());
}

TEST_CASE("each change of a model becomes the operations that it needs, and losses are told") {
  const test::Modules modules;
  Migrator(nullptr, {modules.models("m", {user()})}).make();
  auto changed = user();
  changed.name = "user_person";
  changed.renamed_from = "user_account";
  changed.columns[1].name = "mail";
  changed.columns[1].renamed_from = "email";
  changed.columns.push_back(test::with_default(test::col("age", ColumnType::integer), "0"));
  changed.indexes = {test::index("user_person", {"mail"}, true)};
  const auto second = Migrator(nullptr, {modules.models("m", {changed})}).make({.name = "People & mail"});
  REQUIRE(second.size() == 1);
  CHECK(second[0].id.name == "0002_people_mail");
  CHECK(second[0].operations == std::vector<std::string>{"rename table user_account to user_person",
                                                         "rename column user_person.email to mail",
                                                         "add column user_person.age",
                                                         "create index user_person_mail_key"});
  CHECK(second[0].losses.empty());
  // What was renamed once stays in the model.
  CHECK(Migrator(nullptr, {modules.models("m", {changed})}).make().empty());
  changed.columns.pop_back();
  const auto third = Migrator(nullptr, {modules.models("m", {changed})}).make();
  CHECK(third.at(0).id.name == "0003_drop_age");
  CHECK(third[0].losses == std::vector<std::string>{"drop column user_person.age"});
  const auto fourth = Migrator(nullptr, {modules.models("m", {})}).make();
  CHECK(fourth.at(0).losses == std::vector<std::string>{"drop table user_person"});
}

TEST_CASE("circles of references, within modules and between them, are broken and closed again") {
  const test::Modules modules;
  const auto a = test::table("a", {test::id_col(), test::ref_col("b", "b"), test::ref_col("self", "a")});
  const auto b = test::table("b", {test::id_col(), test::ref_col("c", "c")});
  const auto c = test::table("c", {test::id_col(), test::ref_col("a", "a"), test::ref_col("d", "d")});
  const auto d = test::table("d", {test::id_col(), test::ref_col("e", "e")});
  const auto e = test::table("e", {test::id_col(), test::ref_col("d", "d")});
  const std::vector<migrate::ModuleModels> models{modules.models("ma", {a}), modules.models("mb", {b}),
                                                  modules.models("mc", {c}), modules.models("md", {d, e})};
  CHECK(Migrator(nullptr, models).make().size() == 5);
  CHECK(Migrator(nullptr, models).make().empty());
  test::run([&] {
    const auto database = modules.open();
    Migrator(database.get(), models).apply();
    CHECK(test::catalog(*database) == test::catalog_of({a, b, c, d, e}));
    // All gone again, although each is referred to.
    const std::vector<migrate::ModuleModels> none{modules.models("ma", {}), modules.models("mb", {}),
                                                  modules.models("mc", {}), modules.models("md", {})};
    Migrator(database.get(), none).make();
    CHECK(Migrator(nullptr, none).make().empty());
    Migrator(database.get(), none).apply();
    CHECK(test::catalog(*database).empty());
    // And back.
    Migrator(database.get(), none).rollback("ma", "0001");
    CHECK(test::catalog(*database).empty() == false);
  });
}

TEST_CASE("models that no safe migration leads to are refused, all of them together") {
  const test::Modules modules;
  Migrator(nullptr, {modules.models("m", {user()})}).make();
  auto bad = user();
  bad.columns.push_back(test::col("required"));
  bad.columns.push_back(test::ref_col("nowhere", "missing", orm::OnDelete::restrict, true));
  bad.columns[1].type = ColumnType::timestamp;
  const auto message = test::error_of([&] { Migrator(nullptr, {modules.models("m", {bad})}).make(); });
  CHECK(test::contains(message, "user_account.required"));
  CHECK(test::contains(message, "orm::default_value"));
  CHECK(test::contains(message, "user_account.nowhere"));
  CHECK(test::contains(message, "'missing'"));
  CHECK(test::contains(message, "from text into timestamp"));

  auto ambiguous = user();
  ambiguous.columns.push_back(test::with_default(test::col("mail"), "''"));
  Migrator(nullptr, {modules.models("m", {ambiguous})}).make();
  ambiguous.columns.erase(ambiguous.columns.begin() + 1);
  ambiguous.columns.back().renamed_from = "email";
  CHECK(test::contains(test::error_of([&] { Migrator(nullptr, {modules.models("m", {ambiguous})}).make(); }),
                       "both exist"));

  auto literal = user();
  literal.columns.push_back(test::with_default(test::null_col("x"), "now()"));
  CHECK(test::contains(test::error_of([&] { Migrator(nullptr, {modules.models("n", {literal})}).make(); }),
                       "no SQL literal"));
  CHECK(test::contains(test::error_of([&] {
                         Migrator(nullptr, {modules.models("m", {user()}), modules.models("n", {user()})});
                       }),
                       "declared twice"));
  CHECK_FALSE(std::filesystem::exists(modules.folder("n")));
}

TEST_CASE("names that differ in case only are refused, as SQLite would; a rename to such a one is none") {
  const test::Modules modules;
  const auto base = [](const std::string& name) {
    return test::table(name, {test::id_col(), test::col("a")});
  };
  auto columns = base("t");
  columns.columns.push_back(test::col("A"));
  auto indexes = base("t");
  indexes.indexes = {test::index("t", {"a"}), test::index("T", {"a"})};
  struct Case {
    std::vector<migrate::ModuleModels> models;
    const char* message;
  };
  const std::vector<Case> cases{
      {{modules.models("m", {columns})}, "the column 'A' of table 't' differs from 'a' of table 't' in case"},
      {{modules.models("m", {base("t"), base("T")})},
       "the table 'T' of module 'm' differs from 't' of module 'm' in case only"},
      {{modules.models("m", {base("t")}), modules.models("n", {base("T")})},
       "the table 'T' of module 'n' differs from 't' of module 'm' in case only"},
      {{modules.models("m", {indexes})}, "the index 'T_a_idx' of table 't' differs from 't_a_idx'"},
  };
  for (const auto& each : cases) {
    ErrorKind kind{};
    const auto message = test::error_of([&] { Migrator(nullptr, each.models); }, &kind);
    CHECK(kind == ErrorKind::configuration);
    CHECK_MESSAGE(test::contains(message, each.message), message);
  }
  // Renamed at once: there is no time at which both could be there.
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const test::Modules own;
      const test::FreshDatabase database(dialect);
      auto renamed = base("t");
      Migrator(&*database, {own.models("m", {renamed})}).make();
      Migrator(&*database, {own.models("m", {renamed})}).apply();
      renamed.columns[1].name = "A";
      renamed.columns[1].renamed_from = "a";
      Migrator migrator(&*database, {own.models("m", {renamed})});
      const auto made = migrator.make({.name = {}, .dry_run = false, .reason = "a test"});
      REQUIRE(made.size() == 1);
      CHECK(made[0].operations == std::vector<std::string>{"rename column t.a to A"});
      migrator.apply();
      CHECK(migrator.check().catalog.empty());
    });
  }
}

TEST_CASE("files that contradict each other are refused") {
  const test::Modules modules;
  const auto make = [&] {
    return test::error_of([&] { Migrator(nullptr, {modules.models("m", {})}).make(); });
  };
  modules.write("m", "0001_a",
                "migration:\n  module: m\n  name: 0001_a\n  depends:\n    - n/0001_x\noperations: []\n");
  CHECK(test::contains(make(), "0001_a.yaml:5: depends on n/0001_x"));
  modules.write("m", "0001_a",
                "migration:\n  module: m\n  name: 0001_a\n  depends: [m/0002_b]\noperations: []\n");
  modules.write("m", "0002_b",
                "migration:\n  module: m\n  name: 0002_b\n  depends: [m/0001_a]\noperations: []\n");
  CHECK(test::contains(make(), "wait for each other"));
  modules.write("m", "0002_b", "migration:\n  module: m\n  name: 0003_b\noperations: []\n");
  CHECK(test::contains(make(), "make them the same"));
  modules.write("m", "0001_a", "migration:\n  module: m\n  name: 0001_a\noperations: []\n");
  modules.write("m", "0002_b",
                "migration:\n  module: m\n  name: 0002_b\noperations:\n  - drop_table: {table: t}\n"
                "  - drop_table: {table: u}\n");
  CHECK(test::contains(make(), "0002_b.yaml:5: cannot drop table t: there is no table 't'"));
}

TEST_CASE("a migration after two branches follows both") {
  const test::Modules modules;
  Migrator(nullptr, {modules.models("m", {user()})}).make();
  const auto branch = [&](const std::string& name, const std::string& column) {
    modules.write("m", name,
                  "migration:\n  module: m\n  name: " + name +
                      "\n  depends: [m/0001_initial]\noperations:\n  - add_column:\n      table: "
                      "user_account\n      column: {name: " +
                      column + ", type: text, nullable: true}\n");
  };
  branch("0002_left", "l");
  branch("0002_right", "r");
  auto both = user();
  both.columns.push_back(test::null_col("r"));
  both.columns.push_back(test::null_col("l"));
  CHECK(Migrator(nullptr, {modules.models("m", {both})}).make().empty());
  both.columns.push_back(test::null_col("x"));
  const auto made = Migrator(nullptr, {modules.models("m", {both})}).make();
  CHECK(test::contains(made.at(0).content, "    - m/0002_left\n    - m/0002_right\n"));
  CHECK(made[0].id.name == "0003_add_x");
}

TEST_CASE("tables move between modules with their rows") {
  const test::Modules modules;
  test::run([&] {
    const auto database = modules.open();
    const std::vector<migrate::ModuleModels> before{modules.models("a", {user()}), modules.models("b", {})};
    Migrator(database.get(), before).make();
    Migrator(database.get(), before).apply();
    database->execute({"INSERT INTO user_account (email) VALUES ('x')", {}, db::Access::write});
    auto moved = user();
    // The same name alone may be a coincidence, and never hands rows over.
    const auto message = test::error_of([&] {
      Migrator(nullptr, {modules.models("a", {}), modules.models("b", {moved})}).make();
    });
    CHECK(test::contains(message, "there is a table of that name of module 'a'"));
    CHECK(test::contains(message, "orm::moved_from(\"a\")"));
    moved.moved_from = "a";
    const std::vector<migrate::ModuleModels> after{modules.models("a", {}), modules.models("b", {moved})};
    Migrator migrator(database.get(), after);
    const auto made = migrator.make();
    REQUIRE(made.size() == 1);
    CHECK(made[0].operations == std::vector<std::string>{"move table user_account to module b"});
    CHECK(test::contains(made[0].content, "a/0001_initial"));
    CHECK(migrator.make().empty());
    migrator.apply();
    CHECK(test::number(*database, "SELECT count(*) FROM user_account") == 1);
    CHECK(migrator.check().catalog.empty());
    // History is right in both: undoing it gives the table back to the first, which may go on with it.
    migrator.rollback("b");
    CHECK(test::number(*database, "SELECT count(*) FROM user_account") == 1);
    std::filesystem::remove_all(modules.folder("b"));
    CHECK(Migrator(nullptr, before).make().empty());
    CHECK(Migrator(database.get(), before).apply().empty());
  });
}

TEST_CASE("without a source folder nothing can be written, and that is told") {
  const EmbeddedFiles files(std::vector<EmbeddedFiles::File>{
      {"0001_initial.yaml", "migration:\n  module: m\n  name: 0001_initial\noperations: []\n"}});
  const test::Modules modules;
  auto models = modules.models("m", {user()});
  models.migrations = &files;
  CHECK(test::contains(test::error_of([&] { Migrator(nullptr, {models}).make(); }), "there is no folder"));
  models.source_folder.clear();
  CHECK(test::contains(test::error_of([&] { Migrator(nullptr, {models}).make(); }), "no source folder"));
}
