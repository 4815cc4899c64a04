#include <mpf/orm/aggregate.hpp>

#include "orm/relations.hpp"

/// Text is compared byte by byte on every database, whatever language the database itself speaks.
namespace mpf::test {
namespace {

using orm::asc;
using orm::f;

enum class Colour { red, Blue, green };

struct Word {
  orm::Id id;
  std::string text;
  std::optional<std::string> note;
  Colour colour = Colour::red;
  std::vector<std::string> parts;

  static constexpr auto model() {
    return orm::model<Word>("word", orm::field<&Word::text>(orm::unique()),
                            orm::field<&Word::note>(orm::max_length(10)), orm::field<&Word::colour>(),
                            orm::field<&Word::parts>());
  }
};

using Texts = std::vector<std::string>;

/// In the order of their bytes.
const Texts sorted{"-b",  "10", "9",  "B", "Zebra", "_x",    "a b",
                   "a-b", "aB", "ab", "b", "zebra", "Äpfel", "éa"};

Texts texts(const std::vector<Word>& words) {
  Texts found;
  for (const Word& word : words) found.push_back(word.text);
  return found;
}

void check_order(db::Database& db) {
  for (const auto& sql : orm::create_table_sql(orm::table_of<Word>(), db.dialect())) db.execute_script(sql);
  const orm::SystemScope scope(db, "a test looks at everything");
  for (auto word = sorted.rbegin(); word != sorted.rend(); ++word) {
    scope.insert(Word{.text = *word, .note = *word, .parts = {*word}});
  }
  const auto all = scope.query<Word>();
  CHECK(texts(all.order_by(asc<&Word::text>).all()) == sorted);
  CHECK(texts(all.order_by(asc<&Word::note>).all()) == sorted);
  CHECK(texts(all.where(f<&Word::text> >= "a").order_by(asc<&Word::text>).all()) ==
        Texts(sorted.begin() + 6, sorted.end()));
  CHECK(all.where(f<&Word::text>.between("A", "Z")).count() == 1);
  CHECK(all.where(f<&Word::note> < "_").count() == 5);
  const auto [first, last] = all.aggregate(orm::minimum(f<&Word::text>), orm::maximum(f<&Word::note>));
  CHECK(first == sorted.front());
  CHECK(last == sorted.back());
  // Page by page the same order, which keyset cursors rely on.
  Texts paged;
  std::string cursor;
  do {
    const auto page = all.order_by(asc<&Word::text>).page({.size = 3, .after = cursor});
    for (const Word& word : page.rows) paged.push_back(word.text);
    cursor = page.next;
  } while (!cursor.empty());
  CHECK(paged == sorted);
}

}  // namespace

TEST_CASE("text has one order everywhere") {
  on_each_database([](db::Dialect dialect) {
    const FreshDatabase db(dialect);
    check_order(*db);
  });
}

TEST_CASE("a database in a language of its own orders text no other way") {
  fiber::run([] {
    const auto db = db::open_postgres(Postgres::shared().fresh_in_english());
    bool english = false;
    db->execute({"SELECT 'b' < 'Zebra'", {}, db::Access::read},
                [&](const db::Row& row) { english = row.boolean(0); });
    REQUIRE(english);  // else this shows nothing
    check_order(*db);
  });
}

}  // namespace mpf::test
