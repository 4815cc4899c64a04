#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include <mpf/orm/aggregate.hpp>

#include "orm/predicates.hpp"
#include "orm/relations.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::asc;
using orm::desc;
using orm::f;

namespace {

using Row = Article;
using Wanted = Predicate<Row>;

/// Sorting in C++ as absent-first in ascending order.
using Less = std::function<bool(const Row&, const Row&)>;

class Generator : public test::Dice {
 public:
  Generator(std::uint32_t seed, const World& world) : Dice(seed), world_(world) {}

  std::string text() {
    static const std::string pieces[] = {"a", "B", "b", "%", "_", "*", "é", "\\", "'", "[", ""};
    std::string made;
    for (std::size_t i = 0, n = below(4); i < n; ++i) made += pieces[below(std::size(pieces))];
    return made;
  }

  Row row() {
    Row made = world_.article(coin() ? world_.ann : other_, text());
    made.reads = static_cast<std::int64_t>(below(5)) - 2;
    if (coin()) made.rank = static_cast<int>(below(4));
    if (coin()) made.summary = text();
    if (coin()) made.editor = orm::Ref<User>(coin() ? world_.ann.id : other_.id);
    made.score = static_cast<double>(below(6)) / 4 - 0.5;
    made.pinned = coin();
    if (coin()) made.published_at = time();
    return made;
  }

  Wanted predicate(int depth) {
    return combined<Row>(*this, depth, [this] { return leaf(); });
  }

  void add_other(const User& other) { other_ = other; }
  const User& user(orm::Id id) const { return id == other_.id ? other_ : world_.ann; }

 private:
  Timestamp time() { return Timestamp(Microseconds(static_cast<std::int64_t>(below(4)) - 1)); }

  template <class Field, class Value, class ValueOf>
  Wanted compared(const Field& field, const Value& value, const ValueOf& value_of) {
    return test::compared<Row>(*this, field, value, value_of);
  }

  template <class Field, class ValueOf>
  Wanted matched(const Field& field, ValueOf value_of) {
    const std::string part = text();
    const auto when = [value_of, part](auto test) {
      return [value_of, part, test](const Row& row) {
        const auto held = value_of(row);
        return held.has_value() && test(*held, part);
      };
    };
    const auto lower = [](std::string text) {
      for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      return text;
    };
    switch (below(4)) {
      case 0:
        return {field.contains(part),
                when([](const auto& a, const auto& b) { return a.find(b) != std::string::npos; })};
      case 1:
        return {field.starts_with(part), when([](const auto& a, const auto& b) { return a.starts_with(b); })};
      case 2:
        return {field.ends_with(part), when([](const auto& a, const auto& b) { return a.ends_with(b); })};
      default:
        return {field.icontains(part), when([lower](const auto& a, const auto& b) {
                  return lower(a).find(lower(b)) != std::string::npos;
                })};
    }
  }

