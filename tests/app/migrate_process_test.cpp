#include <doctest/doctest.h>

#include <vector>

#include <mpf/base/file.hpp>

#include "app/migrate_shell.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using test::MigrateShell;

namespace {

std::string address_of(const db::PostgresOptions& options) {
  return "postgres://postgres@127.0.0.1:" + std::to_string(options.port) + "/" + options.database;
}

db::PostgresOptions fresh_postgres() {
  db::PostgresOptions options;
  fiber::run([&] { options = test::Postgres::shared().fresh(); });
  return options;
}

/// The first migration made and all applied.
void begin(MigrateShell& shell) {
  REQUIRE_MESSAGE(shell.run("portal migrate make") == 0, shell.errors);
  REQUIRE_MESSAGE(shell.run("portal migrate apply") == 0, shell.errors);
}

}  // namespace

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
  CHECK(shell.run("portal migrate make --name summary") == 0);
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
  begin(shell);
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
      {"portal migrate sql content.itm 0001", 66, {"did you mean 'content.item'?"}},
      {"portal migrate fake content.item 0007_x", 66, {"there is no migration content.item/0007_x"}},
      {"portal migrate sum content.itm", 66, {"did you mean 'content.item'?"}},
      {"portal migrate squash content.itm 0001 0002", 66, {"did you mean 'content.item'?"}},
      {"portal migrate forget nobody", 66, {"no migration of 'nobody' is applied"}},
      {"portal migrate make --name '!!!'", 65, {"gives no name for a file"}},
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
  begin(shell);
  shell.models("summary");
  begin(shell);
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
  refused("its file is gone");
  CHECK(shell.run("portal migrate show") == 0);
  CHECK(shell.says("missing"));
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
  begin(shell);
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

TEST_CASE("two processes that apply at once, 50 times, on SQLite: both end well, each migration ran once") {
  MigrateShell shell;
  REQUIRE(shell.run("portal migrate make") == 0);
  shell.models("both");
  REQUIRE(shell.run("portal migrate make") == 0);
  for (int round = 0; round < 50; ++round) {
    CAPTURE(round);
    shell.database("data" + std::to_string(round));
    auto one = shell.start("portal migrate apply");
    auto two = shell.start("portal migrate apply");
    CHECK(one->wait(std::chrono::seconds(60)) == 0);
    CHECK(two->wait(std::chrono::seconds(60)) == 0);
    const auto both = one->output() + two->output();
    CHECK(both.find("error") == std::string::npos);
    if (round % 10 == 0) CHECK(shell.run("portal migrate check") == 0);
  }
}

TEST_CASE("a release border at a shell: apply stops there on PostgreSQL, tells so, and goes on when told") {
  MigrateShell shell;
  shell.database(address_of(fresh_postgres()));
  shell.models("both");
  begin(shell);
  shell.models("slim");
  CHECK(shell.run("portal migrate make") == 0);
  CHECK(shell.says(
      "0003_drop_teaser.yaml\n  behind a release border: applied when no older release runs any more\n"));
  CHECK(shell.run("portal migrate plan") == 0);
  CHECK(shell.says("--- release border: "));
  CHECK(shell.run("portal migrate apply --queue") == 0);
  CHECK(shell.says("task 1 applies them"));
  CHECK(shell.run("portal migrate apply") == 0);
  CHECK(shell.says("1 migration applied\nbehind a release border: content.item/0003_drop_teaser\n"));
  CHECK(shell.run("portal migrate show") == 0);
  CHECK(shell.says("behind"));
  CHECK(shell.run("portal migrate check") == 0);
  CHECK(shell.says("waits behind a release border"));
  CHECK(shell.run("portal migrate apply --past-border") == 0);
  CHECK(shell.run("portal migrate check") == 0);
  CHECK(shell.out == "models, files and tables agree\n");
}

TEST_CASE("a backfill runs as a task of a worker, killed and resumed, and tells how far it is") {
  MigrateShell shell;
  const auto options = fresh_postgres();
  shell.database(address_of(options));
  shell.models("both");
  begin(shell);
  const auto sql = [&](const std::string& text) {
    std::string result;
    fiber::run([&] { result = test::Postgres::shared().psql(options.database, text); });
    while (result.ends_with('\n')) result.pop_back();
    return result;
  };
  sql("INSERT INTO content_item (title, teaser, summary) SELECT 't' || n, 'x', '' FROM generate_series(1, "
      "3000) n");
  write_file_atomic(shell.migrations() / "0002_summaries.yaml",
                    "migration:\n  module: content.item\n  name: \"0002_summaries\"\n  depends: "
                    "[content.item/0001_initial]\n"
                    "  border: true\noperations:\n  - backfill:\n      table: content_item\n      set: "
                    "{summary: \"title\"}\n"
                    "      where: \"summary = ''\"\n      batch: 10\n      pause_ms: 20\n");
  REQUIRE(shell.run("portal migrate sum") == 0);
  CHECK(shell.run("portal migrate apply --past-border --queue") == 0);
  const auto filled = [&] { return std::stoi(sql("SELECT count(*) FROM content_item WHERE summary <> ''")); };
  const auto progress = [&] {
    return sql("SELECT progress_note FROM mpf_task WHERE name = 'mpf.migrate.apply'");
  };
  auto worker = shell.start("exec portal --set task.lease=2s --set task.heartbeat=500ms worker");
  const auto until = [&](const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && !worker->ended() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return done();
  };
  REQUIRE_MESSAGE(until([&] { return filled() > 100 && !progress().empty(); }), worker->output());
  CHECK(progress().find("content.item/0002_summaries: backfill content_item") == 0);
  worker->kill(SIGKILL);
  const int first = filled();
  CHECK(first < 3000);
  worker = shell.start("exec portal --set task.lease=2s --set task.heartbeat=500ms worker");
  REQUIRE_MESSAGE(until([&] { return filled() == 3000; }), worker->output());
  REQUIRE(
      until([&] { return sql("SELECT count(*) FROM mpf_migration WHERE name = '0002_summaries'") == "1"; }));
  worker->kill(SIGTERM);
}

TEST_CASE("progress of long work: lines in a log") {
  MigrateShell shell;
  shell.models("both");
  begin(shell);
  write_file_atomic(
      shell.migrations() / "0002_rows.yaml",
      "migration:\n  module: content.item\n  name: \"0002_rows\"\n  depends: [content.item/0001_initial]\n"
      "operations:\n  - sql:\n      irreversible: true\n      sqlite: \"WITH RECURSIVE n(i) AS (SELECT 1 "
      "UNION ALL "
      "SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO content_item (title, teaser) SELECT 't' || i, '' FROM "
      "n\"\n"
      "  - backfill:\n      table: content_item\n      set: {summary: \"title\"}\n      batch: 50\n");
  REQUIRE(shell.run("portal migrate sum") == 0);
  CHECK(shell.run("portal migrate apply") == 0);
  CHECK(shell.says("[1/1] applying content.item/0002_rows\n"));
  CHECK(shell.says("  backfill content_item: 500/1000\n"));
  CHECK(shell.says("  backfill content_item: 1000/1000\n"));
}
