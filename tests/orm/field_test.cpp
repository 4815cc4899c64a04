#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/aggregate.hpp>
#include <mpf/orm/ddl.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/orm/scope.hpp>

#include "orm/everything.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using orm::f;

namespace {

using test::Address;
using test::Colour;
using test::Everything;
using test::Random;

/// A generated column, rules and indexes of every kind.
struct Product {
  orm::Id id;
  std::string name;
  std::optional<std::string> code;
  std::optional<int> shelf;
  Decimal<2> price;
  std::int64_t amount = 0;
  std::int64_t reserved = 0;
  std::int64_t free = 0;
  std::optional<Timestamp> retired_at;
  std::vector<std::string> tags;

  static constexpr auto model() {
    using P = Product;
    return orm::model<P>(
        "product", orm::field<&P::name>(), orm::field<&P::code>(), orm::field<&P::shelf>(),
        orm::field<&P::price>(), orm::field<&P::amount>(orm::database_default("1 + 1")),
        orm::field<&P::reserved>(), orm::field<&P::free>(orm::generated(R"("amount" - "reserved")")),
        orm::field<&P::retired_at>(), orm::field<&P::tags>(),
        orm::check("price", orm::col<&P::price> >= 0 && orm::col<&P::price> < Decimal<2>(1000)),
        orm::check("reserved", orm::col<&P::reserved> <= orm::col<&P::amount>),
        orm::check("shelf", orm::col<&P::shelf>.is_null() || !(orm::col<&P::shelf> < 1)),
        orm::check("name", R"(length("name") > 0)"),
        orm::unique<&P::name>(orm::where(orm::col<&P::retired_at>.is_null())),
        orm::unique<&P::code, &P::shelf>(orm::nulls_equal),
        orm::unique<>(orm::lowered<&P::name>, orm::where(R"("amount" > 100)")),
        orm::index<&P::price, &P::amount>(orm::descending<&P::amount>),
        orm::index<&P::tags>(orm::method(orm::IndexMethod::gin)));
  }
};

/// Runs the test on each database with a table of sixty such rows.
template <class Test>
void on_each_with_rows(const Test& run) {
  for (const auto dialect : test::databases()) {
    CAPTURE(static_cast<int>(dialect));
    fiber::run([&] {
      const test::FreshDatabase db(dialect);
      for (const auto& sql : orm::create_table_sql(orm::table_of<Everything>(), dialect)) {
        db->execute_script(sql);
      }
      const orm::SystemScope scope(*db, "a test of all types");
      Random random;
      std::vector<Everything> rows;
      for (int i = 0; i < 60; ++i) rows.push_back(scope.insert(random.row()));
      run(scope, rows);
    });
  }
}

}  // namespace

TEST_CASE("a row of every type comes back as it was, whichever way it is written") {
  for (const auto dialect : test::databases()) {
    CAPTURE(static_cast<int>(dialect));
    fiber::run([&] {
      const test::FreshDatabase db(dialect);
      for (const auto& sql : orm::create_table_sql(orm::table_of<Everything>(), dialect))
        db->execute_script(sql);
      const orm::SystemScope scope(*db, "a test of all types");
      Random random;
      std::vector<Everything> rows;
      for (int i = 0; i < 150; ++i) rows.push_back(random.row());
      for (auto& row : rows) {
        scope.insert(row);
        const auto again = scope.get<Everything>(row.id);
        REQUIRE(again == row);
      }
      // The same through a bulk insert, and over each other by updates.
      const orm::detail::ModelInfo& model = orm::detail::model_info<Everything>();
      db::BulkInsert bulk{.table = "everything", .columns = {}, .rows = rows.size(), .write = {}};
      for (std::size_t i = 0; i < model.columns.size(); ++i) {
        const orm::Column& column = model.table.columns[i];
        bulk.columns.push_back(
            {column.name, column.type, column.element.value_or(orm::ElementType::integer)});
      }
      db->execute({"DELETE FROM everything", {}, db::Access::write});
      bulk.write = [&](std::size_t row, db::RowWriter& writer) {
        for (const auto& column : model.columns) column.write(&rows[row], writer);
      };
      REQUIRE(db->bulk_insert(bulk) == rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        REQUIRE(scope.get<Everything>(rows[i].id) == rows[i]);
        Everything other = rows[rows.size() - 1 - i];
        other.id = rows[i].id;
        scope.update(other);
        REQUIRE(scope.get<Everything>(rows[i].id) == other);
      }
    });
  }
}

