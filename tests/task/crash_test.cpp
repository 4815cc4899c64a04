#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/process.hpp"
#include "task/fixture.hpp"

using namespace std::chrono_literals;
using mpf::Id;
using mpf::task::Context;
using mpf::task::State;
using mpf::test::Done;
using mpf::test::Note;
using mpf::test::Tasks;

/// Workers in processes of their own, killed without warning. The child is this program again, asked for the
/// test case "child".
namespace {

std::int64_t number(mpf::db::Database& db, const std::string& sql) {
  std::int64_t value = 0;
  db.execute({sql, {}}, [&](const mpf::db::Row& row) { value = row.integer(0); });
  return value;
}

void insert_effect(Context& context, const char* kind) {
  context.db().execute({"INSERT INTO effect (task, kind) VALUES (?, ?)",
                        {context.task_id().value, std::string(kind)},
                        mpf::db::Access::write});
}

/// What the tasks do; `crashes`: how many processes a poisonous one may take along.
void fill(mpf::task::Registry& registry) {
  registry.add<Note>("note",
                     [](Context& context, const Note& note) {
                       if (note.text == "poison") ::_exit(9);
                       mpf::fiber::sleep_for(1ms);
                       if (note.text == "plain") return insert_effect(context, "plain");
                       context.db().transaction([&](mpf::db::Transaction& transaction) {
                         insert_effect(context, "once");
                         context.complete_in(transaction);
                       });
                     },
                     // Chance may kill an innocent task often.
                     {.max_crashes = ::getenv("TASK_CHILD_STRICT") != nullptr ? 3 : 1000});
  registry.add<Done>("done", [](Context& context, const Done&) {
    context.db().transaction([&](mpf::db::Transaction& transaction) {
      insert_effect(context, "final");
      context.complete_in(transaction);
    });
  });
}

struct Site {
  mpf::test::TempDir folder;
  mpf::test::DatabasePlace place;
  std::unique_ptr<mpf::db::Database> db = place.open();
  mpf::task::Registry registry;
  mpf::task::Queue queue{*db, registry};

  Site() {
    mpf::test::create_tables(*db, mpf::task::tables());
    db->execute_script("CREATE TABLE effect (task INTEGER NOT NULL, kind TEXT NOT NULL)");
    fill(registry);
  }

  std::unique_ptr<mpf::test::Process> child(const std::map<std::string, std::string>& more = {}) {
    std::map<std::string, std::string> environment{{"TASK_CHILD_DATABASE", place.url()}};
    environment.insert(more.begin(), more.end());
    return std::make_unique<mpf::test::Process>(
        std::vector<std::string>{std::filesystem::read_symlink("/proc/self/exe"), "--test-case=child",
                                 "--no-skip"},
        environment, folder / ("child" + std::to_string(++children_) + ".log"));
  }
  std::int64_t open_tasks() { return queue.counts().queued + queue.counts().running; }
  std::int64_t effects() { return number(*db, "SELECT count(*) FROM effect"); }

 private:
  int children_ = 0;
};

}  // namespace

TEST_CASE("child" * doctest::skip()) {
  const char* const url = ::getenv("TASK_CHILD_DATABASE");
  REQUIRE(url != nullptr);
  mpf::fiber::run([&] {
    const auto db = mpf::test::open_database(url);
    mpf::task::Registry registry;
    fill(registry);
    mpf::task::Queue queue(*db, registry);
    mpf::task::Worker worker(Tasks::runtime(), queue, {.concurrency = 4, .poll = 20ms});
    worker.start();
    mpf::fiber::sleep_for(10min);  // until killed
  });
}

TEST_CASE("killed again and again, workers lose nothing and do nothing twice") {
  mpf::fiber::run([] {
    Site site;
    const Id job = site.queue.create_job({.kind = "all", .total = 160}, Done{});
    site.queue.enqueue_many(std::vector<Note>(120, Note{"once"}), {.job = job});
    site.queue.enqueue_many(std::vector<Note>(40, Note{"plain"}), {.site = Id(2), .job = job});
    std::mt19937 random(std::random_device{}());
    int kills = 0;
    while (site.open_tasks() > 0) {
      auto first = site.child();
      auto second = random() % 2 == 0 ? site.child() : nullptr;
      const auto enough = site.effects() + 5 + static_cast<std::int64_t>(random() % 30);
      Tasks::until([&] { return site.effects() >= enough || site.open_tasks() == 0; });
      if (site.open_tasks() > 0) ++kills;
      first->kill(SIGKILL);
      if (second) second->kill(SIGKILL);
    }
    CHECK(kills >= 3);
    CHECK(number(*site.db, "SELECT count(*) FROM effect WHERE kind = 'once'") == 120);
    CHECK(number(*site.db, "SELECT count(DISTINCT task) FROM effect WHERE kind = 'once'") == 120);
    CHECK(number(*site.db, "SELECT count(DISTINCT task) FROM effect WHERE kind = 'plain'") == 40);
    CHECK(number(*site.db, "SELECT count(*) FROM effect WHERE kind = 'final'") == 1);
    CHECK(number(*site.db, "SELECT count(*) FROM mpf_task WHERE state = 'done'") == 161);
    CHECK(site.queue.job_status(job).finished == 160);
    CHECK(site.queue.job_status(job).state == mpf::task::JobState::done);
  });
}

TEST_CASE("a task that kills its process three times is poison; its neighbours are not") {
  mpf::fiber::run([] {
    Site site;
    const Id poison = site.queue.enqueue(Note{"poison"});
    const auto others = site.queue.enqueue_many(std::vector<Note>(8, Note{"once"}));
    int deaths = 0;
    while (site.open_tasks() > 0) {
      auto child = site.child({{"TASK_CHILD_STRICT", "1"}});
      Tasks::until([&] { return child->ended() || site.open_tasks() == 0; });
      if (child->ended() && child->kill(SIGKILL) == 9) ++deaths;
    }
    CHECK(deaths == 3);
    const auto status = site.queue.status(poison);
    CHECK(status.state == State::failed);
    CHECK(status.crashes == 3);
    CHECK(status.last_error.find("its process died 3 times") == 0);
    for (const Id other : others) CHECK(site.queue.status(other).state == State::done);
    CHECK(number(*site.db, "SELECT count(*) FROM effect") == 8);
  });
}
