#include <mpf/base/unicode.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace mpf;

TEST_CASE("letters of all scripts have a case") {
  CHECK(to_lower("Größe ÄÖÜ É İ ΟΔΟΣ ДОМ") == "größe äöü é i̇ οδος дом");
  CHECK(to_upper("Straße ŉ é дом ﬁ") == "STRASSE ʼN É ДОМ FI");
  CHECK(to_lower("ΣΑΣ Σ ΑΣ.") == "σας σ ας.");
  CHECK(to_upper("ǅ") == "Ǆ");
  CHECK(to_lower("Ⅷ 𐐀") == "ⅷ 𐐨");
  CHECK(to_lower("") == "");
  CHECK(to_lower("a\xff\xc3Z") == "a\xff\xc3z");
}

TEST_CASE("words are made of letters and digits") {
  for (const std::uint32_t code : {0x61U, 0x5AU, 0x39U, 0xE9U, 0x3A9U, 0x4E2DU, 0x660U, 0x10FFU}) {
    CHECK(is_word_character(code));
  }
  for (const std::uint32_t code : {0x20U, 0x2DU, 0x5FU, 0xA0U, 0x301U, 0x2160U, 0x1F600U, 0xFFFDU}) {
    CHECK_FALSE(is_word_character(code));
  }
}

TEST_CASE("code points are taken off and put on one by one") {
  std::string_view text = "aé€😀\x80\xe2\x82";
  std::string copy;
  std::vector<std::uint32_t> codes;
  while (!text.empty()) {
    codes.push_back(next_code_point(text));
    append_utf8(copy, codes.back());
  }
  CHECK(codes == std::vector<std::uint32_t>{0x61, 0xE9, 0x20AC, 0x1F600, 0xFFFD, 0xFFFD, 0xFFFD});
  CHECK(copy.starts_with("aé€😀"));
}
