#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/fiber/sync.hpp>

#include "task/fixture.hpp"
#include "task/process.hpp"

using namespace std::chrono_literals;
using mpf::Id;
using mpf::task::Context;
using mpf::task::State;
using mpf::task::Worker;
using mpf::task::WorkerOptions;
using mpf::test::Note;
using mpf::test::Tasks;

namespace {

std::int64_t number(mpf::db::Database& db, const std::string& sql) {
  std::int64_t value = 0;
  db.execute({sql, {}}, [&](const mpf::db::Row& row) { value = row.integer(0); });
  return value;
}

void insert_effect(Context& context) {
  context.db().execute(
      {"INSERT INTO effect (task) VALUES (?)", {context.task_id().value}, mpf::db::Access::write});
}

constexpr const char* create_effect = "CREATE TABLE effect (task INTEGER NOT NULL)";

}  // namespace

TEST_CASE("a commit wakes the worker of its process at once") {
  mpf::fiber::run([] {
    Tasks t;
    std::atomic<int> runs{0};
    t.on_note([&](Context&, const Note&) { ++runs; });
    Worker worker(Tasks::runtime(), t.queue, {.poll = 1h});
    worker.start();
    t.queue.enqueue(Note{});
    Tasks::until([&] { return runs == 1; });
    t.db->transaction([&](mpf::db::Transaction&) {
      for (int i = 0; i < 20; ++i) t.queue.enqueue(Note{});
    });
    Tasks::until([&] { return runs == 21; });
    worker.stop();
    CHECK(worker.stats().done == 21);
    CHECK(worker.stats().running == 0);
    CHECK(number(*t.db, "SELECT count(*) FROM mpf_task_worker") == 0);
    worker.stop();
  });
}

TEST_CASE("what another process enqueues is found by polling") {
  mpf::fiber::run([] {
    const mpf::test::DatabasePlace place;
    const auto open = [&] { return place.open(); };
    const auto db = open();
    mpf::test::create_tables(*db, mpf::task::tables());
    mpf::task::Registry registry;
    std::atomic<int> runs{0};
    registry.add<Note>("note", [&](Context&, const Note&) { ++runs; });
    mpf::task::Queue queue(*db, registry);
    Worker worker(Tasks::runtime(), queue, {.poll = 10ms});
    worker.start();
    const auto other_db = open();
    mpf::task::Queue other(*other_db, registry);
    other.enqueue(Note{});
    Tasks::until([&] { return runs == 1; });
    other.enqueue(Note{}, {.delay = 30ms});
    Tasks::until([&] { return runs == 2; });
    worker.stop();
    CHECK(worker.stats().done == 2);
    CHECK(runs == 2);
  });
}

TEST_CASE("two workers share the work, each task runs once") {
  mpf::fiber::run(
      [] {
        Tasks t;
        t.db->execute_script(create_effect);
        t.on_note([](Context& context, const Note&) {
          context.db().transaction([&](mpf::db::Transaction& transaction) {
            insert_effect(context);
            context.complete_in(transaction);
          });
        });
        Worker first(Tasks::runtime(), t.queue, {.concurrency = 3, .poll = 10ms});
        Worker second(Tasks::runtime(), t.queue, {.concurrency = 3, .poll = 10ms});
        first.start();
        second.start();
        const auto ids = t.queue.enqueue_many(std::vector<Note>(200));
        Tasks::until([&] { return t.queue.counts().queued + t.queue.counts().running == 0; });
        first.stop();
        second.stop();
        CHECK(number(*t.db, "SELECT count(*) FROM effect") == 200);
        CHECK(number(*t.db, "SELECT count(DISTINCT task) FROM effect") == 200);
        CHECK(number(*t.db, "SELECT count(*) FROM mpf_task WHERE state = 'done' AND attempt = 1") == 200);
        CHECK(first.stats().done + second.stats().done == 200);
        CHECK(first.stats().done > 0);
        CHECK(second.stats().done > 0);
      },
      {.loops = 3});
}

TEST_CASE("no more tasks run at a time than are allowed") {
  mpf::fiber::run(
      [] {
        Tasks t;
        std::atomic<int> now{0};
        std::atomic<int> most{0};
        t.on_note([&](Context&, const Note&) {
          const int here = ++now;
          for (int seen = most; here > seen && !most.compare_exchange_weak(seen, here);) {
          }
          for (int i = 0; i < 10; ++i) mpf::fiber::yield();
          --now;
        });
        t.queue.enqueue_many(std::vector<Note>(60));
        CHECK(t.run_due({.concurrency = 5}) == 60);
        CHECK(most <= 5);
        CHECK(most > 1);
      },
      {.loops = 3});
}

