#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>

#include <mpf/base/error.hpp>

#include "task/fixture.hpp"

using namespace std::chrono_literals;
using mpf::ErrorKind;
using mpf::Id;
using mpf::task::Backoff;
using mpf::task::Context;
using mpf::task::State;
using mpf::task::TaskOptions;
using mpf::test::Note;
using mpf::test::Tasks;

TEST_CASE("back-off grows up to its limit, spread by the jitter") {
  const Backoff backoff{.base = 1s, .factor = 2, .max = 1min, .jitter = 0.2};
  CHECK(backoff.delay(1, 0.5) == 1s);
  CHECK(backoff.delay(2, 0.5) == 2s);
  CHECK(backoff.delay(5, 0.5) == 16s);
  CHECK(backoff.delay(50, 0.5) == 1min);
  CHECK(backoff.delay(1'000'000, 0.5) == 1min);
  CHECK(backoff.delay(1, 0) == 800ms);
  CHECK(backoff.delay(1, 1) == 1200ms);
}

TEST_CASE("a failing task is tried again, later each time, until it is out of attempts") {
  mpf::fiber::run([] {
    Tasks t;
    int runs = 0;
    t.on_note(
        [&](Context& context, const Note&) {
          CHECK(context.attempt() == ++runs);
          mpf::fail(ErrorKind::unavailable, "down " + std::to_string(runs));
        },
        {.max_attempts = 3, .backoff = {.base = 10s, .factor = 3, .max = 1h, .jitter = 0.1}});
    const Id id = t.queue.enqueue(Note{});
    CHECK(t.run_due() == 1);
    auto status = t.queue.status(id);
    CHECK(status.state == State::queued);
    CHECK(status.last_error == "down 1");
    CHECK(status.run_at - t.clock.now() >= 9s);
    CHECK(status.run_at - t.clock.now() <= 11s);
    t.clock.advance(8s);
    CHECK(t.run_due() == 0);
    t.clock.advance(3s);
    CHECK(t.run_due() == 1);
    status = t.queue.status(id);
    CHECK(status.run_at - t.clock.now() >= 27s);
    CHECK(status.run_at - t.clock.now() <= 33s);
    t.clock.advance(33s);
    CHECK(t.run_due() == 1);
    status = t.queue.status(id);
    CHECK(status.state == State::failed);
    CHECK(status.attempts == 3);
    CHECK(status.last_error == "down 3");
    CHECK(t.queue.counts().failed == 1);
    CHECK(t.queue.list({.state = State::failed}).size() == 1);
    t.clock.advance(24h);
    CHECK(t.run_due() == 0);

    CHECK(t.queue.retry(id));
    runs = 0;
    CHECK(t.run_due() == 1);
    CHECK(t.queue.status(id).attempts == 1);
    CHECK(t.state(id) == State::queued);
  });
}

TEST_CASE("errors that no other attempt would mend fail at once") {
  mpf::fiber::run([] {
    Tasks t;
    t.on_note([](Context&, const Note& note) {
      if (note.text == "missing") mpf::fail(ErrorKind::not_found, "no such file");
      if (note.text == "permanent") throw mpf::task::Permanent("never", ErrorKind::unavailable);
      if (note.text == "standard") throw std::runtime_error("plain");
      if (note.text == "odd") throw 5;
    });
    const Id missing = t.queue.enqueue(Note{"missing"});
    const Id permanent = t.queue.enqueue(Note{"permanent"});
    const Id standard = t.queue.enqueue(Note{"standard"});
    const Id odd = t.queue.enqueue(Note{"odd"});
    CHECK(t.run_due() == 4);
    CHECK(t.state(missing) == State::failed);
    CHECK(t.queue.status(missing).attempts == 1);
    CHECK(t.queue.status(missing).last_error == "no such file");
    CHECK(t.state(permanent) == State::failed);
    CHECK(t.state(standard) == State::queued);
    CHECK(t.queue.status(standard).last_error == "plain");
    CHECK(t.state(odd) == State::queued);
  });
}

TEST_CASE("which errors are permanent is the task's choice") {
  mpf::fiber::run([] {
    Tasks t;
    t.on_note([](Context&, const Note&) { mpf::fail(ErrorKind::not_found, "not yet"); }, {.permanent = {}});
    const Id id = t.queue.enqueue(Note{});
    CHECK(t.run_due() == 1);
    CHECK(t.state(id) == State::queued);
  });
}

TEST_CASE("a payload that does not fit its struct fails with the reason") {
  mpf::fiber::run([] {
    Tasks t;
    t.on_note([](Context&, const Note&) {});
    const Id id = t.queue.enqueue(Note{});
    t.db->execute_script("UPDATE mpf_task SET payload = '{\"text\": 5}'");
    CHECK(t.run_due() == 1);
    CHECK(t.state(id) == State::failed);
    CHECK(t.queue.status(id).last_error.find("text: expected a string") != std::string::npos);
  });
}

TEST_CASE("a task may ask to be run later without that counting") {
  mpf::fiber::run([] {
    Tasks t;
    int runs = 0;
    t.on_note([&](Context& context, const Note&) {
      CHECK(context.attempt() == 1);
      if (++runs < 4) throw mpf::task::Snooze(1min);
    });
    const Id id = t.queue.enqueue(Note{}, {.max_attempts = 1});
    for (int i = 0; i < 4; ++i) {
      CHECK(t.run_due() == 1);
      CHECK(t.run_due() == 0);
      t.clock.advance(1min);
    }
    CHECK(t.state(id) == State::done);
    CHECK(t.queue.status(id).attempts == 1);
  });
}

TEST_CASE("an attempt ends at its deadline") {
  mpf::fiber::run([] {
    Tasks t;
    t.on_note([](Context&, const Note&) { mpf::fiber::sleep_for(1h); }, {.max_attempts = 1, .timeout = 20ms});
    const Id id = t.queue.enqueue(Note{});
    CHECK(t.run_due() == 1);
    CHECK(t.state(id) == State::failed);
    CHECK(t.queue.status(id).last_error.find("the deadline of 0.020 s passed") == 0);
  });
}
