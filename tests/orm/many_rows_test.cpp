#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <mpf/db/query_log.hpp>
#include <mpf/orm/query.hpp>

#include "db/errors.hpp"
#include "orm/everything.hpp"
#include "orm/models.hpp"

/// Many rows in few statements: update_many() and upsert_many().
namespace mpf::test {
namespace {

using orm::asc;
using orm::f;

/// A field of every type that PostgreSQL has an array of.
struct Parcel {
  orm::Id id;
  std::string code;
  bool flag = false;
  std::int16_t small = 0;
  std::uint32_t number = 0;
  std::int64_t big = 0;
  float single = 0;
  double precise = 0;
  Decimal<2> price;
  std::string text;
  Colour colour = Colour::red;
  db::Bytes bytes;
  Timestamp time;
  Date date;
  Microseconds duration{0};
  Uuid uuid;
  Json json;
  Address address;
  IpNetwork network;
  std::optional<std::int16_t> maybe_small;
  std::optional<Decimal<4>> maybe_price;
  std::optional<Date> maybe_date;
  std::optional<Microseconds> maybe_duration;
  std::optional<Uuid> maybe_uuid;
  std::optional<Address> maybe_address;
  std::optional<IpNetwork> maybe_network;
  std::int64_t version = 0;

  bool operator==(const Parcel&) const = default;

  static constexpr auto model() {
    using P = Parcel;
    return orm::model<P>(
        "parcel", orm::field<&P::code>(orm::unique()), orm::field<&P::flag>(), orm::field<&P::small>(),
        orm::field<&P::number>(), orm::field<&P::big>(), orm::field<&P::single>(), orm::field<&P::precise>(),
        orm::field<&P::price>(), orm::field<&P::text>(), orm::field<&P::colour>(), orm::field<&P::bytes>(),
        orm::field<&P::time>(), orm::field<&P::date>(), orm::field<&P::duration>(), orm::field<&P::uuid>(),
        orm::field<&P::json>(), orm::field<&P::address>(), orm::field<&P::network>(),
        orm::field<&P::maybe_small>(), orm::field<&P::maybe_price>(), orm::field<&P::maybe_date>(),
        orm::field<&P::maybe_duration>(), orm::field<&P::maybe_uuid>(), orm::field<&P::maybe_address>(),
        orm::field<&P::maybe_network>(), orm::field<&P::version>(orm::row_version));
  }
};

/// Of arrays there are no arrays.
struct Tagged {
  orm::Id id;
  std::string code;
  std::vector<std::string> tags;
  Range<std::int64_t> pages;

  bool operator==(const Tagged&) const = default;

  static constexpr auto model() {
    return orm::model<Tagged>("tagged", orm::field<&Tagged::code>(orm::unique()), orm::field<&Tagged::tags>(),
                              orm::field<&Tagged::pages>());
  }
};

using Store = WorldWith<Parcel, Tagged>;

/// All but id, code and version.
void fill(Parcel& parcel, const Everything& with) {
  parcel.flag = with.flag;
  parcel.small = with.small;
  parcel.number = with.number_unsigned;
  parcel.big = with.big;
  parcel.single = with.single;
  parcel.precise = with.precise;
  parcel.price = with.price;
  parcel.text = with.text;
  parcel.colour = with.colour;
  parcel.bytes = with.bytes;
  parcel.time = with.time;
  parcel.date = with.date;
  parcel.duration = with.duration;
  parcel.uuid = with.uuid;
  parcel.json = with.json;
  parcel.address = with.address;
  parcel.network = with.network;
  parcel.maybe_small = with.maybe_small;
  parcel.maybe_price = with.maybe_price;
  parcel.maybe_date = with.maybe_date;
  parcel.maybe_duration = with.maybe_duration;
  parcel.maybe_uuid = with.maybe_uuid;
  parcel.maybe_address = with.maybe_address;
  parcel.maybe_network = with.maybe_network;
}

std::vector<Parcel> parcels(std::size_t count, Random& random) {
  std::vector<Parcel> all(count);
  for (std::size_t i = 0; i < count; ++i) {
    all[i].code = "code " + std::to_string(i);
    fill(all[i], random.row());
  }
  return all;
}

template <class T>
std::vector<T> stored(const orm::SystemScope& scope) {
  return scope.query<T>().order_by(asc<&T::id>).all();
}

/// 600 of them.
struct StoredParcels {
  explicit StoredParcels(db::Dialect dialect) : store(dialect) { scope.insert_many(rows); }

