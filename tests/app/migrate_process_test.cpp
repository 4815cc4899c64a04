#include <doctest/doctest.h>

#include <vector>

#include <mpf/base/file.hpp>
#include <mpf/db/sqlite.hpp>
#include <mpf/fiber/fiber.hpp>

#include "app/migrate_shell.hpp"

using namespace mpf;
using test::MigrateShell;

TEST_CASE("every verb at a shell: what it prints, where, and how it ends") {
  MigrateShell shell;
  CHECK(shell.run("portal migrate make") == 0);
  CHECK(shell.says("wrote "));
  CHECK(shell.says("0001_initial.yaml\n  create table content_item\n"));
  CHECK(shell.errors.empty());
  CHECK(shell.run("portal migrate make") == 0);
  CHECK(shell.out == "the migrations fit the models: nothing to do\n");
  CHECK(shell.run("portal migrate check") == 78);
  CHECK(shell.says("content.item/0001_initial is pending"));
  CHECK(shell.errors == "error: files and database differ\n");
  CHECK(shell.run("portal migrate plan --sql") == 0);
  CHECK(shell.says("content.item/0001_initial\n  create table content_item\n"));
  CHECK(shell.says("CREATE TABLE \"content_item\""));
  CHECK(shell.run("portal migrate apply content.item 0001") == 0);
  CHECK(shell.says("applying content.item/0001_initial\n"));
  CHECK(shell.run("portal migrate apply") == 0);
  CHECK(shell.run("portal migrate apply") == 0);
  CHECK(shell.out == "nothing to apply\n");
  CHECK(shell.run("portal migrate show") == 0);
  CHECK(shell.says("content.item/0001_initial"));
  CHECK(shell.says("applied"));
  CHECK(shell.run("portal migrate check") == 0);
  CHECK(shell.out == "models, files and tables agree\n");

  shell.models("summary");
  CHECK(shell.run("portal migrate check") == 65);
  CHECK(shell.says("content.item: add column content_item.summary"));
  CHECK(shell.run("portal migrate make --dry-run") == 0);
  CHECK(shell.says("would write "));
  CHECK(shell.run("portal migrate make --name summary --dry-run") == 0);
  CHECK(shell.says("0002_summary.yaml"));
  CHECK(shell.run("portal migrate make summary") == 0);
  CHECK(std::filesystem::exists(shell.migrations() / "0002_summary.yaml"));
  CHECK(shell.run("portal migrate sql content.item 0002 --dialect sqlite") == 0);
  CHECK(shell.says("ALTER TABLE \"content_item\" ADD COLUMN \"summary\""));
  CHECK(shell.run("portal migrate sql content.item 0002 --back") == 0);
  CHECK(shell.says("DROP COLUMN \"summary\""));
  CHECK(shell.run("portal migrate fake content.item 0002_summary") == 0);
  CHECK(shell.out == "content.item/0002_summary is recorded as applied\n");
  CHECK(shell.run("portal migrate check") == 70);
  CHECK(shell.says("table content_item lacks: column"));
  CHECK(shell.run("portal migrate fake --undo content.item 0002_summary") == 0);
  CHECK(shell.run("portal migrate apply") == 0);
  CHECK(shell.run("portal migrate rollback content.item --dry-run") == 0);
  CHECK(shell.says("undo content.item/0002_summary"));
  CHECK(shell.says("loses data: drop column content_item.summary"));
  CHECK(shell.run("portal migrate rollback content.item 0002") == 0);
  CHECK(shell.says("1 migration rolled back"));
  CHECK(shell.run("portal migrate apply") == 0);
  CHECK(shell.run("portal migrate lint") == 0);
  CHECK(shell.run("portal migrate merge") == 0);
  CHECK(shell.out == "nothing to merge\n");
  CHECK(shell.run("portal migrate sum content.item") == 0);
  CHECK(shell.says("migrations.sum"));
  CHECK(shell.run("portal migrate squash content.item 0001 0002") == 0);
  CHECK(shell.says("0001_squashed_0002.yaml"));
  CHECK(shell.run("portal migrate apply") == 0);
  CHECK(shell.run("portal migrate check") == 0);
}

