#include <mpf/auth/accounts.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <fmt/core.h>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>

#include "auth/fixture.hpp"

using namespace mpf;
using namespace std::chrono_literals;
using test::AuthFixture;
using test::kind_of;

namespace {

std::vector<std::string> wrong_fields(AuthFixture& t, const auth::NewUser& input) {
  try {
    t.accounts.create(*t.acme, input);
  } catch (const ValidationError& e) {
    std::vector<std::string> codes;
    for (const auto& field : e.fields()) codes.push_back(field.path + ":" + field.code);
    return codes;
  }
  return {};
}

std::string stored_hash(AuthFixture& t, Id user) {
  return t.acme->query<auth::Password>().where(orm::f<&auth::Password::user> == user).one().hash;
}

}  // namespace

TEST_CASE("a user signs in with address and password, in any spelling of the address") {
  fiber::run([] {
    AuthFixture t;
    const auth::User made = t.ann(*t.acme);
    CHECK(made.email == "ann@acme.test");
    CHECK(made.role == auth::Role::member);
    const auth::User user = t.accounts.sign_in(*t.acme, " ANN@acme.test ", "correct horse", "10.0.0.1");
    CHECK(user.id == made.id);
    CHECK(user.last_sign_in == t.clock.now());
    CHECK(t.accounts.find(*t.acme, "ann@acme.test")->last_sign_in == t.clock.now());
  });
}

TEST_CASE("wrong password, unknown address and locked user get the same answer") {
  fiber::run([] {
    AuthFixture t;
    const auth::User ann = t.ann(*t.acme);
    const auto answer = [&](const char* email, const char* password) {
      try {
        t.accounts.sign_in(*t.acme, email, password, "10.0.0.1");
      } catch (const Error& e) {
        CHECK(e.kind() == ErrorKind::unauthenticated);
        return std::string(e.public_message());
      }
      return std::string("signed in");
    };
    const std::string wrong = answer("ann@acme.test", "wrong");
    CHECK(wrong == "Wrong e-mail address or password");
    CHECK(answer("nobody@acme.test", "correct horse") == wrong);
    CHECK(answer("not an address", "correct horse") == wrong);
    t.accounts.set_active(*t.acme, ann.id, false);
    CHECK(answer("ann@acme.test", "correct horse") == wrong);
    t.accounts.set_active(*t.acme, ann.id, true);
    CHECK(answer("ann@acme.test", "correct horse") == "signed in");
    CHECK(answer("ann@acme.test", std::string(5000, 'x').c_str()) == wrong);
  });
}

TEST_CASE("the same address on two sites is two users") {
  fiber::run([] {
    AuthFixture t;
    const auth::User here = t.ann(*t.acme);
    CHECK(kind_of([&] { t.accounts.sign_in(*t.globex, "ann@acme.test", "correct horse", "10.0.0.1"); }) ==
          ErrorKind::unauthenticated);
    const auth::User there = t.accounts.create(
        *t.globex, {.email = "ann@acme.test", .password = "another horse", .role = auth::Role::staff});
    CHECK(here.id != there.id);
    CHECK(kind_of([&] { t.accounts.sign_in(*t.globex, "ann@acme.test", "correct horse", "10.0.0.1"); }) ==
          ErrorKind::unauthenticated);
    CHECK(t.accounts.sign_in(*t.globex, "ann@acme.test", "another horse", "10.0.0.1").id == there.id);
    CHECK(kind_of([&] { t.accounts.set_password(*t.globex, here.id, "some other horse"); }) ==
          ErrorKind::not_found);
  });
}

