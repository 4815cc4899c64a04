#include <algorithm>
#include <random>

#include <mpf/base/word_search.hpp>

#include "orm/leaflets.hpp"

namespace mpf::test {
namespace {

/// Texts and queries in which every rule of word_search.hpp meets the others.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(engine_);
  }
  bool chance(std::size_t percent) { return below(100) < percent; }
  template <std::size_t n>
  std::string one_of(const std::string (&pieces)[n]) {
    return pieces[below(n)];
  }

  std::string word() {
    static const std::string words[] = {
        "red",         "RED",   "wine",     "win",        "w",     "a",      "42",     "ÄPFEL",
        "äpfel",       "l'été", "İx",       "ΟΔΟΣ",       "οδος",  "ﬁn",     "straße", "STRASSE",
        "e-mail",      "é",     "e\u0301",  "שלום",       "مرحبا", "日本語", "ไทย",    "😀",
        "👩‍👧", "a_b",   "x\u200by", "№",          "٣",     "AND",    "or",     "NOT",
        "NEAR",        "title", "rowid",    "\u202eevil", "ı",     "Ǆ",      "ß",      "𐐀"};
    return chance(1) ? std::string(250 + below(8), 'x') : one_of(words);
  }

  std::string text() {
    static const std::string between[] = {" ", "  ", ", ", "-",  "",       "\n",
                                          "'", "\"", "|",  "\t", "\u00a0", "*"};
    if (chance(8)) return {};
    std::string made;
    for (std::size_t i = 0, n = below(9); i < n; ++i) made += word() + one_of(between);
    return made;
  }

  std::string query() {
    static const std::string junk[] = {"\"", "'", "(", ")",  "*",     "^",   ":", "+",
                                       "{",  "}", "-", "\\", "NEAR(", ";--", "?1"};
    std::string made;
    for (std::size_t i = 0, n = 1 + below(4); i < n; ++i) {
      if (i > 0) made += chance(25) ? " or " : " ";
      if (chance(20)) made += "-";
      const bool phrase = chance(30);
      if (phrase) made += "\"";
      made += word();
      if (phrase) made += " " + word() + "\"";
      if (chance(25)) made += "*";
      if (chance(15)) made += one_of(junk);
    }
    return made;
  }

 private:
  std::mt19937 engine_;
};

Ids by_definition(const std::vector<Leaflet>& leaflets, const std::string& words) {
  const SearchQuery query = parse_search(words);
  Ids ids;
  for (const Leaflet& leaflet : leaflets) {
    if (matches(query, search_words(leaflet.title + " " + leaflet.body.value_or("")))) {
      ids.push_back(leaflet.id.value);
    }
  }
  return ids;
}

}  // namespace

TEST_CASE("whatever rows and queries say, the index finds what looking at each row finds") {
  on_each_database([](db::Dialect dialect) {
    Random random(dialect == db::Dialect::sqlite ? 1 : 2);
    const Leaflets all(dialect);
    if (dialect == db::Dialect::postgres) {
      all.db->execute_script(
          "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', "
          "current_database()); END $$");
    }
    std::size_t found = 0;
    const int rounds = dialect == db::Dialect::sqlite ? 40 : 12;
    for (int round = 0; round < rounds; ++round) {
      std::vector<Leaflet> more(random.below(12));
      for (Leaflet& each : more) {
        each.slug = std::to_string(random.below(300));
        each.title = random.text();
        if (random.chance(70)) each.body = random.text();
      }
      std::ranges::sort(more, {}, &Leaflet::slug);
      const auto twice = std::ranges::unique(more, {}, &Leaflet::slug);
      more.erase(twice.begin(), twice.end());
      all.scope.upsert_many<&Leaflet::slug>(more);

      auto leaflets = ids_of(all.scope.query<Leaflet>().with_retired());
      for (const std::int64_t id : leaflets) {
        Leaflet leaflet =
            all.scope.query<Leaflet>().with_retired().where(orm::f<&Leaflet::id> == orm::Id{id}).one();
        if (random.chance(5)) {
          all.scope.query<Leaflet>().with_retired().where(orm::f<&Leaflet::id> == leaflet.id).remove();
        } else if (random.chance(10)) {
          leaflet.body = random.chance(80) ? std::optional(random.text()) : std::nullopt;
          if (!leaflet.retired_at) all.scope.update(leaflet);
        } else if (random.chance(3)) {
          all.scope.retire<Leaflet>(leaflet.id);
        }
      }
      const auto rows = all.scope.query<Leaflet>().with_retired().order_by(orm::asc<&Leaflet::id>).all();
      for (int i = 0; i < 60; ++i) {
        const std::string words = random.query();
        CAPTURE(words);
        const Ids wanted = by_definition(rows, words);
        CHECK(all.by_index(words) == wanted);
        if (i % 4 == 0) CHECK(all.by_scan(words) == wanted);
        found += wanted.size();
      }
      CHECK(all.index_is_right());
    }
    CHECK(found > 1000);  // that is, something was compared
  });
}

TEST_CASE("of very long texts index and scan see the same beginning") {
  on_each_database([](db::Dialect dialect) {
    const Leaflets all(dialect);
    std::string filler;
    while (filler.size() < 249'990) filler += "ab cd ";
    const Leaflet just = all.add("just", filler.substr(0, 249'990), "inside");
    std::string mebibyte;
    for (int i = 0; mebibyte.size() < (1U << 20U); ++i) mebibyte += "é" + std::to_string(i) + " ";
    all.add("much", mebibyte, "outside");
    const Leaflet none = all.add("none", std::string(1U << 20U, 'x'));
    for (const char* const words :
         {"inside", "outside", "é1", "é9*", "é99999", "x*", "-x*", "\"cd ab\"", "-ab"}) {
      CAPTURE(words);
      CHECK(all.by_index(words) == all.by_scan(words));
    }
    CHECK(all.by_index("inside") == Ids{just.id.value});
    CHECK(all.found("outside") == 0);
    CHECK(all.by_index("-ab -é1") == Ids{none.id.value});
    CHECK(all.index_is_right());
    for (Leaflet leaflet : all.scope.query<Leaflet>().all()) {
      leaflet.title = "short";
      all.scope.update(leaflet);
    }
    CHECK(all.found("short") == 3);
    CHECK(all.found("outside") == 1);
    CHECK(all.index_is_right());
  });
}

}  // namespace mpf::test
