#include <doctest/doctest.h>

#include <mpf/tenant/sites.hpp>

using mpf::tenant::is_valid_slug;
using mpf::tenant::normalised_host;

TEST_CASE("hosts are compared in one spelling") {
  CHECK(normalised_host("Acme.Example") == "acme.example");
  CHECK(normalised_host("acme.example.") == "acme.example");
  CHECK(normalised_host("localhost") == "localhost");
  CHECK(normalised_host("127.0.0.1") == "127.0.0.1");
  CHECK(normalised_host("[::1]") == "[::1]");
}

TEST_CASE("what is no host name is refused") {
  for (const char* bad : {"", ".", "a..b", "-a.test", "a-.test", "a b", "a/b", "http://a", "a:80", "a_b",
                          "é.test", "[::1", "[zz]", "a\nb"}) {
    CAPTURE(bad);
    CHECK(normalised_host(bad).empty());
  }
  CHECK(normalised_host(std::string(64, 'a')).empty());
  CHECK(normalised_host(std::string(63, 'a')).size() == 63);
  std::string longest;
  while (longest.size() < 253) longest += "a.";
  CHECK(normalised_host(longest + "aa").empty());
}

TEST_CASE("slugs are DNS labels") {
  CHECK(is_valid_slug("acme"));
  CHECK(is_valid_slug("acme-2"));
  for (const char* bad : {"", "-a", "a-", "Acme", "a.b", "a_b", "a b", "../a"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_valid_slug(bad));
  }
}