TEST_CASE("everything that is wrong with a new user is told at once") {
  fiber::run([] {
    AuthFixture t;
    t.ann(*t.acme);
    using Codes = std::vector<std::string>;
    CHECK(wrong_fields(t, {.email = "x", .name = std::string(201, 'n'), .password = "short"}) ==
          Codes{"email:format", "name:max_length", "password:min_length"});
    CHECK(wrong_fields(t, {.email = "b@x.test"}) == Codes{"password:required"});
    CHECK(wrong_fields(t, {.email = "b@x.test", .name = "a\nb", .password = "long enough"}) ==
          Codes{"name:format"});
    CHECK(wrong_fields(t, {.email = "long.enough@x.test", .password = "Long.Enough@x.test"}) ==
          Codes{"password:guessable"});
    CHECK(wrong_fields(t, {.email = "b@x.test", .password = std::string(1025, 'x')}) ==
          Codes{"password:max_length"});
    CHECK(wrong_fields(t, {.email = "b@x.test", .password = "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6"}) ==
          Codes{"password:utf8"});
    CHECK(wrong_fields(t, {.email = "ANN@acme.test", .password = "long enough"}) == Codes{"email:taken"});
    CHECK(wrong_fields(t, {.email = "b@x.test", .password = std::string(1024, 'x')}).empty());
    // Ten characters, more bytes.
    CHECK(wrong_fields(t, {.email = "c@x.test", .password = "ääääääääää"}).empty());
    CHECK(t.accounts.find(*t.acme, "c@x.test")->name == "c");
  });
}

TEST_CASE("two requests cannot make the same user") {
  fiber::run([] {
    AuthFixture t;
    std::vector<fiber::Fiber<bool>> fibers;
    for (int i = 0; i < 4; ++i) {
      fibers.push_back(fiber::spawn([&] {
        try {
          t.ann(*t.acme);
          return true;
        } catch (const ValidationError& e) {
          CHECK(e.fields().front().code == "taken");
          return false;
        }
      }));
    }
    int made = 0;
    for (auto& f : fibers) made += f.get() ? 1 : 0;
    CHECK(made == 1);
    CHECK(t.acme->query<auth::User>().count() == 1);
    CHECK(t.acme->query<auth::Password>().count() == 1);
  });
}

TEST_CASE("a hash with outdated parameters is replaced at the next sign-in") {
  fiber::run([] {
    AuthFixture t;
    const auth::User ann = t.ann(*t.acme);
    const std::string before = stored_hash(t, ann.id);
    auto stronger = t.settings;
    stronger.argon2_memory_kib = 64;
    auth::Accounts now(stronger, t.clock);
    CHECK(kind_of([&] { now.sign_in(*t.acme, ann.email, "wrong", "10.0.0.1"); }) ==
          ErrorKind::unauthenticated);
    CHECK(stored_hash(t, ann.id) == before);
    now.sign_in(*t.acme, ann.email, "correct horse", "10.0.0.1");
    CHECK(stored_hash(t, ann.id).find("m=64,") != std::string::npos);
    now.sign_in(*t.acme, ann.email, "correct horse", "10.0.0.1");
  });
}

TEST_CASE("after five failures sign-in pauses, for known and unknown addresses alike") {
  fiber::run([] {
    AuthFixture t;
    t.ann(*t.acme);
    for (const char* email : {"ann@acme.test", "nobody@acme.test"}) {
      CAPTURE(email);
      for (int i = 0; i < 5; ++i) {
        CHECK(kind_of([&] { t.accounts.sign_in(*t.acme, email, "wrong", "10.0.0.1"); }) ==
              ErrorKind::unauthenticated);
      }
      CHECK(kind_of([&] { t.accounts.sign_in(*t.acme, email, "correct horse", "10.0.0.1"); }) ==
            ErrorKind::rate_limited);
    }
    CHECK(t.accounts.sign_in(*t.acme, "ann@acme.test", "correct horse", "10.0.0.2").name == "Ann");
    t.clock.advance(15min);
    CHECK(t.accounts.sign_in(*t.acme, "ann@acme.test", "correct horse", "10.0.0.1").name == "Ann");
  });
}

