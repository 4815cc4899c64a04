#include <mpf/db/notifications.hpp>

#include <doctest/doctest.h>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

#include "db/database.hpp"

using namespace mpf;
using namespace mpf::test;
using namespace std::chrono_literals;

TEST_CASE("postgres: notifications come in order, at the commit, to who subscribed; gaps are told") {
  Postgres server;
  fiber::run([&] {
    const auto options = server.fresh();
    const auto db = db::open_postgres(options);
    db::Notifications hub(fiber::Loop::current()->runtime(), options);
    fiber::Channel<std::string> heard(100);
    const auto note = [&](const db::Notification& n) {
      heard.push(n.gap ? "gap" : n.channel + ":" + n.payload);
    };
    auto first = hub.subscribe("first", note);
    {
      const auto second = hub.subscribe("Second 'one'", note);
      db::Notifications::notify(*db, "Second 'one'", "x");
      CHECK(heard.pop() == "Second 'one':x");
    }
    db::Notifications::notify(*db, "Second 'one'", "nobody hears it");
    db->transaction([&](db::Transaction&) {
      db::Notifications::notify(*db, "first", "1");
      db::Notifications::notify(*db, "first", "2");
    });
    CHECK_THROWS_AS(db->transaction([&](db::Transaction&) {
      db::Notifications::notify(*db, "first", "undone");
      throw std::runtime_error("undo");
    }),
                    std::runtime_error);
    for (int i = 3; i < 20; ++i) db::Notifications::notify(*db, "first", std::to_string(i));
    for (int i = 1; i < 20; ++i) CHECK(heard.pop() == "first:" + std::to_string(i));
    fiber::offload([&] { server.kill(); });
    server.start();
    CHECK(heard.pop() == "gap");
    db::Notifications::notify(*db, "first", "again");
    CHECK(heard.pop() == "first:again");
    first = {};
    auto nowhere = options;
    nowhere.port = Postgres::free_port();
    nowhere.acquire_timeout = 100ms;
    db::Notifications deaf(fiber::Loop::current()->runtime(), nowhere);
    CHECK_THROWS_AS(deaf.subscribe("x", note), db::ConnectionLost);
  });
}

TEST_CASE("postgres: who falls behind is told of the gap without anything new, in its place") {
  Postgres server;
  fiber::run([&] {
    const auto options = server.fresh();
    const auto db = db::open_postgres(options);
    db::Notifications hub(fiber::Loop::current()->runtime(), options);
    fiber::Semaphore go(0);
    std::string last;
    fiber::Channel<int> gap_after(10);
    int heard = 0;
    const auto slow = hub.subscribe("many", [&](const db::Notification& n) {
      if (heard == 0) go.acquire();
      if (n.gap) gap_after.push(heard);
      ++heard;
    });
    fiber::Channel<bool> all_sent(1);
    int seen = 0;
    const auto quick = hub.subscribe("many", [&](const db::Notification& n) {
      if (!n.gap && ++seen && n.payload == "last") all_sent.push(true);
    });
    // More than wait for a subscriber, and slowly enough for the other one.
    for (int portion = 0; portion < 8; ++portion) {
      db->execute(
          {"SELECT pg_notify('many', i::text) FROM generate_series(1, 250) i", {}, db::Access::write});
      const fiber::DeadlineScope limit(30s);
      while (seen < (portion + 1) * 250) fiber::yield();
    }
    db::Notifications::notify(*db, "many", "last");
    all_sent.pop();
    go.release();
    const fiber::DeadlineScope limit(30s);
    CHECK(gap_after.pop() == 1025);  // the one that it was at, and those that waited
  });
}

TEST_CASE("postgres: notifications are refused where a pooler would swallow them") {
  fiber::run([] {
    auto options = Postgres::shared().fresh();
    options.transaction_pooler = true;
    try {
      const db::Notifications hub(fiber::Loop::current()->runtime(), options);
      FAIL("it listens to nothing");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::configuration);
      CHECK(std::string(error.what()).find("address of the server itself") != std::string::npos);
    }
  });
}
