#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <mpf/base/error.hpp>

#include "task/fixture.hpp"

using namespace std::chrono_literals;
using mpf::Id;
using mpf::task::Context;
using mpf::task::State;
using mpf::task::UniqueUntil;
using mpf::test::Done;
using mpf::test::Note;
using mpf::test::Tasks;

namespace {
struct Rollback {};
}  // namespace

TEST_CASE("a task is run once, with its payload, and tells what came of it") {
  mpf::fiber::run([] {
    Tasks t;
    std::vector<std::string> seen;
    t.on_note([&](Context& context, const Note& note) {
      seen.push_back(note.text);
      CHECK(context.attempt() == 1);
      CHECK(context.site() == Id(7));
      context.progress(3, 4, "nearly");
      context.set_result(mpf::Json::of(std::vector<int>{1, 2}));
    });
    const Id id = t.queue.enqueue(Note{"héllo \"you\""}, {.site = Id(7)});
    CHECK(t.state(id) == State::queued);
    CHECK(t.run_due() == 1);
    CHECK(seen == std::vector<std::string>{"héllo \"you\""});
    const auto status = t.queue.status(id);
    CHECK(status.state == State::done);
    CHECK(status.name == "note");
    CHECK(status.attempts == 1);
    CHECK(status.progress.done == 3);
    CHECK(status.progress.total == 4);
    CHECK(status.progress.note == "nearly");
    CHECK(status.result.text() == "[1,2]");
    CHECK(status.site == Id(7));
    CHECK(status.finished_at == t.clock.now());
    CHECK(t.run_due() == 0);
    CHECK_THROWS_AS(t.queue.status(Id(999)), mpf::Error);
    CHECK_FALSE(t.queue.find(Id(999)));
  });
}

TEST_CASE("a task exists when its transaction commits, and only then") {
  mpf::fiber::run([] {
    Tasks t;
    int runs = 0;
    t.on_note([&](Context&, const Note&) { ++runs; });
    CHECK_THROWS_AS(t.db->transaction([&](mpf::db::Transaction&) {
      t.queue.enqueue(Note{"lost"});
      t.queue.enqueue_many(std::vector<Note>(10));
      throw Rollback();
    }),
                    Rollback);
    CHECK(t.run_due() == 0);
    t.db->transaction([&](mpf::db::Transaction&) { t.queue.enqueue(Note{"kept"}); });
    CHECK(t.run_due() == 1);
    CHECK(runs == 1);
  });
}

TEST_CASE("many tasks get ids in the order of their payloads") {
  mpf::fiber::run([] {
    Tasks t;
    std::vector<std::string> seen;
    t.on_note([&](Context&, const Note& note) { seen.push_back(note.text); });
    std::vector<Note> notes;
    std::vector<std::string> texts;
    for (int i = 0; i < 250; ++i) texts.push_back(notes.emplace_back(std::to_string(i)).text);
    const auto ids = t.queue.enqueue_many(notes);
    REQUIRE(ids.size() == 250);
    CHECK(t.queue.counts().queued == 250);
    CHECK(t.queue.list({.limit = 10}).size() == 10);
    CHECK(t.run_due({.concurrency = 1}) == 250);
    CHECK(seen == texts);
    CHECK(t.queue.enqueue_many(std::vector<Note>{}).empty());
    CHECK_THROWS_AS(t.queue.enqueue_many(notes, {.unique_key = "k"}), mpf::Error);
  });
}

TEST_CASE("unknown payload types and doubled names are refused") {
  mpf::fiber::run([] {
    Tasks t;
    CHECK_THROWS_AS(t.queue.enqueue(Note{}), mpf::Error);
    t.on_note([](Context&, const Note&) {});
    CHECK_THROWS_AS(t.on_note([](Context&, const Note&) {}), mpf::Error);
    CHECK_THROWS_WITH_AS(t.registry.add<Note>("other", [](Context&, const Note&) {}),
                         doctest::Contains("same payload type"), mpf::Error);
  });
}

TEST_CASE("a delayed task waits for its time") {
  mpf::fiber::run([] {
    Tasks t;
    t.on_note([](Context&, const Note&) {});
    const Id id = t.queue.enqueue(Note{}, {.delay = 10min});
    CHECK(t.run_due() == 0);
    t.clock.advance(10min - 1us);
    CHECK(t.run_due() == 0);
    t.clock.advance(1us);
    CHECK(t.run_due() == 1);
    CHECK(t.state(id) == State::done);
  });
}

TEST_CASE("a unique key keeps a second one out until the first has finished") {
  mpf::fiber::run([] {
    Tasks t;
    Id inner;
    t.on_note([&](Context& context, const Note&) {
      inner = context.queue().enqueue(Note{"again"}, {.unique_key = "k"});
    });
    const Id first = t.queue.enqueue(Note{}, {.unique_key = "k"});
    CHECK(t.queue.enqueue(Note{}, {.unique_key = "k"}) == first);
    const Id other_site = t.queue.enqueue(Note{}, {.unique_key = "k", .site = Id(2)});
    CHECK(other_site != first);
    CHECK(t.queue.cancel(other_site));
    CHECK(t.run_due() == 1);
    CHECK(inner == first);
    CHECK(t.queue.enqueue(Note{}, {.unique_key = "k"}) != first);
  });
}