TEST_CASE("a running task that is cancelled ends at its wait") {
  mpf::fiber::run([] {
    Tasks t;
    std::atomic<int> running{0};
    t.on_note([&](Context& context, const Note& note) {
      ++running;
      if (note.text == "wait") mpf::fiber::sleep_for(1h);
      while (!context.cancelled()) {
        const mpf::fiber::ShieldScope shield;
        mpf::fiber::sleep_for(1ms);
      }
    });
    Worker worker(Tasks::runtime(), t.queue, {.poll = 1h});
    worker.start();
    const Id waiting = t.queue.enqueue(Note{"wait"});
    const Id looking = t.queue.enqueue(Note{"look"});
    Tasks::until([&] { return running == 2; });
    CHECK(t.queue.cancel(waiting));
    CHECK(t.queue.cancel(looking));
    Tasks::until([&] { return t.queue.counts().running == 0; });
    CHECK(t.state(waiting) == State::cancelled);
    CHECK(t.state(looking) == State::cancelled);
    CHECK_FALSE(t.queue.cancel(waiting));
  });
}

TEST_CASE("stopping waits for what runs, then gives it back uncounted") {
  mpf::fiber::run([] {
    Tasks t;
    std::atomic<int> running{0};
    std::atomic<bool> finish{false};
    t.on_note([&](Context&, const Note& note) {
      ++running;
      if (note.text == "long") mpf::fiber::sleep_for(1h);
      while (!finish) mpf::fiber::sleep_for(1ms);
    });
    Worker worker(Tasks::runtime(), t.queue, {.concurrency = 1});
    worker.start();
    const Id first = t.queue.enqueue(Note{"short"});
    Tasks::until([&] { return running == 1; });
    const Id second = t.queue.enqueue(Note{"long"});
    bool stop_asked = false;
    auto stopping = mpf::fiber::spawn([&] {
      stop_asked =
          true;  // and then nothing lets this fiber, of the same loop, go on before it waits in stop()
      worker.stop(1h);
    });
    Tasks::until([&] { return stop_asked; });
    finish = true;
    stopping.get();
    CHECK(t.state(first) == State::done);
    CHECK(t.state(second) == State::queued);

    Worker next(Tasks::runtime(), t.queue);
    next.start();
    Tasks::until([&] { return running == 2; });
    CHECK(t.state(second) == State::running);
    CHECK(t.queue.status(second).attempts == 1);
    next.stop(0ms);
    CHECK(t.state(second) == State::queued);
    CHECK(t.queue.status(second).attempts == 0);
    CHECK(number(*t.db, "SELECT count(*) FROM mpf_task_worker") == 0);
  });
}

TEST_CASE("progress shows while the task runs") {
  mpf::fiber::run([] {
    Tasks t;
    std::atomic<bool> finish{false};
    t.on_note([&](Context& context, const Note&) {
      context.progress(2, 10, "two");
      while (!finish) mpf::fiber::sleep_for(1ms);
    });
    Worker worker(Tasks::runtime(), t.queue);
    worker.start();
    const Id id = t.queue.enqueue(Note{});
    Tasks::until([&] { return t.queue.status(id).progress.done == 2; });
    CHECK(t.state(id) == State::running);
    finish = true;
    Tasks::until([&] { return t.state(id) == State::done; });
    CHECK(t.queue.status(id).progress.note == "two");
  });
}

TEST_CASE("a worker taken for dead cannot finish what others do now") {
  mpf::fiber::run([] {
    Tasks t;
    t.db->execute_script(create_effect);
    std::atomic<int> begun{0};
    mpf::fiber::Semaphore go(0);
    std::optional<mpf::ErrorKind> refused;
    bool lease_gone = false;
    t.on_note([&](Context& context, const Note&) {
      const int run = begun + 1;
      if (run == 1) context.check_lease();
      ++begun;  // only now may its time be over
      if (run == 1) go.acquire();
      try {
        if (run == 1) context.check_lease();
      } catch (const mpf::Error&) {
        lease_gone = true;
      }
      try {
        context.db().transaction([&](mpf::db::Transaction& transaction) {
          insert_effect(context);
          context.complete_in(transaction);
        });
      } catch (const mpf::Error& error) {
        refused = error.kind();
        throw;
      }
    });
    // Its clock is the queue's, which moves on while it does not get to renew its lease.
    Worker slow(Tasks::runtime(), t.queue);
    slow.start();
    const Id id = t.queue.enqueue(Note{});
    Tasks::until([&] { return begun == 1; });
    t.clock.advance(31s);
    Worker other(Tasks::runtime(), t.queue);
    CHECK(other.run_due() == 1);
    CHECK(other.stats().rescued == 1);
    CHECK(t.state(id) == State::done);
    CHECK(t.queue.status(id).crashes == 1);
    CHECK(t.queue.status(id).attempts == 1);
    CHECK(t.queue.status(id).last_error == "its process died");
    go.release();
    Tasks::until([&] { return slow.stats().lost == 1; });
    slow.stop();
    CHECK(lease_gone);
    CHECK(refused == mpf::ErrorKind::conflict);
    CHECK(number(*t.db, "SELECT count(*) FROM effect") == 1);
    CHECK(t.queue.status(id).finished_at == t.clock.now());
    CHECK(number(*t.db, "SELECT lease FROM mpf_task") == 2);
  });
}

