#include <doctest/doctest.h>

#include <optional>

#include "migrate/killing_database.hpp"
#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::MigrationState;
using migrate::Migrator;
using Names = std::vector<std::string>;

namespace {

/// An application, and an extension that refers to its table.
class Shop {
 public:
  Shop() {
    Migrator(nullptr, without()).make();
    auto cart =
        test::table("cart", {test::id_col(), test::ref_col("item_id", "item"), test::null_col("note")});
    // In a circle with each other.
    cart.columns.push_back(test::ref_col("first_id", "line", orm::OnDelete::set_null, true));
    tables = {cart, test::table("line", {test::id_col(), test::ref_col("cart_id", "cart")})};
    make();
    tables[0].columns[3].references->table = "entry";
    tables[1].name = "entry";
    tables[1].renamed_from = "line";
    make();
  }

  std::vector<migrate::ModuleModels> without() const { return {modules.models("web", {item_})}; }
  std::vector<migrate::ModuleModels> with() const {
    auto all = without();
    all.push_back(modules.models("shop", tables));
    all.back().functions["count"] = [](migrate::DataStep&) { return std::nullopt; };
    return all;
  }

  void make() const { Migrator(nullptr, with()).make({.name = "x", .dry_run = false, .reason = "a test"}); }
  /// A third migration, by hand.
  void write(const std::string& operations) const {
    write("shop", "0003_by_hand", "[shop/0002_x]", operations);
  }
  void write(const std::string& module, const std::string& name, const std::string& depends,
             const std::string& operations) const {
    modules.write(module, name,
                  "migration:\n  module: " + module + "\n  name: " + name + "\n  depends: " + depends +
                      "\noperations:\n" + operations);
  }

  test::Modules modules;
  std::vector<orm::Table> tables;

 private:
  orm::Table item_ = test::table("item", {test::id_col(), test::col("name")});
};

constexpr auto* some_rows =
    "INSERT INTO item (id, name) VALUES (1, 'a'); INSERT INTO cart (id, item_id) VALUES (1, 1); INSERT INTO "
    "entry (id, cart_id) VALUES (1, 1); UPDATE cart SET first_id = 1";

/// What the extension does to the application's table: a column that refers to its own, in an index.
constexpr auto* to_others =
    "  - add_column:\n      table: item\n      column: {name: cart_id, type: id, nullable: true, references: "
    "cart, on_delete: set_null}\n"
    "  - create_index: {table: item, index: {name: item_cart_idx, columns: [cart_id]}}\n";

/// Runs the body on each database with both modules applied, as the application without the extension.
template <class Body>
void on_each(const Shop& shop, const Body& body) {
  for (const auto dialect : test::databases()) {
    test::run([&] {
      const test::FreshDatabase database(dialect);
      Migrator(&*database, shop.without()).apply();
      const auto before = test::catalog(*database);
      Migrator(&*database, shop.with()).apply();
      database->execute_script(some_rows);
      Migrator gone(&*database, shop.without());
      body(*database, gone, before);
    });
  }
}

}  // namespace

TEST_CASE("a module that is gone is undone by what the database remembers") {
  const Shop shop;
  shop.write(to_others);
  on_each(shop, [&](db::Database& database, Migrator& gone, const auto& before) {
    database.execute_script("UPDATE item SET cart_id = 1");
    CHECK(gone.show().back().state == MigrationState::orphaned);
    CHECK(gone.check().files.empty());
    REQUIRE(gone.check().gone.size() == 1);
    CHECK(test::contains(gone.check().gone[0], "`migrate rollback shop` takes its tables away"));
    const auto plan = gone.rollback_plan("shop");
    REQUIRE(plan.size() == 1);
    REQUIRE(plan[0].together.size() == 3);
    CHECK(plan[0].together[0].name == "0003_by_hand");
    CHECK(plan[0].lost == Names{"drop column item.cart_id", "drop table entry", "drop table cart"});
    CHECK(plan[0].stays.empty());
    CHECK(gone.rollback("shop") == plan[0].together);
    CHECK(test::catalog(database) == before);
    CHECK(test::number(database, "SELECT count(*) FROM item") == 1);
    CHECK(gone.show().size() == 1);
    CHECK(gone.check().gone.empty());
    CHECK(gone.check().catalog.empty());
    CHECK_FALSE(test::error_of([&] { gone.rollback("shop"); }).empty());
    // It may come back.
    CHECK(Migrator(&database, shop.with()).apply().size() == 3);
  });
}

