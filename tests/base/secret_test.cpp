#include <mpf/base/secret.hpp>

#include <sstream>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <mpf/base/json.hpp>

using mpf::Secret;

TEST_CASE("a secret never prints") {
  const Secret secret("hunter2");
  std::ostringstream stream;
  stream << secret;
  CHECK(stream.str() == "***");
  CHECK(fmt::format("{}", secret) == "***");
  CHECK(mpf::to_json(secret) == "\"***\"");
  CHECK(secret.reveal() == "hunter2");
}

TEST_CASE("secrets are read from JSON and compare") {
  CHECK(mpf::from_json<Secret>("\"a\\u0062c\"") == Secret("abc"));
  CHECK_THROWS(mpf::from_json<Secret>("5"));
  CHECK_FALSE(Secret("abc") == Secret("abd"));
  CHECK(Secret().empty());
}