TEST_CASE("values of the new types compare in conditions") {
  on_each_with_rows([](const orm::SystemScope& scope, const std::vector<Everything>& rows) {
    using E = Everything;
    const auto check = [&](const auto& condition, const auto& wanted) {
      REQUIRE(scope.query<E>().where(condition).count() ==
              static_cast<std::size_t>(std::ranges::count_if(rows, wanted)));
    };
    for (const E& pivot : rows) {
      check(f<&E::price> < pivot.price, [&](const E& row) { return row.price < pivot.price; });
      check(f<&E::fraction> >= pivot.fraction, [&](const E& row) { return row.fraction >= pivot.fraction; });
      check(f<&E::date> <= pivot.date, [&](const E& row) { return row.date <= pivot.date; });
      check(f<&E::duration> > pivot.duration, [&](const E& row) { return row.duration > pivot.duration; });
      check(f<&E::uuid> < pivot.uuid, [&](const E& row) { return row.uuid < pivot.uuid; });
      check(f<&E::network> < pivot.network, [&](const E& row) { return row.network < pivot.network; });
      check(f<&E::single> == pivot.single, [&](const E& row) { return row.single == pivot.single; });
      check(f<&E::tiny> <= pivot.tiny, [&](const E& row) { return row.tiny <= pivot.tiny; });
      check(f<&E::maybe_uuid> == pivot.maybe_uuid,
            [&](const E& row) { return row.maybe_uuid == pivot.maybe_uuid; });
      check(f<&E::number_range>.has(pivot.tiny),
            [&](const E& row) { return row.number_range.contains(pivot.tiny); });
      check(f<&E::number_range>.overlaps(pivot.number_range),
            [&](const E& row) { return row.number_range.overlaps(pivot.number_range); });
      check(!f<&E::date_range>.has_all(pivot.date_range),
            [&](const E& row) { return !row.date_range.contains(pivot.date_range); });
      check(f<&E::time_range>.overlaps(pivot.time_range),
            [&](const E& row) { return row.time_range.overlaps(pivot.time_range); });
      check(f<&E::time_range>.within(pivot.time_range),
            [&](const E& row) { return pivot.time_range.contains(row.time_range); });
      check(!f<&E::maybe_range>.has(pivot.time),
            [&](const E& row) { return !row.maybe_range || !row.maybe_range->contains(pivot.time); });
      check(f<&E::json>.json().contains(pivot.json), [&](const E& row) {
        const auto held = row.json.as<std::vector<std::string>>();
        return std::ranges::all_of(pivot.json.as<std::vector<std::string>>(), [&](const auto& each) {
          return std::ranges::find(held, each) != held.end();
        });
      });
    }
  });
}

TEST_CASE("ranges compare with other columns of their row") {
  on_each_with_rows([](const orm::SystemScope& scope, const std::vector<Everything>& rows) {
    using E = Everything;
    const auto check = [&](const auto& condition, const auto& wanted) {
      CHECK(scope.query<E>().where(condition).count() ==
            static_cast<std::size_t>(std::ranges::count_if(rows, wanted)));
    };
    check(f<&E::number_range>.has(f<&E::maybe_small>),
          [](const E& row) { return row.maybe_small && row.number_range.contains(*row.maybe_small); });
    check(f<&E::number_range>.has(f<&E::tiny> + 1),
          [](const E& row) { return row.number_range.contains(row.tiny + 1); });
    check(!f<&E::date_range>.has(f<&E::maybe_date>),
          [](const E& row) { return !row.maybe_date || !row.date_range.contains(*row.maybe_date); });
    check(f<&E::time_range>.within(f<&E::maybe_range>),
          [](const E& row) { return row.maybe_range && row.maybe_range->contains(row.time_range); });
    check(f<&E::maybe_range>.overlaps(f<&E::time_range>),
          [](const E& row) { return row.maybe_range && row.maybe_range->overlaps(row.time_range); });
  });
}

