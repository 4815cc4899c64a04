#include <doctest/doctest.h>

#include <mpf/auth/accounts.hpp>

using mpf::auth::normalised_email;

TEST_CASE("addresses are kept in one spelling") {
  CHECK(normalised_email(" Ann.Lee+x@Acme.TEST \n") == "ann.lee+x@acme.test");
  CHECK(normalised_email("root@localhost") == "root@localhost");
  CHECK(normalised_email("o'hara@a.b") == "o'hara@a.b");
  CHECK(normalised_email("1.2@3.4com") == "1.2@3.4com");
}

TEST_CASE("what is no address is refused") {
  for (const char* bad : {"",
                          "@",
                          "a@",
                          "@b.test",
                          "a b@c.test",
                          "a@b..c",
                          "a@-b.test",
                          "a@b.test-",
                          "a@b@c",
                          "a",
                          "a\n@b.test",
                          "a@b.test\r\nBcc: x@y",
                          "\"a\"@b.test",
                          "a@[127.0.0.1]",
                          "ä@b.test",
                          "a..b@c.test",
                          ".a@c.test",
                          "a.@c.test",
                          "a@1.2",
                          "a@127.0.0.1",
                          "a@b."}) {
    CAPTURE(bad);
    CHECK_FALSE(normalised_email(bad));
  }
  CHECK_FALSE(normalised_email(std::string(65, 'a') + "@b.test"));
  CHECK(normalised_email(std::string(64, 'a') + "@b.test"));
  std::string domain;
  while (domain.size() < 250) domain += "abc.";
  CHECK_FALSE(normalised_email("a@" + domain + "test"));
}
