#include <mpf/base/ip_network.hpp>

#include <algorithm>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using namespace mpf;

TEST_CASE("networks as text") {
  struct Case {
    const char* text;
    const char* same;
  };
  for (const auto& [text, same] :
       {Case{"10.0.0.5", "10.0.0.5"}, Case{"10.0.0.5/32", "10.0.0.5"}, Case{"10.0.0.5/8", "10.0.0.5/8"},
        Case{"0.0.0.0/0", "0.0.0.0/0"}, Case{"2001:DB8::/32", "2001:db8::/32"},
        Case{"2001:db8:0:0:0:0:0:1", "2001:db8::1"}, Case{"::1/128", "::1"}, Case{"::/0", "::/0"}}) {
    CAPTURE(text);
    const auto network = IpNetwork::parse(text);
    REQUIRE(network);
    CHECK(network->to_string() == same);
  }
  for (const char* text :
       {"", "/8", "10.0.0", "10.0.0.256", "10.0.0.5/33", "10.0.0.5/", "10.0.0.5/08", "10.0.0.5/-1",
        "10.0.0.5/8/8", "::1/129", "::g", "fe80::1%eth0", " 10.0.0.1", "10.0.0.1 ", "010.0.0.1"}) {
    CAPTURE(text);
    CHECK_FALSE(IpNetwork::parse(text));
  }
  CHECK_FALSE(IpNetwork::parse(std::string_view("10.0.0.1\0", 9)));
  CHECK(IpNetwork().to_string() == "0.0.0.0/0");
  const std::byte five[5] = {};
  CHECK_THROWS_AS(IpNetwork(five, 3), Error);
  CHECK_THROWS_AS(IpNetwork(std::span(five).first(4), 33), Error);
}

TEST_CASE("networks contain others") {
  const auto net = [](const char* text) { return *IpNetwork::parse(text); };
  CHECK(net("10.0.0.0/8").contains(net("10.1.2.3")));
  CHECK(net("10.0.0.0/8").contains(net("10.0.0.0/8")));
  CHECK_FALSE(net("10.0.0.0/8").contains(net("10.0.0.0/7")));
  CHECK_FALSE(net("10.0.0.0/8").contains(net("11.0.0.0")));
  CHECK_FALSE(net("0.0.0.0/0").contains(net("::1")));
  CHECK(net("2001:db8::/33").contains(net("2001:db8:7fff::1")));
  CHECK_FALSE(net("2001:db8::/33").contains(net("2001:db8:8000::1")));
  CHECK(net("10.1.2.3/8").network() == net("10.0.0.0/8"));
  CHECK(net("10.0.0.0/8") != net("10.0.0.0/9"));
}

TEST_CASE("random networks keep their text, their key, and their order") {
  std::mt19937 random(9);
  const auto below = [&](unsigned limit) { return static_cast<int>(random() % limit); };
  std::vector<IpNetwork> all;
  for (int i = 0; i < 400; ++i) {
    std::byte address[16] = {};
    const bool v4 = below(2) == 0;
    const int length = v4 ? 4 : 16;
    for (int k = 0; k < length; ++k) address[k] = static_cast<std::byte>(below(3) == 0 ? below(256) : 0);
    all.emplace_back(std::span(address).first(static_cast<std::size_t>(length)),
                     below(static_cast<unsigned>(length * 8 + 1)));
    const IpNetwork& made = all.back();
    CHECK(IpNetwork::parse(made.to_string()) == made);
    CHECK(IpNetwork::from_sort_key(made.sort_key()) == made);
    CHECK(from_json<IpNetwork>(to_json(made)) == made);
  }
  for (const IpNetwork& a : all) {
    for (const IpNetwork& b : all) {
      REQUIRE((a <=> b) == (a.sort_key() <=> b.sort_key()));
      REQUIRE((a == b) == (a.sort_key() == b.sort_key()));
    }
  }
  for (const char* key : {"", "4:", "4:0a000000", "4:0a000000/8", "4:0a000001/08", "4:0a000000/08:0a000000",
                          "4:0a000000/08:0b000001", "4:0A000000/08", "5:0a000000/08", "4:0a000000/33",
                          "4:0a000000/08:0a0000011"}) {
    CAPTURE(key);
    CHECK_FALSE(IpNetwork::from_sort_key(key));
  }
}