TEST_CASE("lists are made of values of each type, in the order asked for") {
  on_each_with_rows([](const orm::SystemScope& scope, const std::vector<Everything>& rows) {
    using E = Everything;
    const auto of = [&](auto member) {
      std::vector<std::remove_cvref_t<decltype(rows[0].*member)>> values;
      for (const E& row : rows) values.push_back(row.*member);
      return values;
    };
    const auto by_id = orm::asc<&E::id>;
    const auto query = scope.query<E>();
    const auto [ids, flags, tinies, singles, reals, texts, colours] = query.aggregate(
        collect(f<&E::id>, by_id), collect(f<&E::flag>, by_id), collect(f<&E::tiny>, by_id),
        collect(f<&E::single>, by_id).filter(f<&E::single>.between(-1e38, 1e38)),
        collect(f<&E::precise>, by_id), collect(f<&E::text>, by_id), collect(f<&E::colour>, by_id));
    CHECK(ids == of(&E::id));
    CHECK(flags == of(&E::flag));
    CHECK(tinies == std::vector<std::int8_t>(of(&E::tiny)));
    auto finite = of(&E::single);
    std::erase_if(finite, [](float value) { return std::abs(value) > 1e38F; });
    CHECK(singles == finite);
    CHECK(reals == of(&E::precise));
    CHECK(texts == of(&E::text));
    CHECK(colours == of(&E::colour));
    const auto [uuids, times, dates, some] =
        query.aggregate(collect(f<&E::uuid>, by_id), collect(f<&E::time>, by_id), collect(f<&E::date>, by_id),
                        collect(f<&E::maybe_small>, by_id));
    CHECK(uuids == of(&E::uuid));
    CHECK(times == of(&E::time));
    CHECK(dates == of(&E::date));
    std::vector<std::int16_t> there;
    for (const E& row : rows) {
      if (row.maybe_small) there.push_back(*row.maybe_small);
    }
    CHECK(some == there);

    const auto sorted = [&](auto less) {
      auto copy = rows;
      std::ranges::stable_sort(copy, less);
      std::vector<orm::Id> sorted_ids;
      for (const E& row : copy) sorted_ids.push_back(row.id);
      return sorted_ids;
    };
    const auto ids_by = [&](const auto&... terms) {
      return std::get<0>(query.aggregate(collect(f<&E::id>, terms..., by_id)));
    };
    CHECK(ids_by(orm::desc<&E::text>) == sorted([](const E& a, const E& b) { return a.text > b.text; }));
    CHECK(ids_by(orm::asc<&E::maybe_uuid>) ==
          sorted([](const E& a, const E& b) { return a.maybe_uuid < b.maybe_uuid; }));
    CHECK(ids_by(orm::asc<&E::flag>, orm::desc<&E::maybe_small>.nulls_first()) ==
          sorted([](const E& a, const E& b) {
            const auto key = [](const E& row) {
              return std::tuple(row.flag, row.maybe_small.has_value(), -row.maybe_small.value_or(0));
            };
            return key(a) < key(b);
          }));
    auto plain = of(&E::text);
    std::ranges::sort(plain);
    CHECK(std::get<0>(query.aggregate(collect(f<&E::text>))) == plain);
    std::string joined;
    for (auto text = plain.rbegin(); text != plain.rend(); ++text) {
      joined += (text == plain.rbegin() ? "" : "; ") + *text;
    }
    CHECK(std::get<0>(query.aggregate(join_texts(f<&E::text>, "; ", orm::desc<&E::text>))) == joined);
  });
}