TEST_CASE("wrong usage ends with 64, unknown names with 66 and what may be meant, on standard error") {
  MigrateShell shell;
  shell.make_and_apply();
  struct Wrong {
    std::string command;
    int code;
    std::vector<std::string> words;
  };
  const std::vector<Wrong> all{
      {"portal migrate", 64, {"error: "}},
      {"portal migrate aply", 64, {"error: "}},
      {"portal migrate rollback", 64, {"module"}},
      {"portal migrate plan --sqll", 64, {"--sqll"}},
      {"portal migrate sql content.item 0001 --dialect oracle", 64, {"oracle"}},
      {"portal migrate apply --until-border --past-border", 65, {"contradict each other"}},
      {"portal migrate apply content.itm",
       66,
       {"there is no module 'content.itm'; did you mean 'content.item'?"}},
      {"portal migrate apply content.item 0001_inital", 66, {"did you mean '0001_initial'?"}},
      {"portal migrate rollback content.itm", 66, {"did you mean 'content.item'?"}},
      {"portal migrate rollback content.item ''", 65, {"the name of the migration is empty"}},
      {"portal migrate apply content.item ''", 65, {"the name of the migration is empty"}},
      {"portal migrate sql content.itm 0001", 66, {"did you mean 'content.item'?"}},
      {"portal migrate fake content.item 0007_x", 66, {"there is no migration content.item/0007_x"}},
      {"portal migrate sum content.itm", 66, {"did you mean 'content.item'?"}},
      {"portal migrate squash content.itm 0001 0002", 66, {"did you mean 'content.item'?"}},
      {"portal migrate forget nobody", 66, {"no migration of 'nobody' is applied"}},
      {"portal migrate make --name '!!!'", 65, {"gives no name for a file"}},
      {"portal migrate make '!!!'", 65, {"gives no name for a file"}},
      {"portal migrate make one --name two", 65, {"given twice"}},
      {"portal migrate make one two", 64, {"two"}},
  };
  for (const auto& each : all) {
    CAPTURE(each.command);
    CHECK(shell.run(each.command) == each.code);
    CAPTURE(shell.errors);
    for (const auto& words : each.words) CHECK(shell.complains(words));
    CHECK(shell.out.empty());
  }
}

TEST_CASE(
    "files that were edited, are gone or came out of order are refused with the command that mends it") {
  MigrateShell shell;
  shell.make_and_apply();
  shell.models("summary");
  shell.make_and_apply();
  const auto file = shell.migrations() / "0002_add_summary.yaml";
  const auto text = read_file(file);
  const auto refused = [&](const std::string& words) {
    for (const auto* verb : {"apply", "plan", "make"}) {
      CAPTURE(verb);
      CHECK(shell.run(std::string("portal migrate ") + verb) != 0);
      CAPTURE(shell.errors);
      if (std::string(verb) != "make") CHECK(shell.complains(words));
    }
  };
  write_file_atomic(file, text + "# edited\n");
  refused("was edited after it was applied");
  CHECK(shell.run("portal migrate apply") == 65);
  CHECK(shell.complains("`migrate fake content.item 0002_add_summary`"));
  CHECK(shell.run("portal migrate show") == 0);
  CHECK(shell.says("edited"));
  std::filesystem::remove(file);
  refused(" is gone");
  CHECK(shell.run("portal migrate show") == 0);
  CHECK(shell.says("newer"));
  write_file_atomic(file, text);
  // A new file below one that is applied: history would have holes.
  const auto first = read_file(shell.migrations() / "0001_initial.yaml");
  write_file_atomic(
      shell.migrations() / "0003_first.yaml",
      "migration:\n  module: content.item\n  name: \"0003_first\"\n  depends: []\noperations: []\n");
  auto late = text;
  late.replace(late.find("content.item/0001_initial"), 25, "content.item/0003_first");
  write_file_atomic(file, late);
  CHECK(shell.run("portal migrate sum") == 0);
  CHECK(shell.run("portal migrate apply") == 65);
  CHECK(shell.complains("0002_add_summary"));
  CHECK(shell.complains("on which it depends, is not"));
}

