#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <mpf/base/json_dom.hpp>
#include <mpf/orm/aggregate.hpp>
#include <mpf/orm/functions.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/orm/scope.hpp>

#include "orm/predicates.hpp"
#include "support/database.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::asc;
using orm::desc;
using orm::f;

namespace {

using Price = Decimal<2>;
using Numbers = std::vector<std::int64_t>;
using Words = std::vector<std::string>;
using Span = Range<std::int64_t>;
using Days = Range<Date>;
using Times = Range<Timestamp>;

struct Lot {
  orm::Id id;
  Price price;
  std::optional<Decimal<4>> weight;
  std::int64_t pieces = 0;
  Json facts;
  std::optional<Json> more;
  Words words;
  std::optional<Numbers> numbers;
  Span span;
  std::optional<Days> days;
  Times times;

  static constexpr auto model() {
    return orm::model<Lot>("lot", orm::field<&Lot::price>(), orm::field<&Lot::weight>(),
                           orm::field<&Lot::pieces>(), orm::field<&Lot::facts>(), orm::field<&Lot::more>(),
                           orm::field<&Lot::words>(), orm::field<&Lot::numbers>(), orm::field<&Lot::span>(),
                           orm::field<&Lot::days>(), orm::field<&Lot::times>());
  }
};

// JSON by the rules of jsonb, on a tree of values.

const nlohmann::json* place(const nlohmann::json& document, const std::vector<orm::detail::JsonStep>& steps) {
  const nlohmann::json* at = &document;
  for (const auto& step : steps) {
    if (const auto* const key = std::get_if<std::string>(&step)) {
      if (!at->is_object() || !at->contains(*key)) return nullptr;
      at = &at->at(*key);
    } else {
      const auto index = static_cast<std::size_t>(std::get<std::int64_t>(step));
      if (!at->is_array() || index >= at->size()) return nullptr;
      at = &at->at(index);
    }
  }
  return at;
}

bool holds(const nlohmann::json& held, const nlohmann::json& wanted, bool outermost = true) {
  if (held.is_object() && wanted.is_object()) {
    return std::ranges::all_of(wanted.items(), [&](const auto& each) {
      return held.contains(each.key()) && holds(held.at(each.key()), each.value(), false);
    });
  }
  if (held.is_array() && wanted.is_array()) {
    return std::ranges::all_of(wanted, [&](const auto& each) {
      return std::ranges::any_of(held, [&](const auto& own) { return holds(own, each, false); });
    });
  }
  if (outermost && held.is_array() && wanted.is_primitive()) {
    return std::ranges::find(held, wanted) != held.end();
  }
  return held == wanted;
}

template <class T>
std::optional<T> as(const nlohmann::json* value) {
  if (!value) return std::nullopt;
  if constexpr (std::same_as<T, std::string>) {
    if (value->is_string()) return value->get<T>();
  } else if constexpr (std::same_as<T, bool>) {
    if (value->is_boolean()) return value->get<T>();
  } else if constexpr (std::same_as<T, double>) {
    if (value->is_number()) return value->get<T>();
  } else {
    if (value->is_number() && value->get<double>() == std::floor(value->get<double>())) {
      return static_cast<T>(value->get<double>());
    }
  }
  return std::nullopt;
}

class Generator : public Dice {
 public:
  using Dice::Dice;

  Lot row() {
    Lot lot;
    lot.price = price();
    if (coin()) lot.weight = weight();
    lot.pieces = static_cast<std::int64_t>(below(7)) - 3;
    lot.facts = json(3);
    if (coin()) lot.more = json(2);
    lot.words = words();
    if (coin()) lot.numbers = numbers();
    lot.span = span();
    if (coin()) lot.days = days();
    lot.times = times();
    return lot;
  }

  Predicate<Lot> predicate(int depth) {
    return combined<Lot>(*this, depth, [this] { return leaf(); });
  }

  Price price() { return Price::of_coefficient(static_cast<std::int64_t>(below(9)) * 25 - 100); }