TEST_CASE("unique until started lets one wait beside the one that runs") {
  mpf::fiber::run([] {
    Tasks t;
    std::vector<Id> inner;
    t.on_note([&](Context& context, const Note& note) {
      if (note.text.empty()) return;
      for (int i = 0; i < 3; ++i) {
        inner.push_back(
            context.queue().enqueue(Note{}, {.unique_key = "k", .unique_until = UniqueUntil::started}));
      }
    });
    const mpf::task::EnqueueOptions options{.unique_key = "k", .unique_until = UniqueUntil::started};
    const Id first = t.queue.enqueue(Note{"first"}, options);
    CHECK(t.queue.enqueue(Note{"first"}, options) == first);
    CHECK(t.run_due({.concurrency = 1}) == 2);  // with more, the waiting one could start between
    REQUIRE(inner.size() == 3);
    CHECK(inner[0] != first);
    CHECK(inner[1] == inner[0]);
    CHECK(inner[2] == inner[0]);
  });
}

TEST_CASE("waiting tasks are cancelled at once, and can be retried") {
  mpf::fiber::run([] {
    Tasks t;
    t.on_note([](Context&, const Note&) {});
    const Id id = t.queue.enqueue(Note{});
    CHECK(t.queue.cancel(id));
    CHECK(t.state(id) == State::cancelled);
    CHECK_FALSE(t.queue.cancel(id));
    CHECK(t.run_due() == 0);
    CHECK(t.queue.retry(id));
    CHECK_FALSE(t.queue.retry(id));
    CHECK(t.run_due() == 1);
    CHECK(t.state(id) == State::done);
    CHECK_FALSE(t.queue.retry(id));
    CHECK_FALSE(t.queue.cancel(id));
  });
}

TEST_CASE("higher priorities come first") {
  mpf::fiber::run([] {
    Tasks t;
    std::string order;
    t.on_note([&](Context&, const Note& note) { order += note.text; });
    t.queue.enqueue(Note{"c"});
    t.queue.enqueue(Note{"d"});
    t.queue.enqueue(Note{"e"}, {.priority = -1});
    t.queue.enqueue(Note{"b"}, {.priority = 1});
    t.queue.enqueue(Note{"a"}, {.site = Id(9), .priority = 5});
    CHECK(t.run_due({.concurrency = 1}) == 5);
    CHECK(order == "abcde");
  });
}

TEST_CASE("sites take turns") {
  mpf::fiber::run([] {
    Tasks t;
    std::string order;
    t.on_note([&](Context&, const Note& note) { order += note.text; });
    t.queue.enqueue_many(std::vector<Note>(40, Note{"a"}), {.site = Id(1)});
    t.queue.enqueue_many(std::vector<Note>(3, Note{"b"}), {.site = Id(2)});
    t.queue.enqueue_many(std::vector<Note>(2, Note{"-"}));
    t.queue.enqueue_many(std::vector<Note>(3, Note{"c"}), {.site = Id(3)});
    CHECK(t.run_due({.concurrency = 1}) == 48);
    CHECK(order.substr(0, 12) == "-abc-abcabca");
  });
}

TEST_CASE("queues get equal parts of a worker") {
  mpf::fiber::run([] {
    Tasks t;
    std::string order;
    t.on_note([&](Context&, const Note& note) { order += note.text; });
    t.queue.enqueue_many(std::vector<Note>(20, Note{"a"}), {.queue = "first"});
    t.queue.enqueue_many(std::vector<Note>(3, Note{"b"}), {.queue = "second"});
    t.queue.enqueue(Note{"c"});
    CHECK(t.run_due({.concurrency = 1, .queues = {"first", "second"}}) == 23);
    CHECK(order.find("bbb") == std::string::npos);
    CHECK(order.substr(0, 7).find_last_of('b') >= 4);
    CHECK(t.queue.counts().queued == 1);
    CHECK(t.run_due() == 1);
  });
}

TEST_CASE("tasks of other names are left to others, and reported") {
  mpf::fiber::run([] {
    Tasks t;
    t.on_note([](Context&, const Note&) {});
    mpf::task::Registry wider;
    int done = 0;
    wider.add<Done>("done", [&](Context&, const Done&) { ++done; });
    mpf::task::Queue wider_queue(*t.db, wider, t.clock);
    const Id id = wider_queue.enqueue(Done{});
    t.queue.enqueue(Note{});
    mpf::task::Worker worker(Tasks::runtime(), t.queue);
    CHECK(worker.run_due() == 1);
    CHECK(worker.stats().unknown == std::vector<std::string>{"done"});
    CHECK(t.queue.status(id).attempts == 0);
    CHECK(t.state(id) == State::queued);
    mpf::task::Worker other(Tasks::runtime(), wider_queue);
    CHECK(other.run_due() == 1);
    CHECK(done == 1);
  });
}

TEST_CASE("a renamed task still runs what waits under its old name") {
  mpf::fiber::run([] {
    Tasks t;
    int runs = 0;
    t.registry.add<Note>("new_note", [&](Context&, const Note&) { ++runs; });
    t.registry.also_known_as("new_note", "note");
    mpf::task::Registry before;
    before.add<Note>("note", [](Context&, const Note&) {});
    mpf::task::Queue(*t.db, before, t.clock).enqueue(Note{});
    CHECK(t.run_due() == 1);
    CHECK(runs == 1);
  });
}

TEST_CASE("finished tasks are removed in the end, failed ones are not") {
  mpf::fiber::run([] {
    Tasks t;
    t.on_note([](Context&, const Note& note) {
      if (note.text == "bad") throw mpf::task::Permanent("bad");
    });
    const Id good = t.queue.enqueue(Note{"good"});
    const Id bad = t.queue.enqueue(Note{"bad"});
    CHECK(t.run_due() == 2);
    t.clock.advance(std::chrono::hours(24 * 8));
    CHECK(t.run_due() == 0);
    CHECK_FALSE(t.queue.find(good));
    CHECK(t.state(bad) == State::failed);
  });
}