  const Store store;
  const orm::SystemScope scope = store.system();
  Random random;
  std::vector<Parcel> rows = parcels(600, random);
};

std::size_t statements_of(const std::function<void()>& work) {
  const db::QueryLogScope log;
  work();
  return log->statements();
}

}  // namespace

TEST_CASE("values of every type are written by update_many() and upsert_many() as they are") {
  on_each_database([](db::Dialect dialect) {
    StoredParcels parcels_there(dialect);
    auto& [store, scope, random, rows] = parcels_there;
    for (Parcel& row : rows) fill(row, random.row());
    scope.update_many(rows);
    CHECK(rows[0].version == 2);
    CHECK((stored<Parcel>(scope) == rows));

    for (Parcel& row : rows) fill(row, random.row());
    scope.update_many<&Parcel::text, &Parcel::maybe_price>(rows);
    auto found = stored<Parcel>(scope);
    REQUIRE(found.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CHECK(found[i].text == rows[i].text);
      CHECK(found[i].maybe_price == rows[i].maybe_price);
      CHECK(found[i].version == 3);
    }

    auto more = parcels(800, random);
    scope.upsert_many<&Parcel::code>(more);
    for (std::size_t i = 0; i < more.size(); ++i) CHECK(more[i].version == (i < 600 ? 4 : 1));
    std::ranges::sort(more, {}, &Parcel::id);
    CHECK((stored<Parcel>(scope) == more));
  });
}

TEST_CASE("what holds arrays and ranges is written in bulk as well") {
  on_each_database([](db::Dialect dialect) {
    const Store store(dialect);
    const auto scope = store.system();
    std::vector<Tagged> rows(600);
    const auto change = [&](std::int64_t by) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].tags.assign(i % 3, "t" + std::to_string(by));
        const auto from = static_cast<std::int64_t>(i);
        if (i % 4 > 0) rows[i].pages = {from, from + by, true, false};
      }
    };
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].code = std::to_string(i);
    change(1);
    scope.upsert_many<&Tagged::code>(rows);
    CHECK((stored<Tagged>(scope) == rows));
    change(2);
    scope.update_many(rows);
    CHECK((stored<Tagged>(scope) == rows));
    change(3);
    for (Tagged& row : rows) row.id = {};
    scope.upsert_many<&Tagged::code>(rows);
    CHECK((stored<Tagged>(scope) == rows));
  });
}

TEST_CASE("postgres: any number of rows is one statement, and always the same one") {
  fiber::run([] {
    const Store store(db::Dialect::postgres);
    const auto scope = store.system();
    Random random;
    for (const std::size_t count : {2, 300, 1'500}) {
      CAPTURE(count);
      scope.query<Parcel>().remove();
      auto rows = parcels(count, random);
      CHECK(statements_of([&] { scope.upsert_many<&Parcel::code>(rows); }) == 1);
      CHECK(statements_of([&] { scope.update_many(rows); }) == 1);
      CHECK((stored<Parcel>(scope) == rows));
    }
  });
}

TEST_CASE("the row of many that cannot be updated is told, and none is") {
  on_each_database([](db::Dialect dialect) {
    StoredParcels parcels_there(dialect);
    auto& [store, scope, random, rows] = parcels_there;
    const auto before = stored<Parcel>(scope);
    const auto refused = [&](const std::string& why, ErrorKind kind) {
      auto changed = rows;
      for (Parcel& row : changed) row.text = "changed";
      const Error error = error_of([&] { scope.update_many(changed); });
      INFO(error.what());
      CHECK(error.kind() == kind);
      CHECK(mentions(error, why));
    };
    rows[555].version = 7;
    refused("parcel " + std::to_string(rows[555].id.value) + " was not updated: it has changed since",
            ErrorKind::conflict);
    rows[444].id = orm::Id(1'000'000);
    refused("1000000", ErrorKind::not_found);
    CHECK((stored<Parcel>(scope) == before));
    auto twice = parcels(600, random);
    twice[500].code = twice[3].code;
    CHECK(refused_field([&] { scope.upsert_many<&Parcel::code>(twice); }) == "[500].code: unique");
    CHECK((stored<Parcel>(scope) == before));
  });
}

}  // namespace mpf::test
