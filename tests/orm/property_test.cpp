#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include <mpf/orm/aggregate.hpp>

#include "orm/random_articles.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::asc;
using orm::desc;
using orm::f;

namespace {

using Row = Article;
using Wanted = RandomArticles::Wanted;

std::vector<std::int64_t> ids(const std::vector<Row>& rows) {
  std::vector<std::int64_t> list;
  for (const Row& row : rows) list.push_back(row.id.value);
  return list;
}

using Groups = std::vector<std::tuple<std::string, std::int64_t, std::optional<std::int64_t>>>;
using Ranks = std::vector<std::tuple<std::optional<int>, std::int64_t>>;

/// Aggregates over the rows of a query, and in groups by a joined field and by one that may be absent.
void check_aggregates(const orm::Query<Row>& query, const std::vector<Row>& rows,
                      const RandomArticles& generator) {
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
    RandomArticles generator(20'261'121, world);
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