  Wanted leaf() {
    const auto title = [](const Row& row) { return std::optional<std::string>(row.title); };
    const auto summary = [](const Row& row) { return row.summary; };
    const auto reads = [](const Row& row) { return std::optional<std::int64_t>(row.reads); };
    const auto rank = [](const Row& row) { return row.rank; };
    const auto editor = [this](const Row& row) {
      return row.editor ? std::optional<std::string>(user(row.editor->id).name) : std::nullopt;
    };
    switch (below(16)) {
      case 0:
        return compared(f<&Row::title>, text(), title);
      case 1:
        return compared(f<&Row::summary>, text(), summary);
      case 2:
        return compared(f<&Row::reads>, std::int64_t{1}, reads);
      case 3:
        return compared(f<&Row::rank>, static_cast<int>(below(4)), rank);
      case 4:
        return compared(f<&Row::score>, static_cast<double>(below(6)) / 4 - 0.5,
                        [](const Row& row) { return std::optional<double>(row.score); });
      case 5:
        return compared(f<&Row::published_at>, time(), [](const Row& row) { return row.published_at; });
      case 6:
        return compared(
            f<&Row::author, &User::name>, user(coin() ? world_.ann.id : other_.id).name,
            [this](const Row& row) { return std::optional<std::string>(user(row.author.id).name); });
      case 7:
        return compared(f<&Row::editor, &User::name>, std::string("Ann"), editor);
      case 8:
        return matched(f<&Row::title>, title);
      case 9:
        return matched(f<&Row::summary>, summary);
      case 10:
        return matched(f<&Row::editor, &User::name>, editor);
      case 11: {
        std::vector<int> list;
        for (std::size_t i = 0, n = below(4); i < n; ++i) list.push_back(static_cast<int>(below(4)));
        return {f<&Row::rank>.in(list), [list](const Row& row) {
                  return row.rank && std::ranges::find(list, *row.rank) != list.end();
                }};
      }
      case 12:
        if (coin()) return {f<&Row::rank>.is_null(), [](const Row& row) { return !row.rank; }};
        return {f<&Row::editor, &User::name>.not_null(),
                [](const Row& row) { return row.editor.has_value(); }};
      case 13: {
        const bool wanted = coin();
        return {f<&Row::pinned> == wanted, [wanted](const Row& row) { return row.pinned == wanted; }};
      }
      case 14:
        if (coin()) {
          return {f<&Row::reads> + 1 > f<&Row::rank>,
                  [](const Row& row) { return row.rank && row.reads + 1 > *row.rank; }};
        }
        return {f<&Row::reads> != f<&Row::rank>,
                [](const Row& row) { return !row.rank || row.reads != *row.rank; }};
      default:
        if (coin()) {
          return {f<&Row::editor> == f<&Row::author>,
                  [](const Row& row) { return row.editor && row.editor->id == row.author.id; }};
        }
        return {f<&Row::summary> == f<&Row::summary>, [](const Row&) { return true; }};
    }
  }

  const World& world_;
  User other_;
};

std::vector<std::int64_t> ids(const std::vector<Row>& rows) {
  std::vector<std::int64_t> list;
  for (const Row& row : rows) list.push_back(row.id.value);
  return list;
}

using Groups = std::vector<std::tuple<std::string, std::int64_t, std::optional<std::int64_t>>>;
using Ranks = std::vector<std::tuple<std::optional<int>, std::int64_t>>;

/// Aggregates over the rows of a query, and in groups by a joined field and by one that may be absent.
void check_aggregates(const orm::Query<Row>& query, const std::vector<Row>& rows,
                      const Generator& generator) {
  std::optional<std::int64_t> reads;
  std::optional<std::string> least;
  std::optional<int> most;
  std::set<std::string> summaries;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> by_author;
  std::map<std::optional<int>, std::int64_t> by_rank;
  for (const Row& row : rows) {
    reads = reads.value_or(0) + row.reads;
    least = std::min(least.value_or(row.title), row.title);
    if (row.rank) most = std::max(most.value_or(*row.rank), *row.rank);
    if (row.summary) summaries.insert(*row.summary);
    auto& author = by_author[generator.user(row.author.id).name];
    author.first += 1;
    author.second += row.reads;
    by_rank[row.rank] += 1;
  }
  const auto [n, total, first, last, kinds] =
      query.aggregate(orm::count(), sum(f<&Row::reads>), minimum(f<&Row::title>), maximum(f<&Row::rank>),
                      count_distinct(f<&Row::summary>));
  REQUIRE(n == static_cast<std::int64_t>(rows.size()));
  REQUIRE(total == reads);
  REQUIRE(first == least);
  REQUIRE(last == most);
  REQUIRE(kinds == static_cast<std::int64_t>(summaries.size()));

  const auto name = f<&Row::author, &User::name>;
  Groups groups;
  for (const auto& [author, found] : by_author) groups.emplace_back(author, found.first, found.second);
  const auto grouped = query.group_by(name).selection(name, orm::count(), sum(f<&Row::reads>));
  REQUIRE(grouped.order_by(name.asc()).tuples() == groups);
  Ranks ranks;
  for (const auto& [rank, found] : by_rank) {
    if (found > 2) ranks.emplace_back(rank, found);
  }
  REQUIRE(query.group_by<&Row::rank>()
              .having(orm::count() > 2)
              .selection(f<&Row::rank>, orm::count())
              .order_by(f<&Row::rank>.asc())
              .tuples() == ranks);
}

/// All pages of a query, forward and back again, are its rows.
void check_pages(const orm::Query<Row>& query, std::size_t size, const std::vector<std::int64_t>& expected) {
  std::vector<std::int64_t> found;
  auto page = query.page({.size = size});
  std::size_t pages = 1;
  const auto take = [&] { std::ranges::copy(ids(page.rows), std::back_inserter(found)); };
  for (take(); !page.next.empty(); take(), ++pages) {
    page = query.page({.size = size, .after = std::string(page.next)});
  }
  REQUIRE(found == expected);
  REQUIRE(pages == std::max<std::size_t>((expected.size() + size - 1) / size, 1));
  found = ids(page.rows);
  while (!page.previous.empty()) {
    page = query.page({.size = size, .before = std::string(page.previous)});
    const auto before = ids(page.rows);
    found.insert(found.begin(), before.begin(), before.end());
  }
  REQUIRE(found == expected);
}

}  // namespace

