#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include <mpf/db/sqlite.hpp>
#include <mpf/fiber/fiber.hpp>

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

TEST_CASE("each way to apply is a task of its own, which a worker without the files leaves to others") {
  MigrateShell shell;
  shell.models("both");
  shell.make_and_apply();
  const auto sums = read_file(shell.migrations() / "migrations.sum");
  shell.models("slim");
  CHECK(shell.run("portal migrate make") == 0);
  CHECK(shell.run("portal worker") == 78);
  CHECK(shell.complains("have not been applied"));
  const std::vector<std::string> ways{"portal migrate apply --queue",
                                      "portal migrate apply --queue --until-border",
                                      "portal migrate apply content.item 0002 --queue"};
  std::set<std::string> told;
  for (const auto& way : ways) {
    CAPTURE(way);
    CHECK(shell.run(way) == 0);
    CHECK(shell.says(" applies them: `portal worker` of this release runs it\n"));
    const auto first = shell.out;
    CHECK(shell.run(way) == 0);
    CHECK(shell.out == first);
    told.insert(first);
  }
  CHECK(told.size() == ways.size());
  const auto value = [&](const std::string& sql) {
    std::string result;
    fiber::run([&] {
      db::open_sqlite({.file = shell.file()})->execute({sql, {}, db::Access::read}, [&](const db::Row& row) {
        result = row.text(0);
      });
    });
    return result;
  };
  const auto until = [&](const std::unique_ptr<test::Process>& worker, const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && !worker->ended() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    REQUIRE_MESSAGE(done(), worker->output());
  };
  const auto count = [&](const std::string& where) {
    return std::stoi(
        value("SELECT CAST(count(*) AS TEXT) FROM mpf_task WHERE name = 'mpf.migrate.apply' AND " + where));
  };
  // The release before knows none of them.
  std::map<std::string, std::string> files;
  for (const auto* name : {"0002_alter_teaser.yaml", "0003_drop_teaser.yaml", "migrations.sum"}) {
    const auto file = shell.migrations() / name;
    if (std::filesystem::exists(file)) files[name] = read_file(file);
    std::filesystem::remove(file);
  }
  write_file_atomic(shell.migrations() / "migrations.sum", sums);
  shell.models("both");
  auto worker = shell.start("exec portal worker");
  until(worker, [&] { return count("finished_at IS NULL AND run_at > created_at + 20000000") == 3; });
  worker->kill(SIGTERM);
  worker->wait(std::chrono::seconds(60));
  for (const auto& [name, text] : files) write_file_atomic(shell.migrations() / name, text);
  shell.models("slim");
  fiber::run([&] {
    db::open_sqlite({.file = shell.file()})
        ->execute_script("UPDATE mpf_task SET run_at = created_at WHERE name = 'mpf.migrate.apply'");
  });
  // One that starts before they are applied begins with them; then there is nothing left for the others.
  worker = shell.start("exec portal worker");
  until(worker, [&] { return count("finished_at IS NOT NULL") == 3; });
  worker->kill(SIGTERM);
  CHECK(value("SELECT name FROM mpf_migration WHERE module = 'content.item' ORDER BY name DESC LIMIT 1") ==
        "0003_drop_teaser");
  CHECK(shell.run("portal migrate apply --queue") == 0);
  CHECK(shell.out == "nothing to apply\n");
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