TEST_CASE("sign-ups of one address are limited, also those that only ask whether somebody is there") {
  fiber::run([] {
    auto settings = test::cheap_settings();
    settings.address_sign_ups = 4;
    AuthFixture t(settings);
    t.ann(*t.acme);
    const auto sign_up = [&](const orm::SiteScope& scope, const std::string& email, const char* address) {
      return t.accounts.sign_up(scope, {.email = email, .password = "correct horse"}, address);
    };
    for (int i = 0; i < 3; ++i) CHECK(sign_up(*t.acme, fmt::format("new{}@acme.test", i), "10.0.0.1").id);
    CHECK(kind_of([&] { sign_up(*t.acme, "ann@acme.test", "10.0.0.1"); }) == ErrorKind::invalid);
    // Mistakes tell nothing and do not count.
    for (int i = 0; i < 5; ++i) {
      CHECK(kind_of([&] { sign_up(*t.acme, "nonsense", "10.0.0.1"); }) == ErrorKind::invalid);
    }
    for (const char* email : {"ann@acme.test", "new9@acme.test"}) {
      CHECK(kind_of([&] { sign_up(*t.acme, email, "10.0.0.1"); }) == ErrorKind::rate_limited);
    }
    // Others are not concerned: another address, another site, who signs in, who is made by an operator.
    CHECK(sign_up(*t.acme, "new5@acme.test", "10.0.0.2").id);
    CHECK(sign_up(*t.globex, "new5@acme.test", "10.0.0.1").id);
    CHECK(t.accounts.sign_in(*t.acme, "ann@acme.test", "correct horse", "10.0.0.1").name == "Ann");
    CHECK(t.accounts.create(*t.acme, {.email = "six@acme.test", .password = "correct horse"}).id);
    t.clock.advance(15min);
    CHECK(sign_up(*t.acme, "new6@acme.test", "10.0.0.1").id);
  });
}

TEST_CASE("sign-ins that flood one site from everywhere are refused there, and not on another") {
  fiber::run(
      [] {
        auto settings = test::cheap_settings();
        settings.argon2_memory_kib = 16 * 1024;
        settings.hash_concurrency = 1;
        settings.hash_queue = 8;
        AuthFixture t(settings);
        t.ann(*t.acme);
        t.ann(*t.globex);
        int wrong = 0;
        int refused = 0;
        std::vector<fiber::Fiber<>> fibers;
        for (int i = 0; i < 40; ++i) {
          fibers.push_back(fiber::spawn([&, i] {
            const auto kind = kind_of([&] {
              t.accounts.sign_in(*t.acme, fmt::format("user{}@acme.test", i), "guess",
                                 fmt::format("10.0.0.{}", i));
            });
            ++(kind == ErrorKind::unauthenticated ? wrong : refused);
            CHECK((kind == ErrorKind::unauthenticated || kind == ErrorKind::unavailable));
          }));
        }
        fibers.push_back(fiber::spawn(
            [&] { CHECK(t.accounts.sign_in(*t.globex, "ann@acme.test", "correct horse", "10.1.0.1").id); }));
        for (auto& f : fibers) f.get();
        CHECK(wrong >= 4);
        CHECK(refused > 0);
        // Nobody who was refused counts as a failure of the address.
        CHECK(t.accounts.sign_in(*t.acme, "ann@acme.test", "correct horse", "10.0.0.39").id);
      },
      {.loops = 1});
}

TEST_CASE("a new password replaces the old one and ends all sessions") {
  fiber::run([] {
    AuthFixture t;
    const auth::User ann = t.ann(*t.acme);
    const auto session = t.sessions.start(*t.acme, ann, "10.0.0.1", "test");
    CHECK(kind_of([&] {
            t.accounts.change_password(*t.acme, ann.id, "wrong", "battery staple", "10.0.0.1");
          }) == ErrorKind::unauthenticated);
    CHECK(kind_of([&] {
            t.accounts.change_password(*t.acme, ann.id, "correct horse", "short", "10.0.0.1");
          }) == ErrorKind::invalid);
    CHECK(t.sessions.find(*t.acme, session.token));
    t.accounts.change_password(*t.acme, ann.id, "correct horse", "battery staple", "10.0.0.1");
    CHECK_FALSE(t.sessions.find(*t.acme, session.token));
    CHECK(kind_of([&] { t.accounts.sign_in(*t.acme, ann.email, "correct horse", "10.0.0.1"); }) ==
          ErrorKind::unauthenticated);
    t.accounts.sign_in(*t.acme, ann.email, "battery staple", "10.0.0.1");
    CHECK(t.acme->query<auth::Password>().count() == 1);
  });
}