TEST_CASE("a module that is gone leaves a clear state") {
  MigrateShell shell;
  shell.extension(true);
  shell.make_and_apply();
  CHECK(shell.run("portal migrate show") == 0);
  CHECK(shell.says("shop.cart/0001_initial"));
  shell.extension(false);
  CHECK(shell.run("portal migrate show") == 0);
  CHECK(shell.says("orphaned"));
  CHECK(shell.run("portal migrate apply") == 0);
  CHECK(shell.run("portal migrate check") == 0);
  CHECK(shell.run("portal migrate forget content.item") == 65);
  CHECK(shell.complains("is part of the application"));
  CHECK(shell.run("portal migrate forget shop.cart") == 0);
  CHECK(shell.out == "1 migration forgotten; the tables are still there\n");
  CHECK(shell.run("portal migrate show") == 0);
  CHECK_FALSE(shell.says("shop.cart"));
}

TEST_CASE("the tables of a module that is gone are taken away, once somebody has said so") {
  MigrateShell shell;
  const auto address = test::fresh_postgres();
  shell.database(address);
  shell.extension(true);
  shell.make_and_apply();
  shell.sql(
      address,
      "INSERT INTO content_item (title, teaser) VALUES ('a', 'b'); INSERT INTO shop_cart (item_id) VALUES "
      "(1)");
  shell.extension(false);
  const std::string hint =
      "module 'shop.cart' is no longer part of the application: `migrate rollback shop.cart` takes its "
      "tables "
      "away, `migrate forget shop.cart` only its history\n";
  for (const auto* command : {"portal migrate show", "portal migrate check"}) {
    CHECK(shell.run(command) == 0);
    CHECK(shell.says(hint));
  }
  CHECK(shell.run("portal migrate rollback shop.cart --dry-run") == 0);
  CHECK(shell.out ==
        "undo shop.cart/0001_initial\n  drop table shop_cart\n  loses data: drop table shop_cart\n");
  CHECK(shell.run("portal migrate rollback shop.cart") == 65);
  CHECK(shell.complains("rollback deletes what is in use"));
  CHECK(shell.run("portal migrate rollback shop.cart --yes") == 0);
  CHECK(shell.says("1 migration rolled back"));
  CHECK(shell.sql(address, "SELECT to_regclass('shop_cart') IS NULL, count(*) FROM content_item") == "t|1");
  CHECK(shell.run("portal migrate show") == 0);
  CHECK_FALSE(shell.says("shop.cart"));
}

TEST_CASE("check ends with another code for each difference, a killed migration included") {
  MigrateShell shell;
  shell.make_and_apply();
  write_file_atomic(
      shell.migrations() / "0002_half.yaml",
      "migration:\n  module: content.item\n  name: \"0002_half\"\n  depends: [content.item/0001_initial]\n"
      "operations:\n  - add_column:\n      table: content_item\n      column: {name: extra, type: text, "
      "nullable: true}\n  - backfill: {table: content_item, set: {extra: \"title\"}}\n  - sql:\n      "
      "irreversible: true\n      sqlite: \"SELECT * FROM nowhere\"\n");
  REQUIRE(shell.run("portal migrate sum") == 0);
  CHECK(shell.run("portal migrate apply") != 0);
  CHECK(shell.run("portal migrate check") == 78);
  CHECK(shell.says("content.item/0002_half is half applied: go on with `migrate apply`, or undo it by"));
  CHECK_FALSE(shell.says("the tables are not as"));
  CHECK(shell.run("portal migrate rollback content.item") == 0);
  CHECK(shell.says("rolling back content.item/0002_half"));
  std::filesystem::remove(shell.migrations() / "0002_half.yaml");
  REQUIRE(shell.run("portal migrate sum") == 0);
  CHECK(shell.run("portal migrate check") == 0);
}