TEST_CASE("random queries give what plain C++ gives") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    Generator generator(20'261'121, world);
    generator.add_other(scope.insert(User{.email = "b@acme.test", .name = "bé%"}));
    std::vector<Row> rows;
    for (int i = 0; i < 120; ++i) rows.push_back(generator.row());
    scope.insert_many(rows);
    world.scope(world.globex).insert(world.article(world.bob, "a"));  // must never show

    std::size_t hits = 0;
    for (int round = 0; round < 1000; ++round) {
      const Wanted wanted = generator.predicate(4);
      const bool descending = generator.coin();
      const bool by_rank = generator.coin();
      const std::size_t limit = generator.below(2) == 0 ? rows.size() : generator.below(10);
      const std::size_t offset = generator.below(3);

      std::vector<Row> expected;
      std::ranges::copy_if(rows, std::back_inserter(expected), wanted.check);
      const std::size_t matching = expected.size();
      // Between equals the ids decide, in the direction of the last term.
      std::ranges::sort(expected, [&](const Row& a, const Row& b) {
        const Row& x = descending ? b : a;
        const Row& y = descending ? a : b;
        if (by_rank) return x.rank != y.rank ? x.rank < y.rank : x.id < y.id;
        return x.title != y.title ? x.title < y.title : x.id < y.id;
      });
      const std::vector<std::int64_t> ordered = ids(expected);
      const std::vector<Row> all_of_them = expected;
      expected.erase(expected.begin(),
                     expected.begin() + static_cast<std::ptrdiff_t>(std::min(offset, matching)));
      if (expected.size() > limit) expected.resize(limit);

      const auto base = scope.query<Row>().where(wanted.condition);
      auto query = by_rank
                       ? (descending ? base.order_by(desc<&Row::rank>) : base.order_by(asc<&Row::rank>))
                       : (descending ? base.order_by(desc<&Row::title>) : base.order_by(asc<&Row::title>));
      if (generator.coin()) query = query.with<&Row::author>().with<&Row::editor>();
      if (round % 20 == 0) check_pages(query, 1 + generator.below(40), ordered);
      check_aggregates(base, all_of_them, generator);
      query = query.limit(limit).offset(offset);
      const auto found = query.all();
      INFO(query.sql());
      REQUIRE(ids(found) == ids(expected));
      REQUIRE(base.count() == matching);
      REQUIRE(base.exists() == (matching > 0));
      REQUIRE(query.count() == expected.size());
      hits += matching > 0 && matching < rows.size() ? 1 : 0;
      if (round % 50 == 0) {  // the same rows are those that a delete takes
        CHECK_THROWS_AS(scope.transaction([&] {
          REQUIRE(base.remove() == matching);
          REQUIRE(scope.query<Row>().count() == rows.size() - matching);
          throw std::runtime_error("undo");
        }),
                        std::runtime_error);
      }
    }
    CHECK(hits > 500);  // most conditions said something
  });
}
