#include <mpf/base/word_search.hpp>

#include <doctest/doctest.h>

using namespace mpf;

namespace {
bool found(std::string_view query, std::string_view text) {
  return matches(parse_search(query), search_words(text));
}
}  // namespace

TEST_CASE("a search finds words, not parts of them, without regard to case") {
  CHECK(found("wine", "Red Wine, white WINE"));
  CHECK(found("ÉTÉ", "l'été"));
  CHECK_FALSE(found("win", "Red Wine"));
  CHECK(found("win*", "Red Wine"));
  CHECK_FALSE(found("ine*", "Red Wine"));
  CHECK(found("red wine", "wine, then red"));
  CHECK_FALSE(found("red wine", "red beer"));
  CHECK(found("red or wine", "red beer"));
  CHECK(found("red or wine or rum beer", "rum beer"));
  CHECK(found("red -wine", "red beer"));
  CHECK_FALSE(found("red -wine", "red wine"));
  CHECK(found("-wine", "beer"));
  CHECK(found("a1 42", "A1: 42%"));
}

TEST_CASE("words are told in their order, as they are compared") {
  using Words = std::vector<std::string>;
  CHECK(words_in("Red, WINE! l'été a_b 42%") == Words{"red", "wine", "l", "été", "a", "b", "42"});
  CHECK(words_in("ΟΔΟΣ 😀 שלום") == Words{"οδος", "שלום"});
  CHECK(words_in(" -*\"") == Words{});
}

TEST_CASE("phrases are words in order with nothing else between them") {
  CHECK(found("\"red wine\"", "dry red, wine"));
  CHECK_FALSE(found("\"red wine\"", "red dry wine"));
  CHECK_FALSE(found("\"red wine\"", "wine red"));
  CHECK(found("\"red wi\"*", "red wine"));
  CHECK(found("-\"red wine\"", "wine red"));
  CHECK(found("e-mail", "send an e-mail"));  // two words that belong together
  CHECK_FALSE(found("e-mail", "mail e"));
  CHECK(found("\"open", "open end"));  // no end is the end
}

TEST_CASE("no text is a wrong query") {
  for (const char* const nothing : {"", "  ", "-", "\"\"", "*", "or", "& | ! ( ' \\ :", "-\"", "😀"}) {
    CAPTURE(nothing);
    CHECK(parse_search(nothing).groups.empty());
    CHECK_FALSE(found(nothing, "anything & '"));
  }
  CHECK(found("or wine", "wine"));
  CHECK(found("wine or", "wine"));
  CHECK(parse_search(std::string(100'000, 'x')).groups.empty());  // no word at all
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "w" + std::to_string(i) + " ";
  CHECK(parse_search(many).groups.size() == 64);
}

TEST_CASE("a query written as text is the same query") {
  for (const char* const text : {"red wine", "a or b* c", "-x \"p q\"* -\"r s\"", "e-mail or Été"}) {
    const SearchQuery query = parse_search(text);
    CHECK(parse_search(to_string(query)) == query);
  }
}

TEST_CASE("the rank says how much of a text the wanted words are") {
  const auto rank = [](std::string_view query, std::string_view text) {
    return search_rank(parse_search(query), search_words(text));
  };
  CHECK(rank("wine", "wine wine beer") == 2.0 / 13);
  CHECK(rank("wine beer -rum", "wine wine beer") == 3.0 / 13);
  CHECK(rank("\"wine beer\"", "wine wine beer") == 1.0 / 13);
  CHECK(rank("be*", "bee beer") == 2.0 / 12);
  CHECK(rank("rum", "wine") == 0);
}

TEST_CASE("very long words and the end of very long texts are not looked at") {
  CHECK_FALSE(found(std::string(255, 'x'), std::string(255, 'x')));
  CHECK(found(std::string(254, 'x'), std::string(254, 'x')));
  CHECK(found("\"a b\"", "a " + std::string(300, 'x') + " b"));  // they are as if they were not there
  std::string late(250'000, ' ');
  late += "end";
  CHECK_FALSE(found("end", late));
}
