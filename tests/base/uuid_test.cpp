#include <mpf/base/uuid.hpp>

#include <random>
#include <set>

#include <doctest/doctest.h>

using namespace mpf;

TEST_CASE("UUIDs as text") {
  const auto uuid = Uuid::parse("0190163D-8694-739b-aea5-966c26f8ad91");
  REQUIRE(uuid);
  CHECK(uuid->to_string() == "0190163d-8694-739b-aea5-966c26f8ad91");
  CHECK(uuid->version() == 7);
  CHECK(Uuid().is_nil());
  CHECK(Uuid().to_string() == "00000000-0000-0000-0000-000000000000");
  for (const char* text : {"", "0190163d8694739baea5966c26f8ad91", "0190163d-8694-739b-aea5-966c26f8ad9",
                           "0190163d-8694-739b-aea5-966c26f8ad911", "{190163d-8694-739b-aea5-966c26f8ad9}",
                           "0190163d-8694-739b-aea5-966c26f8ad9g", "0190163d-8694-739b-aea5+966c26f8ad91",
                           "-190163d-8694-739b-aea5-966c26f8ad91", "01901-63d8694-739b-aea5-966c26f8ad91"}) {
    CAPTURE(text);
    CHECK_FALSE(Uuid::parse(text));
  }
}

TEST_CASE("made UUIDs are of their version and differ; those of version 7 follow time") {
  std::set<Uuid> seen;
  for (int i = 0; i < 2000; ++i) {
    const Uuid random = Uuid::v4();
    CHECK(random.version() == 4);
    CHECK((std::to_integer<int>(random.bytes()[8]) & 0xc0) == 0x80);
    CHECK(seen.insert(random).second);
    CHECK(Uuid::parse(random.to_string()) == random);
  }
  Uuid before;
  for (int i = 0; i < 3000; ++i) {
    const Uuid next = Uuid::v7(Timestamp(Microseconds(1'795'000'000'000'000 + i)));
    CHECK(next.version() == 7);
    CHECK((std::to_integer<int>(next.bytes()[8]) & 0xc0) == 0x80);
    CHECK(before < next);
    CHECK(before.to_string() < next.to_string());
    before = next;
  }
}

TEST_CASE("UUIDs in JSON are text") {
  const Uuid uuid = Uuid::v4();
  CHECK(from_json<Uuid>(to_json(uuid)) == uuid);
  CHECK_THROWS_AS(from_json<Uuid>("\"x\""), ValidationError);
  CHECK_THROWS_AS(from_json<Uuid>("5"), ValidationError);
}
