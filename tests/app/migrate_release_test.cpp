#include <doctest/doctest.h>

#include <functional>

#include "app/migrate_shell.hpp"

using namespace mpf;
using test::MigrateShell;

TEST_CASE("a release border at a shell: apply stops there on PostgreSQL, tells so, and goes on when told") {
  MigrateShell shell;
  shell.database(test::fresh_postgres());
  shell.models("both");
  shell.make_and_apply();
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
  const auto address = test::fresh_postgres();
  shell.database(address);
  shell.models("both");
  shell.make_and_apply();
  const auto sql = [&](const std::string& text) { return MigrateShell::sql(address, text); };
  sql("INSERT INTO content_item (title, teaser, summary) SELECT 't' || n, 'x', '' FROM generate_series(1, "
      "1500) n");
  shell.write("0002_summaries",
              "  - backfill:\n      table: content_item\n      set: {summary: \"title\"}\n"
              "      where: \"summary = ''\"\n      batch: 10\n      pause_ms: 20\n",
              "  border: true\n");
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
  CHECK(first < 1500);
  worker = shell.start("exec portal --set task.lease=2s --set task.heartbeat=500ms worker");
  REQUIRE_MESSAGE(until([&] { return filled() == 1500; }), worker->output());
  REQUIRE(
      until([&] { return sql("SELECT count(*) FROM mpf_migration WHERE name = '0002_summaries'") == "1"; }));
  worker->kill(SIGTERM);
}