TEST_CASE("decimals are divided and averaged exactly, then rounded") {
  on_each_with_rows([](const orm::SystemScope& scope, const std::vector<Everything>& rows) {
    using E = Everything;
    const auto query = scope.query<E>().order_by(orm::asc<&E::id>);
    const auto quotients = query.select(orm::divide<2>(f<&E::price>, 7), orm::divide<0>(f<&E::price>, -3),
                                        orm::divide<10>(f<&E::maybe_price>, f<&E::maybe_small>),
                                        orm::divide<6>(f<&E::maybe_price>, f<&E::maybe_price>),
                                        orm::divide<3>(f<&E::maybe_price>, *Decimal<1>::parse("-0.3")),
                                        orm::divide<5>(f<&E::tiny>, Decimal<2>(3)));
    std::vector<Decimal<4>> there;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const E& row = rows[i];
      const auto by = [](const auto& value, int raise, std::int64_t divisor) {
        return decimal::divide(value.coefficient(), divisor, raise, Rounding::half_up);
      };
      const auto& [seventh, third, small, same, tenths, integer] = quotients[i];
      CHECK(seventh.coefficient() == by(row.price, 0, 7));
      CHECK(third.coefficient() == by(row.price, -2, -3));
      CHECK(integer.coefficient() == decimal::divide(row.tiny, 300, 7, Rounding::half_up));
      CHECK(small.has_value() == (row.maybe_price && row.maybe_small && *row.maybe_small != 0));
      if (small) CHECK(small->coefficient() == by(*row.maybe_price, 6, *row.maybe_small));
      CHECK(same.has_value() == (row.maybe_price && *row.maybe_price != Decimal<4>()));
      if (same) CHECK(*same == Decimal<6>(1));
      CHECK(tenths.has_value() == row.maybe_price.has_value());
      if (tenths) CHECK(tenths->coefficient() == by(*row.maybe_price, 0, -3));
      if (row.maybe_price) there.push_back(*row.maybe_price);
    }
    Decimal<4> sum;
    for (const Decimal<4> each : there) sum += each;
    const auto many = static_cast<std::int64_t>(there.size());
    const auto [average, fine, coarse, none] = scope.query<E>().aggregate(
        orm::average(f<&E::maybe_price>), orm::average<12>(f<&E::maybe_price>),
        orm::average<2>(f<&E::maybe_price>), orm::average(f<&E::price>).filter(f<&E::id> == orm::Id(-1)));
    CHECK(average == sum.divided_by(many, Rounding::half_up));
    CHECK(fine == sum.rescaled<12>().divided_by(many, Rounding::half_up));
    CHECK(coarse->coefficient() == decimal::divide(sum.coefficient(), many, -2, Rounding::half_up));
    CHECK(none == std::nullopt);
    CHECK_THROWS_AS(orm::divide<2>(f<&E::price>, 0), Error);
    CHECK(scope.query<E>().where(orm::divide<2>(f<&E::price>, 2) > Decimal<2>(0)).count() ==
          static_cast<std::size_t>(
              std::ranges::count_if(rows, [](const E& row) { return row.price > Decimal<2>(); })));
  });
}

