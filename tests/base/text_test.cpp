#include <mpf/base/text.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <mpf/base/embedded.hpp>

using namespace mpf;
using namespace std::string_literals;

TEST_CASE("trim, split, case") {
  CHECK(trim(" \t\r\n a b \n") == "a b");
  CHECK(trim("   ").empty());
  CHECK(split("a,,b", ',') == std::vector<std::string_view>{"a", "", "b"});
  CHECK(split("", ',').size() == 1);
  CHECK(split("x,", ',').size() == 2);
  CHECK(to_lower_ascii("ÄBc") == "Äbc");
  CHECK(iequals("Content-Type", "content-type"));
  CHECK_FALSE(iequals("a", "ab"));
}

TEST_CASE("UTF-8") {
  for (const auto& good : {""s, "abc"s, "é"s, "€"s, "😀"s, "\x00"s, "\xF4\x8F\xBF\xBF"s, "\xED\x9F\xBF"s}) {
    CHECK(is_valid_utf8(good));
  }
  for (const char* bad :
       {"\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x82", "a\xE2\x28\xA1"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(is_valid_utf8(bad));
  }
  CHECK(utf8_length("aé€😀") == 4);
  CHECK(utf8_length("a\xFF") == 2);
  CHECK(truncate_utf8("aé€😀", 3) == "aé€");
  CHECK(truncate_utf8("aé", 9) == "aé");
  CHECK(truncate_utf8("aé", 0).empty());
}

TEST_CASE("HTML") {
  CHECK(escape_html("<a href=\"x\">'&'</a>") == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  CHECK(escape_html("plain é").compare("plain é") == 0);
  CHECK(escape_html("").empty());
}

TEST_CASE("slugs") {
  CHECK(slugify("Über uns, 2. Teil") == "uber-uns-2-teil");
  CHECK(slugify("  --Hello   World!--  ") == "hello-world");
  CHECK(slugify("Straße Ærø Žižek") == "strasse-aro-zizek");
  CHECK(slugify("e\u0301te\u0301") == "ete");
  CHECK(slugify("日本").empty());
  CHECK(slugify("C++ × 3").compare("c-3") == 0);
  CHECK(slugify("\xFF\xC3").empty());
}

TEST_CASE("percent encoding") {
  CHECK(percent_encode("a b/é~-._") == "a%20b%2F%C3%A9~-._");
  CHECK(percent_decode("a%20b%2f+%C3%A9") == "a b/+é");
  for (const char* bad : {"%", "%4", "%zz", "a%", "%4g", "100%"}) CHECK_FALSE(percent_decode(bad));
  CHECK(percent_decode("%00") == "\0"s);
}

TEST_CASE("base64url and hex come back") {
  CHECK(base64url_encode("f") == "Zg");
  CHECK(base64url_encode("fo") == "Zm8");
  CHECK(base64url_encode("foobar") == "Zm9vYmFy");
  CHECK(base64url_encode("\xFB\xFF") == "-_8");
  for (const char* bad : {"Z", "Zg==", "Zh", "Zm9", "Zm 8", "+/8"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(base64url_decode(bad));
  }
  std::mt19937 random(3);
  for (int i = 0; i < 500; ++i) {
    std::string bytes(static_cast<std::size_t>(i % 40), '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    CHECK(base64url_decode(base64url_encode(bytes)) == bytes);
    CHECK(hex_decode(hex_encode(bytes)) == bytes);
  }
  CHECK(hex_encode("\x00\xff"s) == "00ff");
  CHECK_FALSE(hex_decode("0"));
  CHECK_FALSE(hex_decode("0g"));
}

TEST_CASE("natural order") {
  std::vector<std::string> names{"item 10", "item 2", "Item 1",  "item 02", "item", "b",
                                 "A",       "a",      "item 2b", "10",      "9"};
  std::ranges::sort(names, natural_less);
  CHECK(names == std::vector<std::string>{"9", "10", "A", "a", "b", "item", "Item 1", "item 02", "item 2",
                                          "item 2b", "item 10"});
  CHECK(natural_less("99999999999999999999998", "99999999999999999999999"));
}

TEST_CASE("natural order is a strict weak order in which only equal texts are equivalent") {
  std::mt19937 random(11);
  const auto make = [&] {
    std::string text(random() % 5, ' ');
    for (char& c : text) c = "aAb01 2"[random() % 7];
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string a = make();
    const std::string b = make();
    const std::string c = make();
    CHECK((a == b) == (!natural_less(a, b) && !natural_less(b, a)));
    CHECK_FALSE((natural_less(a, b) && natural_less(b, a)));
    if (natural_less(a, b) && natural_less(b, c)) CHECK(natural_less(a, c));
  }
}

TEST_CASE("the word that was meant") {
  const std::vector<std::string_view> words{"port", "address", "max_body_bytes"};
  CHECK(nearest_word("prot", words) == "port");
  CHECK(nearest_word("adress", words) == "address");
  CHECK(nearest_word("max_body_byte", words) == "max_body_bytes");
  CHECK_FALSE(nearest_word("colour", words));
  CHECK_FALSE(nearest_word("x", {}));
}

TEST_CASE("embedded files are found by path") {
  const EmbeddedFiles files({{"b/x.txt", "x"}, {"a.txt", "a"}});
  CHECK(files.find("a.txt") == "a");
  CHECK(files.find("b/x.txt") == "x");
  CHECK_FALSE(files.find("b"));
  CHECK(files.files().front().path == "a.txt");
}
