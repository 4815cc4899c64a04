#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include <mpf/base/error.hpp>

#include "task/fixture.hpp"

using namespace std::chrono_literals;
using mpf::Id;
using mpf::task::Context;
using mpf::task::JobState;
using mpf::task::State;
using mpf::test::Done;
using mpf::test::Note;
using mpf::test::Tasks;

namespace {

struct Jobs : Tasks {
  std::vector<std::string> ended;
  Jobs() {
    on_note([](Context& context, const Note& note) {
      if (note.text == "bad") throw mpf::task::Permanent("bad");
      if (note.text == "walk") {
        context.queue().enqueue_many(std::vector<Note>(3), {.job = context.job()});
      }
    });
    registry.add<Done>("done", [this](Context& context, const Done& done) {
      CHECK_FALSE(context.job());
      ended.push_back(done.text);
    });
  }
};

}  // namespace

TEST_CASE("a job counts its sub-tasks and runs its finaliser after the last") {
  mpf::fiber::run([] {
    Jobs t;
    const Id job = t.queue.create_job({.kind = "import", .site = Id(4), .total = 3}, Done{"end"});
    t.queue.enqueue_many(std::vector<Note>{{"a"}, {"bad"}}, {.job = job});
    CHECK(t.run_due() == 2);
    auto status = t.queue.job_status(job);
    CHECK(status.kind == "import");
    CHECK(status.state == JobState::running);
    CHECK(status.total == 3);
    CHECK(status.finished == 2);
    CHECK(status.failed == 1);
    CHECK(status.site == Id(4));
    CHECK(t.ended.empty());
    const Id last = t.queue.enqueue(Note{"c"}, {.job = job});
    CHECK(t.run_due() == 2);
    CHECK(t.ended == std::vector<std::string>{"end"});
    status = t.queue.job_status(job);
    CHECK(status.state == JobState::done);
    CHECK(status.finished == 3);
    REQUIRE(status.finaliser);
    CHECK(t.queue.status(*status.finaliser).site == Id(4));
    CHECK(t.queue.status(last).job == job);
    CHECK(t.queue.list({.job = job}).size() == 3);
    CHECK_THROWS_AS(t.queue.enqueue(Note{}, {.job = job}), mpf::Error);
    CHECK_THROWS_AS(t.queue.job_status(Id(999)), mpf::Error);
  });
}

TEST_CASE("sub-tasks may add sub-tasks to a closed job") {
  mpf::fiber::run([] {
    Jobs t;
    Id job;
    t.db->transaction([&](mpf::db::Transaction&) {
      job = t.queue.create_job({.kind = "import"}, Done{"end"});
      t.queue.enqueue(Note{"walk"}, {.job = job});
      t.queue.close_job(job);
    });
    CHECK(t.run_due() == 5);
    CHECK(t.queue.job_status(job).finished == 4);
    CHECK(t.queue.job_status(job).total == 4);
    CHECK(t.ended.size() == 1);
  });
}

TEST_CASE("an open job waits to be closed, an empty one ends when it is") {
  mpf::fiber::run([] {
    Jobs t;
    const Id open = t.queue.create_job({.kind = "import"}, Done{"open"});
    t.queue.enqueue(Note{}, {.job = open});
    CHECK(t.run_due() == 1);
    CHECK(t.queue.job_status(open).state == JobState::running);
    t.queue.close_job(open);
    CHECK(t.queue.job_status(open).state == JobState::done);
    const Id empty = t.queue.create_job({.kind = "import", .total = 0}, Done{"empty"});
    CHECK(t.queue.job_status(empty).state == JobState::done);
    CHECK(t.run_due({.concurrency = 1}) == 2);
    CHECK(t.ended == std::vector<std::string>{"open", "empty"});
    const Id bare = t.queue.create_job({.kind = "import", .total = 0});
    CHECK_FALSE(t.queue.job_status(bare).finaliser);
  });
}

TEST_CASE("one job of a unique key runs at a time") {
  mpf::fiber::run([] {
    Jobs t;
    const mpf::task::JobOptions options{.kind = "import", .unique_key = "docs", .site = Id(1)};
    const Id first = t.queue.create_job(options);
    CHECK(t.queue.create_job(options) == first);
    CHECK(t.queue.active_job("import", "docs", Id(1)) == first);
    CHECK_FALSE(t.queue.active_job("import", "docs", Id(2)));
    t.queue.close_job(first);
    CHECK_FALSE(t.queue.active_job("import", "docs", Id(1)));
    CHECK(t.queue.create_job(options) != first);
  });
}

TEST_CASE("a cancelled job takes its sub-tasks along and does not end by its finaliser") {
  mpf::fiber::run([] {
    Jobs t;
    const Id job = t.queue.create_job({.kind = "import", .total = 3}, Done{"end"});
    const auto subs = t.queue.enqueue_many(std::vector<Note>(3), {.job = job});
    CHECK(t.queue.cancel_job(job));
    CHECK_FALSE(t.queue.cancel_job(job));
    CHECK(t.run_due() == 0);
    CHECK(t.state(subs[0]) == State::cancelled);
    CHECK(t.queue.job_status(job).state == JobState::cancelled);
    CHECK(t.queue.job_status(job).finished == 3);
    CHECK(t.ended.empty());
  });
}

TEST_CASE("cancelling or reviving one sub-task is counted") {
  mpf::fiber::run([] {
    Jobs t;
    const Id job = t.queue.create_job({.kind = "import", .total = 2}, Done{"end"});
    const Id bad = t.queue.enqueue(Note{"bad"}, {.job = job});
    CHECK(t.run_due() == 1);
    CHECK(t.queue.job_status(job).failed == 1);
    CHECK(t.queue.retry(bad));
    CHECK(t.queue.job_status(job).failed == 0);
    CHECK(t.queue.job_status(job).finished == 0);
    CHECK(t.queue.cancel(bad));
    CHECK(t.queue.job_status(job).finished == 1);
    CHECK(t.queue.cancel(t.queue.enqueue(Note{}, {.job = job})));
    CHECK(t.queue.job_status(job).state == JobState::done);
    CHECK(t.run_due() == 1);
    CHECK(t.ended.size() == 1);
  });
}