TEST_CASE("a worker taken for dead gives up what it runs and signs on again") {
  mpf::fiber::run([] {
    Tasks t;
    std::atomic<int> begun{0};
    std::atomic<int> interrupted{0};
    t.on_note([&](Context&, const Note&) {
      if (++begun > 1) return;
      try {
        mpf::fiber::sleep_for(1h);
      } catch (const mpf::fiber::Cancelled&) {
        ++interrupted;
        throw;
      }
    });
    Worker worker(Tasks::runtime(), t.queue, {.poll = 5ms, .lease = 1s, .heartbeat = 20ms});
    worker.start();
    const Id id = t.queue.enqueue(Note{});
    Tasks::until([&] { return begun == 1; });
    t.db->execute_script("DELETE FROM mpf_task_worker");
    Tasks::until([&] { return t.state(id) == State::done; });
    CHECK(interrupted == 1);
    CHECK(begun == 2);
    Tasks::until([&] { return worker.stats().lost == 1; });
    CHECK(number(*t.db, "SELECT count(*) FROM mpf_task_worker") == 1);
  });
}

TEST_CASE("what throws after completing in a transaction stays done") {
  mpf::fiber::run([] {
    Tasks t;
    t.on_note([&](Context& context, const Note& note) {
      context.db().transaction([&](mpf::db::Transaction& transaction) {
        context.set_result(mpf::Json::of(1));
        context.complete_in(transaction);
        if (note.text == "undo") mpf::fail(mpf::ErrorKind::unavailable, "undo");
      });
      mpf::fail(mpf::ErrorKind::unavailable, "too late");
    });
    const Id kept = t.queue.enqueue(Note{"keep"});
    const Id undone = t.queue.enqueue(Note{"undo"});
    CHECK(t.run_due() == 2);
    CHECK(t.state(kept) == State::done);
    CHECK(t.queue.status(kept).result.text() == "1");
    CHECK(t.state(undone) == State::queued);
    CHECK(t.queue.status(undone).last_error == "undo");
  });
}

TEST_CASE("the end of a runtime returns what was running") {
  const mpf::test::DatabasePlace place;
  const auto open = [&] { return place.open(); };
  mpf::task::Registry registry;
  std::atomic<int> running{0};
  registry.add<Note>("note", [&](Context&, const Note&) {
    ++running;
    mpf::fiber::sleep_for(1h);
  });
  {
    mpf::fiber::Runtime runtime({.loops = 2});
    std::unique_ptr<mpf::db::Database> db;
    std::unique_ptr<mpf::task::Queue> queue;
    std::unique_ptr<Worker> worker;
    mpf::fiber::spawn(runtime, [&] {
      db = open();
      mpf::test::create_tables(*db, mpf::task::tables());
      queue = std::make_unique<mpf::task::Queue>(*db, registry);
      worker = std::make_unique<Worker>(runtime, *queue);
      worker->start();
      queue->enqueue(Note{});
      Tasks::until([&] { return running == 1; });
    }).get();
    worker.reset();  // on a thread outside the loops
  }
  mpf::fiber::run([&] {
    const auto db = open();
    CHECK(number(*db, "SELECT count(*) FROM mpf_task WHERE state = 'queued' AND attempt = 0") == 1);
    CHECK(number(*db, "SELECT count(*) FROM mpf_task_worker") == 0);
  });
}

TEST_CASE("workers with impossible options are refused") {
  mpf::fiber::run([] {
    Tasks t;
    CHECK_THROWS_AS(Worker(Tasks::runtime(), t.queue, {.concurrency = 0}), mpf::Error);
    CHECK_THROWS_AS(Worker(Tasks::runtime(), t.queue, {.lease = 1s, .heartbeat = 1s}), mpf::Error);
  });
}

TEST_CASE("the identity of a process tells whether it lives") {
  const std::string self = mpf::task::process_identity();
  REQUIRE_FALSE(self.empty());
  CHECK_FALSE(mpf::task::process_is_dead(self));
  CHECK(mpf::task::process_is_dead(self.substr(0, self.rfind('/')) + "/1"));  // the pid was used again
  CHECK_FALSE(mpf::task::process_is_dead("another boot/pid:[1]/1/1"));
  CHECK_FALSE(mpf::task::process_is_dead(""));
}
