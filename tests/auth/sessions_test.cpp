#include <mpf/auth/sessions.hpp>

#include <doctest/doctest.h>

#include <chrono>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>

#include "auth/fixture.hpp"

using namespace mpf;
using namespace std::chrono_literals;
using test::AuthFixture;

TEST_CASE("a session is found by its token, on its own site only") {
  fiber::run([] {
    AuthFixture t;
    const auth::User ann = t.ann(*t.acme);
    const auto started = t.sessions.start(*t.acme, ann, "10.0.0.1", "a browser");
    const auto found = t.sessions.find(*t.acme, started.token);
    REQUIRE(found);
    CHECK(found->user->email == "ann@acme.test");
    CHECK_FALSE(t.sessions.find(*t.globex, started.token));
    CHECK_FALSE(t.sessions.find(*t.acme, started.session.token_hash));
    CHECK_FALSE(t.sessions.find(*t.acme, ""));
    CHECK_FALSE(t.sessions.find(*t.acme, std::string(43, 'A')));
  });
}

TEST_CASE("the database holds no token") {
  fiber::run([] {
    AuthFixture t;
    const auto started = t.sessions.start(*t.acme, t.ann(*t.acme), "10.0.0.1", "a browser");
    const auto row = t.acme->query<auth::Session>().one();
    CHECK(row.token_hash.find(started.token) == std::string::npos);
    CHECK(row.csrf_secret != started.token);
    CHECK(started.token.size() == 43);
  });
}

TEST_CASE("an idle session ends, a used one goes on until its absolute end") {
  fiber::run([] {
    AuthFixture t;
    const auth::User ann = t.ann(*t.acme);
    const auto idle = t.sessions.start(*t.acme, ann, "10.0.0.1", "");
    const auto used = t.sessions.start(*t.acme, ann, "10.0.0.1", "");
    for (int days = 1; days < 60; ++days) {
      t.clock.advance(24h);
      CAPTURE(days);
      CHECK(t.sessions.find(*t.acme, used.token));
    }
    t.clock.advance(24h);
    CHECK_FALSE(t.sessions.find(*t.acme, used.token));
    CHECK_FALSE(t.sessions.find(*t.acme, idle.token));
  });
}

TEST_CASE("a session is idle from its last use on") {
  fiber::run([] {
    AuthFixture t;
    const auth::User ann = t.ann(*t.acme);
    const auto session = t.sessions.start(*t.acme, ann, "10.0.0.1", "");
    t.clock.advance(24h * 14 - 1s);
    CHECK(t.sessions.find(*t.acme, session.token));
    t.clock.advance(24h * 14 - 1s);
    CHECK(t.sessions.find(*t.acme, session.token));
    t.clock.advance(24h * 14);
    CHECK_FALSE(t.sessions.find(*t.acme, session.token));
  });
}

TEST_CASE("locking a user out ends the sessions at once") {
  fiber::run([] {
    AuthFixture t;
    auth::User ann = t.ann(*t.acme);
    const auto started = t.sessions.start(*t.acme, ann, "10.0.0.1", "");
    ann.active = false;
    t.acme->update<&auth::User::active>(ann);
    CHECK_FALSE(t.sessions.find(*t.acme, started.token));
  });
}

TEST_CASE("sessions end one by one, all but one, or with the user") {
  fiber::run([] {
    AuthFixture t;
    const auth::User ann = t.ann(*t.acme);
    const auto a = t.sessions.start(*t.acme, ann, "10.0.0.1", "");
    const auto b = t.sessions.start(*t.acme, ann, "10.0.0.1", "");
    const auto c = t.sessions.start(*t.acme, ann, "10.0.0.1", "");
    t.sessions.end(*t.globex, a.session.id);
    CHECK(t.sessions.find(*t.acme, a.token));
    t.sessions.end(*t.acme, a.session.id);
    CHECK_FALSE(t.sessions.find(*t.acme, a.token));
    CHECK(t.sessions.end_all(*t.acme, ann.id, b.session.id) == 1);
    CHECK(t.sessions.find(*t.acme, b.token));
    CHECK_FALSE(t.sessions.find(*t.acme, c.token));
    t.acme->remove<auth::User>(ann.id);
    CHECK_FALSE(t.sessions.find(*t.acme, b.token));
  });
}

TEST_CASE("the last use is written now and then, expired sessions are removed") {
  fiber::run([] {
    AuthFixture t;
    const auth::User ann = t.ann(*t.acme);
    const auto started = t.sessions.start(*t.acme, ann, "10.0.0.1", "");
    const auto last_seen = [&] { return t.acme->query<auth::Session>().one().last_seen; };
    const auto begin = last_seen();
    t.clock.advance(59s);
    (void)t.sessions.find(*t.acme, started.token);
    CHECK(last_seen() == begin);
    t.clock.advance(1s);
    (void)t.sessions.find(*t.acme, started.token);
    CHECK(last_seen() == t.clock.now());

    const orm::SystemScope system(*t.db, "test", t.clock);
    CHECK(t.sessions.purge(system) == 0);
    t.clock.advance(24h * 14);
    CHECK(t.sessions.purge(system) == 1);
    CHECK(t.acme->query<auth::Session>().count() == 0);
  });
}

TEST_CASE("what browsers say of themselves is cut to what a row holds") {
  fiber::run([] {
    AuthFixture t;
    const auth::User ann = t.ann(*t.acme);
    t.sessions.start(*t.acme, ann, "10.0.0.1", std::string(5000, 'x'));
    t.sessions.start(*t.acme, ann, "10.0.0.1", "\xff\xfe");
    CHECK(t.acme->query<auth::Session>().count() == 2);
  });
}
