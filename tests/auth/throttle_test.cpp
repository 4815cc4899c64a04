#include "auth/throttle.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include <mpf/base/error.hpp>
#include <mpf/base/manual_clock.hpp>

using namespace mpf;
using namespace std::chrono_literals;
using auth::Throttle;

namespace {

struct Fixture {
  ManualClock clock;
  Throttle throttle{{.per_user = 3, .per_address = 6, .window = 10min, .max_keys = 100}, clock};

  bool fails(Id site, std::string_view user, std::string_view address) {
    try {
      auto attempt = throttle.begin(site, user, address);
      attempt.failed();
      return true;
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::rate_limited);
      return false;
    }
  }
};

}  // namespace

TEST_CASE("after some failures there is a pause, for that address and user alone") {
  Fixture t;
  for (int i = 0; i < 3; ++i) CHECK(t.fails(Id(1), "ann", "10.0.0.1"));
  CHECK_FALSE(t.fails(Id(1), "ann", "10.0.0.1"));
  CHECK(t.fails(Id(1), "bob", "10.0.0.1"));
  CHECK(t.fails(Id(1), "ann", "10.0.0.2"));
  CHECK(t.fails(Id(2), "ann", "10.0.0.1"));
  t.clock.advance(9min + 59s);
  CHECK_FALSE(t.fails(Id(1), "ann", "10.0.0.1"));
  t.clock.advance(2s);
  CHECK(t.fails(Id(1), "ann", "10.0.0.1"));
}

TEST_CASE("one address cannot go through many users") {
  Fixture t;
  for (int i = 0; i < 6; ++i) CHECK(t.fails(Id(1), "user" + std::to_string(i), "10.0.0.1"));
  CHECK_FALSE(t.fails(Id(1), "another", "10.0.0.1"));
  CHECK(t.fails(Id(1), "another", "10.0.0.2"));
}

TEST_CASE("attempts count while they run, and success forgets the failures") {
  Fixture t;
  {
    auto a = t.throttle.begin(Id(1), "ann", "10.0.0.1");
    auto b = t.throttle.begin(Id(1), "ann", "10.0.0.1");
    auto c = t.throttle.begin(Id(1), "ann", "10.0.0.1");
    CHECK_THROWS_AS((void)t.throttle.begin(Id(1), "ann", "10.0.0.1"), Error);
  }
  CHECK(t.fails(Id(1), "ann", "10.0.0.1"));
  CHECK(t.fails(Id(1), "ann", "10.0.0.1"));
  t.throttle.begin(Id(1), "ann", "10.0.0.1").succeeded();
  for (int i = 0; i < 3; ++i) CHECK(t.fails(Id(1), "ann", "10.0.0.1"));
  CHECK_FALSE(t.fails(Id(1), "ann", "10.0.0.1"));
}

TEST_CASE("memory is bounded") {
  Fixture t;
  for (int i = 0; i < 1000; ++i) {
    CHECK(t.fails(Id(1), "ann", "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250)));
  }
  CHECK(t.throttle.size() <= 102);
}

TEST_CASE("IPv6 customers count as one, however many addresses they have") {
  CHECK(auth::address_block("2001:db8:1:2::1") == auth::address_block("2001:db8:1:2:ffff::9"));
  CHECK(auth::address_block("2001:db8:1:2::1") != auth::address_block("2001:db8:1:3::1"));
  CHECK(auth::address_block("::ffff:10.0.0.1") == "10.0.0.1");
  CHECK(auth::address_block("10.0.0.1") == "10.0.0.1");
}
