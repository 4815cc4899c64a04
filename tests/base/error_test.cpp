#include <mpf/base/error.hpp>

#include <cerrno>
#include <string>

#include <doctest/doctest.h>

using namespace mpf;

TEST_CASE("every kind has a name, a status, an exit code and a sentence") {
  for (int i = 0; i <= static_cast<int>(ErrorKind::internal); ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    CAPTURE(to_string(kind));
    CHECK_FALSE(to_string(kind).empty());
    CHECK(http_status(kind) >= 400);
    CHECK(http_status(kind) < 600);
    CHECK(exit_code(kind) >= 64);
    CHECK(exit_code(kind) <= 78);
    CHECK_FALSE(Error(kind, "secret detail").public_message().empty());
    CHECK(Error(kind, "secret detail").public_message() != "secret detail");
  }
  CHECK(to_string(ErrorKind::rate_limited) == "rate_limited");
  CHECK(http_status(ErrorKind::not_found) == 404);
  CHECK(http_status(ErrorKind::timeout) == 504);
}

TEST_CASE("internal and public message are apart") {
  const Error error(ErrorKind::conflict, "UNIQUE failed: user.email", "This address is taken");
  CHECK(std::string(error.what()) == "UNIQUE failed: user.email");
  CHECK(error.public_message() == "This address is taken");
}

TEST_CASE("a validation error lists everything") {
  const ValidationError error({{"title", "required", "is required"}, {"", "syntax", "ends too early"}});
  CHECK(std::string(error.what()) == "title: is required; ends too early");
  CHECK(error.kind() == ErrorKind::invalid);
  CHECK(error.fields().size() == 2);
}

TEST_CASE("errno becomes the kind that fits") {
  const auto kind_of = [](int number) {
    try {
      fail_errno(number, "writing x");
    } catch (const Error& error) {
      CHECK(std::string(error.what()).starts_with("writing x: "));
      return error.kind();
    }
  };
  CHECK(kind_of(ENOENT) == ErrorKind::not_found);
  CHECK(kind_of(EACCES) == ErrorKind::denied);
  CHECK(kind_of(ENOSPC) == ErrorKind::unavailable);
  CHECK(kind_of(EDQUOT) == ErrorKind::unavailable);
}