TEST_CASE("steps on rows of tables that go need no way back, and what stays of others is told") {
  struct Case {
    const char* operations;
    const char* stays = nullptr;
    const char* name = "a";  ///< of the application's row afterwards
  };
  const std::vector<Case> cases{
      {"  - backfill: {table: cart, set: {note: \"'x'\"}, irreversible: true}\n"},
      {"  - call: {function: count, irreversible: true, touches: [cart.note, entry]}\n"},
      {"  - call: {function: count, reverse: count}\n", ":6: call count"},
      {"  - sql:\n      sqlite: \"UPDATE cart SET note = 'x'\"\n      postgres: \"UPDATE cart SET note = 'x' "
       "WHERE note = 'y'\"\n      irreversible: true\n"},
      // Of a column that is not there any more.
      {"  - sql:\n      sqlite: \"\"\n      postgres: \"\"\n      reverse_sqlite: \"UPDATE cart SET old = "
       "note\"\n"
       "      reverse_postgres: \"UPDATE cart SET old = note\"\n"},
      {"  - sql:\n      sqlite: \"UPDATE item SET name = name\"\n      postgres: \"UPDATE item SET name = "
       "name "
       "WHERE name = 'y'\"\n      irreversible: true\n",
       ":6: run SQL"},
      {"  - sql:\n      sqlite: \"CREATE VIEW v AS SELECT note FROM cart\"\n      postgres: \"CREATE VIEW v "
       "AS "
       "SELECT note FROM cart\"\n      reverse_sqlite: \"DROP VIEW v\"\n      reverse_postgres: \"DROP VIEW "
       "v\"\n"},
      {"  - backfill: {table: item, set: {name: \"'x'\"}, irreversible: true}\n", ":6: backfill item"},
      {"  - backfill: {table: item, set: {name: \"'x'\"}, reverse: {name: \"'y'\"}}\n", nullptr, "y"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.operations);
    const Shop shop;
    shop.write(each.operations);
    on_each(shop, [&](db::Database& database, Migrator& gone, const auto& before) {
      const auto plan = gone.rollback_plan("shop");
      REQUIRE(plan.at(0).stays.size() == (each.stays ? 1 : 0));
      if (each.stays) {
        CHECK(plan[0].stays[0] ==
              std::string("shop/0003_by_hand (as the database remembers it)") + each.stays);
      }
      gone.rollback("shop");
      CHECK(test::catalog(database) == before);
      CHECK(test::texts(database, "SELECT name FROM item") == Names{each.name});
    });
  }
}

TEST_CASE("what holds columns the same, and what was squashed, goes along") {
  Shop shop;
  on_each(shop, [&](db::Database& database, Migrator& gone, const auto& before) {
    const auto tables = shop.tables;
    shop.tables[0].columns[2].name = "remark";
    shop.tables[0].columns[2].renamed_from = "note";
    const auto made = Migrator(nullptr, shop.with()).make();
    Migrator(&database, shop.with()).apply({.borders = migrate::Borders::stop});
    const std::string functions = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'mpf\\_%'";
    const bool postgres = database.dialect() == db::Dialect::postgres;
    if (postgres) CHECK(test::number(database, functions) == 1);
    CHECK(gone.rollback("shop").size() == 3);
    CHECK(test::catalog(database) == before);
    if (postgres) CHECK(test::number(database, functions) == 0);
    for (const auto& each : made) std::filesystem::remove(each.file);
    shop.modules.accept("shop");
    shop.tables = tables;
  });
  const Shop squashed;
  for (const bool applied : {true, false}) {
    CAPTURE(applied);
    if (!applied) Migrator(nullptr, squashed.with()).squash("shop", "0001", "0002");
    on_each(squashed, [&](db::Database& database, Migrator& gone, const auto& before) {
      if (applied) {
        const Shop later;
        Migrator(nullptr, later.with()).squash("shop", "0001", "0002");
        Migrator(&database, later.with()).apply();
      }
      CHECK(test::number(database, "SELECT count(*) FROM mpf_migration WHERE module = 'shop'") == 3);
      CHECK(gone.rollback("shop").size() == 1);
      CHECK(test::catalog(database) == before);
      CHECK(test::number(database, "SELECT count(*) FROM mpf_migration WHERE module = 'shop'") == 0);
    });
  }
}

