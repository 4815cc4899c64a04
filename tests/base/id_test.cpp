#include <mpf/base/id.hpp>

#include <doctest/doctest.h>

using mpf::Id;

TEST_CASE("ids in text") {
  CHECK(Id::parse("1") == Id(1));
  CHECK(Id::parse("9223372036854775807") == Id(9223372036854775807));
  for (const char* text : {"", "0", "01", "-1", "+1", " 1", "1 ", "1a", "9223372036854775808", "1.0", "٣"}) {
    CAPTURE(text);
    CHECK_FALSE(Id::parse(text));
  }
  CHECK(Id(12).to_string() == "12");
  CHECK_FALSE(static_cast<bool>(Id()));
  CHECK(static_cast<bool>(Id(5)));
}
