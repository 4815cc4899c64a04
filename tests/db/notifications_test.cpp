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