TEST_CASE("what others depend on, or would leave them otherwise than their migrations say, is refused") {
  struct Case {
    const char* name;
    std::function<void(const Shop&, db::Database&)> prepare;
    const char* message;
  };
  const std::vector<Case> cases{
      {"by hand",
       [](const Shop&, db::Database& database) {
         database.execute_script("CREATE TABLE foreigner (cart bigint REFERENCES cart)");
       },
       "table 'foreigner', which stays, refers to 'cart'"},
      {"another one that is gone",
       [](const Shop& shop, db::Database& database) {
         shop.write("gift", "0001_initial", "[shop/0001_x]",
                    "  - create_table: {table: gift, columns: [{name: id, type: id, primary_key: true}]}\n");
         auto models = shop.with();
         models.push_back(shop.modules.models("gift", {}));
         Migrator(&database, models).apply();
       },
       "gift/0001_initial depends on shop/0001_x: run `migrate rollback gift` first"},
      {"changed again since",
       [](const Shop& shop, db::Database& database) {
         shop.write("web", "0002_more", "[web/0001_initial]",
                    "  - alter_column: {table: item, column: {name: name, type: text, max_length: 90}}\n");
         Migrator(&database, shop.with()).apply();
       },
       "item would not be as their own migrations say"},
      {"changed by hand",
       [](const Shop&, db::Database& database) {
         database.execute_script("ALTER TABLE item ADD COLUMN by_hand integer");
       },
       "table item has besides: column by_hand"},
      {"a text that somebody edited",
       [](const Shop&, db::Database& database) {
         database.execute_script(
             "UPDATE mpf_migration SET content = content || ' ' WHERE module = 'shop' AND name = '0002_x'");
       },
       "what the files of shop/0002_x said"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.name);
    const Shop shop;
    shop.write("  - alter_column: {table: item, column: {name: name, type: text, nullable: true}}\n");
    on_each(shop, [&](db::Database& database, Migrator& gone, const auto&) {
      each.prepare(shop, database);
      const auto before = test::catalog(database);
      ErrorKind kind{};
      const auto message = test::error_of([&] { gone.rollback("shop"); }, &kind);
      CHECK(kind == ErrorKind::conflict);
      CHECK_MESSAGE(test::contains(message, each.message), message);
      CHECK(test::catalog(database) == before);
      test::error_of([&] { gone.rollback("shop", "0003"); }, &kind);
      CHECK(kind == ErrorKind::invalid);
      std::filesystem::remove_all(shop.modules.folder("gift"));
      std::filesystem::remove(shop.modules.folder("web") / "0002_more.yaml");
      shop.modules.accept("web");
    });
  }
}