TEST_CASE("what a column holds and the model cannot is corrupt, not wrong") {
  fiber::run([] {
    const test::FreshDatabase db(db::Dialect::sqlite);
    for (const auto& sql : orm::create_table_sql(orm::table_of<Everything>(), db::Dialect::sqlite)) {
      db->execute_script(sql);
    }
    const orm::SystemScope scope(*db, "a test of all types");
    Random random;
    const Everything row = scope.insert(random.row());
    for (const char* wrong :
         {"small_unsigned = 70000", "number_unsigned = -1", "date = 99999999", "json = '{'", "address = '3'",
          "network = '10.0.0.1'", "numbers = '[1,null]'", "numbers = '[99999999999]'", "texts = '{}'",
          "uuids = '[\"x\"]'", "colours = '[\"black\"]'", "colours = '[', number_range = '{}'",
          "number_range = '[1,2]'", "addresses = '[{}]'", "dates = '[[]]'", "flags = '[1]'"}) {
      CAPTURE(wrong);
      CHECK_THROWS_AS(scope.transaction([&] {
        db->execute({std::string("UPDATE everything SET ") + wrong, {}, db::Access::write});
        try {
          scope.get<Everything>(row.id);
        } catch (const Error& error) {
          CHECK(error.kind() == ErrorKind::corrupt);
          throw;
        }
      }),
                      Error);
    }
    CHECK(scope.get<Everything>(row.id) == row);
    // The table refuses what the type never holds.
    for (const char* wrong : {"tiny = 40000", "price = 1000000000000000000", "uuid = x'00'", "flag = 2"}) {
      CAPTURE(wrong);
      CHECK_THROWS_AS(db->execute({std::string("UPDATE everything SET ") + wrong, {}, db::Access::write}),
                      Error);
    }
  });
}

TEST_CASE("rules, partial and expression indexes, generated and default values are the database's") {
  for (const auto dialect : test::databases()) {
    CAPTURE(static_cast<int>(dialect));
    fiber::run([&] {
      const test::FreshDatabase db(dialect);
      for (const auto& sql : orm::create_table_sql(orm::table_of<Product>(), dialect)) {
        CAPTURE(sql);
        db->execute_script(sql);
      }
      const orm::SystemScope scope(*db, "a test of rules");
      int made = 0;
      const auto product = [&] {
        Product row;
        row.name = "n" + std::to_string(++made);
        row.code = row.name;
        row.amount = 5;
        return row;
      };
      const auto refused = [&](Product row) -> std::string {
        try {
          scope.insert(row);
        } catch (const db::ConstraintError& error) {
          return error.constraint().empty() ? "a constraint" : error.constraint();
        }
        return {};
      };
      auto row = product();
      row.reserved = 2;
      scope.insert(row);
      CHECK(scope.get<Product>(row.id).free == 3);
      row.amount = 7;
      scope.update(row);
      CHECK(scope.get<Product>(row.id).free == 5);

      auto bad = product();
      bad.price = Decimal<2>(-1);
      CHECK(refused(bad) == "product_price_check");
      bad.price = Decimal<2>(1000);
      CHECK(refused(bad) == "product_price_check");
      bad = product();
      bad.reserved = 6;
      CHECK(refused(bad) == "product_reserved_check");
      bad = product();
      bad.shelf = 0;
      CHECK(refused(bad) == "product_shelf_check");
      bad = product();
      bad.name.clear();
      CHECK(refused(bad) == "product_name_check");

      auto same = product();
      same.name = row.name;
      CHECK_FALSE(refused(same).empty());
      same.retired_at = Timestamp();
      CHECK(refused(same).empty());  // only living rows have names of their own

      auto plain = product();
      plain.code.reset();
      CHECK(refused(plain).empty());
      plain = product();
      plain.code.reset();
      CHECK_FALSE(refused(plain).empty());  // absent equals absent here
      plain.shelf = 1;
      CHECK(refused(plain).empty());

      auto many = product();
      many.name = "Big";
      many.amount = 200;
      CHECK(refused(many).empty());
      many = product();
      many.name = "bIG";
      many.amount = 200;
      CHECK_FALSE(refused(many).empty());
      many.amount = 5;
      CHECK(refused(many).empty());

      const std::string array = dialect == db::Dialect::sqlite ? "'[]'" : "'{}'";
      db->execute({"INSERT INTO product (name, code, price, reserved, tags) VALUES ('by hand', 'x', 0, 0, " +
                       array + ")",
                   {},
                   db::Access::write});
      CHECK(scope.query<Product>().where(f<&Product::name> == "by hand").one().amount == 2);
    });
  }
}
