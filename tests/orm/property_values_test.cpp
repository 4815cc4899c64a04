#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <mpf/orm/aggregate.hpp>
#include <mpf/orm/window.hpp>

#include "orm/random_values.hpp"

/// Random values computed from rows, as columns, orders, groups, sets, subqueries and windows, against the
/// same in plain C++.
namespace mpf::test {
namespace {

using orm::asc;
using orm::f;
using Row = Article;
using Wanted = RandomArticles::Wanted;

using Numbers = std::vector<std::optional<std::int64_t>>;

/// One query with its values, and the rows that it is about.
struct Round {
  const orm::SiteScope& scope;
  RandomValues& random;
  orm::Query<Row> query;
  std::vector<Row> rows;
  Number number;
  Text text;

  std::vector<std::optional<std::int64_t>> numbers() const {
    Numbers all;
    for (const Row& row : rows) all.push_back(number.of(row));
    return all;
  }
};

/// As columns and as the order, absent ones first, or last the other way.
void check_columns(const Round& round) {
  using Found = std::tuple<orm::Id, std::optional<std::int64_t>, std::optional<std::string>>;
  const bool descending = round.random.coin();
  std::vector<Found> expected;
  for (const Row& row : round.rows) expected.emplace_back(row.id, round.number.of(row), round.text.of(row));
  std::ranges::sort(expected, [descending](const Found& a, const Found& b) {
    const auto& [a_id, a_number, a_text] = a;
    const auto& [b_id, b_number, b_text] = b;
    if (a_number != b_number) return descending ? b_number < a_number : a_number < b_number;
    return a_text != b_text ? a_text < b_text : a_id < b_id;
  });
  const auto& number = round.number.expression;
  const auto selection =
      round.query.selection(f<&Row::id>, number, round.text.expression)
          .order_by(descending ? number.desc() : number.asc(), round.text.expression.asc(), asc<&Row::id>);
  INFO(selection.sql());
  REQUIRE((selection.tuples() == expected));
  const std::size_t offset = round.random.below(3);
  const std::size_t limit = round.random.below(6);
  expected.erase(expected.begin(),
                 expected.begin() + static_cast<std::ptrdiff_t>(std::min(offset, expected.size())));
  expected.resize(std::min(limit, expected.size()));
  REQUIRE((selection.offset(offset).limit(limit).tuples() == expected));
}

/// In conditions, by themselves and among those of subqueries.
void check_conditions(const Round& round, const std::vector<Row>& all_rows) {
  const auto check = [&](const auto& condition, const std::function<bool(const Row&)>& holds) {
    const auto query = round.query.where(condition).order_by(asc<&Row::id>);
    INFO(query.sql());
    std::vector<orm::Id> expected;
    for (const Row& row : round.rows) {
      if (holds(row)) expected.push_back(row.id);
    }
    REQUIRE(query.ids() == expected);
  };
  const auto plain = static_cast<std::int64_t>(round.random.below(5)) - 2;
  const Wanted compared = test::compared<Row>(round.random, round.number.expression, plain, round.number.of);
  check(compared.condition, compared.check);
  check(!(round.text.expression == f<&Row::title>),
        [&](const Row& row) { return round.text.of(row) != row.title; });

  const Wanted wanted = round.random.predicate(2);
  const auto others = round.scope.query<Row>().where(wanted.condition);
  std::set<std::int64_t> numbers;
  std::multiset<std::string> titles;
  std::optional<std::int64_t> most;
  for (const Row& row : all_rows) {
    if (!wanted.check(row)) continue;
    if (const auto number = round.number.of(row)) numbers.insert(*number);
    titles.insert(row.title);
    most = std::max(most, std::optional(row.reads));
  }
  check(round.number.expression.in(others.selection(round.number.expression)), [&](const Row& row) {
    const auto number = round.number.of(row);
    return number && numbers.contains(*number);
  });
  check(!orm::exists(others.where(f<&Row::title> == orm::outer<&Row::title>())),
        [&](const Row& row) { return !titles.contains(row.title); });
  check(f<&Row::reads> == others.group_by().selection(maximum(f<&Row::reads>)).scalar(),
        [&](const Row& row) { return row.reads == most; });
}

/// As groups, with aggregates and conditions of these.
void check_groups(const Round& round) {
  struct Group {
    std::int64_t count = 0;
    std::int64_t reads = 0;
    std::optional<std::string> least;
    std::int64_t pinned = 0;
  };
  std::map<std::optional<std::int64_t>, Group> groups;
  for (const Row& row : round.rows) {
    Group& group = groups[round.number.of(row)];
    group.count += 1;
    group.reads += row.reads;
    group.pinned += row.pinned ? 1 : 0;
    const auto text = round.text.of(row);
    if (text && (!group.least || *text < *group.least)) group.least = text;
  }
  using Found = std::tuple<std::optional<std::int64_t>, std::int64_t, std::optional<std::int64_t>,
                           std::optional<std::string>, std::int64_t>;
  const auto size = static_cast<std::int64_t>(round.random.below(4));
  std::vector<Found> expected;
  for (const auto& [key, group] : groups) {
    if (group.count > size) expected.emplace_back(key, group.count, group.reads, group.least, group.pinned);
  }
  const auto& key = round.number.expression;
  const auto grouped = round.query.group_by(key)
                           .having(orm::count() > size)
                           .selection(key, orm::count(), sum(f<&Row::reads>), minimum(round.text.expression),
                                      orm::count().filter(f<&Row::pinned> == true))
                           .order_by(key.asc());
  INFO(grouped.sql());
  REQUIRE((grouped.tuples() == expected));
}

/// Distinct ones, and those of two queries together.
void check_sets(const Round& round, const std::vector<Row>& all_rows) {
  const Wanted wanted = round.random.predicate(2);
  std::vector<Row> others;
  std::ranges::copy_if(all_rows, std::back_inserter(others), wanted.check);
  Numbers left = round.numbers();
  Numbers right;
  for (const Row& row : others) right.push_back(round.number.of(row));
  std::ranges::sort(left);
  std::ranges::sort(right);
  const auto distinct = [](Numbers numbers) {
    numbers.erase(std::ranges::unique(numbers).begin(), numbers.end());
    return numbers;
  };
  const Numbers a = distinct(left);
  const Numbers b = distinct(right);
  const auto made = [](auto operation, const Numbers& x, const Numbers& y) {
    Numbers numbers;
    operation(x, y, std::back_inserter(numbers));
    return numbers;
  };
  const auto mine = round.query.selection(round.number.expression);
  const auto theirs = round.scope.query<Row>().where(wanted.condition).selection(round.number.expression);
  const auto check = [](const auto& selection, const Numbers& expected) {
    INFO(selection.sql());
    REQUIRE((selection.order_by(orm::column<0>).all() == expected));
    REQUIRE(selection.count() == expected.size());
  };
  check(mine.distinct(), a);
  check(mine.union_with(theirs), made(std::ranges::set_union, a, b));
  check(mine.union_all(theirs), made(std::ranges::merge, left, right));
  check(mine.intersect(theirs), made(std::ranges::set_intersection, a, b));
  check(mine.except(theirs), made(std::ranges::set_difference, a, b));
}

/// As partitions of windows.
void check_windows(const Round& round) {
  using Found = std::tuple<std::int64_t, std::optional<std::int64_t>, std::optional<std::int64_t>>;
  std::map<std::optional<std::int64_t>, std::vector<const Row*>> groups;
  for (const Row& row : round.rows) groups[round.number.of(row)].push_back(&row);  // by their ids
  std::map<orm::Id, Found> by_id;
  for (const auto& [key, group] : groups) {
    std::int64_t total = 0;
    for (const Row* row : group) total += row->reads;
    for (std::size_t i = 0; i < group.size(); ++i) {
      by_id[group[i]->id] = {static_cast<std::int64_t>(i + 1),
                             i == 0 ? std::nullopt : std::optional(group[i - 1]->reads), total};
    }
  }
  std::vector<Found> expected;
  for (const auto& [id, found] : by_id) expected.push_back(found);
  const auto parts = orm::window().partition_by(round.number.expression);
  const auto in_order = parts.order_by(asc<&Row::id>);
  const auto selection =
      round.query
          .selection(orm::row_number().over(in_order), orm::lag(f<&Row::reads>).over(in_order),
                     sum(f<&Row::reads>).over(parts))
          .order_by(asc<&Row::id>);
  INFO(selection.sql());
  REQUIRE((selection.tuples() == expected));
}

}  // namespace

TEST_CASE("random values in columns, orders, groups, sets, subqueries and windows are those of plain C++") {
  on_each_database([](db::Dialect dialect) {
    const World world(dialect);
    const auto scope = world.scope(world.acme);
    RandomValues random(20'261'122, world);
    random.add_other(scope.insert(User{.email = "b@acme.test", .name = "bé%"}));
    std::vector<Row> rows;
    for (int i = 0; i < 60; ++i) rows.push_back(random.row());
    scope.insert_many(rows);
    world.scope(world.globex).insert(world.article(world.bob, "a"));  // must never show
    for (int i = 0; i < 250; ++i) {
      CAPTURE(i);
      const Wanted wanted = random.predicate(2);
      Round round{scope, random,           scope.query<Row>().where(wanted.condition),
                  {},    random.number(3), random.text_value(3)};
      std::ranges::copy_if(rows, std::back_inserter(round.rows), wanted.check);
      check_columns(round);
      check_conditions(round, rows);
      check_groups(round);
      check_sets(round, rows);
      check_windows(round);
    }
  });
}

}  // namespace mpf::test