TEST_CASE("texts that an earlier release did not record are, once their files are at hand") {
  const Shop shop;
  on_each(shop, [&](db::Database& database, Migrator& gone, const auto& before) {
    // As before texts were recorded; and then an earlier release beside this one.
    for (const auto* way : {"ALTER TABLE mpf_migration DROP COLUMN content",
                            "UPDATE mpf_migration SET content = NULL WHERE name = '0002_x'"}) {
      CAPTURE(way);
      database.execute_script(way);
      CHECK(test::contains(gone.check().gone.at(0), "its tables are to be taken away by hand"));
      const auto message = test::error_of([&] { gone.rollback("shop"); });
      CHECK(test::contains(message, "shop/0002_x said, which an earlier release applied"));
      CHECK(test::contains(message, "no module here has: cart, entry) and run `migrate forget shop`"));
      Migrator with(&database, shop.with());
      CHECK(with.apply().empty());
      CHECK(test::number(database, "SELECT count(*) FROM mpf_migration WHERE content IS NULL") == 0);
    }
    database.execute_script("UPDATE mpf_migration SET content = NULL");
    Migrator(&database, shop.with()).fake({"shop", "0002_x"});
    CHECK(test::texts(database, "SELECT name FROM mpf_migration WHERE content IS NOT NULL") ==
          Names{"0002_x"});
    Migrator(&database, shop.with()).apply();
    CHECK(gone.rollback("shop").size() == 2);
    CHECK(test::catalog(database) == before);
  });
}

TEST_CASE("a table that came from another module goes back to it") {
  Shop shop;
  on_each(shop, [&](db::Database& database, Migrator& gone, const auto& before) {
    shop.write(
        "  - move_table: {table: item, from: web, to: shop}\n  - add_column: {table: item, column: {name: "
        "extra, type: text, nullable: true}}\n");
    Migrator(&database, shop.with()).apply();
    gone.rollback("shop");
    CHECK(test::catalog(database) == before);
    CHECK(gone.check().catalog.empty());
    std::filesystem::remove(shop.modules.folder("shop") / "0003_by_hand.yaml");
    shop.modules.accept("shop");
  });
}

TEST_CASE("killed before any write, the removal of a module goes on from there") {
  const Shop shop;
  shop.write(to_others);
  db::PostgresOptions model;
  std::set<std::string> before;
  test::run([&] {
    model = test::Postgres::shared().fresh();
    const auto database = db::open_postgres(model);
    Migrator(database.get(), shop.without()).apply();
    before = test::catalog(*database);
    Migrator(database.get(), shop.with()).apply();
    database->execute_script(some_rows);
  });
  bool half = false;
  const auto remove = [&](db::Database& database) {
    Migrator gone(&database, shop.without());
    const auto files = gone.check().files;
    if (!files.empty()) {
      half = true;
      CHECK(test::contains(files[0], "shop/0003_by_hand is half undone"));
      CHECK(test::contains(files[0], "`migrate rollback shop`"));
    }
    if (!gone.check().gone.empty()) gone.rollback("shop");
    CHECK(test::catalog(database) == before);
    CHECK(gone.show().size() == 1);
    CHECK(gone.check().files.empty());
  };
  const auto points = test::killed_everywhere(
      model.database,
      [&](db::Database& database) {
        Migrator gone(&database, shop.without());
        if (gone.show().size() > 1) gone.rollback("shop");
      },
      remove);
  CHECK(points > 5);
  CHECK(half);

  int kills = 0;
  test::run([&] { Migrator(shop.modules.open("model").get(), shop.with()).apply(); });
  for (bool more = true; more; ++kills) {
    CAPTURE(kills);
    const auto name = "db" + std::to_string(kills);
    std::filesystem::copy_file(shop.modules.file("model"), shop.modules.file(name));
    more = test::was_killed(test::in_process([&] {
      test::KillingDatabase database(shop.modules.open(name), kills);
      Migrator(&database, shop.without()).rollback("shop");
    }));
    test::run([&] {
      const auto database = shop.modules.open(name);
      Migrator gone(database.get(), shop.without());
      if (gone.show().size() > 1) gone.rollback("shop");
      CHECK(test::texts(*database,
                        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE "
                        "'mpf%' AND name NOT LIKE 'sqlite%'") == Names{"item"});
      CHECK(gone.check().catalog.empty());
    });
  }
  CHECK(kills > 5);
}