 private:
  Decimal<4> weight() {
    return Decimal<4>::of_coefficient(any_of(std::vector<std::int64_t>{
        -1, 0, 1, 2'500, 9'999, 10'000, decimal::max_coefficient, -decimal::max_coefficient}));
  }
  std::string word() { return any_of(Words{"", "a", "b", "A", "é", "\"", "\\", "{", ",", "null", "NULL"}); }
  Words words() {
    Words made;
    for (std::size_t i = below(4); i > 0; --i) made.push_back(word());
    return made;
  }
  std::int64_t number() { return any_of(Numbers{-1, 0, 1, 2, std::numeric_limits<std::int64_t>::max()}); }
  Numbers numbers() {
    Numbers made;
    for (std::size_t i = below(4); i > 0; --i) made.push_back(number());
    return made;
  }
  Json json(int depth) {
    std::string text;
    JsonWriter writer(text);
    write_json(writer, depth);
    return Json::parse(text);
  }
  void write_json(JsonWriter& writer, int depth) {
    const std::size_t kind = below(depth > 0 ? 8 : 5);
    if (kind == 0) return writer.null();
    if (kind == 1) return writer.value(coin());
    if (kind == 2)
      return writer.raw(any_of(Words{"0", "1", "1.0", "1e0", "-1", "0.5", "5e-1", "10e-1", "2"}));
    if (kind <= 4) return writer.value(word());
    if (kind == 5) {
      writer.begin_array();
      for (std::size_t i = below(4); i > 0; --i) write_json(writer, depth - 1);
      return writer.end_array();
    }
    writer.begin_object();
    for (const char* const key : {"a", "b", "é\"", ""}) {
      if (!coin()) continue;
      writer.key(key);
      write_json(writer, depth - 1);
    }
    writer.end_object();
  }
  std::vector<orm::detail::JsonStep> steps() {
    std::vector<orm::detail::JsonStep> made;
    for (std::size_t i = below(3); i > 0; --i) {
      if (coin()) {
        made.emplace_back(any_of(Words{"a", "b", "é\"", ""}));
      } else {
        made.emplace_back(static_cast<std::int64_t>(below(2)));
      }
    }
    return made;
  }
  template <class T, class Make>
  Range<T> range(const Make& make) {
    if (below(6) == 0) return {};
    std::optional<T> lower, upper;
    if (below(5) != 0) lower = make();
    if (below(5) != 0) upper = make();
    if (lower && upper && *upper < *lower) std::swap(lower, upper);
    return {lower, upper, coin(), coin()};
  }
  std::int64_t small() { return static_cast<std::int64_t>(below(6)) - 2; }
  Date date() { return Date() + std::chrono::days(small()); }
  Timestamp time() { return Timestamp(Microseconds(small())); }
  Span span() {
    return range<std::int64_t>([&] { return small(); });
  }
  Days days() {
    return range<Date>([&] { return date(); });
  }
  Times times() {
    return range<Timestamp>([&] { return time(); });
  }

  /// Questions about a JSON field; document(row) is null where there is none.
  template <class Field, class DocumentOf>
  Predicate<Lot> about_json(const Field& field, const DocumentOf& document) {
    const auto way = steps();
    const orm::JsonPlace<Lot> there(field.node(), way);
    const auto found = [document, way](const Lot& row) -> std::optional<nlohmann::json> {
      const std::optional<Json> held = document(row);
      if (!held) return std::nullopt;
      const nlohmann::json tree = to_dom(*held);
      const nlohmann::json* const at = place(tree, way);
      return at ? std::optional(*at) : std::nullopt;
    };
    const auto value = [found]<class T>(const T&) {
      return [found](const Lot& row) {
        const auto at = found(row);
        return as<T>(at ? &*at : nullptr);
      };
    };
    switch (below(7)) {
      case 0:
        return {there.exists(), [found](const Lot& row) { return found(row).has_value(); }};
      case 1:
        return compared<Lot>(*this, there.template as<std::string>(), word(), value(std::string()));
      case 2:
        return compared<Lot>(*this, there.template as<std::int64_t>(), small(), value(std::int64_t{}));
      case 3:
        return compared<Lot>(*this, there.template as<double>(), static_cast<double>(small()) / 2,
                             value(0.0));
      case 4: {
        const bool wanted = coin();
        return {there.template as<bool>() == wanted,
                [value, wanted](const Lot& row) { return value(true)(row) == wanted; }};
      }
      case 5:
        return compared<Lot>(*this, there.length(), small(), [found](const Lot& row) {
          const auto at = found(row);
          return at && at->is_array() ? std::optional(static_cast<std::int64_t>(at->size())) : std::nullopt;
        });
      default: {
        const Json wanted = json(static_cast<int>(below(3)));
        return {there.contains(wanted), [found, tree = to_dom(wanted)](const Lot& row) {
                  const auto at = found(row);
                  return at && holds(*at, tree);
                }};
      }
    }
  }

  template <class Field, class List, class ListOf>
  Predicate<Lot> about_list(const Field& field, const List& some, const ListOf& list_of) {
    const auto has = [list_of](const Lot& row, const auto& each) {
      const auto list = list_of(row);
      return list && std::ranges::find(*list, each) != list->end();
    };
    switch (below(4)) {
      case 0:
        if (!some.empty()) {
          const auto one = some.front();
          return {field.has(one), [has, one](const Lot& row) { return has(row, one); }};
        }
        [[fallthrough]];
      case 1:
        return {field.has_all(some), [has, some, list_of](const Lot& row) {
                  return list_of(row) &&
                         std::ranges::all_of(some, [&](const auto& each) { return has(row, each); });
                }};
      case 2:
        return {field.overlaps(some), [has, some](const Lot& row) {
                  return std::ranges::any_of(some, [&](const auto& each) { return has(row, each); });
                }};
      default:
        return compared<Lot>(
            *this, field.size(), static_cast<std::int64_t>(below(4)), [list_of](const Lot& row) {
              const auto list = list_of(row);
              return list ? std::optional(static_cast<std::int64_t>(list->size())) : std::nullopt;
            });
    }
  }

  template <class Field, class R, class RangeOf>
  Predicate<Lot> about_range(const Field& field, const R& other, const typename R::value_type& value,
                             const RangeOf& range_of) {
    const auto when = [range_of](auto test) {
      return [range_of, test](const Lot& row) {
        const auto held = range_of(row);
        return held && test(*held);
      };
    };
    switch (below(4)) {
      case 0:
        return {field.has(value), when([value](const R& own) { return own.contains(value); })};
      case 1:
        return {field.has_all(other), when([other](const R& own) { return own.contains(other); })};
      case 2:
        return {field.overlaps(other), when([other](const R& own) { return own.overlaps(other); })};
      default:
        return {field.within(other), when([other](const R& own) { return other.contains(own); })};
    }
  }

  Predicate<Lot> leaf() {
    switch (below(12)) {
      case 0:
        return compared<Lot>(*this, f<&Lot::price>, price(),
                             [](const Lot& row) { return std::optional(row.price); });
      case 1:
        return compared<Lot>(*this, f<&Lot::weight>, weight(), [](const Lot& row) { return row.weight; });
      case 2: {
        const std::vector<Price> list{price(), price()};
        return {f<&Lot::price>.in(list),
                [list](const Lot& row) { return std::ranges::find(list, row.price) != list.end(); }};
      }
      case 3:  // a quotient, of which there is none by zero
        return compared<Lot>(*this, orm::divide<3>(f<&Lot::price>, f<&Lot::pieces>),
                             Decimal<3>::of_coefficient(small() * 125), [](const Lot& row) {
                               return row.pieces == 0 ? std::nullopt
                                                      : std::optional(row.price.rescaled<3>().divided_by(
                                                            row.pieces, Rounding::half_up));
                             });
      case 4:
      case 5:
        return about_json(f<&Lot::facts>, [](const Lot& row) { return std::optional(row.facts); });
      case 6:
        return about_json(f<&Lot::more>, [](const Lot& row) { return row.more; });
      case 7:
        return about_list(f<&Lot::words>, words(), [](const Lot& row) { return std::optional(row.words); });
      case 8:
        return about_list(f<&Lot::numbers>, numbers(), [](const Lot& row) { return row.numbers; });
      case 9:
        if (coin()) {
          return {f<&Lot::span>.has(f<&Lot::pieces>),
                  [](const Lot& row) { return row.span.contains(row.pieces); }};
        }
        return about_range(f<&Lot::span>, span(), small(),
                           [](const Lot& row) { return std::optional(row.span); });
      case 10:
        return about_range(f<&Lot::days>, days(), date(), [](const Lot& row) { return row.days; });
      default:
        return about_range(f<&Lot::times>, times(), time(),
                           [](const Lot& row) { return std::optional(row.times); });
    }
  }
};

/// Sums and averages of decimals, exact; greatest and least; by group.
void check_decimals(const orm::Query<Lot>& query, const std::vector<Lot>& rows) {
  std::int64_t sum = 0;
  std::optional<Price> least, most;
  std::map<std::int64_t, std::int64_t> by_pieces;
  for (const Lot& row : rows) {
    sum += row.price.coefficient();
    least = std::min(least.value_or(row.price), row.price);
    most = std::max(most.value_or(row.price), row.price);
    by_pieces[row.pieces] += row.price.coefficient();
  }
  const auto [total, average, first, last] =
      query.aggregate(orm::sum(f<&Lot::price>), orm::average<5>(f<&Lot::price>), orm::minimum(f<&Lot::price>),
                      orm::maximum(f<&Lot::price>));
  REQUIRE(total == (rows.empty() ? std::nullopt : std::optional(Price::of_coefficient(sum))));
  REQUIRE(first == least);
  REQUIRE(last == most);
  if (rows.empty()) {
    REQUIRE(!average);
  } else {
    REQUIRE(average == Price::of_coefficient(sum).rescaled<5>().divided_by(
                           static_cast<std::int64_t>(rows.size()), Rounding::half_up));
  }
  std::vector<std::tuple<std::int64_t, std::optional<Price>>> groups;
  for (const auto& [pieces, price] : by_pieces) groups.emplace_back(pieces, Price::of_coefficient(price));
  REQUIRE(query.group_by<&Lot::pieces>()
              .selection(f<&Lot::pieces>, orm::sum(f<&Lot::price>))
              .order_by(f<&Lot::pieces>.asc())
              .tuples() == groups);
}

std::vector<std::int64_t> ids(const std::vector<Lot>& rows) {
  std::vector<std::int64_t> list;
  for (const Lot& row : rows) list.push_back(row.id.value);
  return list;
}

}  // namespace

TEST_CASE("random queries of JSON, ranges, decimals and arrays give what plain C++ gives") {
  for (const auto dialect : databases()) {
    CAPTURE(static_cast<int>(dialect));
    fiber::run([&] {
      const FreshDatabase db(dialect);
      create_tables(*db, {orm::table_of<Lot>()});
      const orm::SystemScope scope(*db, "a test of random queries");
      Generator generator(20'261'122);
      std::vector<Lot> rows;
      for (int i = 0; i < 120; ++i) rows.push_back(generator.row());
      scope.insert_many(rows);

      std::size_t hits = 0;
      for (int round = 0; round < 1000; ++round) {
        const Predicate<Lot> wanted = generator.predicate(3);
        std::vector<Lot> expected;
        std::ranges::copy_if(rows, std::back_inserter(expected), wanted.check);
        const auto base = scope.query<Lot>().where(wanted.condition);
        const bool descending = generator.coin();
        std::ranges::sort(expected, [&](const Lot& a, const Lot& b) {
          const Lot& x = descending ? b : a;
          const Lot& y = descending ? a : b;
          return x.price != y.price ? x.price < y.price : x.id < y.id;
        });
        const auto query = descending ? base.order_by(desc<&Lot::price>, desc<&Lot::id>)
                                      : base.order_by(asc<&Lot::price>, asc<&Lot::id>);
        INFO(query.sql());
        REQUIRE(to_json(ids(query.all())) == to_json(ids(expected)));
        REQUIRE(base.count() == expected.size());
        check_decimals(base, expected);
        hits += !expected.empty() && expected.size() < rows.size() ? 1 : 0;
      }
      CHECK(hits > 500);  // most conditions said something
    });
  }
}