TEST_CASE("rollback that deletes what is in use wants to be told so") {
  MigrateShell shell;
  shell.make_and_apply();
  shell.models("summary");
  shell.make_and_apply();
  const auto insert = [&] {
    fiber::run([&] {
      const auto database = db::open_sqlite({.file = shell.file()});
      database->execute_script("INSERT INTO content_item (title, teaser, summary) VALUES ('a', 'b', 'c')");
    });
  };
  insert();
  struct Case {
    std::string name;
    std::vector<std::string> losses;
  };
  const std::vector<Case> cases{
      {"0002", {"content.item/0002_add_summary: drop column content_item.summary"}},
      {"0001",
       {"content.item/0002_add_summary: drop column content_item.summary",
        "content.item/0001_initial: drop table content_item"}},
  };
  for (const auto& each : cases) {
    const auto command = "portal migrate rollback content.item " + each.name;
    CAPTURE(command);
    CHECK(shell.run(command) == 65);
    CAPTURE(shell.errors);
    for (const auto& loss : each.losses) CHECK(shell.complains(loss));
    CHECK(shell.complains("say --yes"));
    CHECK(shell.out.empty());
    CHECK(shell.run(command + " --dry-run") == 0);
    CHECK(shell.run("portal migrate check") == 0);
    CHECK(shell.run(command + " --yes") == 0);
    CHECK(shell.run("portal migrate apply") == 0);
  }
  // The table has no rows any more.
  CHECK(shell.run("portal migrate rollback content.item 0001") == 0);
}

TEST_CASE("a release starts beside a database that the next one has migrated, and tells so") {
  MigrateShell shell;
  shell.make_and_apply();
  const auto sums = read_file(shell.migrations() / "migrations.sum");
  shell.models("summary");
  shell.make_and_apply();
  // The release before.
  shell.models("");
  std::filesystem::remove(shell.migrations() / "0002_add_summary.yaml");
  write_file_atomic(shell.migrations() / "migrations.sum", sums);
  CHECK(shell.run("portal migrate apply") == 0);
  CHECK(shell.out == "applied by a newer release: content.item/0002_add_summary\nnothing to apply\n");
  CHECK(shell.run("portal migrate rollback content.item") == 65);
  CHECK(shell.complains("if a newer release has it, use that one"));
  // Its tables are those of the next one, not somebody's work by hand.
  CHECK(shell.run("portal migrate check") == 78);
  CHECK(shell.says("content.item/0002_add_summary"));
  CHECK(shell.says("the tables are not compared"));
  CHECK_FALSE(shell.says("the tables are not as"));
  CHECK(shell.run("portal site list") == 0);  // needs all services
}

TEST_CASE("apply with --until-border tells what waits, on SQLite too") {
  MigrateShell shell;
  shell.models("both");
  shell.make_and_apply();
  shell.models("slim");
  CHECK(shell.run("portal migrate make") == 0);
  CHECK(shell.run("portal migrate apply --until-border") == 0);
  CHECK(shell.says("behind a release border: content.item/0003_drop_teaser\n"));
  CHECK(shell.run("portal migrate apply") == 0);
  CHECK(shell.says("1 migration applied\n"));
  CHECK_FALSE(shell.says("behind a release border"));
  CHECK(shell.run("portal migrate squash content.item 0001 0003") == 65);
  CHECK(shell.complains("0003_drop_teaser waits behind a release border"));
  CHECK(shell.run("portal migrate squash content.item 0001 0003 --past-border") == 0);
  CHECK(shell.run("portal migrate check") == 0);
}

TEST_CASE("progress of long work: lines in a log") {
  MigrateShell shell;
  shell.models("both");
  shell.make_and_apply();
  shell.write(
      "0002_rows",
      "  - sql:\n      irreversible: true\n      sqlite: \"WITH RECURSIVE n(i) AS (SELECT 1 "
      "UNION ALL "
      "SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO content_item (title, teaser) SELECT 't' || i, '' FROM "
      "n\"\n"
      "  - backfill:\n      table: content_item\n      set: {summary: \"title\"}\n      batch: 50\n");
  CHECK(shell.run("portal migrate apply") == 0);
  CHECK(shell.says("[1/1] applying content.item/0002_rows\n"));
  CHECK(shell.says("  backfill content_item: 500/1000\n"));
  CHECK(shell.says("  backfill content_item: 1000/1000\n"));
}
