#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include <fmt/core.h>

#include <mpf/orm/batch.hpp>
#include <mpf/orm/query.hpp>

#include "orm/models.hpp"

/// Values that one of the databases would take otherwise than the other: found, paged by, or refused alike.
namespace mpf::test {
namespace {

using orm::asc;
using orm::desc;
using orm::f;

struct Sample {
  orm::Id id;
  bool flag = false;
  std::int64_t number = 0;
  double real = 0;
  Decimal<2> price;
  std::string text;
  db::Bytes bytes;
  Timestamp time;
  Date date;
  Microseconds duration{0};
  Uuid uuid;
  IpNetwork network;
  std::optional<int> rank;
  Json json;
  std::vector<Timestamp> times;
  Range<Timestamp> span;

  static constexpr auto model() {
    using S = Sample;
    return orm::model<S>("sample", orm::field<&S::flag>(), orm::field<&S::number>(), orm::field<&S::real>(),
                         orm::field<&S::price>(), orm::field<&S::text>(), orm::field<&S::bytes>(),
                         orm::field<&S::time>(), orm::field<&S::date>(), orm::field<&S::duration>(),
                         orm::field<&S::uuid>(), orm::field<&S::network>(), orm::field<&S::rank>(),
                         orm::field<&S::json>(), orm::field<&S::times>(), orm::field<&S::span>());
  }
};

/// The n-th of values that grow with n, of every type.
Sample sample(int n) {
  Sample made;
  made.flag = n % 2 == 1;
  made.number = n;
  made.real = 0.1 * n;
  made.price = Decimal<2>::of_coefficient(n * 37);
  made.text = fmt::format("text \"{:09}\" \\ '", n);
  made.bytes = {std::byte{0}, static_cast<std::byte>(n >> 16), static_cast<std::byte>(n >> 8),
                static_cast<std::byte>(n), std::byte{255}};
  made.time = Timestamp(Microseconds(std::int64_t{n} * 1'234'567));
  made.date = Date(std::chrono::sys_days(std::chrono::days(n)));
  made.duration = Microseconds((std::int64_t{n} - 2) * 3'723'000'001);
  Uuid::Bytes id{};
  for (int i = 0; i < 4; ++i) id[static_cast<std::size_t>(i)] = static_cast<std::byte>(n >> (24 - 8 * i));
  made.uuid = Uuid(id);
  made.network = IpNetwork::parse(fmt::format("10.{}.{}.{}/32", n >> 16, n >> 8 & 255, n & 255)).value();
  if (n % 3 != 0) made.rank = n;
  return made;
}

struct Samples : WorldWith<Sample> {
  orm::SystemScope scope = system();
  std::vector<Sample> rows;

  explicit Samples(db::Dialect dialect, int count = 5) : WorldWith(dialect) {
    for (int n = 0; n < count; ++n) rows.push_back(sample(n));
    scope.insert_many(rows);
  }

  template <auto Member>
  void find_in_long_lists(std::size_t length) const {
    CAPTURE(length);
    std::vector<member_type<Member>> list;
    for (std::size_t n = 0; n < length; ++n) list.push_back(sample(static_cast<int>(n) + 2).*Member);
    const auto all = scope.query<Sample>();
    CHECK(all.where(f<Member>.in(list)).ids() == std::vector{rows[2].id, rows[3].id, rows[4].id});
    CHECK(all.where(!f<Member>.in(list)).ids() == std::vector{rows[0].id, rows[1].id});
  }

  /// Forth and back again, a row at a time.
  template <auto Member>
  void walk(bool down) const {
    CAPTURE(down);
    const auto query = scope.query<Sample>().order_by(down ? f<Member>.desc() : f<Member>.asc());
    // Equal ones come by their ids.
    const auto exact = down ? scope.query<Sample>().order_by(f<Member>.desc(), f<&Sample::id>.desc())
                            : scope.query<Sample>().order_by(f<Member>.asc(), f<&Sample::id>.asc());
    const std::vector<orm::Id> ids = exact.ids();
    CHECK(ids.size() == rows.size());
    std::vector<orm::Id> walked;
    std::string cursor;
    std::string last;
    do {
      last = cursor;
      const auto page = query.page({.size = 1, .after = cursor});
      REQUIRE(page.rows.size() == 1);
      walked.push_back(page.rows[0].id);
      cursor = page.next;
    } while (!cursor.empty() && walked.size() < 10);
    CHECK(walked == ids);
    walked.pop_back();
    std::string before = query.page({.size = 1, .after = last}).previous;
    while (!before.empty() && !walked.empty()) {
      const auto page = query.page({.size = 1, .before = before});
      REQUIRE(page.rows.size() == 1);
      CHECK(page.rows[0].id == walked.back());
      walked.pop_back();
      before = page.previous;
    }
    CHECK(walked.empty());
  }
};

void refuse_row(const orm::SystemScope& scope, const Sample& bad, const std::string& wanted) {
  CAPTURE(wanted);
  Sample row = bad;
  CHECK(refused_field([&] { scope.insert(row); }) == wanted);
  std::vector<Sample> rows{sample(1), bad};
  CHECK(refused_field([&] { scope.insert_many(rows); }) == "[1]." + wanted);
  row = scope.insert(sample(1));
  Sample changed = bad;
  changed.id = row.id;
  CHECK(refused_field([&] { scope.update(changed); }) == wanted);
  scope.remove<Sample>(row.id);
}

}  // namespace

TEST_CASE("lists of any length and type are one parameter") {
  on_each_database([](db::Dialect dialect) {
    const Samples world(dialect);
    for (const std::size_t length : {3, 64, 65, 70'000}) {
      world.find_in_long_lists<&Sample::number>(length);
      world.find_in_long_lists<&Sample::real>(length);
      world.find_in_long_lists<&Sample::price>(length);
      world.find_in_long_lists<&Sample::text>(length);
      world.find_in_long_lists<&Sample::bytes>(length);
      world.find_in_long_lists<&Sample::time>(length);
      world.find_in_long_lists<&Sample::date>(length);
      world.find_in_long_lists<&Sample::duration>(length);
      world.find_in_long_lists<&Sample::uuid>(length);
      world.find_in_long_lists<&Sample::network>(length);
    }
    const auto all = world.scope.query<Sample>();
    CHECK(all.where(f<&Sample::flag>.in(std::vector<bool>(100, true))).count() == 2);
    CHECK(all.where(!f<&Sample::flag>.in(std::vector<bool>(100, true))).count() == 3);
    // Rows without a value are in no list.
    CHECK(all.where(f<&Sample::rank>.in(std::vector<int>{1, 4, 9})).count() == 2);
    CHECK(all.where(!f<&Sample::rank>.in(std::vector<int>{1, 4, 9})).count() == 3);
    const std::vector<double> odd{std::numeric_limits<double>::infinity(), 0.1, -0.0, 5e-324};
    for (const std::size_t times : {1, 40}) {
      std::vector<double> list;
      for (std::size_t i = 0; i < times; ++i) list.insert(list.end(), odd.begin(), odd.end());
      CHECK(all.where(f<&Sample::real>.in(list)).count() == 2);
    }
    // The text of a statement doesn't tell how long its list is.
    const auto text = [&](int length) {
      return all.where(f<&Sample::number>.in(std::vector<int>(static_cast<std::size_t>(length), 1))).sql();
    };
    CHECK(text(33) == text(64));
    CHECK(text(65) == text(1000));
  });
}

TEST_CASE("pages are ordered by values of any type that has an order") {
  on_each_database([](db::Dialect dialect) {
    const Samples world(dialect);
    for (const bool down : {false, true}) {
      world.walk<&Sample::flag>(down);
      world.walk<&Sample::number>(down);
      world.walk<&Sample::real>(down);
      world.walk<&Sample::price>(down);
      world.walk<&Sample::text>(down);
      world.walk<&Sample::bytes>(down);
      world.walk<&Sample::time>(down);
      world.walk<&Sample::date>(down);
      world.walk<&Sample::duration>(down);
      world.walk<&Sample::uuid>(down);
      world.walk<&Sample::network>(down);
      world.walk<&Sample::rank>(down);
    }
    const auto by_json = world.scope.query<Sample>().order_by(asc<&Sample::json>);
    CHECK(kind_of([&] { by_json.page({.size = 1}); }) == ErrorKind::internal);
  });
}

TEST_CASE("durations of any unit and whole amounts stand beside times and decimals") {
  on_each_database([](db::Dialect dialect) {
    using std::chrono::hours;
    using std::chrono::seconds;
    const WorldWith<Sample> world(dialect);
    const auto scope = world.system();
    Sample old = sample(1);
    old.time = Timestamp() + hours(1);
    old.duration = seconds(5);
    old.price = Decimal<2>::of_coefficient(499);
    Sample young = sample(2);
    young.time = Timestamp() + hours(30);
    young.duration = seconds(6);
    young.price = Decimal<2>(5);
    scope.insert(old);
    scope.insert(young);
    const auto found = [&](const auto& condition) {
      return scope.query<Sample>().where(condition).order_by(asc<&Sample::id>).ids();
    };
    using Ids = std::vector<orm::Id>;
    const auto latest = scope.query<Sample>().selection(f<&Sample::time>).order_by(orm::column<0>.desc());
    CHECK(found(f<&Sample::time> > latest.limit(1).scalar() - hours(24)) == Ids{young.id});
    CHECK(found(f<&Sample::time> + hours(29) > f<&Sample::time>) == Ids{old.id, young.id});
    CHECK(found(f<&Sample::duration> > seconds(5)) == Ids{young.id});
    CHECK(found(f<&Sample::duration> == std::chrono::milliseconds(5'000)) == Ids{old.id});
    CHECK(found(f<&Sample::price> >= 5) == Ids{young.id});
    CHECK(found(f<&Sample::price> < 5u) == Ids{old.id});
    CHECK(found(f<&Sample::price>.in({Decimal<2>(5), Decimal<2>(7)})) == Ids{young.id});
    CHECK(found(f<&Sample::price>.between(-1, 4)).empty());
    CHECK(kind_of([&] { found(f<&Sample::price> < INT64_MAX); }) == ErrorKind::invalid);
    CHECK(scope.query<Sample>()
              .where(f<&Sample::id> == old.id)
              .update(orm::set<&Sample::price>(7), orm::set<&Sample::duration>(std::chrono::minutes(1))) ==
          1);
    CHECK(found(f<&Sample::price> == 7 && f<&Sample::duration> == std::chrono::minutes(1)) == Ids{old.id});
  });
}

TEST_CASE("a limit of no rows gives no first row") {
  on_each_database([](db::Dialect dialect) {
    const Samples world(dialect);
    const auto none = world.scope.query<Sample>().limit(0);
    CHECK(!none.first());
    CHECK(none.all().empty());
    CHECK(world.scope.query<Sample>().limit(3).first()->id == world.rows[0].id);
    orm::Batch batch(world.scope);
    const auto first = batch.first(none);
    const auto some = batch.first(world.scope.query<Sample>());
    batch.run();
    CHECK(!*first);
    CHECK((*some)->id == world.rows[0].id);
  });
}

TEST_CASE("times outside of the years 1 to 9999 are refused, within lists and ranges too") {
  on_each_database([](db::Dialect dialect) {
    const Samples world(dialect, 1);
    const Timestamp first = Timestamp::parse("0001-01-01T00:00:00Z").value();
    const Timestamp last = Timestamp::parse("9999-12-31T23:59:59.999999Z").value();
    for (const Timestamp good : {first, last}) {
      Sample row = sample(0);
      row.time = good;
      row.times = {good};
      world.scope.insert(row);
      CHECK(world.scope.query<Sample>().where(f<&Sample::time> == good).one().times == std::vector{good});
    }
    for (const Timestamp bad : {first - Microseconds(1), last + Microseconds(1),
                                Timestamp(Microseconds::min()), Timestamp(Microseconds::max())}) {
      Sample row = sample(0);
      row.time = bad;
      refuse_row(world.scope, row, "time: range");
      row = sample(0);
      row.times = {Timestamp(), bad};
      refuse_row(world.scope, row, "times: range");
      CHECK(kind_of([&] { world.scope.query<Sample>().update(orm::set<&Sample::time>(bad)); }) ==
            ErrorKind::invalid);
      CHECK(kind_of([&] { (void)(f<&Sample::time> < bad); }) == ErrorKind::invalid);
      CHECK(kind_of([&] { (void)f<&Sample::time>.in({bad}); }) == ErrorKind::invalid);
      // And by who writes SQL by hand: no overflow, whatever the database says.
      if (dialect == db::Dialect::postgres && bad < first) {
        CHECK(kind_of([&] {
                world.db->execute({"SELECT $1 < now()", {Timestamp(Microseconds::min())}});
              }) == ErrorKind::invalid);
      }
    }
    Sample row = sample(0);
    row.span = Range<Timestamp>(Timestamp(), Timestamp(Microseconds::max()));
    refuse_row(world.scope, row, "span: range");
  });
}

TEST_CASE("JSON that one database would not take is refused by both") {
  on_each_database([](db::Dialect dialect) {
    const Samples world(dialect, 1);
    for (const char* const bad : {R"({"a":"\u0000"})", R"(["x\\\u0000"])", R"({"\u0000":1})", "1e400",
                                  "[-1E+309]", "1e200000", "1e-20000", "1e99999999999999999999"}) {
      CAPTURE(bad);
      Sample row = sample(0);
      row.json = Json::parse(bad);
      refuse_row(world.scope, row, "json: json");
      CHECK(kind_of([&] { world.scope.query<Sample>().update(orm::set<&Sample::json>(row.json)); }) ==
            ErrorKind::invalid);
      CHECK(kind_of([&] { (void)f<&Sample::json>.json("a").contains(row.json); }) == ErrorKind::invalid);
    }
    for (const char* const good : {R"({"a":"\\u0000"})", "1e308", "1.7976931348623157e308", "1e-400", "0e300",
                                   "123456789012345678901234567890", "[0.1,-0]", R"("1e400")"}) {
      CAPTURE(good);
      Sample row = sample(0);
      row.json = Json::parse(good);
      world.scope.insert(row);
      CHECK(world.scope.find<Sample>(row.id).has_value());
    }
    std::string digits(400, '1');
    Sample row = sample(0);
    row.json = Json::parse(digits);
    refuse_row(world.scope, row, "json: json");
  });
}

TEST_CASE("one document with a number that no double holds spoils no query") {
  on_each_database([](db::Dialect dialect) {
    const Samples world(dialect, 0);
    const auto add = [&](const std::string& json) {
      const Sample row = world.scope.insert(sample(0));
      const std::string text = "'{\"n\":" + json + "}'";
      world.db->execute_script("UPDATE sample SET json = " + text +
                               " WHERE id = " + row.id.to_string());  // as somebody did before
    };
    for (const char* const json : {"1.5", "1e400", "-1e400", "1e-400", "\"2\"", "1e308"}) add(json);
    const auto numbers = world.scope.query<Sample>()
                             .order_by(asc<&Sample::id>)
                             .select(f<&Sample::json>.json("n").as<double>());
    std::vector<std::optional<double>> found;
    for (const auto& [number] : numbers) found.push_back(number);
    CHECK(found ==
          std::vector<std::optional<double>>{1.5, std::nullopt, std::nullopt, 0, std::nullopt, 1e308});
  });
}

TEST_CASE("indexes of JSON arrays are counted from 0") {
  on_each_database([](db::Dialect dialect) {
    const Samples world(dialect, 1);
    world.scope.query<Sample>().update(orm::set<&Sample::json>(Json::parse("[7,8]")));
    const auto json = f<&Sample::json>;
    CHECK(world.scope.query<Sample>().where(json.json(1).as<std::int64_t>() == 8).count() == 1);
    CHECK(world.scope.query<Sample>().where(json.json(2).exists()).count() == 0);
    CHECK(world.scope.query<Sample>().where(json.json(std::numeric_limits<int>::max()).exists()).count() ==
          0);
    for (const std::int64_t bad : {std::int64_t{-1}, std::int64_t{1} << 31}) {
      CHECK(kind_of([&] { (void)json.json(bad).exists(); }) == ErrorKind::invalid);
      CHECK(kind_of([&] { (void)json.json("a", bad).contains(1); }) == ErrorKind::invalid);
      CHECK(kind_of([&] { (void)json.json(bad).as<double>(); }) == ErrorKind::invalid);
    }
  });
}

}  // namespace mpf::test
